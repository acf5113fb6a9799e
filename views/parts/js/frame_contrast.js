// Contrast: a histogram with two handles, low and high as numbers, scale, colours. Nothing here asks the server.
const query = new URL(import.meta.url).search
const {h} = await import(`./dom.js${query}`)
const {MAPS, SCALES, MASKED, TOP, codeOf, colour, lowest, share} = await import(`./frame_codes.js${query}`)
const {written} = await import(`./frame_marks.js${query}`)
const {chart} = await import(`./frame_chart.js${query}`)

const MOST = 491_520

/** `look`: {low, high, auto, scale, map, invert}; `changed(part of it)` is called while something moves. */
export function contrastPanel(look, changed) {
  let bins = null
  let unit = null // [offset, step] of a picture that holds no counts: numbers are then its values
  const said = (count) => (unit ? written(count, unit) : String(count))
  const countOf = (text) => {
    if (!unit) return /^\d{1,7}$/.test(text) ? Number(text) : null
    return text && Number.isFinite(Number(text)) ? (Number(text) - unit[0]) / unit[1] : null
  }
  let last = TOP // code at the right end of the histogram
  const place = (code) => code / (last + 1)
  const plot = chart("How many pixels have which count", 64, (pen, {width, height, tint}) => {
    if (!bins) return
    let most = 1
    for (let code = 0; code <= last; code++) most = Math.max(most, bins[code])
    pen.fillStyle = tint("--accent")
    const step = width / (last + 1)
    for (let code = 0; code <= last; code++) {
      if (!bins[code]) continue
      const tall = Math.max(1, (Math.log1p(bins[code]) / Math.log1p(most)) * (height - 10))
      pen.fillRect(code * step, height - 6 - tall, Math.max(1, step - 0.3), tall)
    }
    // The colours that the counts get, under them.
    for (let x = 0; x < width; x++) {
      const part = share(lowest(Math.min(TOP, Math.floor((x / width) * (last + 1))), Boolean(unit)), look())
      pen.fillStyle = `rgb(${colour(look().map, look().invert ? 1 - part : part).join(" ")})`
      pen.fillRect(x, height - 5, 1, 5)
    }
    for (const key of ["low", "high"]) {
      const x = Math.min(width - 1, Math.max(1, place(codeOf(look()[key], Boolean(unit))) * width))
      pen.fillStyle = tint("--warn")
      pen.fillRect(x - 1, 0, 2, height - 5)
    }
  })
  plot.element.title = "Drag to set the lowest and the highest count shown"
  const set = (key, value) => {
    const now = look()
    const count = Math.min(MOST, Math.max(0, Math.round(value)))
    const next = {low: now.low, high: now.high, auto: false, [key]: count}
    if (next.low >= next.high) {
      if (key === "low") next.high = next.low + 1
      else next.low = Math.max(0, next.high - 1)
      if (next.high <= next.low) next.high = next.low + 1
    }
    changed(next)
  }
  let held = null
  const drag = (event) => set(held, lowest(Math.min(TOP, Math.max(0, Math.round((event.offsetX / plot.element.clientWidth) * (last + 1)))), Boolean(unit)))
  plot.canvas.addEventListener("pointerdown", (event) => {
    if (!bins || event.button) return
    const x = event.offsetX / plot.element.clientWidth
    held = Math.abs(x - place(codeOf(look().low, Boolean(unit)))) < Math.abs(x - place(codeOf(look().high, Boolean(unit)))) ? "low" : "high"
    plot.canvas.setPointerCapture(event.pointerId)
    drag(event)
  })
  plot.canvas.addEventListener("pointermove", (event) => { if (held && plot.canvas.hasPointerCapture(event.pointerId)) drag(event) })
  plot.canvas.addEventListener("pointerup", () => { held = null })

  const slider = (key, words) => {
    const range = h("input", {type: "range", min: "0", max: String(TOP), "aria-label": `${words} count shown`,
      oninput: () => set(key, lowest(Number(range.value), Boolean(unit)))})
    const box = h("input.f-number", {type: "text", inputmode: "numeric", "aria-label": `${words} count shown, as a number`,
      onchange: () => {
        const count = countOf(box.value.trim())
        if (count == null) draw()
        else set(key, count)
      }})
    return {row: h("label.f-range", {}, h("span", {}, words), range, box), range, box}
  }
  const low = slider("low", "Lowest")
  const high = slider("high", "Highest")
  const choice = (label, options, key) => {
    const select = h("select", {"aria-label": label, onchange: () => changed({[key]: select.value})},
      Object.entries(options).map(([value, text]) => h("option", {value}, text)))
    return select
  }
  const scale = choice("Scale of the colours", SCALES, "scale")
  const map = choice("Colours", MAPS, "map")
  const invert = h("input", {type: "checkbox", onchange: () => changed({invert: invert.checked})})
  const auto = h("button.f-auto", {type: "button", "aria-pressed": "true", title: "From the lowest count to the 99.9th percentile of this image, at least nine counts (a)",
    onclick: () => changed({auto: true})}, "Auto")
  const element = h("div.f-contrast", {}, plot.element, low.row, high.row,
    h("div.f-row", {}, scale, map), h("div.f-row", {}, h("label.f-check", {title: "High counts dark (i)"}, invert, "Dark spots"), h("span.gap"), auto))

  function draw() {
    const now = look()
    for (const [it, key] of [[low, "low"], [high, "high"]]) {
      it.range.value = codeOf(now[key], Boolean(unit))
      it.range.setAttribute("aria-valuetext", unit ? said(now[key]) : `${now[key]} counts`)
      if (it.box.getRootNode().activeElement !== it.box) it.box.value = said(now[key])
    }
    scale.value = now.scale
    map.value = now.map
    invert.checked = now.invert
    auto.setAttribute("aria-pressed", String(now.auto))
    plot.draw()
  }
  return {
    element, draw, gone: plot.gone,
    /** The pixels of the frame shown: `found[code]`; `of`: what its counts stand for, where they are none. */
    histogram(found, of = null) {
      bins = found
      unit = of
      last = 15
      for (let code = 0; code < MASKED; code++) if (found[code]) last = Math.max(last, code)
      for (const it of [low, high]) it.range.max = String(Math.min(TOP, last + 8))
      draw()
    },
  }
}
