// A table with coloured cells and rows that belong together; boxes tick groups.
const {h, put, badge, link, talk, tone} = await import(`./dom.js${new URL(import.meta.url).search}`)

function drawn(cell, tag = "td") {
  const inside = [cell.mark && h("span.m-mark", {style: {background: cell.mark}, "aria-hidden": "true"}), cell.text !== "" && link("a", cell.link, {}, cell.text), cell.badges?.map(badge)]
  const element = h(tag, {title: cell.title, scope: tag === "th" ? "rowgroup" : null}, inside)
  element.className = `${cell.align === "left" ? "m-left" : ""}${tone(cell.tone)}`.trim()
  if (cell.text.length < 24) element.classList.add("m-short") // long texts are broken, names and times never
  return element
}

export function render(given) {
  const {el} = given
  const {content, tell} = talk(given, (message) => {
    Object.assign(content, message)
    draw()
  })
  const box = h("div.m-box", {tabindex: "0", role: "region", "aria-label": content.label})
  put(el, box)

  function picked() {
    tell({type: "pick", keys: [...box.querySelectorAll("input:checked")].map((input) => input.value)})
  }
  function draw() {
    const focused = box.contains(el.getRootNode().activeElement) ? el.getRootNode().activeElement?.value : null
    const {scrollLeft} = box
    if (!content.groups?.length) return box.replaceChildren(h("div.empty", {}, h("strong", {}, content.empty[0]), content.empty[1]))
    const heads = (content.heads ?? []).map((one) => {
      const cell = h("th", {scope: "col", title: one.title}, one.label, one.unit && h("span.unit", {}, ` ${one.unit}`))
      if (one.align === "right") cell.className = "m-right"
      return cell
    })
    const bodies = content.groups.map((one) => h("tbody", {}, one.lines.map((line, i) => h("tr", {}, i ? null : [
      content.pick && h("td.m-pick", {rowspan: one.lines.length}, h("input", {type: "checkbox", value: one.key, checked: one.picked, "aria-label": `${content.pick} ${one.first[0]?.text ?? ""}`, onchange: picked})),
      one.first.map((cell, n) => {
        const element = drawn(cell, n ? "td" : "th")
        element.rowSpan = one.lines.length
        if (content.heads?.[n]?.align !== "right") element.classList.add("m-left")
        return element
      })], line.map((cell) => drawn(cell))))))
    box.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, content.pick && h("th", {}, h("span.unseen", {}, content.pick)), heads)), bodies))
    box.scrollLeft = scrollLeft
    if (focused) [...box.querySelectorAll("input")].find((input) => input.value === focused)?.focus({preventScroll: true})
  }
  draw()
}
