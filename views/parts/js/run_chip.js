// The chip by address: bytes from the server, coloured here; a click opens the frame of the well.
const {h, own} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)

const BY = {hits: "Hits", indexed: "Indexed", lattices: "Lattices", resolution: "Resolution (Å)", volume: "Cell volume (Å³)"}
const PERIOD = 3000
// Five points of viridis: equal steps look equal, also to the colour-blind.
const COLOURS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]
const colour = (share) => {
  const place = Math.min(3.999, Math.max(0, share * 4))
  const [a, b] = [COLOURS[Math.floor(place)], COLOURS[Math.floor(place) + 1]]
  return a.map((v, i) => Math.round(v + (b[i] - v) * (place % 1)))
}

export function chipMap() {
  const canvas = h("canvas.r-chip", {role: "img", tabindex: "0"})
  const name = h("span.quiet")
  const under = h("span.quiet.r-under")
  const low = h("span")
  const high = h("span")
  const select = h("select", {"aria-label": "What the map shows", onchange: () => load()}, Object.entries(BY).map(([key, label]) => h("option", {value: key}, label)))
  const bar = h("canvas.r-scale", {width: 100, height: 1})
  const element = h("section.card.r-map", {hidden: true}, h("div.r-line", {}, h("h2", {}, "Chip"), name, h("span.gap"), select), canvas, h("div.r-line", {}, low, bar, high, h("span.gap"), under))
  let address = null
  let frames = null
  let timer = 0
  let held = null
  const strip = bar.getContext("2d").createImageData(100, 1)
  for (let i = 0; i < 100; i++) strip.data.set([...colour(i / 99), 255], 4 * i)
  bar.getContext("2d").putImageData(strip, 0, 0)

  async function load() {
    clearTimeout(timer)
    const from = own(address)
    if (!from) return
    try {
      const answer = await fetch(`${from}?by=${select.value}`, {credentials: "same-origin"})
      if (answer.ok) {
        const given = JSON.parse(answer.headers.get("X-Run-Chip"))
        held = {...given, values: new Uint8Array(await answer.arrayBuffer())}
        paint()
      }
    } catch { /* the next look may find the server again */ }
    if (address) timer = setTimeout(load, PERIOD)
  }
  function paint() {
    const {side, values} = held
    canvas.width = canvas.height = side
    const pen = canvas.getContext("2d")
    const image = pen.createImageData(side, side)
    for (let i = 0; i < values.length; i++) {
      // Row 0 is the lower one. 255: no frame yet; 254: a frame, but nothing of this.
      const at = 4 * ((side - 1 - Math.floor(i / side)) * side + (i % side))
      const [r, g, b, a] = values[i] === 255 ? [128, 128, 128, 24] : values[i] === 254 ? [128, 128, 128, 70] : [...colour(values[i] / 253), 255]
      image.data.set([r, g, b, a], at)
    }
    pen.putImageData(image, 0, 0)
    low.textContent = held.low == null ? "" : number(held.low, held.digits)
    high.textContent = held.high == null ? "" : number(held.high, held.digits)
    canvas.setAttribute("aria-label", `${BY[select.value]} of each well, ${side} by ${side} wells`)
  }
  const well = (event) => {
    if (!held) return null
    const x = Math.floor((event.offsetX / canvas.clientWidth) * held.side)
    const y = held.side - 1 - Math.floor((event.offsetY / canvas.clientHeight) * held.side)
    return x >= 0 && y >= 0 && x < held.side && y < held.side ? {x, y, code: held.values[y * held.side + x]} : null
  }
  canvas.addEventListener("pointermove", (event) => {
    const it = well(event)
    if (!it) return
    const value = it.code === 255 ? "no frame" : it.code === 254 ? "none" : number(held.low + (it.code / 253) * (held.high - held.low), held.digits)
    under.textContent = `block ${Math.floor(it.x / held.wells) + 1}, ${Math.floor(it.y / held.wells) + 1} · well ${(it.x % held.wells) + 1}, ${(it.y % held.wells) + 1}: ${value}`
  })
  canvas.addEventListener("pointerleave", () => { under.textContent = "" })
  canvas.addEventListener("click", async (event) => {
    const it = well(event)
    if (!it || it.code === 255) return
    const answer = await fetch(`${own(address)}?by=frame&x=${it.x}&y=${it.y}`, {credentials: "same-origin"})
    if (!answer.ok) return
    const {frame} = await answer.json()
    const go = h("a", {href: `${frames}&image=${frame}`})
    element.append(go)
    go.click()
    go.remove()
  })
  return {
    element,
    show(to, label, link) {
      frames = link
      if (to === address) return
      address = to
      element.hidden = !to
      name.textContent = label ?? ""
      if (to) load()
      else clearTimeout(timer)
    },
    stop() { address = null; clearTimeout(timer) },
  }
}
