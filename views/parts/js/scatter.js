// Points on a canvas with a histogram along each axis. A drag brushes: what is inside is marked at once, here, and told
// to the server when the hand rests; the strip of crystals follows too.
const {h, put, picture, link, talk, later, framed} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)
const {fit, where} = await import(`./stage.js${new URL(import.meta.url).search}`)

const EDGE = {left: 58, right: 64, top: 56, bottom: 40}
const HEIGHT = 420
const BINS = 40
const MOST_THUMBS = 12
const HUES = ["#4f8ff7", "#e2953c", "#3fa66b", "#9a7fd1", "#d65f5f", "#2fa7a7", "#b58b2a", "#c768a8"]

export function render(given) {
  const {el} = given
  const {content, tell, gone} = talk(given, heard)
  let x, y, ids, inside, kept, picked, colours, names
  let brush = content.brush
  let drag = null
  let near = -1

  const axisSelect = (key, label) => h("label.c-field", {}, h("span.label", {}, label), h("select", {"aria-label": label, onchange: (e) => {
    content[key] = e.target.value
    if (key !== "colour") setBrush(null, true)
    tell({type: "axes", x: content.x, y: content.y, colour: content.colour})
    arrange()
  }}, (key === "colour" ? [{key: "", label: "One colour"}, ...content.marks] : content.axes).map((one) => h("option", {value: one.key}, one.unit ? `${one.label} (${one.unit})` : one.label))))
  const selects = {x: axisSelect("x", "Horizontal"), y: axisSelect("y", "Vertical"), colour: axisSelect("colour", "Colour")}
  const told = h("span.quiet", {role: "status"})
  const clear = h("button", {type: "button", hidden: true, onclick: () => setBrush(null, true)}, "Clear the box")
  const legend = h("div.s-legend")
  const canvas = h("canvas", {tabindex: "0", role: "img"})
  const tip = h("div.s-tip", {hidden: true})
  const strip = h("div.s-strip")
  const stage = h("div.s-stage", {}, canvas, tip)
  put(el, h("section.points", {}, h("div.fields", {}, Object.values(selects), h("span.gap"), told, clear), legend, stage, strip))
  const context = canvas.getContext("2d")

  const axis = (key) => content.axes.find((one) => one.key === key) ?? content.axes[0]
  const column = (key) => content.columns?.[key] ?? []
  const spanOf = (values) => {
    let low = Infinity, high = -Infinity
    for (const v of values) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v }
    if (low === Infinity) return [0, 1]
    const room = (high - low || Math.abs(high) || 1) * 0.04
    return [low - room, high + room]
  }

  function arrange() {
    for (const [key, label] of Object.entries(selects)) label.querySelector("select").value = content[key] ?? ""
    ids = column("id")
    const real = (values) => Float64Array.from(values, (v) => (v == null ? NaN : Number(v)))
    x = real(column(content.x))
    y = real(column(content.y))
    kept = content.kept ? new Set(content.kept) : null
    picked = new Set(content.picked ?? [])
    const texts = content.colour ? column(content.colour) : null
    names = []
    if (texts) {
      const counts = new Map()
      for (const text of texts) counts.set(text ?? "–", (counts.get(text ?? "–") ?? 0) + 1)
      names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name)
    }
    const place = new Map(names.map((name, i) => [name, Math.min(i, HUES.length - 1)]))
    colours = texts ? Uint8Array.from(texts, (text) => place.get(text ?? "–")) : null
    const shown = names.slice(0, HUES.length - 1)
    legend.replaceChildren(...shown.map((name, i) => h("span", {}, h("span.m-mark", {style: {background: HUES[i]}}), String(name))), ...(names.length > shown.length ? [h("span", {}, h("span.m-mark", {style: {background: HUES.at(-1)}}), names.length > HUES.length ? "others" : String(names.at(-1)))] : []))
    choose()
    paint()
    thumbs()
  }

  /** Which points lie in the brush. */
  function choose() {
    inside = null
    if (!brush) return
    const [x0, x1] = brush[content.x] ?? [-Infinity, Infinity]
    const [y0, y1] = brush[content.y] ?? [-Infinity, Infinity]
    inside = new Uint8Array(ids.length)
    for (let i = 0; i < ids.length; i++) inside[i] = x[i] >= x0 && x[i] <= x1 && y[i] >= y0 && y[i] <= y1 ? 1 : 0
  }
  const chosen = (i) => (inside ? inside[i] === 1 : !kept || kept.has(ids[i]))

  function frame() {
    const wide = stage.clientWidth || 600
    const [x0, x1] = spanOf(x)
    const [y0, y1] = spanOf(y)
    const w = Math.max(60, wide - EDGE.left - EDGE.right), t = HEIGHT - EDGE.top - EDGE.bottom
    return {wide, w, t, x0, x1, y0, y1,
      px: (v) => EDGE.left + ((v - x0) / (x1 - x0)) * w, py: (v) => EDGE.top + t - ((v - y0) / (y1 - y0)) * t,
      vx: (p) => x0 + ((p - EDGE.left) / w) * (x1 - x0), vy: (p) => y0 + ((EDGE.top + t - p) / t) * (y1 - y0)}
  }
  function ticks(low, high, count) {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw))
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw)
    const found = []
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(Math.abs(v) < step / 1e6 ? 0 : v)
    return [found, Math.max(0, -Math.floor(Math.log10(step)))]
  }

  function paint() {
    const f = frame()
    const style = getComputedStyle(stage)
    const text = style.color
    fit(canvas, context, f.wide, HEIGHT)
    context.font = `12px ${style.fontFamily}`
    context.fillStyle = text
    context.strokeStyle = text
    context.lineWidth = 1
    const draw = (alpha, what) => { context.globalAlpha = alpha; what(); context.globalAlpha = 1 }
    const [xs, xDigits] = ticks(f.x0, f.x1, Math.max(3, f.w / 90))
    const [ys, yDigits] = ticks(f.y0, f.y1, 6)
    draw(0.16, () => {
      context.beginPath()
      for (const v of xs) { context.moveTo(f.px(v), EDGE.top); context.lineTo(f.px(v), EDGE.top + f.t) }
      for (const v of ys) { context.moveTo(EDGE.left, f.py(v)); context.lineTo(EDGE.left + f.w, f.py(v)) }
      context.stroke()
    })
    context.textAlign = "center"
    for (const v of xs) context.fillText(number(v, xDigits), f.px(v), EDGE.top + f.t + 16)
    context.textAlign = "right"
    for (const v of ys) context.fillText(number(v, yDigits), EDGE.left - 6, f.py(v) + 4)
    const label = (key) => { const one = axis(key); return one.unit ? `${one.label} (${one.unit})` : one.label }
    context.textAlign = "center"
    context.fillText(label(content.x), EDGE.left + f.w / 2, HEIGHT - 6)
    context.save()
    context.translate(13, EDGE.top + f.t / 2)
    context.rotate(-Math.PI / 2)
    context.fillText(label(content.y), 0, 0)
    context.restore()
    histogram(f, x, f.x0, f.x1, true)
    histogram(f, y, f.y0, f.y1, false)
    // A few points are drawn larger than thousands. Faint ones first, so that those which count lie on top.
    const size = ids.length > 2000 ? 4.5 : ids.length > 200 ? 6 : 8
    for (const pass of [false, true]) {
      for (let i = 0; i < ids.length; i++) {
        if (!(x[i] === x[i] && y[i] === y[i]) || chosen(i) !== pass) continue
        context.globalAlpha = pass ? 0.8 : 0.14
        context.fillStyle = colours ? HUES[colours[i]] : HUES[0]
        context.fillRect(f.px(x[i]) - size / 2, f.py(y[i]) - size / 2, size, size)
      }
    }
    context.globalAlpha = 1
    context.strokeStyle = text
    context.lineWidth = 1.5
    for (let i = 0; i < ids.length; i++) if (picked.has(ids[i]) || i === near) ring(f.px(x[i]), f.py(y[i]))
    if (brush) {
      const [a, b] = brush[content.x] ?? [f.x0, f.x1], [c, d] = brush[content.y] ?? [f.y0, f.y1]
      context.fillStyle = HUES[0]
      draw(0.1, () => context.fillRect(f.px(a), f.py(d), f.px(b) - f.px(a), f.py(c) - f.py(d)))
      context.strokeStyle = HUES[0]
      context.strokeRect(f.px(a), f.py(d), f.px(b) - f.px(a), f.py(c) - f.py(d))
    }
    tally()
  }
  function ring(px, py) {
    context.beginPath()
    context.arc(px, py, ids.length > 200 ? 6 : 8, 0, 7)
    context.stroke()
  }
  function histogram(f, values, low, high, flat) {
    const all = new Uint32Array(BINS), some = new Uint32Array(BINS)
    for (let i = 0; i < values.length; i++) {
      const v = values[i]
      if (v !== v || (flat ? y[i] !== y[i] : x[i] !== x[i])) continue
      const bin = Math.min(BINS - 1, Math.floor(((v - low) / (high - low)) * BINS))
      all[bin] += 1
      if (chosen(i)) some[bin] += 1
    }
    const most = Math.max(1, ...all)
    const room = (flat ? EDGE.top : EDGE.right) - 10
    for (const [counts, alpha] of [[all, 0.2], [some, 0.75]]) {
      context.globalAlpha = alpha
      context.fillStyle = HUES[0]
      counts.forEach((n, bin) => {
        const size = (n / most) * room
        if (flat) context.fillRect(EDGE.left + (bin / BINS) * f.w, EDGE.top - 2 - size, f.w / BINS - 1, size)
        else context.fillRect(EDGE.left + f.w + 2, EDGE.top + f.t - ((bin + 1) / BINS) * f.t, size, f.t / BINS - 1)
      })
    }
    context.globalAlpha = 1
  }
  function tally() {
    let drawn = 0, within = 0
    for (let i = 0; i < ids.length; i++) if (x[i] === x[i] && y[i] === y[i]) { drawn += 1; if (chosen(i)) within += 1 }
    const absent = ids.length - drawn
    const words = `${within === drawn ? number(drawn, 0) : `${number(within, 0)} of ${number(drawn, 0)}`} ${drawn === 1 ? "point" : "points"}${absent ? `, ${number(absent, 0)} without both values` : ""}`
    if (told.textContent !== words) told.textContent = words
    clear.hidden = !brush
    canvas.setAttribute("aria-label", `${axis(content.y).label} against ${axis(content.x).label}, ${words}. Drag a box to choose.`)
  }
  function thumbs() {
    if (!content.thumb) return
    const snapshots = column("snapshot")
    const shown = []
    for (let i = 0; i < ids.length && shown.length < MOST_THUMBS; i++) {
      if (chosen(i) && snapshots[i] && x[i] === x[i] && y[i] === y[i]) shown.push(ids[i])
    }
    strip.hidden = !shown.length
    const key = shown.join()
    if (strip.dataset.key === key) return
    strip.dataset.key = key
    strip.replaceChildren(...shown.map((id) => link("a.s-thumb", content.link.replace("{id}", id), {title: `Collection ${id}`},
      picture({src: content.thumb.replace("{id}", id), alt: `Crystal of collection ${id}`, missing: "No snapshot"}))))
  }

  // -- the hand

  const report = later(() => tell({type: "brush", brush}), 120)
  const settle = later(thumbs, 80)
  function setBrush(next, say) {
    brush = next
    content.brush = next
    choose()
    repaint()
    settle()
    if (say) report()
  }
  const repaint = framed(paint)
  const at = (event) => where(canvas, event)
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return
    const [px, py] = at(event)
    drag = {px, py, moved: false}
    canvas.setPointerCapture(event.pointerId)
  })
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = at(event)
    const f = frame()
    if (drag && (drag.moved || Math.hypot(px - drag.px, py - drag.py) > 4)) {
      drag.moved = true
      tip.hidden = true
      const order = (a, b) => (a < b ? [a, b] : [b, a])
      const clampX = (p) => Math.min(Math.max(p, EDGE.left), EDGE.left + f.w), clampY = (p) => Math.min(Math.max(p, EDGE.top), EDGE.top + f.t)
      setBrush({[content.x]: order(f.vx(clampX(drag.px)), f.vx(clampX(px))), [content.y]: order(f.vy(clampY(drag.py)), f.vy(clampY(py)))}, false)
      return
    }
    let best = 81, found = -1
    for (let i = 0; i < ids.length; i++) {
      const d = (f.px(x[i]) - px) ** 2 + (f.py(y[i]) - py) ** 2
      if (d < best) { best = d; found = i }
    }
    if (found !== near) { near = found; repaint() }
    tip.hidden = found < 0
    if (found < 0) return
    const [ax, ay] = [axis(content.x), axis(content.y)]
    tip.replaceChildren(h("b", {}, `Collection ${ids[found]}`), ...content.marks.map((mark) => h("span", {}, `${mark.label}: ${column(mark.key)[found] ?? "–"}`)),
      h("span", {}, `${ax.label}: ${number(x[found], ax.digits)} ${ax.unit}`), h("span", {}, `${ay.label}: ${number(y[found], ay.digits)} ${ay.unit}`))
    tip.style.left = `${Math.min(px + 14, f.wide - 190)}px`
    tip.style.top = `${py + 14}px`
  })
  canvas.addEventListener("pointerup", () => {
    if (!drag) return
    const {moved} = drag
    drag = null
    if (moved) report()
    else if (near >= 0) tell({type: "open", key: ids[near]})
    else if (brush) setBrush(null, true)
  })
  canvas.addEventListener("pointerleave", () => { near = -1; tip.hidden = true; repaint() })
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && brush) { event.stopPropagation(); setBrush(null, true) }
  })

  function heard(message) {
    if (drag) return
    Object.assign(content, message)
    if ("brush" in message) brush = message.brush
    if (message.type === "picked") { picked = new Set(message.picked); return repaint() }
    if (message.type === "kept") { kept = message.kept ? new Set(message.kept) : null; repaint(); return settle() }
    arrange()
  }
  const sized = new ResizeObserver(framed(paint))
  sized.observe(stage)
  // The page's colours change without a word to the canvas.
  const theme = new MutationObserver(repaint)
  theme.observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]})
  gone(() => { sized.disconnect(); theme.disconnect() })
  arrange()
}
