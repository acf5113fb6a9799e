// What a table shows of its columns: order, widths, header, filters, and the popover that chooses them.
const {h, icon, later} = await import(`./dom.js${new URL(import.meta.url).search}`)

const WIDTH = {text: 140, number: 88, time: 156, thumb: 72, badge: 120, link: 120, cell: 300}
const RANGE = /^\s*(?:(?:>=|<=|>|<|=|≥|≤)\s*[+-]?[\d.]+(?:e[+-]?\d+)?|[+-]?[\d.]+(?:e[+-]?\d+)?(?:\s*(?:-|–|\.\.|to)\s*[+-]?[\d.]+(?:e[+-]?\d+)?)?)\s*$/i

export const right = (column) => (column.align || (column.kind === "number" ? "right" : "")) === "right"

/** The columns to draw, fixed ones first. */
export function visible(columns, chosen) {
  const wanted = chosen?.length ? new Set(chosen) : null
  const all = columns.filter((column) => (wanted ? wanted.has(column.key) : column.default))
  return [...all.filter((c) => c.fixed), ...all.filter((c) => !c.fixed)]
}

/** Widths in px that fill `room`: what is left over goes to texts and links. */
export function widths(columns, room) {
  const base = columns.map((column) => Math.max(column.width || WIDTH[column.kind] || 120, 38 + 7.4 * (column.label.length + (column.unit ? column.unit.length + 1 : 0))))
  const sum = base.reduce((a, b) => a + b, 0)
  const soft = columns.map((column) => (column.kind === "text" && !column.fixed ? 2 : column.kind === "number" || column.kind === "thumb" ? 0.4 : 1))
  const shares = soft.reduce((a, b) => a + b, 0) || 1
  const spare = Math.max(0, room - sum)
  return base.map((width, i) => Math.floor(width + (spare * soft[i]) / shares))
}

/** The header row. `sort(key)` is called by click and Enter; arrow keys go from one to the next. */
export function header(columns, state, sort) {
  return h("div.t-row.t-head", {role: "row", "aria-rowindex": "1", onkeydown: step}, columns.map((column, i) => {
    const sorted = state.sort === column.key
    const label = [h("span.t-label", {}, column.label), column.unit && h("span.unit", {}, column.unit), sorted && icon(state.descending ? "down" : "up")]
    const cell = h("div.t-cell.t-th", {role: "columnheader", "aria-colindex": String(i + 1), title: column.title || null,
      "aria-sort": column.sortable ? (sorted ? (state.descending ? "descending" : "ascending") : "none") : null},
      column.sortable ? h("button", {type: "button", tabindex: i ? "-1" : "0", "data-key": column.key, onclick: () => sort(column.key)}, label) : h("span.t-still", {}, label))
    if (right(column)) cell.classList.add("t-right")
    return cell
  }))
}
function step(event) {
  const way = {ArrowLeft: -1, ArrowRight: 1}[event.key]
  if (!way) return
  const buttons = [...event.currentTarget.querySelectorAll("button")]
  const next = buttons[buttons.indexOf(event.target) + way]
  if (next) {
    event.preventDefault()
    event.stopPropagation()
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1
    next.focus()
  }
}

/** The row of filters. `changed(key, text)` is called a moment after typing. */
export function filters(columns, state, changed) {
  return h("div.t-row.t-filters", {role: "row"}, columns.map((column) => h("div.t-cell", {role: "gridcell"}, filterOf(column, state, changed))))
}
function filterOf(column, state, changed) {
  if (column.filter === "none") return null
  const value = state.filters?.[column.key] ?? ""
  const name = `Filter ${column.label}`
  if (column.filter === "choice") return h("select", {"aria-label": name, "data-key": column.key, onchange: (e) => changed(column.key, e.target.value)},
    h("option", {value: ""}, "All"), (column.choices ?? []).map((choice) => h("option", {value: choice, selected: choice === value}, choice)))
  const send = later((text) => changed(column.key, text), 300)
  const numeric = column.filter === "number"
  const input = h("input", {type: "text", "aria-label": name, placeholder: numeric ? ">2  1.5-2" : "contains", maxlength: "200", spellcheck: "false", autocomplete: "off", "data-key": column.key,
    title: numeric ? "A number, >2, <=1.8 or 1.5-2" : null, onkeydown: (e) => e.stopPropagation(),
    oninput: (e) => {
      const bad = numeric && e.target.value.trim() !== "" && !RANGE.test(e.target.value)
      e.target.setAttribute("aria-invalid", String(bad))
      if (!bad) send(e.target.value)
    }})
  input.value = value
  return input
}

/** What the header and the row of filters do for a table, for cards: the order, and the filters with their names. */
export function panel(columns, all, state, sort, changed) {
  const sortable = all.filter((column) => column.sortable)
  const order = h("select", {"aria-label": "Sort by", "data-key": ":sort", onchange: (e) => sort(e.target.value || null, state.descending)},
    h("option", {value: ""}, "Newest first"), sortable.map((column) => h("option", {value: column.key, selected: column.key === state.sort}, column.label)))
  const way = state.sort && h("button.plain", {type: "button", "data-key": ":way", "aria-label": state.descending ? "Sort ascending" : "Sort descending", title: state.descending ? "Descending" : "Ascending",
    onclick: () => sort(state.sort, !state.descending)}, icon(state.descending ? "down" : "up"))
  // A filter that is set must be seen, whether its column is shown or not.
  const filtered = [...columns, ...all.filter((column) => state.filters?.[column.key] && !columns.includes(column))].filter((column) => column.filter !== "none")
  return [h("label", {}, h("span", {}, "Sort by"), h("span.t-order", {}, order, way)),
    ...filtered.map((column) => h("label", {}, h("span", {}, column.label, column.unit && h("span.unit", {}, ` ${column.unit}`)), filterOf(column, state, changed)))]
}

/** The button and popover that choose columns. `changed(keys)`; an empty list is the default choice. */
export function chooser(columns, shown, changed) {
  const box = h("details.t-choose")
  const draw = () => {
    const now = new Set(shown().map((column) => column.key))
    box.querySelector(".menu").replaceChildren(
      h("fieldset", {}, h("legend", {}, "Columns"), columns.map((column) => h("label", {},
        h("input", {type: "checkbox", checked: now.has(column.key), value: column.key}), h("span", {}, column.label, column.unit && h("span.unit", {}, ` ${column.unit}`))))),
      h("button", {type: "button", onclick: () => { changed([]); draw() }}, "Show the usual columns"))
  }
  box.append(h("summary", {title: "Choose columns"}, icon("columns"), h("span", {}, "Columns")), h("div.menu"))
  box.addEventListener("toggle", () => box.open && draw())
  box.addEventListener("change", () => {
    const keys = [...box.querySelectorAll("input:checked")].map((input) => input.value)
    if (keys.length) changed(keys)
    else draw()
  })
  box.addEventListener("keydown", (event) => {
    const fields = [...box.querySelectorAll("input, .menu button")]
    const way = {ArrowDown: 1, ArrowUp: -1}[event.key]
    if (event.key === "Escape") {
      box.open = false
      box.firstChild.focus()
    } else if (way && box.open) fields[Math.max(0, fields.indexOf(event.target) + way)]?.focus()
    else return
    event.preventDefault()
    event.stopPropagation()
  })
  return box
}
