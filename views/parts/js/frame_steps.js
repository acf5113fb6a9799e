// Which image: step, number, slider, play at a chosen rate, follow the newest.
const query = new URL(import.meta.url).search
const {h, icon} = await import(`./dom.js${query}`)

const RATES = [1, 2, 5, 10, 25, 50]

/**
 * `range()`: {image, first, last, newest}; `go(image, {rough})`: rough while a slider moves; `ready(image)`: whether it
 * can be drawn at once; `busy()`: whether an image is waited for; `playing(on)` when play starts or stops.
 */
export function stepControls({range, go, ready, busy, playing}) {
  let rate = 10
  let play = null // {due, frame}
  let direction = 1
  let following = false

  const clip = (image) => Math.min(range().last, Math.max(range().first, image))
  const to = (image, how) => {
    const now = range().image
    if (now == null) return
    const next = clip(image)
    if (next !== now) direction = next > now ? 1 : -1
    go(next, how ?? {})
  }
  const step = (by) => { stop(); follow(false); to(range().image + by) }
  const square = (label, name, act, key) => h("button.plain.square", {type: "button", "aria-label": label, title: `${label} (${key})`, onclick: act}, icon(name))
  const back = square("Previous image", "left", () => step(-1), ",")
  const next = square("Next image", "chevron", () => step(1), ".")
  const box = h("input.f-number", {type: "text", inputmode: "numeric", "aria-label": "Number of the image",
    onchange: () => { if (/^\d{1,8}$/.test(box.value.trim())) { stop(); follow(false); to(Number(box.value)) } draw() },
    onkeydown: (event) => { if (event.key === "ArrowUp" || event.key === "ArrowDown") { event.preventDefault(); step(event.key === "ArrowUp" ? 1 : -1) } }})
  const of = h("span.quiet")
  const slider = h("input", {type: "range", "aria-label": "Image", oninput: () => { stop(); follow(false); to(Number(slider.value), {rough: true}) },
    onchange: () => to(Number(slider.value))})
  const button = h("button.f-play", {type: "button", onclick: () => (play ? stop() : start())})
  const rates = h("select", {"aria-label": "Images per second", title: "Images per second", onchange: () => { rate = Number(rates.value) }},
    RATES.map((each) => h("option", {value: each, selected: each === rate}, `${each} /s`)))
  const newest = h("input", {type: "checkbox", onchange: () => follow(newest.checked)})
  const followed = h("label.f-check", {title: "Show each new image as it arrives (f)"}, newest, "Follow the newest")

  function start() {
    const {image, last, first} = range()
    if (image == null || first === last) return
    follow(false)
    if (image >= last) to(first)
    play = {due: performance.now(), frame: requestAnimationFrame(tick)}
    direction = 1
    playing(true)
    draw()
  }
  function tick(now) {
    const {image, last} = range()
    // A frame is shown when it is due and there; a late one delays the rest, none is left out.
    if (now >= play.due - 4) {
      if (image >= last) return stop()
      if (ready(image + 1)) {
        play.due = Math.max(play.due + 1000 / rate, now - 1000 / rate)
        to(image + 1, {playing: true})
      } else go(image, {waiting: true})
    }
    if (play) play.frame = requestAnimationFrame(tick)
  }
  function stop() {
    if (!play) return
    cancelAnimationFrame(play.frame)
    play = null
    playing(false)
    draw()
  }
  function follow(on) {
    following = on
    newest.checked = on
    if (on) { stop(); to(range().newest) }
  }
  // Where images come quicker than they are read, each is waited for: else none would ever be seen.
  function catchUp() {
    const {image, newest: last} = range()
    if (following && !busy() && last !== image) to(last)
  }
  function draw() {
    const {image, first, last} = range()
    const none = image == null
    back.disabled = none || image <= first
    next.disabled = none || image >= last
    for (const it of [box, slider, button, rates, newest]) it.disabled = none || first === last
    of.textContent = none || range().open ? "" : `of ${last}`
    followed.hidden = range().newest == null // a movie is there as a whole
    if (box.getRootNode().activeElement !== box) box.value = none ? "" : image
    Object.assign(slider, {min: first, max: Math.max(first, last)})
    slider.value = none ? first : image
    const word = play ? "Pause" : "Play"
    if (button.textContent === word) return
    button.replaceChildren(icon(word.toLowerCase()), word)
    button.title = `${word} (space)`
  }
  return {
    back, next, number: h("label.f-of", {}, box, of), slider: h("label.f-slide", {}, slider), play: h("div.f-row", {}, button, rates, h("span.gap"), followed),
    draw, step, stop, to: (image, how) => { stop(); follow(false); to(image, how) },
    toggle: () => (play ? stop() : start()), follow: () => follow(!following),
    get direction() { return direction }, get playing() { return Boolean(play) }, get rate() { return rate },
    /** The collection has grown. */
    grown() { catchUp(); draw() },
    /** An image is on the screen: there may be newer ones. */
    caught: () => catchUp(),
    gone: () => { if (play) cancelAnimationFrame(play.frame); play = null },
  }
}
