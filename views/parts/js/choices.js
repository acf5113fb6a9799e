// Labelled fields in a row. A field that is typed into keeps what is typed while others change.
const {h, put, talk, later} = await import(`./dom.js${new URL(import.meta.url).search}`)

export function render(given) {
  const {el} = given
  const {content, tell} = talk(given, (message) => {
    Object.assign(content, message)
    draw()
  })
  const row = h("div.fields", {role: "group", "aria-label": content.label})
  put(el, content.folded ? h("details.folded", {}, h("summary", {}, content.folded), row) : row)
  const choose = (key, value) => tell({type: "choose", key, value})

  function field(one) {
    if (one.kind === "tick") return h("label.c-tick", {title: one.title}, h("input", {type: "checkbox", "data-key": one.key, checked: one.value === "yes", onchange: (e) => choose(one.key, e.target.checked ? "yes" : "")}), h("span", {}, one.label))
    const send = later((value) => choose(one.key, value), 500)
    const input = one.kind === "select"
      ? h("select", {"data-key": one.key, onchange: (e) => choose(one.key, e.target.value)}, one.options.map(([value, label]) => h("option", {value, selected: value === one.value}, label)))
      : h("input", {type: "text", "data-key": one.key, value: one.value, size: one.width, maxlength: "40", spellcheck: "false", autocomplete: "off", oninput: (e) => send(e.target.value)})
    return h("label.c-field", {title: one.title}, h("span.label", {}, one.label), input)
  }
  function draw() {
    const active = el.getRootNode().activeElement
    const key = row.contains(active) ? active.dataset.key : null
    const typed = key && active.type === "text" ? [active.value, active.selectionStart] : null
    row.replaceChildren(...(content.fields ?? []).map(field))
    const again = key && row.querySelector(`[data-key="${CSS.escape(key)}"]`)
    if (again && typed) {
      again.value = typed[0]
      again.setSelectionRange(typed[1], typed[1])
    }
    again?.focus({preventScroll: true})
  }
  draw()
}
