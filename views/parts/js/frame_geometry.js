// Where a pixel looks to: d-spacing and 2θ from the vectors of the detector; and the view's own geometry on screen.
// p = origin + x·fast + y·slow (mm, from the sample; x, y in pixels); the beam runs along z; cos 2θ = p·z/|p|;
// d = λ / (2 sin θ).

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]

const vector = (value) => Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)

/** The geometry of an answer of the server, or null where it cannot be used. */
export function geometryOf(given) {
  if (!given || ![given.origin, given.fast, given.slow].every(vector) || !(given.wavelength > 0)) return null
  return given
}

/** {twoTheta (radians), d (Å, Infinity in the beam)} at a point in pixels. */
export function at(geometry, x, y) {
  const {origin, fast, slow} = geometry
  const p = [0, 1, 2].map((i) => origin[i] + x * fast[i] + y * slow[i])
  const twoTheta = Math.atan2(Math.hypot(p[0], p[1]), p[2])
  return {twoTheta, d: geometry.wavelength / (2 * Math.sin(twoTheta / 2))}
}

/** Pieces of the curve of equal 2θ on the detector's plane, [[x, y], …] in pixels: a circle, or a conic under tilt. */
export function ring(geometry, twoTheta, points = 361) {
  const {origin, fast, slow} = geometry
  const normal = cross(fast, slow)
  const reach = dot(origin, normal)
  const [ff, ss, fs] = [dot(fast, fast), dot(slow, slow), dot(fast, slow)]
  const pieces = []
  let piece = []
  for (let i = 0; i < points; i++) {
    const around = (2 * Math.PI * i) / (points - 1)
    const ray = [Math.sin(twoTheta) * Math.cos(around), Math.sin(twoTheta) * Math.sin(around), Math.cos(twoTheta)]
    const t = reach / dot(ray, normal)
    if (!(t > 0) || t > 1e6) {
      if (piece.length > 1) pieces.push(piece)
      piece = []
      continue
    }
    const v = [0, 1, 2].map((j) => t * ray[j] - origin[j])
    const [vf, vs] = [dot(v, fast), dot(v, slow)]
    const under = ff * ss - fs * fs
    piece.push([(vf * ss - vs * fs) / under, (vs * ff - vf * fs) / under])
  }
  if (piece.length > 1) pieces.push(piece)
  return pieces
}

/** 2θ of a d-spacing in radians, or null where the wavelength does not reach it. */
export function twoThetaOf(geometry, d) {
  const half = geometry.wavelength / (2 * d)
  return half <= 1 ? 2 * Math.asin(half) : null
}

/** The scale that shows a whole detector on a stage, CSS pixels per detector pixel. */
export const fitting = (stage, full) => Math.min(stage.width / full.width, stage.height / full.height)

/**
 * Where detector point 0, 0 lies on a stage: {scale, x, y} in CSS pixels, point p at p * scale + (x, y).
 * `zoom`: {x, y: the detector point in the middle, scale}, or null for the whole.
 */
export function viewOf(zoom, stage, full) {
  const {x, y, scale} = zoom ?? {x: full.width / 2, y: full.height / 2, scale: fitting(stage, full)}
  return {scale, x: stage.width / 2 - x * scale, y: stage.height / 2 - y * scale}
}

/** The zoom after scaling by `by` about a point of the stage that stays where it is. */
export function zoomed(view, by, point, stage, limits) {
  const scale = Math.min(limits.most, Math.max(limits.least, view.scale * by))
  const fixed = [(point.x - view.x) / view.scale, (point.y - view.y) / view.scale]
  return {scale, x: fixed[0] + (stage.width / 2 - point.x) / scale, y: fixed[1] + (stage.height / 2 - point.y) / scale}
}

/** A zoom as text for a link, and back; null where the text is none. */
export const zoomText = (zoom) => (zoom ? [zoom.x.toFixed(1), zoom.y.toFixed(1), Number(zoom.scale.toPrecision(4))].join(",") : "")
export function zoomFrom(text) {
  const [x, y, scale] = String(text ?? "").split(",").map(Number)
  return text && [x, y, scale].every(Number.isFinite) && scale > 0 ? {x, y, scale} : null
}
