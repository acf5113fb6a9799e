// What is drawn over a frame: rings, ice, beam centre, edge, spots, the tool at hand, and the counts themselves.
const query = new URL(import.meta.url).search
const {ink, codeOf} = await import(`./frame_codes.js${query}`)
const {ring, twoThetaOf} = await import(`./frame_geometry.js${query}`)

export const NUMBERS = 24 // screen pixels of a detector pixel from which its count is written in it
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
// Marks are read on dark pictures and on bright ones: {halo, faint halo, ring, label, ice, iceLabel}.
const ON = {
  dark: {halo: "#0b0e13b0", faint: "#0b0e1370", ring: "#6ea8ff", label: "#9cc3ff", ice: "#3fd0e0", iceLabel: "#7fe6f2", lattices: ["#ffb454", "#d9a0ff", "#62d4ff", "#ff9db0"]},
  bright: {halo: "#ffffffd0", faint: "#ffffff90", ring: "#1f5fd0", label: "#1748a8", ice: "#0a8fa3", iceLabel: "#06707f", lattices: ["#b45309", "#7e22ce", "#0369a1", "#be123c"]},
}
let on = ON.dark

/** Digits of a d-spacing as the field writes them. */
export const spacing = (d) => (d >= 10 ? d.toFixed(1) : d.toFixed(2))

/** A pen for marks: lines in detector pixels, widths in CSS pixels. */
function trace(pen, view, line) {
  let down = false
  for (const [x, y] of line) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      down = false
      continue
    }
    const [sx, sy] = [x * view.scale + view.x, y * view.scale + view.y]
    if (down) pen.lineTo(sx, sy)
    else pen.moveTo(sx, sy)
    down = true
  }
}

function haloed(pen, text, x, y, fill, align = "center") {
  pen.font = `600 12px ${FONT}`
  pen.textAlign = align
  pen.textBaseline = "middle"
  pen.lineWidth = 3
  pen.lineJoin = "round"
  pen.strokeStyle = on.halo
  pen.strokeText(text, x, y)
  pen.fillStyle = fill
  pen.fillText(text, x, y)
}

/** A point of a line that is on the stage, as far to the upper right (`side` -1: left) as can be; null where none is. */
function labelPlace(lines, view, stage, side = 1) {
  let best = null
  for (const line of lines)
    for (const [x, y] of line) {
      const [sx, sy] = [x * view.scale + view.x, y * view.scale + view.y]
      if (!(sx > 18 && sy > 12 && sx < stage.width - 18 && sy < stage.height - 12)) continue
      const worth = side * sx * 0.8 - sy
      if (!best || worth > best.worth) best = {x: sx, y: sy, worth}
    }
  return best
}

function rings(pen, view, stage, list) {
  pen.setLineDash([6, 5])
  pen.beginPath()
  for (const {lines} of list) for (const line of lines) trace(pen, view, line)
  for (const [width, style] of [[3, on.faint], [1.3, on.ring]]) {
    pen.lineWidth = width
    pen.strokeStyle = style
    pen.stroke()
  }
  pen.setLineDash([])
  for (const {d, lines} of list) {
    const place = labelPlace(lines, view, stage)
    if (place) haloed(pen, `${spacing(d)} Å`, place.x, place.y, on.label)
  }
}

/** Of `lines` the one that begins and ends nearest to where `line` does. */
function alongside(line, lines) {
  const gap = ([x, y], [u, v]) => Math.hypot(x - u, y - v)
  const apart = (other) => gap(line[0], other[0]) + gap(line[line.length - 1], other[other.length - 1])
  return lines.reduce((best, other) => (best && apart(best) <= apart(other) ? best : other), null)
}

function ice(pen, view, stage, bands) {
  for (const {lines_low: low = [], lines_high: high = []} of bands) {
    pen.fillStyle = `${on.ice}3d`
    for (const line of low) {
      const other = high.length === low.length && line.length && alongside(line, high)
      if (!other) continue
      pen.beginPath()
      trace(pen, view, [...line, ...[...other].reverse()])
      pen.fill()
    }
    pen.beginPath()
    for (const line of [...low, ...high]) trace(pen, view, line)
    pen.lineWidth = 0.8
    pen.strokeStyle = `${on.ice}aa`
    pen.stroke()
  }
  const place = bands[0] && labelPlace(bands[0].lines_low ?? [], view, stage, -1)
  if (place) haloed(pen, "ice", place.x, place.y, on.iceLabel)
}

function beam(pen, view, [x, y]) {
  const [sx, sy] = [x * view.scale + view.x, y * view.scale + view.y]
  for (const [width, style] of [[3.5, on.halo], [1.5, "#ff6b6b"]]) {
    pen.lineWidth = width
    pen.strokeStyle = style
    pen.beginPath()
    pen.moveTo(sx - 9, sy)
    pen.lineTo(sx + 9, sy)
    pen.moveTo(sx, sy - 9)
    pen.lineTo(sx, sy + 9)
    pen.stroke()
  }
}

function spots(pen, view, stage, found) {
  const radius = Math.max(5, 3.5 * view.scale)
  pen.lineWidth = 1.4
  pen.strokeStyle = "#34d399"
  pen.beginPath()
  for (const [x, y] of found) {
    const [sx, sy] = [x * view.scale + view.x, y * view.scale + view.y]
    if (sx < -radius || sy < -radius || sx > stage.width + radius || sy > stage.height + radius) continue
    pen.moveTo(sx + radius, sy)
    pen.arc(sx, sy, radius, 0, 2 * Math.PI)
  }
  pen.stroke()
}

