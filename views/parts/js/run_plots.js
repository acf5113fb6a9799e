// Plots of a serial run: rates along time with their bands, and histograms that can be brushed.
const {h} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)

// Columns of a bin, as views/techniques/ssx_numbers.py sends them.
const [FRAMES, JUDGED, HITS, TRIED, INDEXED, MULTIPLE, SPOTS, SPOTS_KNOWN, RES, RES_KNOWN, ICED, VOLUME, CELLS, A, B, C, ALPHA, BETA, GAMMA] = Array(19).keys()
const KINDS = {
  rates: {label: "Rates", unit: "%", lines: [["Hits", HITS, JUDGED, 0, "#4f8ff7"], ["Indexed", INDEXED, TRIED, 1, "#2fa66a"], ["Several lattices", MULTIPLE, TRIED, 1, "#9a7fd1"]]},
  spots: {label: "Spots", unit: "a frame", means: [["Spots", SPOTS, SPOTS_KNOWN, "#4f8ff7"]]},
  resolution: {label: "Resolution", unit: "Å", flipped: true, means: [["Resolution", RES, RES_KNOWN, "#e2953c"]]},
  ice: {label: "Ice", unit: "%", lines: [["Frames with ice", ICED, JUDGED, 0, "#5fb4d9"]]},
  volume: {label: "Cell volume", unit: "Å³", free: true, of: "lattices", hint: "All lattices together", means: [["Mean volume", VOLUME, CELLS, "#c1667a"]]},
  edges: {label: "Cell edges", unit: "% off the run's mean", signed: true, of: "lattices", hint: "All lattices together; of each cluster under Cells", drifts: [["a", A, "#4f8ff7"], ["b", B, "#2fa66a"], ["c", C, "#e2953c"]]},
  angles: {label: "Cell angles", unit: "° off the run's mean", signed: true, off: true, of: "lattices", hint: "All lattices together; of each cluster under Cells", drifts: [["α", ALPHA, "#4f8ff7"], ["β", BETA, "#2fa66a"], ["γ", GAMMA, "#e2953c"]]},
  frames: {label: "Frames/s", unit: "1/s", counts: [["Frames", FRAMES, "#8a93a1"]]},
}
const PER_CLUSTER = Object.fromEntries([["a", "Å"], ["b", "Å"], ["c", "Å"], ["α", "°"], ["β", "°"], ["γ", "°"], ["Volume", "Å³"]].map(([label, unit], place) => [label, {label, unit, place: place + 1, free: true, of: "lattices"}]))
/** A colour for each cluster, the largest first. */
export const CLUSTER_COLOURS = ["#4f8ff7", "#e2953c", "#2fa66a", "#c1667a", "#9a7fd1", "#5fb4d9", "#b39b2f", "#8a93a1"]
const EDGE = {left: 52, right: 26, top: 10, bottom: 30}

/** Wilson's 95 % interval of k in n, n lessened by the dispersion. */
export function wilson(k, n, dispersion = 1) {
  if (!(n > 0)) return null
  const [m, z] = [n / dispersion, 1.959964]
  const p = k / n
  const middle = p * m + (z * z) / 2
  const half = z * Math.sqrt(Math.max(0, p * (1 - p) * m + (z * z) / 4))
  return [Math.max(0, (middle - half) / (m + z * z)), Math.min(1, (middle + half) / (m + z * z))]
}

