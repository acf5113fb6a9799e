// How a frame is looked at, as the page's link carries it: short texts by name, defaults left out.
const query = new URL(import.meta.url).search
const {MAPS, SCALES} = await import(`./frame_codes.js${query}`)
const {zoomFrom, zoomText} = await import(`./frame_geometry.js${query}`)

const KEPT = "lens-frame-colours"
export const POOLS = {max: "Highest of each block", mean: "Mean of each block", nearest: "One pixel of each block"}
export const HOWS = {max: "Maximum", sum: "Sum", mean: "Mean"}
export const OVERLAYS = ["rings", "ice", "beam", "edge", "spots", "predictions", "overloads", "mask"]
const SHOWN = ["rings", "beam"]
const MOST_COUNT = 491_520

// Of a microscope's movie the mean of a block shows more than its highest pixel, and more electrons are bright.
const USUAL = {
  Image: {pool: "max", colours: {map: "grey", invert: true}, kept: KEPT},
  Frame: {pool: "mean", colours: {map: "grey", invert: false}, kept: `${KEPT}-movies`},
}
const usual = (noun) => USUAL[noun] ?? USUAL.Image

/** The colours this person last chose, by this browser; a link that names some comes before. */
function remembered(key) {
  try {
    const [map, invert] = (localStorage.getItem(key) ?? "").split(" ")
    return map in MAPS ? {map, invert: invert === "dark"} : null
  } catch {
    return null // a browser may refuse to keep things
  }
}
export function remember({map, invert}, noun) {
  try { localStorage.setItem(usual(noun).kept, `${map} ${invert ? "dark" : "bright"}`) } catch { /* as above */ }
}

const whole = (text, least, most) => (/^\d{1,7}$/.test(text ?? "") ? Math.min(most, Math.max(least, Number(text))) : null)

/** A look from a link's texts; what cannot be used is as if it were not there. `noun`: of what, Image or Frame. */
export function lookFrom(given, noun) {
  const known = usual(noun)
  const colours = given.map in MAPS ? {map: given.map, invert: given.dark === "1"} : remembered(known.kept) ?? known.colours
  const [low, high] = String(given.counts ?? "").split("-").map((text) => whole(text, 0, MOST_COUNT))
  const fixed = low != null && high != null && low < high
  const beside = whole(given.with, 0, 1e7)
  return {
    ...colours,
    scale: given.scale in SCALES ? given.scale : "linear",
    auto: !fixed, low: fixed ? low : 0, high: fixed ? high : 1,
    pool: given.pool in POOLS ? given.pool : known.pool,
    channel: whole(given.channel, 0, 99) ?? 0,
    over: whole(given.over, 2, 100_000), how: given.how in HOWS ? given.how : "max",
    show: new Set(given.show == null ? SHOWN : given.show.split(".").filter((name) => OVERLAYS.includes(name))),
    by: given.by === "search" ? "search" : null,
    zoom: zoomFrom(given.at),
    beside, two: beside != null && given.two === "blink" ? "blink" : "side",
  }
}

/** The texts of a look. The colours are always named, so that the link shows everybody the same. */
export function textsOf(look, noun) {
  const texts = {map: look.map, dark: look.invert ? "1" : "0"}
  if (look.scale !== "linear") texts.scale = look.scale
  if (!look.auto) texts.counts = `${look.low}-${look.high}`
  if (look.pool !== usual(noun).pool) texts.pool = look.pool
  if (look.channel) texts.channel = String(look.channel)
  if (look.over) Object.assign(texts, {over: String(look.over), how: look.how})
  const show = OVERLAYS.filter((name) => look.show.has(name))
  if (show.join() !== SHOWN.join()) texts.show = show.join(".") || "none"
  if (look.by) texts.by = look.by
  if (look.zoom) texts.at = zoomText(look.zoom)
  if (look.beside != null) {
    texts.with = String(look.beside)
    if (look.two === "blink") texts.two = "blink"
  }
  return texts
}
