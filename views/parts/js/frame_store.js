// Frames and tiles from the server, kept for a while, asked for once, read ahead and given up when nobody waits.
const {MASKED, binned, encoded} = await import(`./frame_codes.js${new URL(import.meta.url).search}`)
const {followed} = await import(`./frame_jobs.js${new URL(import.meta.url).search}`)

const FRAME_BYTES = 96_000_000
const TILE_BYTES = 64_000_000
export const TILE = 512

const silent = (promise) => promise.catch(() => {})

/** What the server said when it did not give a picture: {title, message}. */
export async function refusal(answer) {
  const why = await answer.json().catch(() => ({}))
  return Object.assign(new Error(why.text ?? `The server answered ${answer.status}.`), {title: why.title, status: answer.status})
}

const TRIES = 15

/** So many ms; ends early, in an AbortError, where nobody waits any more. */
const waited = (ms, signal) => new Promise((done, failed) => {
  const timer = setTimeout(done, ms)
  signal?.addEventListener("abort", () => {
    clearTimeout(timer)
    failed(new DOMException("given up", "AbortError"))
  })
})

/**
 * The answer of an address; throws an error with a title and a sentence. Where several images have yet to be put
 * together, or the file server is late, it waits for that, with `progress({title, text})` meanwhile, and asks anew.
 */
export async function ask(address, signal, options = {}, progress = undefined, tries = TRIES) {
  let answer
  try {
    answer = await fetch(address, {signal, credentials: "same-origin", ...options})
  } catch (error) {
    if (error.name === "AbortError") throw error
    throw Object.assign(new Error("Check the connection and try again."), {title: "The server did not answer."})
  }
  const pause = Number(answer.headers.get("Retry-After"))
  if (answer.status === 503 && pause > 0 && tries > 1 && !options.method) {
    const late = await refusal(answer)
    progress?.({title: late.title, text: `${late.message} Asking again…`})
    await waited(pause * 1e3, signal)
    return ask(address, signal, options, progress, tries - 1)
  }
  if (!answer.ok) throw await refusal(answer)
  if (answer.status !== 202 || options.method) return answer
  await followed(ask, (await answer.json()).job, signal, progress)
  return ask(address, signal, options, progress, tries)
}

/** [offset, step] of a picture that holds no counts, else null. */
const scaleOf = (answer) => {
  const scale = (answer.headers.get("X-Frame-Scale") ?? "").split(",").map(Number)
  return scale.length === 2 && scale.every(Number.isFinite) ? scale : null
}

const pair = (text, mark) => (text ?? "").split(mark).map(Number)

// On a quick network it takes longer to pack a frame and to unpack it than to send it as it is.
// Packed bytes seem slow even there, since unpacking is part of the time, so that plain ones are tried early.
const TRIED = 12_000 // bytes a millisecond of packed frames
const QUICK = 40_000 // of plain ones, below which they are packed again
const PAUSE = 60_000 // ms until plain ones are tried anew
const HEADER = "X-Quick-Network"
const network = {quick: false, speed: 0, number: 0, tried: -PAUSE, coming: 0}

/** The bytes of an answer; how quickly they came decides whether the next ones need be packed. */
async function bytesOf(answer) {
  const began = performance.now()
  const alone = (network.coming += 1) === 1
  try {
    const bytes = await answer.arrayBuffer()
    const size = Number(answer.headers.get("Content-Length"))
    if (alone && size > 100_000) noted(size / Math.max(1, performance.now() - began), !answer.headers.get("Content-Encoding"))
    return bytes
  } finally {
    network.coming -= 1
  }
}

function noted(speed, plain) {
  if (plain !== network.quick) return
  network.speed += (speed - network.speed) / Math.min(3, (network.number += 1))
  if (network.number < 2) return
  const now = performance.now()
  if (!plain && network.speed > TRIED && now - network.tried > PAUSE) Object.assign(network, {quick: true, tried: now, number: 0})
  else if (plain && network.speed < QUICK) Object.assign(network, {quick: false, tried: now, number: 0})
}

async function frameOf(answer) {
  const [width, height, factor] = ["Width", "Height", "Factor"].map((part) => Number(answer.headers.get(`X-Frame-${part}`)))
  const data = new Uint8Array(await bytesOf(answer))
  if (!(width > 0 && height > 0) || data.length !== width * height) throw new Error("The image arrived damaged. Try again.")
  const step = factor || 1
  const [fullWidth, fullHeight] = pair(answer.headers.get("X-Frame-Full"), "x")
  const full = {width: fullWidth || width * step, height: fullHeight || height * step}
  // The last codes of a row or column may stand for fewer pixels: nothing is drawn beyond the detector.
  return {data, bins: binned(data), width, height, factor: step, full, scale: scaleOf(answer), right: full.width, bottom: full.height}
}

async function tileOf(answer) {
  const [x, y, width, height] = ["X", "Y", "Width", "Height"].map((part) => Number(answer.headers.get(`X-Tile-${part}`)))
  const bytes = await answer.arrayBuffer()
  const wide = answer.headers.get("X-Tile-Type") === "u4"
  if (!(width > 0 && height > 0) || bytes.byteLength !== width * height * (wide ? 4 : 2)) throw new Error("A part of the image arrived damaged.")
  const counts = wide ? new Uint32Array(bytes) : new Uint16Array(bytes)
  const masked = wide ? 0xffffffff : 0xffff
  return {x, y, width, height, factor: 1, counts, masked, scale: scaleOf(answer), data: encoded(counts, masked, Boolean(scaleOf(answer)))}
}

