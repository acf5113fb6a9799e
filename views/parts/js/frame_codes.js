// What the 8-bit codes of a frame mean in counts, and the table of 256 colours that turns them into pixels.
// The code: 0..31 the count itself, then 16 steps an octave, 254 from 491 520 on, 255 masked (data/images/reduce.py).

export const MASKED = 255
export const TOP = 254

// In pictures that hold no counts (`even`) a code is 80 of those that they were stretched over.
const EVEN = 80

/** The count that a code begins at; exact up to 31. Code 255 has none. */
export function lowest(code, even = false) {
  if (even) return EVEN * code
  if (code < 32) return code
  return (16 + ((code - 32) & 15)) * 2 ** (((code - 32) >> 4) + 1)
}

/** The code of a count; what is below nothing codes as nothing. */
export function codeOf(count, even = false) {
  if (!(count > 0)) return 0
  if (even) return Math.min(TOP, Math.round(count / EVEN))
  const whole = Math.min(Math.floor(count), 491520)
  if (whole < 32) return whole
  const octave = 31 - Math.clz32(whole) - 5
  return 32 + 16 * octave + ((whole >> (octave + 1)) & 15)
}

const BELOW = Uint8Array.from({length: 65536}, (_, count) => codeOf(count))

/** Codes of full-resolution counts, for drawing them like any frame; `masked` is the value that stands for no count. */
export function encoded(counts, masked, even = false) {
  const codes = new Uint8Array(counts.length)
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]
    codes[i] = count === masked ? MASKED : even ? codeOf(count, true) : count < 65536 ? BELOW[count] : codeOf(count)
  }
  return codes
}

const PAIRS = [new Uint32Array(65536), new Uint32Array(65536)]

/** How many pixels have each code. */
export function binned(codes) {
  // Four codes at once and pairs of them counted: a third of the time that single ones take.
  const found = new Uint32Array(256)
  const fours = codes.byteOffset % 4 ? new Uint32Array(0) : new Uint32Array(codes.buffer, codes.byteOffset, codes.length >> 2)
  const [first, second] = PAIRS
  first.fill(0)
  second.fill(0)
  for (let i = 0; i < fours.length; i++) {
    const four = fours[i]
    first[four & 65535]++
    second[four >>> 16]++
  }
  for (let pair = 0; pair < 65536; pair++) {
    const number = first[pair] + second[pair]
    if (!number) continue
    found[pair & 255] += number
    found[pair >> 8] += number
  }
  for (let i = 4 * fours.length; i < codes.length; i++) found[codes[i]]++
  return found
}

const LEAST = 9 // counts that the automatic contrast spans at least, so that the noise of single photons stays pale

/** Counts from the lowest to the 99.9th percentile of what is not masked, but nine at least; 0 to 1 where nothing is. */
export function automatic(bins, even = false) {
  let all = 0
  for (let code = 0; code < MASKED; code++) all += bins[code]
  if (!all) return {low: 0, high: 1}
  let low = 0
  while (!bins[low]) low++
  let high = low
  for (let seen = bins[low]; seen < 0.999 * all && high < TOP;) seen += bins[++high]
  const least = even ? EVEN : LEAST
  return {low: lowest(low, even), high: Math.max(lowest(high, even), lowest(low, even) + least)}
}

/** The code that half of what is not masked stays below. */
export function middle(bins) {
  let all = 0
  for (let code = 0; code < MASKED; code++) all += bins[code]
  let code = 0
  for (let seen = bins[0]; seen < all / 2 && code < TOP;) seen += bins[++code]
  return code
}

// Seventeen evenly spaced colours of each map; "grey" alone is made by rule.
const ANCHORS = {
  viridis: "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725",
  cividis: "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 8c8878 9b9476 aba072 bcae6c cdbb63 dec958 f0d846 fee838",
  inferno: "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4",
  magma: "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 d0416f e75263 f56b5c fc8961 fea772 fec488 fde2a3 fcfdbf",
}
export const MAPS = {grey: "Grey", viridis: "Viridis", cividis: "Cividis", inferno: "Inferno", magma: "Magma"}
export const SCALES = {linear: "Linear", log: "Logarithmic", sqrt: "Square root"}

const TABLES = new Map(Object.entries(ANCHORS).map(([name, text]) => [name, text.split(" ").map((hex) =>
  [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)))]))

/** The colour [r, g, b] of a share from 0 to 1 in a map. */
export function colour(map, share) {
  const anchors = TABLES.get(map)
  if (!anchors) return Array(3).fill(Math.round(255 * share))
  const place = Math.min(Math.max(share, 0), 1) * (anchors.length - 1)
  const at = Math.min(Math.floor(place), anchors.length - 2)
  return anchors[at].map((from, i) => Math.round(from + (anchors[at + 1][i] - from) * (place - at)))
}

/** Where between `low` and `high` a count lies, 0 to 1. */
export function share(count, {low, high, scale}) {
  const above = Math.max(0, count - low)
  const reach = Math.max(1e-9, high - low)
  const part = scale === "log" ? Math.log1p(above) / Math.log1p(reach) : scale === "sqrt" ? Math.sqrt(above / reach) : above / reach
  return Math.min(1, part)
}

export const GAP = {light: [208, 213, 221], dark: [38, 43, 52]} // masked pixels: neither dark nor bright
const OVER = [255, 0, 170]
const HATCH = [64, 150, 255]

const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0

/**
 * 256 colours as pixels of an ImageData. `look`: {low, high, scale, map, invert}; `overload`: the count from which on a
 * pixel is marked as overloaded, or null; `mask`: mark masked pixels loudly; `even`: of a picture that holds no counts.
 */
export function colours(look, {theme = "light", overload = null, mask = false, even = false} = {}) {
  const lut = new Uint32Array(256)
  const first = overload == null ? 256 : codeOf(overload)
  for (let code = 0; code <= TOP; code++) {
    const part = share(lowest(code, even), look)
    lut[code] = packed(code >= first ? OVER : colour(look.map, look.invert ? 1 - part : part))
  }
  lut[MASKED] = packed(mask ? HATCH : GAP[theme] ?? GAP.light)
  return lut
}

/** Black or white, whichever is read better on a pixel of the table. */
export function ink(pixel) {
  return 0.299 * (pixel & 255) + 0.587 * ((pixel >> 8) & 255) + 0.114 * ((pixel >> 16) & 255) > 140 ? "#000" : "#fff"
}