function series(line, kind) {
  const {bins, width, dispersion = [1, 1]} = line
  const made = []
  for (const [label, of, among, which, colour] of kind.lines ?? []) {
    const points = bins.map((bin) => {
      if (!bin || !bin[among]) return null
      const [low, high] = wilson(bin[of], bin[among], dispersion[which])
      return {y: (100 * bin[of]) / bin[among], low: 100 * low, high: 100 * high, n: bin[among]}
    })
    made.push({label, colour, points})
  }
  for (const [label, sum, count, colour] of kind.means ?? [])
    made.push({label, colour, points: bins.map((bin) => (bin && bin[count] ? {y: bin[sum] / bin[count], n: bin[count]} : null))})
  for (const [label, sum, colour] of kind.drifts ?? []) {
    // Edges and angles differ in size: each is drawn against its own mean of the run.
    const [total, cells] = bins.reduce(([s, n], bin) => (bin ? [s + bin[sum], n + bin[CELLS]] : [s, n]), [0, 0])
    const mean = total / cells
    made.push({label, colour, points: bins.map((bin) => (bin && bin[CELLS] ? {y: kind.off ? bin[sum] / bin[CELLS] - mean : 100 * (bin[sum] / bin[CELLS] / mean - 1), n: bin[CELLS], value: bin[sum] / bin[CELLS]} : null))})
  }
  for (const [label, count, colour] of kind.counts ?? [])
    made.push({label, colour, points: bins.map((bin) => (bin && bin[count] ? {y: bin[count] / width, n: bin[count]} : null))})
  return made.filter((one) => one.points.some(Boolean))
}

/** Steps that people count in, about `wanted` of them between low and high. */
export function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted)
  const power = 10 ** Math.floor(Math.log10(raw || 1))
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw) ?? power
  const made = []
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) made.push(Math.abs(v) < step * 1e-9 ? 0 : v)
  return {made, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9))}
}
function clockTicks(from, to, wanted) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400]
  const step = steps.find((s) => (to - from) / s <= wanted) ?? 86400
  const shift = new Date(from * 1000).getTimezoneOffset() * 60
  const made = []
  for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) made.push(t)
  return {made, seconds: step < 60}
}
const clockOf = (t, seconds) => new Date(t * 1000).toLocaleTimeString("en-GB", {hour12: false, hour: "2-digit", minute: "2-digit", ...(seconds ? {second: "2-digit"} : {})})

/** Medians of each cluster: a line in its colour. */
function drifts(line, kind) {
  return line.clusters.map((bins, n) => ({label: `Cluster ${n + 1}`, colour: CLUSTER_COLOURS[n], points: bins.map((bin) => bin && {y: bin[kind.place], n: bin[0]})})).filter((one) => one.points.some(Boolean))
}

/** The plot along time: `draw(line, head, kind)`. */
export const rates = (choose) => along({title: "Along time", kinds: KINDS, made: series, first: "rates"}, choose)
/** Medians of the clusters along time: `draw(drift, head, kind)`. */
export const drift = (choose) => along({title: "Medians of each cluster", kinds: PER_CLUSTER, made: drifts, first: "c"}, choose)

