// One frame on its stage: picture, marks over it, words where there is none, and the hand that moves it.
const query = new URL(import.meta.url).search
const {h, framed} = await import(`./dom.js${query}`)
const {lowest, MASKED} = await import(`./frame_codes.js${query}`)
const {Screen} = await import(`./frame_screen.js${query}`)
const {at, fitting, viewOf, zoomed} = await import(`./frame_geometry.js${query}`)
const {countAt, tilesOf} = await import(`./frame_store.js${query}`)
const {bright, marks, predictedAt, spacing, written, NUMBERS} = await import(`./frame_marks.js${query}`)

const CLOSEST = 64 // screen pixels of a detector pixel
const SAME = 3 // CSS pixels that a click may move

/**
 * A stage. `eye` holds what all stages of a pane share: zoom, lut, show, about, geometry, spots, shape, cursor, tool,
 * store, tile(image, x, y, w, h) and the callbacks moved(zoom), shaped(shape, done), pointed(point or null), ready(stage).
 */
export function makeStage(eye, name) {
  const canvas = h("canvas.f-picture", {tabindex: "0", role: "img", "aria-label": name})
  const over = h("canvas.f-marks", {"aria-hidden": "true"})
  const words = h("div.f-words", {role: "status", hidden: true})
  const place = h("span.f-place")
  const tag = h("span.f-tag")
  const element = h("div.f-stage", {}, canvas, over, tag, place, words)
  const screen = new Screen(canvas)
  let base = null // the frame that is drawn
  let image = null
  let tiles = []
  let painted = [] // called once after the next picture
  let pointer = null // where the pointer is, CSS pixels
  let extent = null // size of the stage; to ask the page for it would lay the page out anew
  let marked = "" // what the marks on the canvas depend on

  const size = () => (extent?.width ? extent : {width: element.clientWidth, height: element.clientHeight})
  const full = () => base?.full ?? eye.full
  const view = () => viewOf(eye.zoom, size(), full() ?? {width: 1, height: 1})
  const near = (v) => v.scale * (devicePixelRatio || 1) >= 1

  function gather() {
    tiles = []
    const v = view()
    if (!base || !near(v) || image == null || !eye.tile) return
    const wanted = tilesOf((x, y, w, hgt) => eye.tile(image, x, y, w, hgt), v, size(), base.full)
    for (const {address} of wanted.slice(0, 40)) {
      const tile = eye.store.tile(address, () => paint())
      if (tile) tiles.push(tile)
    }
    canvas.dataset.tiles = String(tiles.length)
  }
  const draw = () => {
    const stage = size()
    if (!stage.width || !stage.height) return
    screen.resize(stage.width, stage.height)
    gather()
    screen.place(base, tiles, view())
    screen.colour(eye.lut)
    if (view().scale >= NUMBERS || marked !== depends()) mark()
    if (!base) return
    const done = painted
    painted = []
    for (const callback of done) callback()
    if (pointer) read()
  }
  const paint = framed(draw)

  /** Only the colours, and the counts that are written on them. */
  function tint() {
    screen.colour(eye.lut)
    if (base && (view().scale >= NUMBERS || marked !== depends())) mark()
  }
  /** Marks are drawn anew only where this changes: while images play they stay. */
  function depends() {
    const {scale, x, y} = view()
    const {width, height} = size()
    return [scale, x, y, width, height, devicePixelRatio, base?.full.width, base?.full.height, eye.spots?.image === image, eye.predictions?.image === image, base && bright(eye)].join()
  }
  function mark() {
    marked = depends()
    const stage = size()
    const ratio = devicePixelRatio || 1
    const [w, hgt] = [Math.round(stage.width * ratio), Math.round(stage.height * ratio)]
    if (over.width !== w || over.height !== hgt) Object.assign(over, {width: w, height: hgt})
    const pen = over.getContext("2d")
    pen.setTransform(1, 0, 0, 1, 0, 0)
    pen.clearRect(0, 0, w, hgt)
    if (!base) return
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    marks(pen, view(), stage, {...eye, full: base.full, tiles, spots: eye.spots?.image === image ? eye.spots.found : null, predictions: eye.predictions?.image === image ? eye.predictions.lattices : null})
  }

  // -- under the pointer

  function point() {
    const v = view()
    if (!pointer || !base) return null
    const [x, y] = [Math.floor((pointer.x - v.x) / v.scale), Math.floor((pointer.y - v.y) / v.scale)]
    if (x < 0 || y < 0 || x >= base.full.width || y >= base.full.height) return null
    const exact = countAt(tiles, x, y)
    const there = {x, y, d: null, twoTheta: null, masked: Boolean(exact?.masked), count: exact?.count ?? null, scale: exact?.scale, of: 1}
    if (!exact) {
      const code = base.data[Math.min(base.height - 1, Math.floor(y / base.factor)) * base.width + Math.min(base.width - 1, Math.floor(x / base.factor))]
      Object.assign(there, code === MASKED ? {masked: true} : {count: lowest(code, Boolean(base.scale)), about: code > 31 || Boolean(base.scale), scale: base.scale, of: base.factor})
    }
    if (eye.geometry) Object.assign(there, at(eye.geometry, x + 0.5, y + 0.5))
    return there
  }
  function read() {
    const there = point()
    eye.pointed?.(there)
    place.replaceChildren()
    if (!there) return
    const value = there.scale ? written(there.count, there.scale) : `${there.count} ${there.count === 1 ? "count" : "counts"}`
    const count = there.masked ? "masked" : `${there.about ? "≈ " : ""}${value}${there.of > 1 ? `, highest of ${there.of} × ${there.of}` : ""}`
    const parts = [`x ${there.x}  y ${there.y}`, count]
    if (there.d != null) parts.push(Number.isFinite(there.d) && there.d < 1e4 ? `${spacing(there.d)} Å` : "beam", `2θ ${((there.twoTheta * 180) / Math.PI).toFixed(2)}°`)
    const near = eye.show.has("predictions") && eye.predictions?.image === image ? predictedAt(eye.predictions.lattices, (pointer.x - view().x) / view().scale, (pointer.y - view().y) / view().scale, Math.max(3, 8 / view().scale)) : null
    if (near) parts.push(`hkl ${near.hkl.map((index) => String(index).replace("-", "−")).join(" ")}${eye.predictions.lattices.length > 1 ? ` of lattice ${near.lattice}` : ""}`)
    place.textContent = parts.join("   ")
  }

  // -- the hand

  const fingers = new Map()
  let began = null // {x, y, time} of a press, or what a tool began with
  const here = (event) => {
    const box = canvas.getBoundingClientRect()
    return {x: event.clientX - box.left, y: event.clientY - box.top}
  }
  const limits = () => ({least: Math.min(1, fitting(size(), full())) / 2, most: CLOSEST})
  const toPixel = ({x, y}) => {
    const v = view()
    return [(x - v.x) / v.scale, (y - v.y) / v.scale]
  }
  function zoom(by, where = {x: size().width / 2, y: size().height / 2}) {
    if (base) eye.moved(zoomed(view(), by, where, size(), limits()))
  }
  function pan(dx, dy) {
    if (!base) return
    const v = view()
    const stage = size()
    // The middle of the stage stays on the detector, so that it cannot be lost.
    const clip = (value, end) => Math.min(end, Math.max(0, value))
    eye.moved({scale: v.scale, x: clip((stage.width / 2 - v.x - dx) / v.scale, base.full.width), y: clip((stage.height / 2 - v.y - dy) / v.scale, base.full.height)})
  }
  canvas.addEventListener("wheel", (event) => {
    // On a page that scrolls, the wheel zooms only once the picture was chosen, or with a key held.
    if (event.altKey || event.shiftKey) eye.stepped(Math.sign(event.deltaY || event.deltaX))
    else if (eye.gentle && !element.getRootNode().activeElement?.matches?.(".f-picture") && !event.ctrlKey) return
    else zoom(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * (event.deltaMode ? 30 : 1))) / 400), here(event))
    event.preventDefault()
  }, {passive: false})
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return
    canvas.focus({preventScroll: true})
    try { canvas.setPointerCapture(event.pointerId) } catch { return }
    fingers.set(event.pointerId, here(event))
    if (fingers.size === 1) {
      const [x, y] = toPixel(here(event))
      began = {...here(event), shape: eye.tool ? {kind: eye.tool, x0: x, y0: y, x1: x, y1: y} : null}
    } else began = null
  })
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId)
    pointer = here(event)
    if (before && fingers.size === 2) {
      const [a, b] = [...fingers.values()]
      const gap = Math.hypot(a.x - b.x, a.y - b.y)
      const middle = {x: (a.x + b.x) / 2, y: (a.y + b.y) / 2}
      fingers.set(event.pointerId, pointer)
      const [c, d] = [...fingers.values()]
      const next = {x: (c.x + d.x) / 2, y: (c.y + d.y) / 2}
      pan(next.x - middle.x, next.y - middle.y)
      if (gap > 4) zoom(Math.hypot(c.x - d.x, c.y - d.y) / gap, next)
    } else if (before) {
      fingers.set(event.pointerId, pointer)
      if (began?.shape) {
        const [x, y] = toPixel(pointer)
        Object.assign(began.shape, {x1: x, y1: y})
        eye.shaped({...began.shape}, false)
      } else pan(pointer.x - before.x, pointer.y - before.y)
    }
    read()
  })
  const lift = (event) => {
    if (!fingers.delete(event.pointerId)) return
    if (began?.shape && event.type === "pointerup") {
      const moved = Math.hypot(here(event).x - began.x, here(event).y - began.y)
      if (moved > SAME) eye.shaped({...began.shape}, true)
    }
    began = null
  }
  canvas.addEventListener("pointerup", lift)
  canvas.addEventListener("pointercancel", lift)
  canvas.addEventListener("pointerleave", () => {
    pointer = null
    place.replaceChildren()
    eye.pointed?.(null)
  })
  canvas.addEventListener("dblclick", () => eye.moved(null))

  const resized = new ResizeObserver(() => {
    extent = {width: element.clientWidth, height: element.clientHeight}
    paint()
    eye.resized?.()
  })
  resized.observe(element)

  return {
    element, canvas, over, screen, size, view, paint, draw, tint, mark, zoom, pan, near: () => near(view()),
    get base() { return base },
    get image() { return image },
    /** Draw a frame from now on, with `now` at once; `done` is called when it is on the canvas. */
    show(frame, number, done, now = false) {
      base = frame
      image = number
      words.hidden = true
      if (done) painted.push(done)
      if (now) draw()
      else paint()
    },
    blank() {
      base = null
      tiles = []
      painted = []
      screen.clear()
      mark()
    },
    say(title, text = "", kind = "", ...more) {
      words.className = `f-words ${kind}`
      words.replaceChildren()
      if (title) words.append(h("strong", {}, title))
      if (text) words.append(h("span", {}, text))
      words.append(...more)
      words.hidden = !title && !text
    },
    tag(text) { tag.textContent = text },
    gone: () => resized.disconnect(),
  }
}
