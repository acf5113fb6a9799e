// Events along time: lanes with bars on a canvas. Wheel and keys zoom, a drag moves, a click picks, two open.
const {h, put, icon, talk, later, framed} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)
const {fit, where, steer} = await import(`./stage.js${new URL(import.meta.url).search}`)

const LEFT = 112, RIGHT = 12, TOP = 26, LANE = 22, BOTTOM = 26
const HUES = {collection: "#4f8ff7", grid: "#9a7fd1", screening: "#2fa7a7", energy: "#e2953c", xrf: "#c768a8", robot: "#8a93a1"}
const NAMES = {collection: "Collection", grid: "Grid scan", screening: "Screening", energy: "Energy scan", xrf: "XRF spectrum", robot: "Robot"}
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000]
const GAP = 1800 // s without anything that are worth a word, and this share of what is in sight
const GAP_SHARE = 0.04
const SHORTEST = 20 // s across

const two = (n) => String(n).padStart(2, "0")
const clock = (t, fine) => { const d = new Date(t * 1000); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${fine ? `:${two(d.getUTCSeconds())}` : ""}` }
const day = (t) => new Date(t * 1000).toISOString().slice(0, 10)
export function lasting(s) {
  if (s < 90) return `${number(s, 0)} s`
  if (s < 5400) return `${number(s / 60, 0)} min`
  const hours = Math.floor(s / 3600), minutes = Math.round((s % 3600) / 60)
  return hours < 48 ? `${hours} h${minutes ? ` ${minutes} min` : ""}` : `${number(s / 86400, 1)} days`
}

export function render(given) {
  const {el} = given
  const {content, tell, gone} = talk(given, heard)
  let low = content.low, high = content.high
  let near = -1
  let mine = null // the stretch that the hand asked for last
  let drag = null
  let picked = new Set(content.picked ?? [])
  const canvas = h("canvas", {tabindex: "0", role: "application", "aria-roledescription": "timeline"})
  const tip = h("div.s-tip", {hidden: true})
  const words = h("div.l-words", {role: "status"})
  const told = h("span.quiet", {role: "status"})
  const whole = h("button.plain", {type: "button", onclick: () => go(null, null)}, icon("whole"), h("span", {}, "Whole session"))
  const only = h("button.plain", {type: "button", onclick: () => tell({type: "list", on: !content.listed})}, icon("filter"), h("span", {}, "List what is in sight"))
  const zoomIn = h("button.plain", {type: "button", "aria-label": "Closer", title: "Closer", onclick: () => zoom(0.5)}, icon("plus"))
  const zoomOut = h("button.plain", {type: "button", "aria-label": "Further", title: "Further", onclick: () => zoom(2)}, icon("minus"))
  const stage = h("div.s-stage.l-stage", {}, canvas, tip, words)
  put(el, h("section.l-time", {}, h("div.l-bar", {}, told, h("span.gap"), only, zoomOut, zoomIn, whole), stage))
  const context = canvas.getContext("2d")

  const bars = () => content.bars ?? {}
  const height = () => TOP + Math.max(1, content.lanes.length) * LANE + BOTTOM
  const wide = () => stage.clientWidth || 600
  const px = (t) => LEFT + ((t - low) / (high - low)) * (wide() - LEFT - RIGHT)
  const at = (p) => low + ((p - LEFT) / (wide() - LEFT - RIGHT)) * (high - low)

  const ask = later(() => tell({type: "range", low, high}), 220)
  function go(from, to) {
    mine = null
    if (from === null) {
      if (content.first == null) return
      const room = Math.max(30, (content.last - content.first) * 0.01)
      low = content.first - room
      high = content.last + room
      tell({type: "range", low: null, high: null})
    } else {
      const span = Math.max(SHORTEST, to - from)
      low = Math.max(0, from)
      high = low + span
      mine = [low, high]
      ask()
    }
    repaint()
  }
  function zoom(factor, about = (low + high) / 2) {
    if (!(high > low)) return
    const most = Math.max((content.last - content.first) * 1.2, 3600)
    const span = Math.min(Math.max((high - low) * factor, SHORTEST), most)
    const share = (about - low) / (high - low)
    go(about - share * span, about + (1 - share) * span)
  }

  function paint() {
    const w = wide(), t = height()
    const style = getComputedStyle(stage)
    fit(canvas, context, w, t)
    words.textContent = content.words ?? ""
    words.hidden = !content.words
    for (const button of [whole, zoomIn, zoomOut, only]) button.disabled = !(high > low)
    only.setAttribute("aria-pressed", String(Boolean(content.listed)))
    only.lastChild.textContent = content.listed ? "List everything again" : "List what is in sight"
    if (!(high > low)) { told.textContent = ""; return }
    context.font = `12px ${style.fontFamily}`
    context.fillStyle = context.strokeStyle = style.color
    axis(w, t)
    lanes(w)
    gaps(w)
    const b = bars()
    context.save()
    context.beginPath()
    context.rect(LEFT, TOP - 2, w - LEFT - RIGHT, t - TOP - BOTTOM + 4)
    context.clip()
    const most = Math.max(1, ...(b.count ?? [1]))
    let shown = 0
    for (let i = 0; i < (b.start?.length ?? 0); i++) {
      const x0 = px(b.start[i]), x1 = Math.max(px(b.end[i] ?? b.start[i]), x0 + 2.5)
      if (x1 < LEFT || x0 > w - RIGHT) continue
      shown += b.count[i]
      const y = TOP + b.lane[i] * LANE
      const share = b.count[i] > 1 ? 0.25 + 0.75 * Math.sqrt(b.count[i] / most) : 1
      const tall = (LANE - 6) * (most > 1 ? share : 1)
      const mine = picked.has(b.key[i])
      context.globalAlpha = picked.size && !mine ? 0.35 : 0.9
      context.fillStyle = HUES[b.kind[i]] ?? HUES.robot
      context.fillRect(x0, y + 3 + (LANE - 6 - tall), x1 - x0, tall)
      if (b.end[i] == null) { // not ended, or nobody wrote when
        context.globalAlpha = 0.5
        context.fillRect(x1, y + 3 + (LANE - 6) / 2 - 1, 6, 2)
      }
      if (mine || i === near) {
        context.globalAlpha = 1
        context.strokeStyle = style.color
        context.lineWidth = 1.5
        context.strokeRect(x0 - 1.5, y + 1.5, x1 - x0 + 3, LANE - 3)
      }
    }
    context.restore()
    context.globalAlpha = 1
    const said = `${number(shown, 0)} ${shown === 1 ? "event" : "events"} · ${day(low)} ${clock(low)} – ${day(low) === day(high) ? "" : `${day(high)} `}${clock(high)} (${lasting(high - low)})`
    if (told.textContent !== said) told.textContent = said
    canvas.setAttribute("aria-label", `Timeline: ${said}. Arrow keys move, plus and minus zoom, Home shows the whole session.`)
  }
  function axis(w, t) {
    const step = STEPS.find((s) => ((w - LEFT - RIGHT) * s) / (high - low) >= 74) ?? STEPS.at(-1)
    context.lineWidth = 1
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
      const x = px(v), midnight = v % 86400 === 0
      context.globalAlpha = midnight ? 0.45 : 0.14
      context.beginPath()
      context.moveTo(x, TOP - 4)
      context.lineTo(x, t - BOTTOM + 4)
      context.stroke()
      context.globalAlpha = 1
      context.textAlign = "center"
      if (x > LEFT + 24 && x < w - RIGHT - 24) context.fillText(midnight ? day(v).slice(5) : clock(v, step < 60), x, t - 8)
    }
    const now = content.now
    if (now != null && now >= low && now <= high) {
      context.globalAlpha = 0.8
      context.setLineDash([4, 3])
      context.beginPath()
      context.moveTo(px(now), TOP - 4)
      context.lineTo(px(now), t - BOTTOM + 4)
      context.stroke()
      context.setLineDash([])
      context.globalAlpha = 1
    }
  }
  function lanes(w) {
    context.textAlign = "right"
    content.lanes.forEach((lane, i) => {
      const y = TOP + i * LANE
      context.globalAlpha = 0.06
      context.fillRect(LEFT, y + 2, w - LEFT - RIGHT, LANE - 4)
      context.globalAlpha = 1
      let label = lane.label
      while (label.length > 3 && context.measureText(label).width > LEFT - 14) label = `${label.slice(0, -2)}…`
      context.fillText(label, LEFT - 8, y + LANE / 2 + 4)
    })
  }
  /** What lies between events for long, with how long. */
  let breaks = null // of the bars that it was worked out for, as that takes longer than to draw
  function quiet() {
    const b = bars()
    if (breaks?.of === b) return breaks.found
    const spans = []
    for (let i = 0; i < (b.start?.length ?? 0); i++) spans.push([b.start[i], b.end[i] ?? b.start[i]])
    spans.sort((a, c) => a[0] - c[0])
    const found = []
    let until = null
    for (const [from, to] of spans) {
      if (until !== null && from - until >= GAP) found.push([until, from])
      until = until === null ? to : Math.max(until, to)
    }
    breaks = {of: b, found}
    return found
  }
  function gaps(w) {
    context.textAlign = "center"
    for (const [until, from] of quiet()) {
      if (from - until >= (high - low) * GAP_SHARE) {
        const x0 = Math.max(px(until), LEFT), x1 = Math.min(px(from), w - RIGHT)
        if (x1 - x0 > 3) {
          context.globalAlpha = 0.1
          context.fillRect(x0, TOP, x1 - x0, content.lanes.length * LANE)
          context.globalAlpha = 0.75
          const text = lasting(from - until)
          if (context.measureText(text).width < x1 - x0 - 6) context.fillText(text, (x0 + x1) / 2, TOP - 9)
        }
      }
    }
    context.globalAlpha = 1
  }

  // -- the hand

  const repaint = framed(paint)
  function find(x, y) {
    const b = bars(), lane = Math.floor((y - TOP) / LANE)
    let best = 7, found = -1
    for (let i = 0; i < (b.start?.length ?? 0); i++) {
      if (b.lane[i] !== lane) continue
      const x0 = px(b.start[i]), x1 = Math.max(px(b.end[i] ?? b.start[i]), x0 + 2.5)
      const d = x < x0 ? x0 - x : x > x1 ? x - x1 : 0
      if (d <= best) { best = d; found = i }
    }
    return found
  }
  function hover(x, y) {
    const i = find(x, y)
    if (i !== near) { near = i; repaint() }
    tip.hidden = i < 0
    canvas.style.cursor = i < 0 ? "grab" : "pointer"
    if (i < 0) return
    const b = bars(), end = b.end[i]
    const one = b.count[i] === 1
    tip.replaceChildren(h("b", {}, one ? `${NAMES[b.kind[i]] ?? b.kind[i]}${b.stream[i] === "c" ? ` ${b.number[i]}` : ""}` : `${number(b.count[i], 0)} × ${NAMES[b.kind[i]] ?? b.kind[i]}`),
      one && b.what[i] ? h("span", {}, b.what[i]) : "", h("span", {}, `${day(b.start[i])} ${clock(b.start[i], true)}${end == null ? " · no end" : ` – ${clock(end, true)} · ${lasting(end - b.start[i])}`}`),
      h("span.quiet", {}, one ? (b.stream[i] !== "r" ? "Click: in the list. Twice: open" : "Click: in the list") : "Zoom in to see each"))
    tip.style.left = `${Math.max(0, Math.min(x + 14, wide() - 250))}px`
    tip.style.top = `${y + 16}px`
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
    const shift = ((drag.x - x) / (wide() - LEFT - RIGHT)) * (drag.high - drag.low)
    low = drag.low + shift
    high = drag.high + shift
    canvas.style.cursor = "grabbing"
    repaint()
  })
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return
    const {moved} = drag
    drag = null
    if (moved) { mine = [low, high]; return ask() }
    const i = find(...where(canvas, event)), b = bars()
    if (i < 0) return
    if (b.count[i] > 1) return zoom(0.2, (b.start[i] + (b.end[i] ?? b.start[i])) / 2)
    if (event.detail >= 2) tell({type: "open", stream: b.stream[i], number: b.number[i]})
    else tell({type: "pick", key: b.key[i]})
  })
  canvas.addEventListener("dblclick", (event) => {
    const i = find(...where(canvas, event)), b = bars()
    if (i >= 0 && b.count[i] === 1) tell({type: "open", stream: b.stream[i], number: b.number[i]})
  })
  canvas.addEventListener("pointerleave", () => { near = -1; tip.hidden = true; repaint() })
  steer(canvas, {stretch: () => (high > low ? [low, high] : null), wide: () => wide() - LEFT - RIGHT, at, go, zoom})

  function heard(message) {
    Object.assign(content, message)
    if (message.type === "picked") { picked = new Set(message.picked); return repaint() }
    if (message.type === "bars" || message.type === "all") {
      picked = new Set(content.picked ?? [])
      near = -1
      // A hand that moves is ahead of what it asked for.
      if (message.force) mine = null
      if (!drag && content.low != null && (!mine || (Math.abs(mine[0] - content.low) < 2 && Math.abs(mine[1] - content.high) < 2))) settle()
    }
    repaint()
  }
  function settle() {
    const inside = content.first != null && content.low === content.first && content.high === content.last
    const room = inside ? Math.max(30, (content.last - content.first) * 0.01) : 0
    low = content.low - room
    high = content.high + room
  }
  const sized = new ResizeObserver(framed(paint))
  sized.observe(stage)
  const theme = new MutationObserver(repaint)
  theme.observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]})
  gone(() => { sized.disconnect(); theme.disconnect() })
  if (content.low != null) settle()
  paint()
}
