// The list: asks for the rows that come into sight, draws them as table or cards, keeps what is looked at in its place.
const search = new URL(import.meta.url).search
const beside = (name) => import(`./${name}.js${search}`)
const [{h, icon, talk, later, framed}, {Rows}, columnsOf, {shown, words, number}, {selection}, {card}] =
  await Promise.all(["dom", "rows", "columns", "format", "selection", "cards"].map(beside))

const ROW = 36
const TALLEST = 12_000_000 // px; browsers stop laying out not far above
const AHEAD = 12 // rows drawn beyond what is in sight
const CARD = {width: 264, height: 272, gap: 12}

export function render(given) {
  const {content, tell, root, gone} = talk(given, heard)
  const {el} = given
  const name = (n) => content.noun[n === 1 ? 0 : 1]
  const rows = new Rows(content.key, content.page)
  const drawn = new Map() // key or "#place" of what is in the page > element
  const asked = new Map() // seq > {epoch, offset, shift}
  let state = {...content.state}
  let epoch = 0
  let seq = Math.floor(Math.random() * 1e9) // an answer to a view that is gone must not fit
  let stale = false // old rows stay, dimmed, until the first answer to a new question
  let columns = []
  let problem = null
  let flashing = new Set()
  let back = history.state?.lists?.[content.label] ?? 0 // where one was when one left by a link, on Back or a reload
  let offered = 0 // new rows whose place is not at the top: they come when the list is asked again

  // -- the frame

  const finder = h("input", {type: "search", placeholder: "Search", "aria-label": `Search ${content.noun[1]}`, maxlength: "200", autocomplete: "off", spellcheck: "false"})
  const count = h("span.t-count", {role: "status"})
  const filterButton = h("button.plain", {type: "button", "aria-pressed": "false", onclick: () => { filtering = !filtering; frame(); if (filtering) (state.layout === "cards" ? panel : head).querySelector(".t-filters input, .t-filters select, label + label :is(input, select)")?.focus() }}, icon("filter"), h("span", {}, "Filter"))
  const layoutButton = h("button.plain", {type: "button", hidden: !content.cards, onclick: () => change({layout: state.layout === "cards" ? "table" : "cards"})})
  const choose = columnsOf.chooser(content.columns, () => columns, (keys) => change({columns: keys}))
  const away = takeAway(content, () => state)
  const pill = h("button.t-pill", {type: "button", hidden: true, onclick: () => { if (offered) return restart(); scroller.scrollTop = 0; admit() }})
  const head = h("div.t-top", {role: "rowgroup"})
  const body = h("div.t-body", {role: "rowgroup"})
  const over = h("div.t-over", {hidden: true})
  const panel = h("div.t-panel", {hidden: true, role: "group", "aria-label": "Sort and filter"})
  const scroller = h("div.t-scroll", {tabindex: "0", role: "grid", "aria-multiselectable": "true", "aria-label": content.label}, head, body)
  const line = h("div.t-line", {hidden: true})
  el.append(h("div.listing", {}, h("div.t-bar", {hidden: content.tools === false}, h("label.t-find", {}, icon("search"), finder), count, h("span.gap"), filterButton, choose, away, layoutButton), panel, h("div.t-frame", {}, line, scroller, pill, over)))
  let filtering = Object.keys(state.filters ?? {}).length > 0
  finder.value = state.search ?? ""

  const chosen = selection({rows, scroller, grid: () => geometry(), reveal, redraw: () => paint(), tell,
    copied: (picked) => ({columns: columns.filter((c) => c.kind !== "thumb"), rows: picked, words}),
    open: (key) => { const to = rows.row(key)?._link; to ? document.dispatchEvent(new CustomEvent("lens-go", {detail: to})) : tell({type: "open", key}) }})

  // -- geometry: a table is a grid of one column

  function geometry() {
    if (state.layout !== "cards") return {across: 1, step: ROW, top: head.offsetHeight}
    const across = Math.max(1, Math.floor((scroller.clientWidth - CARD.gap) / (CARD.width + CARD.gap)))
    return {across, step: CARD.height + CARD.gap, top: 0}
  }
  function frame() {
    columns = columnsOf.visible(content.columns, state.columns)
    const cards = state.layout === "cards"
    scroller.classList.toggle("t-cards", cards)
    scroller.setAttribute("aria-colcount", String(columns.length))
    const focused = root.activeElement?.closest?.(".t-top, .t-panel") ? root.activeElement : null
    const again = focused && `${focused.closest(".t-panel") ? ".t-panel" : focused.closest(".t-filters") ? ".t-filters" : ".t-head"} [data-key="${CSS.escape(focused.dataset.key ?? "")}"]`
    const place = focused?.selectionStart
    head.replaceChildren(...(cards ? [] : [columnsOf.header(columns, state, sort), ...(filtering ? [columnsOf.filters(columns, state, filter)] : [])]))
    panel.hidden = !(cards && filtering)
    panel.replaceChildren(...(panel.hidden ? [] : columnsOf.panel(columns, content.columns, state, (key, descending) => change({sort: key, descending: Boolean(key && descending)}), filter)))
    if (again) {
      const field = panel.parentNode.querySelector(again)
      field?.focus()
      if (place != null) field?.setSelectionRange?.(place, place)
    }
    choose.hidden = cards
    const active = Object.keys(state.filters ?? {}).length
    filterButton.setAttribute("aria-pressed", String(filtering))
    filterButton.lastChild.textContent = active ? `Filter (${active})` : "Filter"
    filterButton.setAttribute("aria-label", filterButton.lastChild.textContent) // on a narrow page the words are not drawn
    layoutButton.replaceChildren(icon(cards ? "table" : "cards"), h("span", {}, cards ? "Table" : "Cards"))
    layoutButton.setAttribute("aria-label", cards ? "Show as table" : "Show as cards")
    wipe()
    fit()
  }
  function fit() {
    const room = content.tall || Math.max(320, innerHeight - scroller.getBoundingClientRect().top - 28)
    scroller.style.maxHeight = `${room}px`
    const sizes = columnsOf.widths(columns, scroller.clientWidth)
    scroller.style.setProperty("--cols", sizes.map((size) => `${size}px`).join(" "))
    scroller.style.setProperty("--wide", `${sizes.reduce((a, b) => a + b, 0)}px`)
    let left = 0
    for (let i = 0; i < columns.length && columns[i].fixed; i++) {
      scroller.style.setProperty(`--left${i}`, `${left}px`)
      left += sizes[i]
    }
    for (const line of head.children) [...line.children].forEach((cell, i) => pin(cell, columns[i], i))
    paint()
  }
  function pin(cell, column, i) {
    if (!column.fixed) return
    cell.classList.add("t-fixed")
    cell.style.left = `var(--left${i})`
  }

  // -- drawing what is in sight

  function paint() {
    const {across, step, top} = geometry()
    const lines = Math.ceil(rows.length / across)
    const height = Math.min(lines * step + (state.layout === "cards" ? CARD.gap : 0), TALLEST)
    const waiting = !rows.answered && !problem
    body.style.height = `${waiting ? step * 8 : height}px`
    const first = Math.max(0, Math.floor(scroller.scrollTop / step) - AHEAD)
    const last = Math.min(waiting ? 8 : lines, Math.ceil((scroller.scrollTop + scroller.clientHeight - top) / step) + AHEAD)
    const wanted = new Set()
    if (problem) return cover()
    for (let i = first * across; i < (waiting ? 8 * across : Math.min(last * across, rows.length)); i++) {
      const row = rows.at[i]
      const id = row ? row[content.key] : `#${i}`
      wanted.add(id)
      let element = drawn.get(id)
      if (!element) {
        element = state.layout === "cards" ? card(row, content, open) : tableRow(row)
        drawn.set(id, element)
        body.append(element)
        if (row && flashing.has(id)) element.classList.add("t-flash")
      }
      position(element, i, across, step)
      if (row) {
        const picked = chosen.has(id)
        element.setAttribute("aria-selected", String(picked))
        element.classList.toggle("t-picked", picked)
        element.classList.toggle("t-active", chosen.active === id)
        element.id = chosen.active === id ? "active-row" : ""
      }
    }
    for (const [id, element] of drawn) if (!wanted.has(id)) { element.remove(); drawn.delete(id) }
    scroller.toggleAttribute("data-active", chosen.active != null)
    if (chosen.active != null && drawn.has(chosen.active)) scroller.setAttribute("aria-activedescendant", "active-row")
    else scroller.removeAttribute("aria-activedescendant")
    scroller.setAttribute("aria-rowcount", String(rows.total === null ? -1 : rows.total + 1))
    cover()
    tally()
    need()
  }
  function position(element, i, across, step) {
    if (element.lensPlace === `${i}/${across}`) return
    element.lensPlace = `${i}/${across}`
    element.setAttribute("aria-rowindex", String(i + 2))
    element.style.top = `${Math.floor(i / across) * step + (state.layout === "cards" ? CARD.gap : 0)}px`
    if (state.layout !== "cards") return element.classList.toggle("t-odd", i % 2 === 1)
    const wide = (scroller.clientWidth - CARD.gap * (across + 1)) / across
    element.style.left = `${CARD.gap + (i % across) * (wide + CARD.gap)}px`
    element.style.width = `${wide}px`
  }
  function tableRow(row) {
    const element = h("div.t-row", {role: "row", "data-key": row ? String(row[content.key]) : null}, columns.map((column, i) => {
      const cell = h("div.t-cell", {role: "gridcell", "aria-colindex": String(i + 1)}, row ? shown(row[column.key], column) : h("span.bone"))
      if (right(column)) cell.classList.add("t-right")
      if (["text", "link", "time"].includes(column.kind)) cell.title = row && row[column.key] != null ? words(row[column.key], column) : ""
      pin(cell, column, i)
      return cell
    }))
    if (row?._child) element.classList.add("t-child")
    if (row) bind(element, row[content.key])
    return element
  }
  const {right} = columnsOf
  function open(element, key) { bind(element, key) }
  function bind(element, key) {
    element.lensKey = key
  }

  /** Words over the rows: nothing there, nothing found, failed. */
  function cover() {
    const nothing = rows.answered && !rows.length && !stale
    over.hidden = !(problem || nothing)
    if (over.hidden) return
    const narrowed = state.search || Object.keys(state.filters ?? {}).length
    if (problem) over.replaceChildren(h("div.problem", {role: "alert"}, icon("alert"), h("div", {}, h("strong", {}, `The ${content.noun[1]} could not be read.`), h("span", {}, problem.text),
      problem.reference && h("span.quiet", {}, "Reference ", h("code", {}, problem.reference)), h("button", {type: "button", onclick: () => restart()}, "Try again"))))
    else if (narrowed) over.replaceChildren(h("div.empty", {}, h("strong", {}, `No ${content.noun[1]} match`), h("span", {}, "Nothing fits the search and the filters."),
      h("button", {type: "button", onclick: () => { finder.value = ""; filtering = false; change({search: "", filters: {}}) }}, "Clear search and filters")))
    else over.replaceChildren(h("div.empty", {}, h("strong", {}, content.empty[0]), h("span", {}, content.empty[1])))
    body.style.height = "180px"
  }
  function tally() {
    const n = rows.length
    const all = rows.answered ? (rows.total !== null || rows.done ? `${number(n)} ${name(n)}` : `more than ${number(rows.end)} ${name(2)}`) : problem ? "Not available" : "Loading…"
    const text = chosen.size ? `${all} · ${number(chosen.size)} selected` : all
    if (count.textContent !== text) count.textContent = text
    const fresh = rows.pending.length + offered
    pill.hidden = !fresh
    if (fresh) pill.replaceChildren(`${number(fresh)} new`, icon("up"))
    pill.title = offered ? "Read the list again with what is new" : "Show what is new"
    line.hidden = !(stale || asked.size)
    scroller.setAttribute("aria-busy", String(!rows.answered || stale))
    scroller.classList.toggle("t-stale", stale)
  }

  // -- asking

  /** Ask for the page around what is in sight, if it is not loaded and not asked for. */
  function need() {
    if (problem || stale || asked.size > 2) return
    const {across, step} = geometry()
    const from = Math.floor(scroller.scrollTop / step) * across
    const to = from + (Math.ceil(scroller.clientHeight / step) + AHEAD) * across
    if (!rows.answered) return asked.size ? undefined : ask(0)
    const hole = rows.hole(from - AHEAD, to)
    if (hole < 0) return
    const offset = Math.floor(hole / content.page) * content.page
    if (![...asked.values()].some((one) => one.epoch === epoch && one.offset === offset)) ask(offset)
  }
  function ask(offset, fresh = false) {
    const mine = (seq += 1)
    asked.set(mine, {epoch, offset, fresh, shift: rows.pending.length})
    // A moment later, so that a question which is overtaken at once is never sent.
    setTimeout(() => {
      const {sort, descending, filters, search} = state
      if (asked.has(mine)) tell({type: "want", seq: mine, sort, descending, filters, search, offset: offset + asked.get(mine).shift, limit: content.page})
    })
    tally()
  }
  function restart() {
    epoch += 1
    offered = 0
    asked.clear()
    stale = rows.answered && !problem
    problem = null
    ask(0)
    paint()
  }
  /** A choice of the user, or of the server when not `report`ed. */
  function change(changed, report = true) {
    const before = JSON.stringify([state.sort, state.descending, state.filters, state.search])
    state = {...state, ...changed}
    if (report) back = 0
    if (report) tell({type: "state", ...state})
    frame()
    if (JSON.stringify([state.sort, state.descending, state.filters, state.search]) !== before) restart()
  }
  function sort(key) {
    if (state.sort !== key) change({sort: key, descending: false})
    else if (!state.descending) change({descending: true})
    else change({sort: null, descending: false})
  }
  function filter(key, text) {
    const {[key]: _, ...others} = state.filters ?? {}
    change({filters: text.trim() ? {...others, [key]: text.trim()} : others})
  }

  // -- answers

  function heard(message) {
    switch (message.type) {
      case "rows": return answer(message)
      case "update": return update(message.rows)
      case "insert":
        rows.hold(message.rows)
        if (scroller.scrollTop <= 2) admit()
        else tally()
        return
      case "offer":
        offered = message.count
        return tally()
      case "remove":
        if (rows.remove(message.keys)) { chosen.drop(message.keys); paint() }
        return tally()
      case "choose":
        return chosen.take(message.keys)
      case "fail":
        asked.clear()
        stale = false
        problem = {text: message.text, reference: message.reference}
        wipe()
        tally()
        return paint()
      case "waiting":
        line.hidden = false
        return
      case "reload":
        return message.keep && rows.answered && !stale ? again() : anew()
      case "about":
        content.about = message.about
        return
      case "state":
      case "all":
        finder.value = message.state.search ?? ""
        filtering ||= Object.keys(message.state.filters ?? {}).length > 0
        return change(message.state, false)
    }
  }
  /** Ask again for the page in sight without letting go of what is shown. */
  function again() {
    const {across, step} = geometry()
    const middle = (Math.floor(scroller.scrollTop / step) + Math.floor(scroller.clientHeight / step / 2)) * across
    problem = null
    asked.clear()
    ask(Math.floor(Math.min(middle, Math.max(0, rows.length - 1)) / content.page) * content.page, true)
  }
  /** Another list: nothing of the old one stays. */
  function anew() {
    rows.clear()
    chosen.clear()
    wipe()
    restart()
  }
  function wipe() {
    for (const element of drawn.values()) element.remove()
    drawn.clear()
  }
  function answer({seq: number, offset, rows: found, total, done}) {
    const question = asked.get(number)
    if (!question) return
    asked.delete(number)
    if (question.epoch !== epoch) return
    problem = null
    if (stale || !rows.answered) {
      rows.clear()
      stale = false
      scroller.scrollTop = 0
      flashing.clear()
      wipe()
    }
    const before = new Map(found.map((row) => [row[content.key], JSON.stringify(rows.row(row[content.key]))]))
    if (question.fresh) rows.clear()
    const first = !rows.answered
    rows.put(offset - (question.fresh ? 0 : question.shift), found, total, done)
    for (const row of found) if (drawn.has(row[content.key]) && before.get(row[content.key]) !== JSON.stringify(row)) renew(row[content.key], row)
    paint()
    if (first && back) {
      scroller.scrollTop = back
      back = 0
      paint()
    }
  }
  /** Keep where one is with this entry of the history. */
  function remember() {
    if (el.isConnected && rows.answered) {
      const lists = {...history.state?.lists, [content.label]: scroller.scrollTop}
      history.replaceState({...history.state, lists}, "")
    }
  }
  function renew(key, row, before = null) {
    const old = drawn.get(key)
    if (!old) return
    const now = state.layout === "cards" ? card(row, content, open) : tableRow(row)
    if (before && state.layout !== "cards") columns.forEach((column, i) => {
      if (JSON.stringify(before[column.key]) !== JSON.stringify(row[column.key])) now.children[i].classList.add("t-flash")
    })
    else if (before) now.classList.add("t-flash")
    old.replaceWith(now)
    drawn.set(key, now)
  }
  function update(changed) {
    for (const [, row, before] of rows.update(changed)) renew(row[content.key], row, before)
    paint()
  }
  function admit() {
    flashing = new Set(rows.admit())
    paint()
    setTimeout(() => flashing.clear(), 1500)
  }
  function reveal(index) {
    const {across, step, top} = geometry()
    const y = Math.floor(index / across) * step
    if (y < scroller.scrollTop) scroller.scrollTop = y
    else if (y + step > scroller.scrollTop + scroller.clientHeight - top) scroller.scrollTop = y + step - scroller.clientHeight + top + (across > 1 || state.layout === "cards" ? CARD.gap : 0)
  }

  // -- listening

  const settle = later(() => need(), 60)
  const rest = later(remember, 150)
  scroller.addEventListener("scroll", framed(() => {
    if (scroller.scrollTop <= 2 && rows.pending.length) admit()
    paint()
    settle()
    rest()
  }))
  finder.addEventListener("input", later(() => change({search: finder.value.trim()}), 250))
  finder.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); scroller.focus() }
  })
  scroller.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]")
    const key = button?.closest(".t-row, .t-card")?.lensKey
    if (key !== undefined) tell({type: "act", key, act: button.dataset.act})
  })
  const resized = new ResizeObserver(framed(fit))
  resized.observe(el)
  const outside = (event) => { for (const menu of [choose, away]) if (menu.open && !event.composedPath().includes(menu)) menu.open = false }
  document.addEventListener("pointerdown", outside)
  const onresize = framed(fit)
  addEventListener("resize", onresize)
  gone(() => {
    resized.disconnect()
    removeEventListener("resize", onresize)
    document.removeEventListener("pointerdown", outside)
  })

  frame()
  if (!asked.size) queueMicrotask(() => asked.size || ask(0))
}

const FORMS = [["csv", "CSV"], ["xlsx", "Excel"], ["parquet", "Parquet"], ["py", "Notebook snippet"]]

/** The menu that takes the list away as a file, filtered and sorted as it stands. */
function takeAway(content, state) {
  const box = h("details.t-away", {hidden: !content.away})
  const address = (form) => {
    const {sort, descending, search, filters} = state()
    const query = new URLSearchParams(content.about)
    if (sort) query.set("sort", (descending ? "-" : "") + sort)
    if (search) query.set("q", search)
    for (const [key, text] of Object.entries(filters ?? {})) query.set(`f.${key}`, text)
    return `${content.away}.${form}?${query}`
  }
  const menu = h("div.menu")
  box.append(h("summary", {title: "Take this list away as a file"}, icon("save"), h("span", {}, "Export")), menu)
  box.addEventListener("toggle", () => box.open && menu.replaceChildren(...FORMS.map(([form, words]) => h("a", {href: address(form), download: ""}, words))))
  return box
}
