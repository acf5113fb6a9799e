// One picture on a canvas: codes of a frame and full-resolution tiles, sampled to the pixels of the screen.
// Where several codes fall on a screen pixel the highest is drawn, so that no spot is lost; colours come last, from a
// table of 256, so that a change of contrast costs one pass over the screen.

/** First source index of each screen pixel from `from` to `to` (one more at the end); `k`: screen pixels per code. */
function indices(from, to, offset, k, count) {
  const first = new Int32Array(to - from + 1)
  const shift = k >= 1 ? 0.5 : 0
  const last = k >= 1 ? count - 1 : count
  for (let s = from; s <= to; s++) first[s - from] = Math.min(last, Math.max(0, Math.floor((s + shift - offset) / k)))
  return first
}

/** Where neighbours on the screen are neighbours in the source: flat triples of place, source index and length. */
function runsOf(columns, count) {
  const runs = []
  for (let s = 0, begin = 0; s < count; s++) {
    if (s + 1 < count && columns[s + 1] === columns[s] + 1) continue
    runs.push(begin, columns[begin], s + 1 - begin)
    begin = s + 1
  }
  return runs
}

/**
 * Draw `source` {data, width, height, factor, x, y: detector pixel of its corner} into `out`, codes of a screen of
 * `wide` x `high`, where detector point p lies at p * scale + (ox, oy). Returns the rectangle that it covers.
 */
export function sample(out, wide, high, source, {scale, ox, oy}) {
  const {data, width, height} = source
  const k = scale * source.factor
  const left = ox + (source.x ?? 0) * scale
  const top = oy + (source.y ?? 0) * scale
  const right = Math.min(left + width * k, source.right == null ? Infinity : ox + source.right * scale)
  const bottom = Math.min(top + height * k, source.bottom == null ? Infinity : oy + source.bottom * scale)
  const x0 = Math.max(0, Math.round(left))
  const x1 = Math.min(wide, Math.round(right))
  const y0 = Math.max(0, Math.round(top))
  const y1 = Math.min(high, Math.round(bottom))
  if (x1 <= x0 || y1 <= y0) return null
  const columns = indices(x0, x1, left, k, width)
  const rows = indices(y0, y1, top, k, height)
  const count = x1 - x0
  const runs = k >= 1 && k < 1.2 ? runsOf(columns, count) : null
  for (let i = 0; i < y1 - y0; i++) {
    const to = (y0 + i) * wide + x0
    const row = Math.min(rows[i], height - 1)
    if (k >= 1) {
      if (i && rows[i] === rows[i - 1]) {
        out.copyWithin(to, to - wide, to - wide + count)
        continue
      }
      const from = row * width
      if (runs) for (let r = 0; r < runs.length; r += 3) out.set(data.subarray(from + runs[r + 1], from + runs[r + 1] + runs[r + 2]), to + runs[r])
      else for (let s = 0; s < count; s++) out[to + s] = data[from + columns[s]]
      continue
    }
    // One code is added so that masked, 255, becomes the lowest in the maxima.
    const past = Math.max(row + 1, Math.min(rows[i + 1], height))
    for (let s = 0; s < count; s++) {
      const start = Math.min(columns[s], width - 1)
      const stop = Math.max(start + 1, Math.min(columns[s + 1], width))
      let best = 0
      for (let y = row; y < past; y++) {
        const line = y * width
        for (let x = start; x < stop; x++) {
          const value = (data[line + x] + 1) & 255
          if (value > best) best = value
        }
      }
      out[to + s] = (best + 255) & 255
    }
  }
  return {x0, x1, y0, y1}
}

const MOST = 2_600_000 // pixels of a screen that are drawn one by one; finer screens are drawn coarser

/** The canvas of one frame. */
export class Screen {
  constructor(canvas) {
    this.canvas = canvas
    this.pen = canvas.getContext("2d")
    this.codes = new Uint8Array(0)
    this.rect = null
    this.ratio = 1
  }

  /** Fit the canvas to `width` x `height` CSS pixels. */
  resize(width, height, ratio = devicePixelRatio || 1) {
    this.ratio = Math.min(ratio, Math.sqrt(MOST / Math.max(1, width * height)))
    const w = Math.max(1, Math.round(width * this.ratio))
    const h = Math.max(1, Math.round(height * this.ratio))
    if (w === this.canvas.width && h === this.canvas.height && this.image) return
    this.canvas.width = w
    this.canvas.height = h
    this.codes = new Uint8Array(4 * Math.ceil((w * h) / 4))
    this.fours = new Uint32Array(this.codes.buffer)
    this.filled = ""
    this.image = this.pen.createImageData(w, h)
    this.pixels = new Uint32Array(this.image.data.buffer)
  }

  /** Sample frame and tiles for a view {scale, x, y} in CSS pixels. */
  place(base, tiles, view) {
    const {width: w, height: h} = this.canvas
    const at = {scale: view.scale * this.ratio, ox: view.x * this.ratio, oy: view.y * this.ratio}
    this.rect = base ? sample(this.codes, w, h, base, at) : null
    for (const tile of tiles) {
      const rect = sample(this.codes, w, h, tile, at)
      if (!base && rect) this.rect = rect
    }
    const filled = JSON.stringify(this.rect)
    if (filled !== this.filled) this.pixels?.fill(0)
    this.filled = filled
  }

  /** Colour what was placed. */
  colour(lut) {
    const {rect, codes, fours, pixels} = this
    const w = this.canvas.width
    if (rect) {
      const {x0, x1, y0, y1} = rect
      for (let y = y0; y < y1; y++) {
        // Four codes at once where they lie on whole words: a third of the time that single ones take.
        const end = y * w + x1
        let i = y * w + x0
        for (; i < end && i % 4; i++) pixels[i] = lut[codes[i]]
        for (let j = i >> 2, stop = end >> 2; j < stop; j++, i += 4) {
          const four = fours[j]
          pixels[i] = lut[four & 255]
          pixels[i + 1] = lut[(four >>> 8) & 255]
          pixels[i + 2] = lut[(four >>> 16) & 255]
          pixels[i + 3] = lut[four >>> 24]
        }
        for (; i < end; i++) pixels[i] = lut[codes[i]]
      }
    }
    if (this.image) this.pen.putImageData(this.image, 0, 0)
    this.canvas.dataset.drawn = String(Boolean(rect))
  }

  clear() {
    this.rect = null
    this.filled = ""
    this.pixels?.fill(0)
    this.colour(null)
  }

  /** The code drawn at a point in CSS pixels, or null outside. */
  codeAt(x, y) {
    const r = this.rect
    const px = Math.floor(x * this.ratio)
    const py = Math.floor(y * this.ratio)
    return r && px >= r.x0 && px < r.x1 && py >= r.y0 && py < r.y1 ? this.codes[py * this.canvas.width + px] : null
  }
}
