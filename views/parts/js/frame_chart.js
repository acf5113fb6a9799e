// Small charts on a canvas: bars with a marked one, lines with axes, a histogram with two handles.
const {h, framed} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)

const shade = (element, name) => getComputedStyle(element).getPropertyValue(name).trim()

/** A canvas that draws itself again when its size or the theme changes: {element, draw, gone}. */
export function chart(label, height, paint) {
  const canvas = h("canvas", {role: "img", "aria-label": label, height, style: {height: `${height}px`}})
  const probe = h("i", {hidden: true})
  const element = h("div.f-chart", {}, canvas, probe)
  const draw = framed(() => {
    const width = element.clientWidth
    if (!width) return
    const ratio = devicePixelRatio || 1
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    const pen = canvas.getContext("2d")
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    const tint = (name) => { // light-dark() resolves only in a real property
      probe.style.color = `var(${name})`
      return getComputedStyle(canvas.parentElement).getPropertyValue("color") && shadeOf(probe)
    }
    pen.font = `11px ${shade(element, "--font") || "sans-serif"}`
    paint(pen, {width, height, tint})
  })
  const shadeOf = (node) => {
    node.hidden = false
    const found = getComputedStyle(node).color
    node.hidden = true
    return found
  }
  const sized = new ResizeObserver(draw)
  sized.observe(element)
  const themed = new MutationObserver(draw)
  themed.observe(document.documentElement, {attributeFilter: ["data-theme"]})
  return {element, canvas, draw, gone: () => { sized.disconnect(); themed.disconnect() }}
}

/** Round steps for about `count` ticks between two numbers. */
export function ticks(low, high, count) {
  const span = high - low
  if (!(span > 0)) return [low]
  const raw = span / count
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power
  const found = []
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(Math.abs(at) < step * 1e-6 ? 0 : at)
  return found
}

/**
 * A line chart: `show({x, y, labelX, labelY, read: text of an index, ticks, tick})`; `pointed(index or null)` while the
 * pointer is over it.
 */
export function lines(label, height, pointed = () => {}) {
  let given = null
  let over = null
  const left = 44, bottom = 32, top = 8, right = 8
  const place = ({width}) => {
    const x0 = given.x[0], x1 = given.x[given.x.length - 1]
    return (i) => left + ((given.x[i] - x0) / (x1 - x0 || 1)) * (width - left - right)
  }
  const it = chart(label, height, (pen, size) => {
    const {width, tint} = size
    if (!given || given.x.length < 2) return
    const known = given.y.filter((v) => Number.isFinite(v))
    if (!known.length) return
    let [low, high] = [Math.min(...known), Math.max(...known)]
    if (low > 0 && low < high / 3) low = 0
    if (low === high) high = low + 1
    const px = place(size)
    const py = (v) => top + (1 - (v - low) / (high - low)) * (height - top - bottom)
    pen.strokeStyle = tint("--line")
    pen.fillStyle = tint("--quiet")
    pen.textBaseline = "middle"
    pen.textAlign = "right"
    for (const v of ticks(low, high, 4)) {
      pen.beginPath()
      pen.moveTo(left, py(v))
      pen.lineTo(width - right, py(v))
      pen.stroke()
      pen.fillText(number(v), left - 5, py(v))
    }
    pen.textAlign = "center"
    pen.textBaseline = "top"
    const x0 = given.x[0], x1 = given.x[given.x.length - 1]
    for (const v of given.ticks?.(Math.floor(width / 34)) ?? ticks(Math.min(x0, x1), Math.max(x0, x1), Math.max(2, Math.floor(width / 90))))
      pen.fillText(given.tick ? given.tick(v) : number(v), left + ((v - x0) / (x1 - x0 || 1)) * (width - left - right), height - bottom + 4)
    pen.fillText(given.labelX, left + (width - left - right) / 2, height - 13)
    pen.strokeStyle = tint("--accent")
    pen.lineWidth = 1.3
    pen.beginPath()
    let down = false
    given.y.forEach((v, i) => {
      if (!Number.isFinite(v)) { down = false; return }
      if (down) pen.lineTo(px(i), py(v))
      else pen.moveTo(px(i), py(v))
      down = true
    })
    pen.stroke()
    if (over == null || !Number.isFinite(given.y[over])) return
    pen.fillStyle = tint("--warn")
    pen.beginPath()
    pen.arc(px(over), py(given.y[over]), 3, 0, 2 * Math.PI)
    pen.fill()
  })
  const words = h("p.f-read.quiet", {"aria-live": "off"})
  it.element.append(words)
  const say = () => { words.textContent = over == null ? given?.labelY ?? "" : given.read(over) }
  it.canvas.addEventListener("pointermove", (event) => {
    if (!given || given.x.length < 2) return
    const px = place({width: it.element.clientWidth})
    let best = 0
    for (let i = 1; i < given.x.length; i++) if (Math.abs(px(i) - event.offsetX) < Math.abs(px(best) - event.offsetX)) best = i
    over = best
    pointed(over)
    say()
    it.draw()
  })
  it.canvas.addEventListener("pointerleave", () => { over = null; pointed(null); if (given) say(); it.draw() })
  return {...it, show: (next) => { given = next; over = null; say(); it.draw() }}
}

