// What is taken along: the picture as it is seen, with its scale; the pixels of a region.
const query = new URL(import.meta.url).search
const {h} = await import(`./dom.js${query}`)
const {number} = await import(`./format.js${query}`)
const {written} = await import(`./frame_marks.js${query}`)
const {SCALES, colour} = await import(`./frame_codes.js${query}`)

/** Hand a file to the browser. */
function hand(href, name) {
  const anchor = h("a", {href, download: name})
  document.body.append(anchor)
  anchor.click()
  anchor.remove()
}

/** The stages side by side with their marks, and under them what is shown and the scale of the colours. */
export function drawn(stages, look, words, scale = null) {
  const ratio = devicePixelRatio || 1
  const sizes = stages.map((stage) => stage.size())
  const [width, height] = [sizes.reduce((sum, size) => sum + size.width, 0), sizes[0].height]
  const foot = 46
  const sheet = new OffscreenCanvas(Math.round(width * ratio), Math.round((height + foot) * ratio))
  const pen = sheet.getContext("2d")
  pen.scale(ratio, ratio)
  pen.fillStyle = "#ffffff"
  pen.fillRect(0, 0, width, height + foot)
  pen.imageSmoothingEnabled = false
  let x = 0
  stages.forEach((stage, i) => {
    for (const canvas of [stage.canvas, stage.over]) pen.drawImage(canvas, x, 0, sizes[i].width, height)
    x += sizes[i].width
  })
  const bar = Math.min(220, width / 3)
  for (let i = 0; i < bar; i++) {
    const part = i / (bar - 1)
    pen.fillStyle = `rgb(${colour(look.map, look.invert ? 1 - part : part).join(" ")})`
    pen.fillRect(width - bar - 12 + i, height + 9, 1.5, 12)
  }
  pen.strokeStyle = "#8a93a1"
  pen.strokeRect(width - bar - 12.5, height + 8.5, bar + 1, 13)
  pen.fillStyle = "#1d222b"
  pen.font = "12px sans-serif"
  pen.textBaseline = "middle"
  pen.textAlign = "left"
  pen.fillText(scale ? written(look.low, scale) : number(look.low), width - bar - 12, height + 34)
  pen.textAlign = "right"
  pen.fillText(scale ? written(look.high, scale) : `${number(look.high)} counts`, width - 12, height + 34)
  pen.textAlign = "center"
  pen.fillText(SCALES[look.scale].toLowerCase(), width - 12 - bar / 2, height + 34)
  pen.textAlign = "left"
  words.forEach((line, i) => pen.fillText(line, 12, height + 14 + 19 * i, width - bar - 40))
  return sheet
}

/** `picture()`: {sheet, name}; `region(kind)`: {address, name} of the box drawn, else of what is seen. */
export function savePanel({picture, region}) {
  const words = h("p.f-note.quiet", {role: "status"}, "Pixels of the box drawn, else of what is seen.")
  const png = h("button", {type: "button", title: "The picture as it is seen, with rings and the scale of the colours", onclick: async () => {
    const {sheet, name} = picture()
    const address = URL.createObjectURL(await sheet.convertToBlob({type: "image/png"}))
    hand(address, name)
    setTimeout(() => URL.revokeObjectURL(address), 30_000)
  }}, "PNG")
  const pixels = (kind, label) => h("button", {type: "button", title: `Counts at full resolution as ${label}`, onclick: () => {
    const {address, name} = region(kind)
    hand(address, name)
  }}, label)
  return {element: h("div", {}, h("div.f-row", {}, png, pixels("tiff", "TIFF"), pixels("npy", "NPY")), words)}
}
