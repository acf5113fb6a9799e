// Draws plain blocks. A block whose values did not change keeps its elements: focus, scroll and what was opened stay.
const search = new URL(import.meta.url).search
const {h, put, icon, link, badge, picture, own, talk, tone} = await import(`./dom.js${search}`)
const {tree} = await import(`./tree.js${search}`)

const quiet = (words) => words && h("span.quiet", {}, words)
const badgesOf = (item) => item.badges?.length ? h("span.badges", {}, item.badges.map(badge)) : null
const titled = (block, ...content) => h("section.block", {}, block.title && h("h3.label", {}, block.title), content)
const toned = (element, name) => { element.className += tone(name); return element }
const list = (value) => (Array.isArray(value) ? value : [])

const DRAWN = {
  heading: (b) => {
    const level = Math.min(Math.max(b.level || 2, 1), 4)
    return h("div.heading", {}, h(`h${level}`, {}, b.text), badgesOf(b), quiet(b.detail))
  },
  tiles: (b) => h("div.tiles", {}, list(b.items).map((item) => {
    const inside = [h("span.label", {}, item.label),
      toned(h("span.value", {}, item.value, item.unit && h("span.unit", {}, `\u202f${item.unit}`)), item.tone), quiet(item.detail)]
    return own(item.link) ? link("a.tile", item.link, {}, inside) : h("div.tile", {}, inside)
  })),
  facts: (b) => titled(b, h("dl.facts", {style: {"--columns": String(Math.min(Math.max(b.columns || 1, 1), 4))}},
    list(b.items).map((item) => h("div", {}, h("dt", {title: item.title}, item.label),
      toned(h("dd", {}, link("a", item.link, {}, item.value), item.unit && item.value !== "–" && h("span.unit", {}, `\u202f${item.unit}`)), item.tone))))),
  badges: (b) => h("div.badges", {}, list(b.items).map(badge)),
  text: (b) => h(b.quiet ? "p.text.quiet" : "p.text", {}, b.text),
  note: (b) => toned(h("div.note", {role: b.tone === "bad" ? "alert" : "note"}, b.text), b.tone),
  entries: (b) => titled(b, h("ul.entries", {}, list(b.items).map((item) => {
    const inside = [h("span.main-text", {}, item.title), badgesOf(item), item.detail && h("span.quiet.grow", {}, item.detail), item.time && h("time.quiet", {}, item.time)]
    return h("li", {}, own(item.link) ? link("a.entry", item.link, {}, inside) : h("div.entry", {}, inside))
  }))),
  people: (b) => titled(b, h("ul.people", {}, list(b.items).map((item) => h("li", {},
    h("span.initials", {"aria-hidden": "true"}, initials(item.name)), h("span", {}, item.name, item.detail && h("span.quiet.line", {}, item.detail)), item.role && badge({text: item.role, tone: "quiet"}))))),
  images: (b) => titled(b, h("div.pictures", {style: {"--height": `${Number(b.height) || 180}px`}}, list(b.items).map((item) =>
    h("figure", {}, own(item.link) ? link("a.frame", item.link, {target: item.link.startsWith("?") ? null : "_blank"}, picture(item)) : h("span.frame", {}, picture(item)),
      item.caption && h("figcaption", {}, item.caption))))),
  tabs: (b) => h("nav.tabs", {"aria-label": b.label}, list(b.items).map((item) => link("a", item.link, {"aria-current": item.current ? "page" : null},
    item.label, item.count != null && h("span.count", {}, item.count)))),
  loading: (b) => h("div.skeleton", {role: "status", "aria-label": b.label, "aria-busy": "true"}, Array.from({length: b.rows || 3}, (_, i) =>
    h("span.bone", {style: {width: `${[92, 78, 85, 60, 70][i % 5]}%`}}))),
  empty: (b) => h("div.empty", {}, h("strong", {}, b.title), b.text && h("span", {}, b.text)),
  problem: (b) => h("div.problem", {role: "alert"}, icon("alert"), h("div", {}, h("strong", {}, b.title), h("span", {}, b.text),
    b.reference && h("span.quiet", {}, "Reference ", h("code", {}, b.reference)))),
  bars: (b) => titled(b, h("div.bars", {}, list(b.items).map((item) => h("div.bar", {}, link("a.bar-label", item.link, {title: item.label}, item.label),
    h("span.track", {}, toned(h("span.fill", {style: {width: `${Math.round(1000 * (item.share || 0)) / 10}%`}}), item.tone)), h("span.bar-text", {}, item.text))))),
  rules: (b) => titled(b, h("ul.rules", {}, list(b.items).map((item) => h(item.holds ? "li.holds" : "li", {},
    icon(item.holds ? "check" : "dash"), h("span", {}, h("span.unseen", {}, item.holds ? "Holds: " : "Does not hold: "), item.words),
    item.row && h("code.row", {}, item.row))))),
  form: (b, tell) => h("form.ask", {"aria-label": b.label, onsubmit: (event) => {
    event.preventDefault()
    tell({type: "action", name: b.name, value: JSON.stringify(Object.fromEntries(new FormData(event.currentTarget)))})
  }}, list(b.fields).map((field) => h("label", {}, h("span.label", {}, field.label),
    field.lines > 1 ? h("textarea", {name: field.key, "aria-label": field.label, rows: field.lines, placeholder: field.placeholder, maxlength: field.longest}, field.value)
      : h("input", {type: "text", name: field.key, value: field.value, placeholder: field.placeholder, maxlength: field.longest ?? 100, autocomplete: "off", spellcheck: "false"}))),
    h("button", {type: "submit"}, b.button)),
  actions: (b, tell) => h("div.actions", {}, list(b.items).map((item) => own(item.link) ? link("a", item.link, {}, item.label) :
    toned(h("button", {type: "button", onclick: () => tell({type: "action", name: item.name, value: item.value ?? ""})}, item.label), item.tone))),
  links: (b) => titled(b, h("div.links", {}, list(b.items).map((item) => link("a", item.link, {}, item.text)))),
  copied: (b) => {
    const done = h("span.quiet", {role: "status"})
    const copy = () => navigator.clipboard?.writeText(b.text).then(() => { done.textContent = "Copied" }, () => { done.textContent = "Select the text and copy it" })
    return titled(b, h("div.copied", {}, h("pre", {tabindex: "0"}, b.text), h("span.badges", {}, h("button", {type: "button", onclick: copy}, b.label), done)))
  },
  tree: (b, tell, kept) => tree(b, kept),
}

