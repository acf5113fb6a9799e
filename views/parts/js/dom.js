// Elements, addresses, styles and talk with the server: what every part uses. Text becomes text nodes, never HTML.

const styles = new CSSStyleSheet()
const query = new URL(import.meta.url).search
const sheet = async (name) => (await fetch(new URL(`../../_css/${name}.css${query}`, import.meta.url))).text()
styles.replaceSync((await Promise.all(["style", "list", "run", "file", "events"].map(sheet))).join("\n"))
document.adoptedStyleSheets = [...document.adoptedStyleSheets, styles]

/** Make `tag.class.class` with properties and children; strings become text. `on*` are listeners, null is left out. */
export function h(tag, properties, ...children) {
  const [name, ...classes] = tag.split(".")
  const element = document.createElement(name || "div")
  if (classes.length) element.className = classes.join(" ")
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value == null || value === false) continue
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value)
    else if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v)
    else element.setAttribute(key, value === true ? "" : String(value))
  }
  put(element, ...children)
  return element
}

/** Append children; nested lists are flattened, null and false left out. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child == null || child === false) continue
    element.append(child instanceof Node ? child : document.createTextNode(String(child)))
  }
  return element
}

const SVG = "http://www.w3.org/2000/svg"
const PATHS = {
  search: "M10.5 10.5L14 14M6.8 11.6a4.8 4.8 0 1 0 0-9.6 4.8 4.8 0 0 0 0 9.6z",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9L13 13M3 13l1.1-1.1M11.9 4.1L13 3",
  bell: "M3 12h10M4.2 12V7.2a3.8 3.8 0 0 1 7.6 0V12M6.8 14.2h2.4M8 2v1.3",
  moon: "M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1z",
  chevron: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  left: "M10 3.5L5.5 8 10 12.5",
  close: "M4 4l8 8M12 4l-8 8",
  table: "M2 3h12v10H2zM2 6.3h12M2 9.6h12M6 6.3V13",
  cards: "M2 2.5h5v5H2zM9 2.5h5v5H9zM2 9.5h5v4H2zM9 9.5h5v4H9z",
  columns: "M2 3h12v10H2zM6 3v10M10 3v10",
  filter: "M2 3h12l-4.6 5.4V13L6.6 11.6V8.4z",
  image: "M2 3h12v10H2zM2 11l3.5-3.5L8 10l2.5-2.5L14 11M5.5 6.5a1 1 0 1 0 0-2 1 1 0 0 0 0 2z",
  person: "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 14c.4-2.6 2.4-4.2 5.2-4.2s4.8 1.6 5.2 4.2",
  alert: "M8 5v4M8 11.2v.3M8 1.8l6.5 12H1.5z",
  check: "M3 8.5L6.5 12 13 4.5",
  dash: "M4 8h8",
  up: "M8 13V3.5M4 7l4-4 4 4",
  play: "M4.5 3l8 5-8 5z",
  pause: "M5 3v10M11 3v10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  whole: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  open: "M9 2h5v5M14 2L7.5 8.5M12 9.5V14H2V4h4.5",
  save: "M8 2v7.5M4.8 6.3L8 9.5l3.2-3.2M2.5 11v2.5h11V11",
  help: "M8 1.6a6.4 6.4 0 1 0 0 12.8A6.4 6.4 0 0 0 8 1.6zM6 6.2a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1V9.6M8 11.4v.3",
}

/** A line drawing of 16 px; never read out. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg")
  for (const [key, value] of Object.entries({viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true"}))
    svg.setAttribute(key, value)
  const path = document.createElementNS(SVG, "path")
  path.setAttribute("d", PATHS[name] ?? "")
  svg.append(path)
  return svg
}

/** The address if it is our own, else null: nothing from a database leads elsewhere or runs. */
export function own(address) {
  if (typeof address !== "string" || !address) return null
  try {
    const url = new URL(address, location.href)
    return url.origin === location.origin && /^https?:$/.test(url.protocol) ? address : null
  } catch {
    return null
  }
}

/** A link to our own address, or the same children without one. The shell follows those that start with "?". */
export function link(tag, address, properties, ...children) {
  const href = own(address)
  const [, ...classes] = tag.split(".")
  const end = classes.length ? `.${classes.join(".")}` : ""
  return href ? h(`a${end}`, {...properties, href}, children) : h(`span${end}`, properties, children)
}

const TONES = new Set(["good", "warn", "bad", "info", "quiet"])
export const tone = (name) => (TONES.has(name) ? ` tone-${name}` : "")

export function badge(value) {
  const it = typeof value === "object" && value ? value : {text: value}
  const element = h("span.badge", {title: it.title}, it.text)
  element.className += tone(it.tone)
  return element
}

/** A picture of our own, or the words that stand for it: also when it does not load. */
export function picture({src, alt, missing}, properties) {
  const address = own(src)
  const blank = () => h("span.nopicture", {role: "img", "aria-label": `${alt ?? ""} ${missing ?? ""}`.trim(), title: missing},
    icon("image"), missing && h("span", {}, missing))
  if (!address) return blank()
  const image = h("img", {loading: "lazy", decoding: "async", draggable: "false", ...properties, src: address, alt: alt ?? ""})
  image.addEventListener("error", () => image.replaceWith(blank()))
  return image
}

/** One part's side of the talk: first content, messages, what it tells. */
export function talk({model, el, view}, heard) {
  const root = el.getRootNode()
  if (root instanceof ShadowRoot && !root.adoptedStyleSheets.includes(styles))
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, styles]
  el.classList.add("lens")
  const content = JSON.parse(model.first || "{}")
  let alive = true // Panel goes on calling a view that was removed
  const tell = (message) => alive && model.send_msg(JSON.stringify(message))
  model.on("lifecycle:remove", () => { alive = false })
  model.on("msg:custom", (text) => {
    if (!alive) return
    const message = JSON.parse(text)
    if (message.type === "all") Object.assign(content, message)
    heard(message)
  })
  // Asks for what changed between the making of the model and now.
  queueMicrotask(() => tell({type: "ready", version: content.version}))
  return {content, tell, root, gone: (callback) => model.on("lifecycle:remove", callback)}
}

/** Call at most once per frame. */
export function framed(callback) {
  let waiting = 0
  return () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0
      callback()
    })
  }
}

/** Call `wait` ms after the last call. */
export function later(callback, wait) {
  let timer = 0
  return (...values) => {
    clearTimeout(timer)
    timer = setTimeout(() => callback(...values), wait)
  }
}

/** Is the key meant for a field that is typed into? */
export const typing = (event) => {
  const target = event.composedPath()[0]
  return target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable)
}
