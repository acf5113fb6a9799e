// The frame viewer: joins stages, controls and panels, and keeps what is looked at in step with the page's link.
const query = new URL(import.meta.url).search
const beside = (name) => import(`./frame_${name}.js${query}`)
const {h, icon, later, link, own, talk, framed} = await import(`./dom.js${query}`)
const {automatic, colours, middle, SCALES} = await beside("codes")
const {fitting, geometryOf} = await beside("geometry")
const {ask, Store} = await beside("store")
const {site} = await beside("jobs")
const {makeStage} = await beside("stage")
const {contrastPanel} = await beside("contrast")
const {lookFrom, remember, textsOf} = await beside("look")
const {stepControls} = await beside("steps")
const {comparePanel, facts, geometryBadge, geometryFacts, headerPanel, section, showPanel, stackPanel} = await beside("panels")
const {measurePanel} = await beside("measure")
const {drawn, savePanel} = await beside("save")
const {bars} = await beside("chart")
const {finds} = await beside("found")
const {helpBox} = await beside("help")
const {keys} = await beside("keys")

const ROUGH = 320 // pixels of the longer side while a slider moves
const AHEAD = 3
const BLINK = 700

const text = (values) => {
  const pairs = Object.entries(values).filter(([, value]) => value != null)
  return pairs.length ? `?${new URLSearchParams(pairs)}` : ""
}

