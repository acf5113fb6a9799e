// A frame on a canvas: 8-bit codes from an address, through a table of 256 colours that changes without a request.
const {h, icon, own, talk, framed} = await import(`./dom.js${new URL(import.meta.url).search}`)

const MASKED = 255
const TOP = 254

export function render(given) {
  const {model, el} = given
  const {content, tell, gone} = talk(given, (message) => {
    const before = content.src
    Object.assign(content, message)
    draw()
    if (content.src !== before) load()
  })
  let codes = null // {data, width, height, factor}
  let picture = null // the codes as colours, at one pixel each
  let view = {scale: 1, x: 0, y: 0} // canvas = picture * scale + (x, y)
  let range = {low: 0, high: TOP}
  let own_range = false // the user moved a slider: keep it for the next image
  let waiting = null

  const canvas = h("canvas", {tabindex: "0", role: "img"})
  const words = h("div.f-words", {role: "status"})
  const name = h("span.f-label")
  const place = h("span.f-place")
  const step = (by) => (content.image == null ? null : tell({type: "image", image: content.image + by}))
  const back = h("button.plain.square", {type: "button", "aria-label": "Previous image", onclick: () => step(-1)}, icon("left"))
  const next = h("button.plain.square", {type: "button", "aria-label": "Next image", onclick: () => step(1)}, icon("chevron"))
  const slider = (label, key) => {
    const input = h("input", {type: "range", min: "0", max: String(TOP), "aria-label": label, oninput: () => {
      range[key] = Number(input.value)
      if (range.low >= range.high) range[key === "low" ? "high" : "low"] = key === "low" ? Math.min(TOP, range.low + 1) : Math.max(0, range.high - 1)
      own_range = true
      colour()
    }})
    return input
  }
  const low = slider("Darkest value shown", "low")
  const high = slider("Brightest value shown", "high")
  const check = (label, on) => {
    const input = h("input", {type: "checkbox", checked: on, onchange: () => colour()})
    return [h("label.f-check", {}, input, label), input]
  }
  const [logLabel, log] = check("Log", false)
  const [invertLabel, invert] = check("Dark spots", true)
  const auto = h("button", {type: "button", onclick: () => { own_range = false; contrast(); colour() }}, "Auto")
  const whole = h("button", {type: "button", onclick: () => { fit(); paint() }}, "Fit")
  const stage = h("div.f-stage", {}, canvas, words, place)
  el.append(h("section.frame", {}, h("div.f-bar", {}, name, h("span.gap"), back, next), stage,
    h("div.f-tools", {}, h("label", {}, "Low", low), h("label", {}, "High", high), logLabel, invertLabel, h("span.gap"), auto, whole)))

  function draw() {
    const of = content.last_image ? ` of ${content.last_image}` : ""
    const image = content.image == null ? "" : `Image ${content.image}${of}`
    name.replaceChildren(content.label, content.label && image ? " · " : "", h("b", {}, image))
    canvas.setAttribute("aria-label", `${content.label} ${image}. Arrow keys change the image, plus and minus zoom.`)
    stage.style.height = `${content.height || 460}px`
    back.disabled = content.image == null || content.image <= content.first_image
    next.disabled = content.image == null || content.last_image == null || content.image >= content.last_image
  }
  function say(title, text = "", kind = "") {
    words.className = `f-words ${kind}`
    words.replaceChildren(title ? h(kind === "f-failed" ? "strong.badge.tone-bad" : "strong", {}, title) : "", text ? h("span", {}, text) : "")
    words.hidden = !title && !text
  }

  async function load() {
    waiting?.abort()
    const mine = (waiting = new AbortController())
    const address = own(content.src)
    if (!address) {
      codes = picture = null
      paint()
      return say(content.message)
    }
    const slow = setTimeout(() => say("Loading the image…", "", "f-busy"), 250)
    try {
      const answer = await fetch(address, {signal: mine.signal, credentials: "same-origin"})
      if (!answer.ok) {
        const why = await answer.json().catch(() => ({}))
        throw Object.assign(new Error(why.text ?? `The server answered ${answer.status}.`), {title: why.title})
      }
      const [width, height, factor] = ["Width", "Height", "Factor"].map((part) => Number(answer.headers.get(`X-Frame-${part}`)))
      const data = new Uint8Array(await answer.arrayBuffer())
      if (!(width > 0 && height > 0) || data.length !== width * height) throw new Error("The image arrived damaged. Try again.")
      const fresh = !codes || codes.width !== width || codes.height !== height
      codes = {data, width, height, factor: factor || 1}
      if (!own_range) contrast()
      if (fresh) fit()
      colour()
      say("")
    } catch (error) {
      if (mine.signal.aborted) return
      codes = picture = null
      paint()
      say(error.title ?? "The image cannot be shown.", error.name === "TypeError" ? "The server did not answer. Check the connection and try again." : error.message, "f-failed")
    } finally {
      clearTimeout(slow)
    }
  }
  /** Up to the value that 99.9 % of the pixels stay below, but well above the background, so that noise stays pale. */
  function contrast() {
    const bins = new Uint32Array(256)
    for (const code of codes?.data ?? []) bins[code]++
    const all = bins.subarray(0, MASKED).reduce((a, b) => a + b, 0)
    const at = (share) => {
      let seen = 0
      let code = 0
      while (code < TOP && (seen += bins[code]) < share * all) code++
      return code
    }
    range = {low: 0, high: Math.min(TOP, Math.max(at(0.999), 3 * at(0.5) + 6))}
  }
  function colour() {
    if (!codes) return
    low.value = range.low
    high.value = range.high
    const lut = new Uint32Array(256)
    for (let code = 0; code < 255; code++) {
      let v = Math.min(1, Math.max(0, (code - range.low) / Math.max(1, range.high - range.low)))
      if (log.checked) v = Math.log1p(30 * v) / Math.log(31)
      const grey = Math.round(255 * (invert.checked ? 1 - v : v))
      lut[code] = (255 << 24) | (grey << 16) | (grey << 8) | grey
    }
    lut[MASKED] = (255 << 24) | (0x5c << 16) | (0x4e << 8) | 0x46
    picture ??= new OffscreenCanvas(1, 1)
    if (picture.width !== codes.width || picture.height !== codes.height) picture = new OffscreenCanvas(codes.width, codes.height)
    const image = new ImageData(codes.width, codes.height)
    const pixels = new Uint32Array(image.data.buffer)
    for (let i = 0; i < pixels.length; i++) pixels[i] = lut[codes.data[i]]
    picture.getContext("2d").putImageData(image, 0, 0)
    paint()
  }
  function fit() {
    if (!codes) return
    const {clientWidth: w, clientHeight: hgt} = stage
    const scale = Math.min(w / codes.width, hgt / codes.height)
    view = {scale, x: (w - codes.width * scale) / 2, y: (hgt - codes.height * scale) / 2}
  }
  const paint = framed(() => {
    const ratio = devicePixelRatio || 1
    const {clientWidth: w, clientHeight: hgt} = stage
    canvas.width = Math.round(w * ratio)
    canvas.height = Math.round(hgt * ratio)
    const pen = canvas.getContext("2d")
    canvas.dataset.drawn = String(Boolean(picture && codes))
    if (!picture || !codes) return
    pen.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y)
    pen.imageSmoothingEnabled = view.scale < 1
    pen.drawImage(picture, 0, 0)
  })
  function zoom(by, x, y) {
    const scale = Math.min(40, Math.max(0.05, view.scale * by))
    const k = scale / view.scale
    view = {scale, x: x - (x - view.x) * k, y: y - (y - view.y) * k}
    paint()
  }

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault()
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY)
  }, {passive: false})
  canvas.addEventListener("pointerdown", (event) => { if (!event.button) canvas.setPointerCapture(event.pointerId) })
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) {
      view = {...view, x: view.x + event.movementX, y: view.y + event.movementY}
      paint()
    }
    const x = Math.floor((event.offsetX - view.x) / view.scale)
    const y = Math.floor((event.offsetY - view.y) / view.scale)
    const inside = codes && x >= 0 && y >= 0 && x < codes.width && y < codes.height
    place.textContent = inside ? `x ${x * codes.factor}  y ${y * codes.factor}${codes.data[y * codes.width + x] === MASKED ? "  masked" : ""}` : ""
  })
  canvas.addEventListener("pointerleave", () => { place.textContent = "" })
  canvas.addEventListener("dblclick", () => { fit(); paint() })
  canvas.addEventListener("keydown", (event) => {
    const middle = [stage.clientWidth / 2, stage.clientHeight / 2]
    if (event.key === "ArrowLeft") step(-1)
    else if (event.key === "ArrowRight") step(1)
    else if (event.key === "+" || event.key === "=") zoom(1.25, ...middle)
    else if (event.key === "-") zoom(0.8, ...middle)
    else if (event.key === "0") { fit(); paint() }
    else return
    event.preventDefault()
  })
  const resized = new ResizeObserver(() => { fit(); paint() })
  resized.observe(stage)
  gone(() => {
    resized.disconnect()
    waiting?.abort()
  })
  draw()
  load()
}