/** Values by address, oldest use dropped first, bounded in bytes. */
class Kept {
  constructor(limit) {
    this.limit = limit
    this.values = new Map()
    this.bytes = 0
  }
  get(key) {
    const value = this.values.get(key)
    if (value) {
      this.values.delete(key)
      this.values.set(key, value)
    }
    return value
  }
  put(key, value) {
    if (this.values.has(key)) return
    this.values.set(key, value)
    this.bytes += value.size
    for (const [old, {size}] of this.values) {
      if (this.bytes <= this.limit || old === key) break
      this.values.delete(old)
      this.bytes -= size
    }
  }
  clear() {
    this.values.clear()
    this.bytes = 0
  }
}

/** Everything that is asked for by address. `wanted` requests are never aborted by read-ahead, only by newer wants. */
export class Store {
  constructor() {
    this.frames = new Kept(FRAME_BYTES)
    this.tiles = new Kept(TILE_BYTES)
    this.under = new Map() // address → {promise, stop, told: who is told how it stands}
    this.failed = new Map() // address → time, so that a missing tile is not asked for at each movement
  }

  /** A frame that is there already. */
  there(address) {
    return this.frames.get(address)
  }

  /** A frame, from what is kept, what is under way, or the server; `progress` while images are put together for it. */
  frame(address, progress) {
    const kept = this.frames.get(address)
    if (kept) return Promise.resolve(kept)
    return this.#once(address, network.quick ? {headers: {[HEADER]: "1"}} : {}, async (answer) => {
      const frame = await frameOf(answer)
      frame.size = frame.data.length
      this.frames.put(address, frame)
      return frame
    }, progress)
  }

  /** A tile that is there, else null; it is then asked for and `came` called. */
  tile(address, came) {
    const kept = this.tiles.get(address)
    if (kept) return kept
    if (this.under.has(address) || performance.now() - (this.failed.get(address) ?? -1e9) < 10_000) return null
    this.#once(address, {}, async (answer) => {
      const tile = await tileOf(answer)
      tile.size = tile.counts.byteLength + tile.data.length
      this.tiles.put(address, tile)
    }).then(came, (error) => {
      if (error.name === "AbortError") return
      if (this.failed.size > 500) this.failed.clear()
      this.failed.set(address, performance.now())
      came(error)
    })
    return null
  }

  /** Give up whatever is under way and not among these addresses. */
  only(addresses) {
    const wanted = new Set(addresses)
    for (const [address, {stop}] of this.under) if (!wanted.has(address)) stop.abort()
  }

  /** Ask for these in their order, at most `most` at a time besides what is under way. */
  ahead(addresses, most = 3) {
    for (const address of addresses) {
      if (this.under.size >= most + 1) return
      if (!this.frames.values.has(address)) silent(this.frame(address))
    }
  }

  clear() {
    this.only([])
    this.frames.clear()
    this.tiles.clear()
    this.failed.clear()
  }

  #once(address, options, read, progress) {
    const under = this.under.get(address)
    if (under && !under.stop.signal.aborted) {
      if (progress) under.told.push(progress)
      return under.promise
    }
    const stop = new AbortController()
    const told = progress ? [progress] : []
    const promise = ask(address, stop.signal, options, (state) => { for (const tell of told) tell(state) }).then(read).finally(() => {
      if (this.under.get(address)?.stop === stop) this.under.delete(address)
    })
    this.under.set(address, {promise, stop, told})
    silent(promise)
    return promise
  }
}

/** Addresses of the tiles that a view of a stage needs: [{address, x, y}], from the middle outwards. */
export function tilesOf(make, view, stage, full) {
  const from = (offset, size) => Math.max(0, Math.floor(-offset / view.scale / TILE))
  const to = (offset, extent, end) => Math.min(Math.ceil(end / TILE) - 1, Math.floor((extent - offset) / view.scale / TILE))
  const found = []
  const [mx, my] = [(stage.width / 2 - view.x) / view.scale, (stage.height / 2 - view.y) / view.scale]
  for (let row = from(view.y); row <= to(view.y, stage.height, full.height); row++)
    for (let column = from(view.x); column <= to(view.x, stage.width, full.width); column++) {
      const [x, y] = [column * TILE, row * TILE]
      found.push({address: make(x, y, Math.min(TILE, full.width - x), Math.min(TILE, full.height - y)), x, y,
        far: Math.hypot(x + TILE / 2 - mx, y + TILE / 2 - my)})
    }
  return found.sort((a, b) => a.far - b.far)
}

/** The count at a detector pixel from the tiles at hand: {count} or {masked: true}, null where no tile holds it. */
export function countAt(tiles, x, y) {
  for (const tile of tiles) {
    const [column, row] = [x - tile.x, y - tile.y]
    if (column >= 0 && row >= 0 && column < tile.width && row < tile.height) {
      const count = tile.counts[row * tile.width + column]
      return count === tile.masked ? {masked: true} : {count, scale: tile.scale}
    }
  }
  return null
}

export {MASKED}