export function render(given) {
  const {el} = given
  const {content, tell, gone} = talk(given, heard)
  const stop = new AbortController()
  const full = Boolean(content.full)
  const store = new Store()
  let look = lookFrom(content.look ?? {}, content.noun)
  let about = null
  let stacked = null // {first, last, how, text}: a whole collection put together
  let bins = null
  let ticket = 0
  let waiting = false // for the image that is asked for
  let blinking = 0

  const eye = {
    store, zoom: look.zoom, lut: null, show: look.show, about: null, geometry: null, spots: null, predictions: null, shape: null, cursor: null, tool: null,
    gentle: !full, full: null, typical: 0, even: false,
    tile: (image, x, y, w, hgt) => (content.routes?.tile ? own(`${content.routes.tile}/${stacked?.first ?? image}${text({x, y, w, h: hgt, ...source(image)})}`) : null),
    moved(zoom) {
      eye.zoom = look.zoom = zoom
      for (const each of stages()) each.paint()
      refine()
      settleLook()
    },
    stepped: (by) => steps.step(by),
    shaped(shape, done) {
      eye.shape = shape
      for (const each of stages()) each.mark()
      measure?.shaped(shape, done)
    },
    resized: later(() => load(), 200),
  }
  const stage = makeStage(eye, "Image")
  const second = makeStage(eye, "The other image")
  second.element.hidden = true
  const stages = () => (second.element.hidden ? [stage] : [stage, second])

  // -- controls

  const range = () => ({image: content.image, first: content.first_image ?? 1, last: content.last_image ?? about?.images?.[1] ?? content.image ?? 1, newest: content.newest ?? content.last_image, open: content.last_image == null && !about?.images})
  const steps = stepControls({
    range, go,
    ready: (image) => Boolean(store.there(address(image))), busy: () => waiting,
    playing: (on) => { if (!on) { draws(); settled(); settleImage(); label() } },
  })
  const settleImage = later(() => tell({type: "image", image: content.image}), 200)
  const settleLook = later(() => tell({type: "look", look: textsOf(look, content.noun)}), 300)
  const settled = later(() => { readAbout(); readSpots(); readPredictions(); measure?.moved() }, 250)

  const contrast = contrastPanel(() => look, changed)
  const shown = showPanel(() => look, changed)
  const measure = full ? measurePanel({
    tool: (kind) => { eye.tool = kind; eye.shape = null; for (const each of stages()) { each.element.dataset.tool = kind ?? ""; each.mark() } },
    address: (name, values) => own(`${content.routes?.frame}/${begin()}/${name}${text({...values, ...source(content.image)})}`),
    ring: (d) => { eye.cursor = d; for (const each of stages()) each.mark() },
    along: (part) => { if (eye.shape) { eye.shape.mark = part; stage.mark() } },
  }) : null
  const stack = full ? stackPanel({look: () => look, changed, range, show: (next) => { stacked = next; load(); label(); settled() },
    address: () => own(content.routes?.stack)}) : null
  const compare = full ? comparePanel({look: () => look, changed, range}) : null
  const header = full ? headerPanel(async () =>
    (await ask(own(`${content.routes?.frame}/${content.image}/header`), stop.signal)).json()) : null
  const save = full ? savePanel({picture: takePicture, region: takeRegion}) : null
  const series = bars("Spots found on each image", full ? 76 : 44, (image, rough) => steps.to(image, {rough}))
  const help = helpBox()

  // -- the frame of it all

  const name = h(full ? "h1.f-label" : "span.f-label")
  const time = h("span.f-time.quiet")
  const badge = h("span")
  const elsewhere = h("span.f-elsewhere")
  const square = (label, picture, act) => h("button.plain.square", {type: "button", "aria-label": label, title: label, onclick: act}, icon(picture))
  const tools = h("span.f-zooms", {}, square("Zoom out (−)", "minus", () => stage.zoom(0.7)), square("Zoom in (+)", "plus", () => stage.zoom(1.4)),
    square("Whole image (0)", "whole", () => eye.moved(null)), square("Keys of the viewer (?)", "help", () => help.toggle()))
  const state = h("div")
  const image = h("div")
  const strip = h("div.f-strip", {hidden: true}, h("div.f-row", {}, h("span.label", {}, "Spots per image"), h("span.gap"), full && h("span.label", {}, "click to jump · , . to step")), series.element)
  const panels = [
    section("Image", h("div", {}, h("div.f-row", {}, steps.number, h("span.gap"), steps.back, steps.next), steps.slider, steps.play)),
    section("Contrast", contrast.element), section("Show", shown.element),
    ...(full ? [section("This image", image), section("Geometry", state), section("Measure", measure.element),
      section("Several images as one", stack.element, Boolean(look.over)), section("Two images", compare.element, look.beside != null),
      section("Save", save.element, false), section("Header", header.element, false)] : []),
  ]
  const side = h("aside.f-side", {"aria-label": "Controls of the image"}, panels)
  const main = h("div.f-main", {}, h("div.f-stages", {}, stage.element, second.element), strip, side)
  const root = h(`section.frame${full ? ".f-full" : ""}`, {"aria-label": "Image viewer"},
    h("div.f-bar", {}, name, badge, h("span.gap"), time, tools, elsewhere), main, help.element)
  el.append(root)

  // -- addresses

  function source(number) {
    return {
      pool: look.pool === "max" ? null : look.pool, channel: look.channel || null,
      ...(stacked ? {last: stacked.last, how: stacked.how} : look.over ? {last: Math.min(range().last, number + look.over - 1), how: look.how} : {}),
    }
  }
  /** Detector pixels that one code stands for, so that a code is at least a screen pixel: then none hides another. */
  function wantedFactor() {
    const ratio = Math.min(2, devicePixelRatio || 1)
    const size = stage.size()
    const scale = eye.zoom && !stage.near() ? eye.zoom.scale : fitting({width: size.width || 600, height: size.height || 600}, eye.full)
    return Math.max(1, Math.ceil(1 / (scale * ratio) - 0.02))
  }
  const begin = () => stacked?.first ?? content.image
  function wantedSize() {
    if (eye.full) return Math.max(256, Math.ceil(Math.max(eye.full.width, eye.full.height) / wantedFactor()))
    const {width, height} = stage.size()
    return Math.max(256, Math.min(2200, Math.floor((Math.min(2, devicePixelRatio || 1) * Math.min(width || 600, height || 600)) / 64) * 64))
  }
  function address(number, size = wantedSize()) {
    return content.routes?.frame ? own(`${content.routes.frame}/${stacked?.first ?? number}${text({size, ...source(number)})}`) : null
  }
  // Images put together are work for the server: those to come are not asked for before they are wanted.
  const coming = () => look.over || stacked ? [] : Array.from({length: steps.playing ? 2 * AHEAD : AHEAD}, (_, i) => content.image + steps.direction * (i + 1))
    .filter((number) => number >= range().first && number <= range().last)

  // -- images

  function go(number, {rough = false, playing = false, waiting = false} = {}) {
    const began = performance.now()
    if (waiting) return store.ahead(coming().map((each) => address(each)), 4)
    content.image = number
    eye.spots = eye.predictions = null
    stacked = null
    load({began, rough, playing})
    if (playing) return tick()
    label()
    settleImage()
  }
  const draws = later(() => { if (bins) contrast.histogram(bins, stage.base?.scale) }, 90)
  const refine = later(() => {
    if (stage.base && !steps.playing && !stage.near() && !stacked) load({same: true})
  }, 120)
  const finer = later(() => load(), 140)

  async function load({began = performance.now(), rough = false, playing = false, same = false} = {}) {
    const number = content.image
    const mine = (ticket += 1)
    const fine = number == null ? null : address(number)
    if (!fine) {
      for (const each of stages()) each.blank()
      return stage.say(content.message)
    }
    let frame = store.there(fine)
    const late = (waiting = !frame)
    if (!frame) {
      const now = rough ? address(number, ROUGH) : fine
      const ahead = rough ? [] : coming().map((each) => address(each))
      store.only([now, ...ahead, ...(rough ? [] : wantedTiles())])
      const slow = setTimeout(() => { if (mine === ticket && !same) stage.say("Reading the image…", "", "f-busy") }, 250)
      try {
        frame = await store.frame(now, (state) => {
          if (mine !== ticket) return
          clearTimeout(slow)
          stage.say(state.title ?? "Putting images together…", state.text, "f-busy")
        })
      } catch (error) {
        if (mine !== ticket || error.name === "AbortError") return
        return failed(error)
      } finally {
        clearTimeout(slow)
      }
      if (mine !== ticket) return
      if (rough) finer()
    }
    // Input comes many times in a frame of the display, what was waited for and what is played once: that is drawn at once.
    place(frame, number, {began, rough, playing, same, now: late || playing})
  }
  const wantedTiles = () => [...store.under.keys()].filter((key) => key.startsWith(content.routes?.tile ?? "\n"))

  function place(frame, number, {began, rough, playing, same, now}) {
    eye.full = frame.full
    waiting = false
    if (!rough && !same) {
      bins = frame.bins
      eye.typical = middle(bins)
      if (look.auto) Object.assign(look, automatic(bins, Boolean(frame.scale)))
      eye.even = Boolean(frame.scale)
      if (!playing) draws()
    }
    relight()
    stage.show(frame, number, () => {
      // What is to come is asked for once this one is on the screen: both want the processor.
      if (!rough) store.ahead(coming().map((each) => address(each)), playing ? 4 : 3)
      if (same) return
      const took = performance.now() - began
      Object.assign(stage.canvas.dataset, {image: number, took: took.toFixed(1), rough: rough ? "1" : ""})
      if (!playing && full) time.textContent = rough ? "" : `on screen in ${Math.max(1, Math.round(took))} ms`
    }, now)
    if (!rough) stage.canvas.dataset.shown = String(Number(stage.canvas.dataset.shown ?? 0) + 1)
    if (!rough && !playing) settled()
    if (!rough && !same && frame.factor > wantedFactor()) refine()
    if (!playing) companion()
    if (!same && !playing) steps.caught()
  }
  function failed(error) {
    waiting = false
    for (const each of stages()) each.blank()
    steps.stop()
    time.textContent = ""
    stage.say(error.title ?? "The image cannot be shown.", error.message, "f-failed",
      h("button", {type: "button", onclick: () => load()}, "Read again"))
  }

  /** The other image: beside this one, or in its place by turns. */
  async function companion() {
    const number = look.beside
    const side = number != null && look.two === "side"
    if (second.element.hidden === side) {
      second.element.hidden = !side
      for (const each of [stage, second]) each.paint()
    }
    clearInterval(blinking)
    stage.tag(side ? `Image ${content.image}` : "")
    if (number == null) return
    second.tag(`Image ${number}`)
    try {
      const frame = await store.frame(address(number))
      if (look.beside !== number) return
      if (side) return second.show(frame, number)
      const own_ = stage.base
      clearInterval(blinking)
      let other = false
      blinking = setInterval(() => {
        if (steps.playing) return
        other = !other
        stage.show(other ? frame : own_, other ? number : content.image)
        stage.tag(`Image ${other ? number : content.image}`)
      }, BLINK)
    } catch (error) {
      if (error.name === "AbortError" || look.beside !== number) return
      second.blank()
      ;(side ? second : stage).say(error.title ?? "The other image cannot be shown.", error.message, "f-failed")
    }
  }

  // -- what is changed by hand

  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light")
  function relight() {
    eye.lut = colours(look, {theme: theme(), overload: look.show.has("overloads") ? about?.saturation : null, mask: look.show.has("mask"), even: eye.even})
  }
  const tint = framed(() => {
    const began = performance.now()
    relight()
    for (const each of stages()) each.tint()
    stage.canvas.dataset.contrast = (performance.now() - began).toFixed(2)
    contrast.draw()
  })
  function changed(part) {
    const before = look
    look = {...look, ...part}
    if (part.auto && bins) Object.assign(look, automatic(bins, eye.even))
    eye.show = look.show
    if ("map" in part || "invert" in part) remember(look, content.noun)
    if (["pool", "channel", "over", "how"].some((key) => key in part && part[key] !== before[key])) {
      stacked = eye.predictions = null
      load()
      settled()
    } else if ("beside" in part || "two" in part) {
      if (stage.base) load()
    } else tint()
    if ("by" in part) {
      eye.spots = null
      readSpots()
    }
    if ("show" in part) {
      for (const each of stages()) each.mark()
      readSpots()
      readPredictions()
    }
    label()
    settleLook()
  }

  // -- what the server knows of the image

  let asked = null
  async function readAbout() {
    const number = content.image
    const where = own(`${content.routes?.frame}/${number}/about${text({channel: look.channel || null})}`)
    if (!content.routes?.frame || number == null || asked === where) return
    asked = where
    try {
      const found = await (await ask(where, stop.signal)).json()
      if (asked !== where) return
      about = eye.about = found
      eye.geometry = geometryOf(found.geometry)
      if (content.last_image == null) label() // only the file knows how many images it holds
    } catch (error) {
      if (error.name === "AbortError" || asked !== where) return
      asked = null
      about = eye.about = {check: {state: "unknown", text: error.message}}
      eye.geometry = null
    }
    describe()
    if (look.show.has("overloads")) tint()
    for (const each of stages()) each.mark()
  }
  const found = finds({eye, ask, signal: stop.signal, look: () => look, image: () => content.image, shown: () => shown,
    idle: () => steps.playing || Boolean(stacked), several: () => Boolean(look.over),
    spotsAt: (number) => own(`${content.routes?.frame}/${number}/spots${text({...source(number), by: look.by})}`),
    predictionsAt: (number) => own(`${content.routes?.frame}/${number}/predictions`),
    drawn: () => { stage.mark(); describe() }})
  const readSpots = () => found.spots()
  const readPredictions = () => found.predictions()

  function describe() {
    const check = about?.check
    badge.replaceChildren(...(check && check.state !== "unknown" ? [geometryBadge(check)] : []))
    shown.draw(about)
    if (!look.show.has("spots")) shown.note("spots", "")
    if (!look.show.has("predictions")) shown.note("predictions", "")
    if (!full) return
    state.replaceChildren(geometryFacts(about))
    header.show(about?.header ?? null)
    const known = content.facts?.image === content.image ? content.facts.rows ?? [] : []
    const rows = [...known, ...(eye.spots?.count != null ? [["Spots found here", String(eye.spots.count), ""]] : [])]
    image.replaceChildren(rows.length ? facts(rows) : h("p.f-note.quiet", {}, "ISPyB has no numbers of this image."),
      ...(about?.notes ?? []).map((note) => h("p.f-note", {}, note)),
      ...(eye.spots?.method ? [h("p.f-note.quiet", {}, eye.spots.method)] : []),
      ...(look.show.has("predictions") && eye.predictions ? [h("p.f-note.quiet", {}, eye.predictions.by ? `Predicted reflections: ${eye.predictions.by}. ${eye.predictions.text}` : eye.predictions.text)] : []))
  }
  // Which image it is: all that changes on the page while images play.
  function tick() {
    const {image: number, last, open} = range()
    const of = number == null ? "" : `${content.noun ?? "Image"} ${number}${open ? "" : ` of ${last}`}`
    const several = stacked ? stacked.text : look.over && number != null ? `${{max: "Maximum", sum: "Sum", mean: "Mean"}[look.how]} of images ${number} to ${Math.min(last, number + look.over - 1)}` : of
    name.replaceChildren(content.label, content.label && several ? " · " : "", h("b", {}, several))
    steps.draw()
    if (!steps.playing || performance.now() - ticked > 250) {
      ticked = performance.now()
      series.mark(number)
    }
    return several
  }
  let ticked = 0
  const describes = later(() => describe(), 60)
  function label() {
    Object.assign(site, {job: own(content.routes?.job) ?? "", token: own(content.routes?.token) ?? ""})
    stage.canvas.setAttribute("aria-label", `${content.label} ${tick()}. Press ? for the keys.`)
    name.title = content.label
    elsewhere.replaceChildren()
    if (content.elsewhere) elsewhere.append(link("a.f-open", content.elsewhere, {title: full ? "Back to the collection" : "The image on a page of its own"}, full ? icon("left") : icon("open"), full ? "Collection" : "Full page"))
    stage.element.style.height = second.element.style.height = full ? "" : `${content.height || 460}px`
    stack?.draw(Boolean(stacked))
    compare?.draw()
    describes()
  }
  function strips() {
    const {image: numbers = [], value = []} = content.series ?? {}
    strip.hidden = !numbers.length
    series.show({image: numbers, value, unit: "spots", first: range().first, last: range().last})
  }

  // -- saving

  const file = () => `${(content.label || "image").replace(/[^\w.-]+/g, "_").replace(/_+$/, "")}_${stacked ? `${stacked.first}-${stacked.last}_${stacked.how}` : content.image}`
  function takePicture() {
    const d = eye.geometry && about?.geometry
    const line = [name.textContent, d && `λ ${d.wavelength.toFixed(4)} Å, distance ${d.distance.toFixed(1)} mm`].filter(Boolean)
    return {sheet: drawn(stages(), look, line, stage.base?.scale), name: `${file()}.png`}
  }
  function takeRegion(kind) {
    const v = stage.view()
    const {width, height} = stage.size()
    const shape = eye.shape?.kind === "box" ? eye.shape : {x0: -v.x / v.scale, y0: -v.y / v.scale, x1: (width - v.x) / v.scale, y1: (height - v.y) / v.scale}
    const clip = (value, end) => Math.min(end, Math.max(0, Math.floor(value)))
    const [x, y] = [clip(Math.min(shape.x0, shape.x1), eye.full.width - 1), clip(Math.min(shape.y0, shape.y1), eye.full.height - 1)]
    const [w, hgt] = [Math.max(1, clip(Math.max(shape.x0, shape.x1) + 1, eye.full.width) - x), Math.max(1, clip(Math.max(shape.y0, shape.y1) + 1, eye.full.height) - y)]
    return {address: own(`${content.routes.region}/${begin()}${text({x, y, w, h: hgt, as: kind, ...source(content.image)})}`), name: `${file()}_${x}_${y}_${w}x${hgt}.${kind}`}
  }

  // -- keys, messages, the end

  const scales = Object.keys(SCALES)
  keys({target: full ? document : root, root, signal: stop.signal, steps, stage, eye, help, changed, look: () => look, measure, range,
    next: () => changed({scale: scales[(scales.indexOf(look.scale) + 1) % scales.length]})})

  function heard(message) {
    const {type, version, ...next} = message
    const before = {...content}
    Object.assign(content, next)
    const other = JSON.stringify(before.routes) !== JSON.stringify(content.routes)
    if (other) {
      steps.stop()
      store.clear()
      about = eye.about = eye.geometry = eye.spots = eye.predictions = eye.full = eye.shape = stacked = asked = null
    }
    if (other || ("look" in next && JSON.stringify(next.look) !== JSON.stringify(textsOf(look, content.noun)))) {
      look = lookFrom(content.look ?? {}, content.noun)
      eye.zoom = look.zoom
      eye.show = look.show
      contrast.draw()
      load()
    } else if ("image" in next && next.image !== before.image) go(next.image)
    else if ("message" in next && content.image == null) load()
    if ("series" in next || other) strips()
    if ("last_image" in next || "newest" in next) steps.grown()
    label()
  }
  const themed = new MutationObserver(tint)
  themed.observe(document.documentElement, {attributeFilter: ["data-theme"]})
  gone(() => {
    stop.abort()
    clearInterval(blinking)
    themed.disconnect()
    store.clear()
    for (const each of [stage, second, steps, contrast, series, measure, stack]) each?.gone()
  })
  label()
  strips()
  contrast.draw()
  readAbout()
  // The stage has its size once it is on the page; until then nobody knows how much to ask for.
  requestAnimationFrame(() => load())
}