const initials = (name) => String(name ?? "").split(/\s+/).map((word) => [...word][0] ?? "").slice(0, 2).join("").toUpperCase()

/** Kinds that hold other blocks keep their element and redraw inside. */
const NESTED = {
  columns: {
    make: () => h("div.columns"),
    update(element, block, tell) {
      const stacks = list(block.columns)
      while (element.children.length > stacks.length) element.lastChild.remove()
      stacks.forEach((stack, i) => {
        const child = element.children[i] ?? element.appendChild(h("div.stack"))
        child.style.setProperty("flex-grow", String(block.widths?.[i] || 1))
        redraw(child, list(stack), tell)
      })
    },
  },
  card: {
    make: () => h("section.card", {}, h("header"), h("div.stack")),
    update(element, block, tell) {
      const [header, stack] = element.children
      const key = JSON.stringify([block.title, block.link])
      if (header.dataset.key !== key) {
        header.dataset.key = key
        header.replaceChildren(...[block.title && h("h3", {}, link("a", block.link, {}, block.title, own(block.link) && icon("chevron")))].filter(Boolean))
        header.hidden = !block.title
      }
      redraw(stack, list(block.blocks), tell)
    },
  },
}

function make(block, tell, kept) {
  const nested = Object.hasOwn(NESTED, block.kind) && NESTED[block.kind]
  if (nested) {
    const element = nested.make()
    nested.update(element, block, tell)
    return element
  }
  const draw = Object.hasOwn(DRAWN, block.kind) && DRAWN[block.kind]
  return draw ? draw(block, tell, kept) : h("div", {hidden: true})
}

/** Bring the children of `parent` to `blocks`, touching only those that differ. */
function redraw(parent, blocks, tell) {
  const before = parent.lensBlocks ?? []
  const now = blocks.map((block) => ({block, text: JSON.stringify(block), element: null, kept: null}))
  const left = new Map()
  for (const old of before) left.set(old.text, [...(left.get(old.text) ?? []), old])
  now.forEach((item) => {
    const same = left.get(item.text)?.shift()
    if (same) Object.assign(item, {element: same.element, kept: same.kept, same: true})
  })
  const reusable = before.filter((old) => !now.some((item) => item.element === old.element))
  now.forEach((item, i) => {
    if (item.same) return
    const at = reusable.findIndex((old) => old.block.kind === item.block.kind)
    const old = at < 0 ? null : reusable.splice(at, 1)[0]
    item.kept = old?.kept ?? new Map()
    if (old && Object.hasOwn(NESTED, item.block.kind)) {
      item.element = old.element
      NESTED[item.block.kind].update(old.element, item.block, tell)
    } else {
      item.element = make(item.block, tell, item.kept)
      if (old) refocus(old.element, item.element)
    }
  })
  const keep = new Set(now.map((item) => item.element))
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove()
  now.forEach(({element}, i) => { if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] ?? null) })
  parent.lensBlocks = now
}

/** Put `now` in the place of `old`, with the focus at the same control. */
function refocus(old, now) {
  const active = old.getRootNode().activeElement
  const index = active && old.contains(active) ? focusable(old).indexOf(active) : -1
  const scroll = old.scrollLeft
  old.replaceWith(now)
  now.scrollLeft = scroll
  if (index >= 0) focusable(now)[index]?.focus({preventScroll: true})
}
const focusable = (element) => [...element.querySelectorAll("a[href], button, input, [tabindex]")]

export function render(given) {
  const {el} = given
  const {content, tell} = talk(given, (message) => {
    content.blocks = message.blocks ?? content.blocks
    redraw(stack, content.blocks, tell)
  })
  const stack = h("div.stack")
  put(el, stack)
  redraw(stack, content.blocks ?? [], tell)
}