function along({title, kinds, made: seriesOf, first}, choose) {
  const canvas = h("canvas.r-canvas", {role: "img", tabindex: "0", "aria-label": title})
  const hover = h("div.r-hover", {hidden: true})
  const legend = h("div.r-legend")
  const buttons = Object.entries(kinds).map(([key, {label, hint}]) => h("button.plain", {type: "button", title: hint ?? null, "aria-pressed": String(key === first), onclick: (event) => {
    for (const button of event.currentTarget.parentNode.children) button.setAttribute("aria-pressed", button === event.currentTarget)
    choose(key)
  }}, label))
  const save = h("button.plain", {type: "button", title: "Save the plot as a picture", onclick: () => {
    const anchor = h("a", {download: "run.png", href: canvas.toDataURL("image/png")})
    anchor.click()
  }}, "PNG")
  const stage = h("div.r-stage", {}, canvas, hover)
  const element = h("div", {}, h("div.r-line", {}, h("h2", {}, title), h("div.r-kinds", {role: "group", "aria-label": "What is drawn"}, buttons), h("span.gap"), legend, save), stage)
  let last = null

  function draw(line, head, key) {
    const kind = kinds[key]
    const ratio = devicePixelRatio || 1
    const {clientWidth: w, clientHeight: hgt} = stage
    if (!w || !hgt) return
    canvas.width = Math.round(w * ratio)
    canvas.height = Math.round(hgt * ratio)
    const pen = canvas.getContext("2d")
    pen.scale(ratio, ratio)
    const ink = getComputedStyle(element)
    pen.font = `11px ${ink.fontFamily}`
    const [grid, text] = [ink.getPropertyValue("--line"), ink.color]
    const probe = (name) => { const s = h("span", {style: {color: `var(${name})`}}); element.append(s); const c = getComputedStyle(s).color; s.remove(); return c }
    const [soft, quiet] = [probe("--line"), probe("--quiet")]
    legend.replaceChildren()
    last = null
    const drawn = line?.first == null || !(line.bins ?? line.clusters).length ? [] : seriesOf(line, kind)
    if (!drawn.length) {
      pen.fillStyle = quiet
      pen.textAlign = "center"
      pen.fillText(head?.loading ? "Reading…" : line?.first == null ? "No frame with a time yet." : `No source tells of this: ${kind.label.toLowerCase()}.`, w / 2, hgt / 2)
      return void grid, text
    }
    const from = line.first
    const to = Math.max(from + (line.bins ?? line.clusters[0]).length * line.width, head && !head.ended ? head.at : 0)
    const all = drawn.flatMap(({points}) => points.filter(Boolean).flatMap((p) => [p.low ?? p.y, p.high ?? p.y]))
    let [low, high] = [Math.min(...all), Math.max(...all)]
    if (!kind.flipped && !kind.signed && !kind.free) low = 0
    if (key === "rates" || key === "ice") high = Math.min(100, high * 1.08)
    const pad = (high - low || Math.abs(high) || 1) * 0.06
    if (low !== 0) low -= pad
    if (high !== 100) high += pad
    const x = (t) => EDGE.left + ((t - from) / (to - from || 1)) * (w - EDGE.left - EDGE.right)
    const y = (v) => { const share = (v - low) / (high - low); return kind.flipped ? EDGE.top + share * (hgt - EDGE.top - EDGE.bottom) : hgt - EDGE.bottom - share * (hgt - EDGE.top - EDGE.bottom) }
    const marks = ticks(low, high, Math.max(2, hgt / 50))
    pen.strokeStyle = soft
    pen.fillStyle = quiet
    pen.textAlign = "right"
    pen.textBaseline = "middle"
    for (const v of marks.made) {
      pen.beginPath(); pen.moveTo(EDGE.left, y(v)); pen.lineTo(w - EDGE.right, y(v)); pen.stroke()
      pen.fillText(number(v, marks.digits), EDGE.left - 6, y(v))
    }
    const times = clockTicks(from, to, Math.max(2, w / 110))
    pen.textAlign = "center"
    pen.textBaseline = "top"
    for (const t of times.made) {
      pen.beginPath(); pen.moveTo(x(t), hgt - EDGE.bottom); pen.lineTo(x(t), hgt - EDGE.bottom + 4); pen.stroke()
      pen.fillText(clockOf(t, times.seconds), x(t), hgt - EDGE.bottom + 7)
    }
    pen.save(); pen.translate(11, (hgt - EDGE.bottom) / 2); pen.rotate(-Math.PI / 2); pen.fillText(`${kind.label} (${kind.unit})`, 0, -6); pen.restore()
    for (const {colour, points, label} of drawn) {
      // Pieces without a gap: what was not taken is not drawn.
      let piece = []
      const finish = () => {
        if (piece.length && piece[0].low != null) {
          pen.globalAlpha = 0.22
          pen.fillStyle = colour
          pen.beginPath()
          piece.forEach((p, i) => (i ? pen.lineTo(p.x, y(p.high)) : pen.moveTo(p.x, y(p.high))))
          ;[...piece].reverse().forEach((p) => pen.lineTo(p.x, y(p.low)))
          pen.fill()
          pen.globalAlpha = 1
        }
        pen.strokeStyle = pen.fillStyle = colour
        pen.lineWidth = 1.6
        pen.beginPath()
        piece.forEach((p, i) => (i ? pen.lineTo(p.x, y(p.y)) : pen.moveTo(p.x, y(p.y))))
        pen.stroke()
        if (piece.length === 1) { pen.beginPath(); pen.arc(piece[0].x, y(piece[0].y), 2.2, 0, 7); pen.fill() }
        pen.lineWidth = 1
        piece = []
      }
      points.forEach((p, i) => { if (p) piece.push({...p, x: x(from + (i + 0.5) * line.width)}); else finish() })
      finish()
      legend.append(h("span.r-key", {}, h("i", {style: {background: colour}}), label))
    }
    last = {from, to, line, drawn, kind, w}
    canvas.setAttribute("aria-label", `${kind.label} along time: ${drawn.map((d) => { const p = d.points.findLast(Boolean); return `${d.label} ${number(p.y, 1)} ${kind.unit}` }).join(", ")}`)
  }
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return
    const t = last.from + ((event.offsetX - EDGE.left) / (last.w - EDGE.left - EDGE.right)) * (last.to - last.from)
    const place = Math.floor((t - last.from) / last.line.width)
    const lines = last.drawn.map(({label, points}) => [label, points[place]]).filter(([, p]) => p)
    hover.hidden = !lines.length
    if (!lines.length) return
    hover.replaceChildren(h("b", {}, clockOf(last.from + place * last.line.width, true)), ...lines.map(([label, p]) => h("div", {}, `${label} ${p.value == null ? "" : `${number(p.value, 2)} ${last.kind.off ? "°" : "Å"}, `}${number(p.y, 2)}${p.low == null ? "" : ` (${number(p.low, 1)}–${number(p.high, 1)})`} ${last.kind.unit} · ${number(p.n, 0)} ${last.kind.of ?? "frames"}`)))
    hover.style.left = `${Math.min(event.offsetX + 12, last.w - 240)}px`
    hover.style.top = `${event.offsetY + 12}px`
  })
  canvas.addEventListener("pointerleave", () => { hover.hidden = true })
  return {element, draw}
}