/** Bars of a long series, one marked; `picked(image)` when one is clicked. Of many images in one bar the highest counts. */
export function bars(label, height, picked) {
  let given = {image: [], value: []}
  let marked = null
  const range = () => [given.first ?? given.image[0], given.last ?? given.image[given.image.length - 1]]
  const it = chart(label, height, (pen, {width, tint}) => {
    if (!given.image.length) return
    const [first, last] = range()
    const count = Math.min(last - first + 1, Math.floor(width / 3))
    const high = new Float64Array(count).fill(NaN)
    const column = (image) => Math.min(count - 1, Math.floor(((image - first) / (last - first + 1)) * count))
    given.image.forEach((image, i) => {
      const at = column(image)
      const value = given.value[i]
      if (at >= 0 && value != null && !(high[at] >= value)) high[at] = value
    })
    const most = Math.max(1, ...[...high].filter((v) => Number.isFinite(v)))
    const step = width / count
    const here = marked == null ? -1 : column(marked)
    const [plain, loud, faint] = [tint("--accent"), tint("--warn"), tint("--line")]
    for (let i = 0; i < count; i++) {
      const tall = Number.isFinite(high[i]) ? Math.max(1, (high[i] / most) * (height - 4)) : 2
      pen.fillStyle = i === here ? loud : Number.isFinite(high[i]) ? plain : faint
      pen.fillRect(i * step, height - tall, Math.max(1, step - (step > 4 ? 1 : 0)), tall)
    }
    if (here >= 0) {
      pen.fillStyle = loud
      pen.fillRect(here * step + step / 2 - 0.5, 0, 1, height)
    }
  })
  const imageAt = (event) => {
    const [first, last] = range()
    return Math.min(last, Math.max(first, first + Math.floor((event.offsetX / it.element.clientWidth) * (last - first + 1))))
  }
  it.canvas.addEventListener("pointerdown", (event) => {
    if (!given.image.length || event.button) return
    it.canvas.setPointerCapture(event.pointerId)
    picked(imageAt(event), true)
  })
  it.canvas.addEventListener("pointermove", (event) => {
    if (!given.image.length) return
    if (it.canvas.hasPointerCapture(event.pointerId)) picked(imageAt(event), true)
    const image = imageAt(event)
    const at = given.image.indexOf(image)
    it.canvas.title = at < 0 ? `Image ${image}` : `Image ${image}: ${number(given.value[at])} ${given.unit ?? ""}`
  })
  it.canvas.addEventListener("pointerup", (event) => { if (given.image.length) picked(imageAt(event), false) })
  return {...it, show: (next) => { given = next; it.draw() }, mark: (image) => { marked = image; it.draw() }}
}