/** Where reflections should be: a square for each, in the colour of its lattice; with a halo, as spots may be under it. */
function predictions(pen, view, stage, lattices) {
  const half = Math.max(4, 3 * view.scale)
  lattices.forEach((rows, n) => {
    pen.beginPath()
    for (const [x, y] of rows) {
      const [sx, sy] = [x * view.scale + view.x, y * view.scale + view.y]
      if (sx < -half || sy < -half || sx > stage.width + half || sy > stage.height + half) continue
      pen.rect(sx - half, sy - half, 2 * half, 2 * half)
    }
    for (const [width, style] of [[3, on.faint], [1.2, on.lattices[n % on.lattices.length]]]) {
      pen.lineWidth = width
      pen.strokeStyle = style
      pen.stroke()
    }
  })
}

/** The predicted reflection nearest to a place, within `reach` detector pixels: {hkl, lattice} or null. */
export function predictedAt(lattices, x, y, reach) {
  let best = null
  lattices.forEach((rows, n) => {
    for (const [px, py, ...hkl] of rows) {
      const apart = Math.hypot(px - x, py - y)
      if (apart <= reach && (!best || apart < best.apart)) best = {apart, hkl, lattice: n + 1}
    }
  })
  return best
}

/** What a count stands for: itself, or the value of a picture that holds no counts; `scale`: [offset, step] or null. */
export function written(count, scale) {
  if (!scale) return count < 100_000 ? String(count) : count.toExponential(1).replace("+", "")
  return (scale[0] + scale[1] * count).toPrecision(3)
}

/** The count of each pixel, written in it; only where pixels are large enough. */
function numbers(pen, view, stage, tiles, lut) {
  if (view.scale < NUMBERS) return
  const size = Math.min(15, view.scale * 0.38)
  pen.font = `${size}px ${FONT}`
  pen.textAlign = "center"
  pen.textBaseline = "middle"
  for (const tile of tiles) {
    const x0 = Math.max(tile.x, Math.floor(-view.x / view.scale))
    const x1 = Math.min(tile.x + tile.width, Math.ceil((stage.width - view.x) / view.scale))
    const y0 = Math.max(tile.y, Math.floor(-view.y / view.scale))
    const y1 = Math.min(tile.y + tile.height, Math.ceil((stage.height - view.y) / view.scale))
    for (let y = y0; y < y1; y++)
      for (let x = x0; x < x1; x++) {
        const count = tile.counts[(y - tile.y) * tile.width + x - tile.x]
        const masked = count === tile.masked
        pen.fillStyle = ink(lut[masked ? 255 : codeOf(count, Boolean(tile.scale))])
        pen.fillText(masked ? "–" : written(count, tile.scale),
          (x + 0.5) * view.scale + view.x, (y + 0.5) * view.scale + view.y)
      }
  }
}

function tool(pen, view, shape) {
  const [x0, y0] = [shape.x0 * view.scale + view.x, shape.y0 * view.scale + view.y]
  const [x1, y1] = [shape.x1 * view.scale + view.x, shape.y1 * view.scale + view.y]
  for (const [width, style] of [[4, on.halo], [1.8, "#ffb454"]]) {
    pen.lineWidth = width
    pen.strokeStyle = style
    pen.beginPath()
    if (shape.kind === "line") {
      pen.moveTo(x0, y0)
      pen.lineTo(x1, y1)
      for (const [x, y] of [[x0, y0], [x1, y1]]) {
        pen.moveTo(x + 4, y)
        pen.arc(x, y, 4, 0, 2 * Math.PI)
      }
    } else pen.rect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0))
    pen.stroke()
  }
  if (shape.mark != null && shape.kind === "line") {
    const [x, y] = [x0 + (x1 - x0) * shape.mark, y0 + (y1 - y0) * shape.mark]
    pen.fillStyle = "#ffb454"
    pen.beginPath()
    pen.arc(x, y, 4, 0, 2 * Math.PI)
    pen.fill()
  }
}

/** Whether most of a picture is bright. */
export const bright = ({lut, typical}) => Boolean(lut) && ink(lut[typical]) === "#000"

/**
 * Draw all marks. `what`: {about, geometry, show: Set, spots, predictions, shape, tiles, lut, full, cursor: d of an extra ring}.
 * `scale` CSS pixels per canvas pixel are set by the caller.
 */
export function marks(pen, view, stage, what) {
  const {about, geometry, show, full} = what
  on = bright(what) ? ON.bright : ON.dark
  pen.save()
  pen.beginPath()
  pen.rect(0, 0, stage.width, stage.height)
  pen.clip()
  numbers(pen, view, stage, what.tiles, what.lut)
  if (show.has("ice") && about?.ice?.length) ice(pen, view, stage, about.ice)
  if (show.has("rings") && about?.rings?.length) rings(pen, view, stage, about.rings)
  if (what.cursor && geometry) {
    const angle = twoThetaOf(geometry, what.cursor)
    if (angle) {
      pen.lineWidth = 1.2
      pen.strokeStyle = "#ffb454"
      pen.beginPath()
      for (const line of ring(geometry, angle)) trace(pen, view, line)
      pen.stroke()
    }
  }
  if (show.has("edge") && full) {
    pen.lineWidth = 1
    pen.strokeStyle = "#8a93a1"
    pen.strokeRect(view.x - 0.5, view.y - 0.5, full.width * view.scale + 1, full.height * view.scale + 1)
  }
  if (show.has("predictions") && what.predictions) predictions(pen, view, stage, what.predictions)
  if (show.has("spots") && what.spots) spots(pen, view, stage, what.spots)
  if (show.has("beam") && about?.geometry?.beam) beam(pen, view, about.geometry.beam)
  if (what.shape) tool(pen, view, what.shape)
  pen.restore()
}
