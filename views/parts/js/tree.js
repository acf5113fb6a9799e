// A tree that opens and closes, with the keys of the ARIA tree pattern.
const {h, icon, link, badge} = await import(`./dom.js${new URL(import.meta.url).search}`)

/** `kept`: which keys are open, kept by the caller while the block is drawn again. */
export function tree(block, kept) {
  const root = h("ul.tree", {role: "tree", "aria-label": block.label})
  const branches = []

  function branch(item, level, path) {
    const key = `${path}/${item.key}`
    const items = item.items ?? []
    const open = kept.get(key) ?? Boolean(item.expanded)
    const line = h("div.branch", {style: {"--level": String(level)}},
      items.length ? h("span.twist", {}, icon("chevron")) : h("span.twist"),
      link("a", item.link, {tabindex: -1}, item.label), (item.badges ?? []).map(badge), item.detail && h("span.quiet", {title: item.detail}, item.detail))
    const element = h("li", {role: "treeitem", tabindex: "-1", "aria-level": String(level), "aria-label": [item.label, item.detail].filter(Boolean).join(", ")}, line)
    const node = {element, items, key, level, link: line.querySelector("a[href]"), group: null}
    element.lensNode = node
    branches.push(node)
    if (items.length) {
      element.setAttribute("aria-expanded", "false")
      line.addEventListener("click", (event) => {
        if (!(event.target instanceof Element && event.target.closest("a"))) toggle(node)
        reach(node)
      })
      if (open) toggle(node, true)
    } else line.addEventListener("click", () => reach(node))
    return element
  }
  function toggle(node, open = node.element.getAttribute("aria-expanded") !== "true") {
    if (!node.items.length) return
    kept.set(node.key, open)
    node.element.setAttribute("aria-expanded", String(open))
    if (open && !node.group) {
      node.group = h("ul", {role: "group"}, node.items.map((item) => branch(item, node.level + 1, node.key)))
      node.element.append(node.group)
    }
    if (node.group) node.group.hidden = !open
  }
  const seen = () => [...root.querySelectorAll("[role=treeitem]")].filter((element) => !element.parentElement.closest("[hidden]"))
  function reach(node, focus = true) {
    for (const {element} of branches) element.tabIndex = element === node.element ? 0 : -1
    if (focus) node.element.focus()
  }
  root.addEventListener("keydown", (event) => {
    const element = event.target.closest("[role=treeitem]")
    const node = element?.lensNode
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return
    const all = seen()
    const at = all.indexOf(element)
    const open = element.getAttribute("aria-expanded")
    let next = null
    if (event.key === "ArrowDown") next = all[at + 1]
    else if (event.key === "ArrowUp") next = all[at - 1]
    else if (event.key === "Home") next = all[0]
    else if (event.key === "End") next = all.at(-1)
    else if (event.key === "ArrowRight") open === "false" ? toggle(node, true) : next = node.group?.firstElementChild
    else if (event.key === "ArrowLeft") open === "true" ? toggle(node, false) : next = element.parentElement.closest("[role=treeitem]")
    else if (event.key === "Enter") node.link ? node.link.click() : toggle(node)
    else if (event.key === " ") toggle(node)
    else return
    event.preventDefault()
    event.stopPropagation()
    if (next) reach(next.lensNode)
  })
  for (const item of block.items ?? []) root.append(branch(item, 1, ""))
  if (branches[0]) reach(branches[0], false)
  return root
}
