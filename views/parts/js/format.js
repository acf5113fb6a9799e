// Values as words, by the same rules as views/parts/text.py.
const {h, badge, picture, link} = await import(`./dom.js${new URL(import.meta.url).search}`)

const MISSING = "–"
const THIN = "\u202f"
const SUPER = {"-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹"}

const missing = (value) => value === null || value === undefined || value === ""

/** A number with `digits` decimals, or four significant digits; very large and small ones as powers of ten. */
export function number(value, digits) {
  if (missing(value) || typeof value === "boolean" || !Number.isFinite(Number(value))) return MISSING
  const size = Math.abs(Number(value))
  const whole = Number.isInteger(Number(value))
  if ((size >= 1e7 && !(whole && size < 1e9)) || (size > 0 && size < 1e-4)) {
    const [mantissa, exponent] = Number(value).toExponential(Math.min(digits ?? 2, 2)).split("e")
    const power = [...String(Number(exponent))].map((c) => SUPER[c]).join("")
    return `${mantissa}${THIN}×${THIN}10${power}`.replaceAll("-", "−")
  }
  let text
  if (digits === null || digits === undefined) {
    const decimals = whole || size >= 1000 ? 0 : size ? Math.max(0, 3 - Math.floor(Math.log10(size))) : 0
    text = Number(value).toFixed(decimals)
    if (text.includes(".")) text = text.replace(/\.?0+$/, "")
  } else text = Number(value).toFixed(digits)
  if (Number(text) === 0) text = text.replace(/^-/, "")
  const [front, back] = text.split(".")
  const grouped = front.replace(/\B(?=(\d{3})+$)/g, THIN)
  return (back === undefined ? grouped : `${grouped}.${back}`).replace("-", "−")
}

const angle = (value) => {
  const text = number(value, 2)
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text
}

/** A value as plain text: what is copied and read out. */
export function words(value, column) {
  if (missing(value)) return MISSING
  switch (column.kind) {
    case "number": return number(value, column.digits)
    case "cell": return Array.isArray(value) ? value.map((v, i) => (i < 3 ? number(v, 2) : angle(v))).join(" ") : MISSING
    case "badge": return (Array.isArray(value) ? value : [value]).map((b) => b?.text ?? b).join(", ") || MISSING
    case "act": return value.text ?? ""
    case "thumb": return value.alt ?? value.missing ?? ""
    case "link": return missing(value.text ?? value) ? MISSING : String(value.text ?? value)
    default: return String(value)
  }
}

/** A value as nodes for a cell or a card. */
export function shown(value, column) {
  if (column.kind === "thumb") return picture(typeof value === "string" ? {src: value} : value ?? {missing: ""}, {class: "thumb"})
  if (missing(value)) return column.kind === "act" ? "" : h("span.none", {}, MISSING)
  if (column.kind === "badge") {
    const all = (Array.isArray(value) ? value : [value]).filter((b) => !missing(b?.text ?? b))
    return all.length ? all.map(badge) : h("span.none", {}, MISSING)
  }
  if (column.kind === "link") return missing(value.text ?? value) ? h("span.none", {}, MISSING) : link("a", value.link, {tabindex: -1}, value.text ?? value)
  if (column.kind === "time") {
    const [day, clock] = String(value).replace("T", " ").split(" ")
    return clock ? [h("span.day", {}, `${day} `), clock.slice(0, 5)] : day
  }
  if (column.kind === "cell" && Array.isArray(value)) return [value.slice(0, 3).map((v) => number(v, 2)).join(" "), h("span.day", {}, `  ${value.slice(3).map(angle).join(" ")}`)]
  if (column.kind === "act") return h("button.t-act", {type: "button", "data-act": value.act, title: value.title, "aria-label": value.title, "aria-pressed": value.pressed == null ? null : String(value.pressed)}, value.text)
  const text = words(value, column)
  return text === MISSING ? h("span.none", {}, text) : text
}