const NAMES = {a: ["a", "Å"], b: ["b", "Å"], c: ["c", "Å"], alpha: ["α", "°"], beta: ["β", "°"], gamma: ["γ", "°"]}

/** A histogram; drag over it to choose. */
export function histogram(axis, choose, chosen) {
  const [name, unit] = NAMES[axis.name] ?? [axis.name, ""]
  const digits = unit === "°" ? 2 : 2
  const most = Math.max(1, ...axis.counts)
  const canvas = h("canvas.r-bars", {role: "img", "aria-label": `${name}: median ${number(axis.median, digits)} ${unit}`})
  const span = axis.high - axis.low
  const element = h("div.r-axis", {}, h("div.r-line", {}, h("b", {}, name), h("span", {}, axis.median == null ? "–" : number(axis.median, digits), h("span.unit", {}, ` ${unit}`)), h("span.quiet", {}, axis.sd == null ? "" : `± ${number(axis.sd, 2)}`)), canvas,
    h("div.r-line.r-ends", {}, h("span", {}, number(axis.low, 1)), h("span.gap"), h("span", {}, number(axis.high, 1))))
  let begun = null
  let range = null
  const paint = () => {
    const ratio = devicePixelRatio || 1
    const {clientWidth: w, clientHeight: hgt} = canvas
    if (!w) return
    canvas.width = w * ratio
    canvas.height = hgt * ratio
    const pen = canvas.getContext("2d")
    pen.scale(ratio, ratio)
    if (range) { pen.fillStyle = "#8a93a155"; pen.fillRect(range[0], 0, range[1] - range[0], hgt) }
    pen.fillStyle = chosen ? "#e2953c" : "#9a7fd1"
    const each = w / axis.counts.length
    axis.counts.forEach((count, i) => { const tall = (count / most) * (hgt - 2); if (count) pen.fillRect(i * each + 0.5, hgt - Math.max(1, tall), Math.max(1, each - 1), Math.max(1, tall)) })
  }
  requestAnimationFrame(paint)
  canvas.addEventListener("pointerdown", (event) => { begun = event.offsetX; canvas.setPointerCapture(event.pointerId) })
  canvas.addEventListener("pointermove", (event) => { if (begun != null) { range = [Math.min(begun, event.offsetX), Math.max(begun, event.offsetX)]; paint() } })
  canvas.addEventListener("pointerup", () => {
    if (range && range[1] - range[0] > 3) choose(axis.low + (range[0] / canvas.clientWidth) * span, axis.low + (range[1] / canvas.clientWidth) * span)
    begun = range = null
  })
  return element
}
