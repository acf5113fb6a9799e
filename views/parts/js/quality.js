// Per-image numbers: a panel for each indicator over one axis. Where images are many, the band is from the least to the
// greatest of a stretch and the line its mean. Wheel, keys and a drag change the stretch of images; a click opens a frame.
const {h, put, icon, talk, later, framed} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)
const {fit, where, steer} = await import(`./stage.js${new URL(import.meta.url).search}`)
const {ticks} = await import(`./run_plots.js${new URL(import.meta.url).search}`)

const LEFT = 76, RIGHT = 14, TOP = 22, PANEL = 112, SPACE = 14, BOTTOM = 40
const HUES = {spots: "#4f8ff7", bragg: "#2fa7a7", resolution: "#e2953c", signal: "#9a7fd1", dozor: "#d65f5f"}
const FEWEST = 10

export function render(given) {
  const {el} = given
  const {content, tell, gone} = talk(given, heard)
  let low = content.low, high = content.high
  let mine = null
  let drag = null
  let near = -1
  const canvas = h("canvas", {tabindex: "0", role: "application", "aria-roledescription": "plot"})
  const tip = h("div.s-tip", {hidden: true})
  const words = h("div.l-words", {role: "status"})
  const told = h("span.quiet", {role: "status"})
  const whole = h("button.plain", {type: "button", onclick: () => go(null)}, icon("whole"), h("span", {}, "All images"))
  const zoomIn = h("button.plain", {type: "button", "aria-label": "Closer", title: "Closer", onclick: () => zoom(0.5)}, icon("plus"))
  const zoomOut = h("button.plain", {type: "button", "aria-label": "Further", title: "Further", onclick: () => zoom(2)}, icon("minus"))
  const stage = h("div.s-stage.l-stage", {}, canvas, tip, words)
  put(el, h("section.l-time", {}, h("div.l-bar", {}, told, h("span.gap"), zoomOut, zoomIn, whole), stage))
  const context = canvas.getContext("2d")

  const panels = () => content.panels ?? []
  const wide = () => stage.clientWidth || 600
  const height = () => TOP + Math.max(1, panels().length) * (PANEL + SPACE) + BOTTOM - SPACE
  const px = (p) => LEFT + ((p - low) / Math.max(1, high - low)) * (wide() - LEFT - RIGHT)
  const at = (x) => low + ((x - LEFT) / (wide() - LEFT - RIGHT)) * (high - low)
  const segmentOf = (p) => content.segments.find((one) => p >= one.offset && p < one.offset + one.images)
  const imageOf = (p) => { const one = segmentOf(p); return one && one.first + (p - one.offset) }
  const angleOf = (p) => { const one = segmentOf(p); return one && one.start != null && one.step ? one.start + (p - one.offset) * one.step : null }

  const ask = later(() => tell({type: "range", low: Math.floor(low), high: Math.ceil(high)}), 160)
  function go(from, to) {
    if (from === null) {
      low = 0
      high = content.length - 1
      mine = null
      tell({type: "range", low: null, high: null})
    } else {
      const span = Math.min(Math.max(to - from, FEWEST), content.length - 1)
      low = Math.min(Math.max(0, from), Math.max(0, content.length - 1 - span))
      high = low + span
      mine = [low, high]
      ask()
    }
    repaint()
  }
  function zoom(factor, about = (low + high) / 2) {
    const span = Math.min(Math.max((high - low) * factor, FEWEST), content.length - 1)
    const share = high > low ? (about - low) / (high - low) : 0.5
    go(about - share * span, about + (1 - share) * span)
  }

  function paint() {
    const w = wide(), t = height()
    const style = getComputedStyle(stage)
    fit(canvas, context, w, t)
    words.textContent = content.words ?? ""
    words.hidden = !content.words
    for (const button of [whole, zoomIn, zoomOut]) button.disabled = content.length < 2
    if (content.length < 1 || content.words) { told.textContent = ""; return }
    context.font = `12px ${style.fontFamily}`
    context.fillStyle = context.strokeStyle = style.color
    borders(w, t)
    axis(w, t)
    panels().forEach((panel, i) => drawPanel(panel, TOP + i * (PANEL + SPACE), w, style.color))
    if (near >= 0) {
      const x = px(content.columns.place[near])
      context.globalAlpha = 0.5
      context.fillStyle = style.color
      context.fillRect(x, TOP, 1, t - TOP - BOTTOM)
      context.globalAlpha = 1
    }
    const points = content.columns.place?.length ?? 0
    const measured = (content.columns.count ?? []).reduce((a, b) => a + b, 0)
    const said = content.width > 1
      ? `${number(measured, 0)} images with numbers, ${number(content.width, 0)} to a stretch: least, mean, greatest`
      : `${number(points, 0)} images with numbers, each by itself`
    if (told.textContent !== said) told.textContent = said
    canvas.setAttribute("aria-label", `Per-image quality: ${said}. Arrow keys move, plus and minus zoom, Home shows all images.`)
  }
  /** Where one collection ends and the next begins. */
  function borders(w, t) {
    context.textAlign = "left"
    let free = -Infinity
    for (const one of content.segments) {
      const x = px(one.offset - 0.5), end = px(one.offset + one.images - 0.5)
      if (end < LEFT || x > w - RIGHT) continue
      if (one.offset > 0 && x >= LEFT) {
        context.globalAlpha = 0.5
        context.setLineDash([5, 4])
        context.beginPath()
        context.moveTo(x, 6)
        context.lineTo(x, t - BOTTOM)
        context.stroke()
        context.setLineDash([])
      }
      const from = Math.max(x, LEFT), name = content.segments.length > 1 ? `${one.id} ${one.name}` : ""
      if (name && from > free && Math.min(end, w - RIGHT) - from > 30) {
        let text = name
        const room = Math.min(end, w - RIGHT) - from - 10
        while (text.length > 2 && context.measureText(text).width > room) text = `${text.slice(0, -2)}…`
        context.globalAlpha = 0.8
        context.fillText(text, from + 5, 14)
        free = from + context.measureText(text).width + 8
      }
    }
    context.globalAlpha = 1
  }
  function axis(w, t) {
    context.textAlign = "center"
    const label = (v, x) => {
      context.globalAlpha = 0.14
      context.beginPath()
      context.moveTo(x, TOP)
      context.lineTo(x, t - BOTTOM)
      context.stroke()
      context.globalAlpha = 1
      context.fillText(v, x, t - BOTTOM + 16)
    }
    let free = -Infinity
    for (const one of content.segments) {
      const from = Math.max(low, one.offset), to = Math.min(high, one.offset + one.images - 1)
      if (to < from || px(to) - px(from) < 24) continue
      const angles = content.angle && one.start != null && one.step
      const value = (p) => (angles ? one.start + (p - one.offset) * one.step : one.first + p - one.offset)
      const place = (v) => (angles ? one.offset + (v - one.start) / one.step : one.offset + v - one.first)
      const [a, b] = [value(from), value(to)].sort((m, n) => m - n)
      if (content.angle && !angles) { label("no rotation", (px(from) + px(to)) / 2); continue }
      const {made, digits} = ticks(a, b, Math.max(1, (px(to) - px(from)) / 84))
      for (const v of made) {
        const x = px(place(v))
        if (x < free || (!angles && !Number.isInteger(v))) continue
        label(number(v, angles ? digits : 0), x)
        free = x + 44
      }
    }
    context.fillText(content.angle ? "Rotation (°)" : "Image", LEFT + (w - LEFT - RIGHT) / 2, t - 6)
  }
  function drawPanel(panel, top, w, colour) {
    const columns = content.columns, mean = columns[panel.key] ?? []
    const least = columns[`${panel.key}_least`] ?? mean, most = columns[`${panel.key}_most`] ?? mean
    const place = columns.place ?? [], until = columns.until ?? place
    let bottom = Infinity, ceiling = -Infinity
    for (let i = 0; i < place.length; i++) {
      if (until[i] < low || place[i] > high) continue
      if (least[i] != null && least[i] < bottom) bottom = least[i]
      if (most[i] != null && most[i] > ceiling) ceiling = most[i]
    }
    context.fillStyle = context.strokeStyle = colour
    context.globalAlpha = 0.05
    context.fillRect(LEFT, top, w - LEFT - RIGHT, PANEL)
    context.globalAlpha = 1
    context.save()
    context.translate(14, top + PANEL / 2)
    context.rotate(-Math.PI / 2)
    context.textAlign = "center"
    context.fillText(panel.unit ? `${panel.label} (${panel.unit})` : panel.label, 0, 0)
    context.restore()
    if (bottom === Infinity) {
      context.textAlign = "center"
      context.globalAlpha = 0.7
      context.fillText("Not measured here", LEFT + (w - LEFT - RIGHT) / 2, top + PANEL / 2 + 4)
      context.globalAlpha = 1
      return
    }
    if (!panel.flipped) bottom = Math.min(bottom, 0)
    const room = (ceiling - bottom || Math.abs(ceiling) || 1) * 0.06
    const [b, c] = [panel.flipped ? bottom - room : bottom, ceiling + room]
    const py = (v) => (panel.flipped ? top + ((v - b) / (c - b)) * PANEL : top + PANEL - ((v - b) / (c - b)) * PANEL)
    const {made, digits} = ticks(b, c, 4)
    context.textAlign = "right"
    for (const v of made) {
      context.globalAlpha = 0.14
      context.beginPath()
      context.moveTo(LEFT, py(v))
      context.lineTo(w - RIGHT, py(v))
      context.stroke()
      context.globalAlpha = 1
      context.fillText(number(v, digits), LEFT - 6, py(v) + 4)
    }
    context.save()
    context.beginPath()
    context.rect(LEFT, top - 1, w - LEFT - RIGHT, PANEL + 2)
    context.clip()
    context.fillStyle = HUES[panel.key]
    if (content.width > 1) {
      for (let i = 0; i < place.length; i++) {
        if (least[i] == null) continue
        const x0 = px(place[i]), x1 = Math.max(x0 + 1.5, px(until[i] + 1))
        const [y0, y1] = [py(least[i]), py(most[i])].sort((m, n) => m - n)
        context.globalAlpha = 0.28
        context.fillRect(x0, y0, x1 - x0, Math.max(1, y1 - y0))
        context.globalAlpha = 1
        context.fillRect(x0, py(mean[i]) - 1, x1 - x0, 2)
      }
    } else {
      for (let i = 0; i < place.length; i++) if (mean[i] != null) context.fillRect(px(place[i]) - 1.75, py(mean[i]) - 1.75, 3.5, 3.5)
    }
    context.restore()
    context.globalAlpha = 1
  }

  // -- the hand

  const repaint = framed(paint)
  function nearest(x) {
    const place = content.columns.place ?? [], until = content.columns.until ?? place
    let best = 12, found = -1
    for (let i = 0; i < place.length; i++) {
      const x0 = px(place[i]), x1 = content.width > 1 ? px(until[i] + 1) : x0
      const d = x < x0 ? x0 - x : x > x1 ? x - x1 : 0
      if (d < best) { best = d; found = i }
    }
    return found
  }
  function hover(x, y) {
    const i = nearest(x)
    if (i !== near) { near = i; repaint() }
    tip.hidden = i < 0
    canvas.style.cursor = i < 0 ? "grab" : "pointer"
    if (i < 0) return
    const columns = content.columns, p = columns.place[i], q = columns.until[i]
    const one = segmentOf(p), angle = angleOf(p)
    const lines = panels().map((panel) => {
      const value = columns[panel.key]?.[i]
      if (value == null) return h("span.quiet", {}, `${panel.label}: not measured`)
      const n = (v) => number(v, panel.digits)
      const band = content.width > 1 && columns.count[i] > 1 ? ` (${n(columns[`${panel.key}_least`][i])} – ${n(columns[`${panel.key}_most`][i])})` : ""
      return h("span", {}, `${panel.label}: ${n(value)}${band} ${panel.unit}`)
    })
    tip.replaceChildren(h("b", {}, p === q ? `Image ${imageOf(p)}` : `Images ${imageOf(p)} – ${imageOf(q)}`), one && content.segments.length > 1 ? h("span", {}, `Collection ${one.id}`) : "",
      angle === null ? "" : h("span", {}, `At ${number(angle, 2)}°`), ...lines, h("span.quiet", {}, "Click: open the frame"))
    tip.style.left = `${Math.max(0, Math.min(x + 14, wide() - 230))}px`
    tip.style.top = `${Math.min(y + 16, height() - 150)}px`
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return
    drag = {x: where(canvas, event)[0], low, high, moved: false}
    canvas.setPointerCapture(event.pointerId)
  })
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = where(canvas, event)
    if (!drag) return hover(x, y)
    if (!drag.moved && Math.abs(x - drag.x) < 4) return
    drag.moved = true
    tip.hidden = true
    const span = drag.high - drag.low
    const shift = ((drag.x - x) / (wide() - LEFT - RIGHT)) * span
    low = Math.min(Math.max(0, drag.low + shift), Math.max(0, content.length - 1 - span))
    high = low + span
    canvas.style.cursor = "grabbing"
    repaint()
  })
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return
    const {moved} = drag
    drag = null
    if (moved) { mine = [low, high]; return ask() }
    const x = where(canvas, event)[0], i = nearest(x)
    if (i < 0) return
    // Of a stretch the image under the pointer.
    const {place, until} = content.columns
    tell({type: "image", place: Math.round(Math.min(Math.max(at(x), place[i]), until[i]))})
  })
  canvas.addEventListener("pointerleave", () => { near = -1; tip.hidden = true; repaint() })
  steer(canvas, {stretch: () => (content.length > 1 ? [low, high] : null), wide: () => wide() - LEFT - RIGHT, at, go, zoom})

  function heard(message) {
    Object.assign(content, message)
    if (message.type === "drawn" || message.type === "all") {
      near = -1
      if (message.force) mine = null
      // A hand that moves is ahead of what it asked for.
      if (!drag && (!mine || (Math.abs(mine[0] - content.low) <= 1 && Math.abs(mine[1] - content.high) <= 1))) { low = content.low; high = content.high }
    }
    repaint()
  }
  const sized = new ResizeObserver(framed(paint))
  sized.observe(stage)
  const theme = new MutationObserver(repaint)
  theme.observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]})
  gone(() => { sized.disconnect(); theme.disconnect() })
  paint()
}
