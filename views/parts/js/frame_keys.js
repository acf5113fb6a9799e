// The keys of the viewer.
const query = new URL(import.meta.url).search
const {typing} = await import(`./dom.js${query}`)
const {OVERLAY_KEYS} = await import(`./frame_panels.js${query}`)

const HELD = /^(BUTTON|SUMMARY|A)$/ // these have a use of their own for space and Enter

/** Listen on `target` (the document, or the viewer alone) until `signal` ends. */
export function keys({target, root, signal, steps, stage, eye, help, changed, look, measure, range, next}) {
  const act = {
    ",": () => steps.step(-1), ".": () => steps.step(1),
    "+": () => stage.zoom(1.25), "=": () => stage.zoom(1.25), "-": () => stage.zoom(0.8),
    0: () => eye.moved(null), 1: () => stage.zoom(1 / stage.view().scale),
    " ": () => steps.toggle(), f: () => steps.follow(),
    a: () => changed({auto: true}), i: () => changed({invert: !look().invert}), l: next,
    "?": () => help.toggle(),
    ...Object.fromEntries(Object.entries(OVERLAY_KEYS).map(([key, name]) => [key, () => {
      const show = new Set(look().show)
      if (!show.delete(name)) show.add(name)
      changed({show})
    }])),
    ...(measure ? {
      p: () => measure.pick("line"), x: () => measure.pick("box"), d: () => measure.pick("radial"), h: () => measure.pick("histogram"),
      v: () => changed(look().beside == null ? {beside: Math.min(range().last, range().image + 1)} : {beside: null}),
      Escape: () => { if (measure.shown) measure.pick(measure.shown) },
    } : {}),
  }
  const arrows = {ArrowLeft: -1, ArrowRight: 1}
  target.addEventListener("keydown", (event) => {
    const field = event.composedPath()[0]
    // A slider or a box keeps the keys that move it; the others are the viewer's there too.
    const moved = field instanceof HTMLInputElement && /^(range|checkbox)$/.test(field.type)
    if (moved ? /^(Arrow.*|Home|End| )$/.test(event.key) : typing(event)) return
    if (event.ctrlKey || event.metaKey || event.altKey || !root.isConnected || event.defaultPrevented) return
    const on = event.composedPath()[0]
    if (help.element.open && event.key !== "?") return
    if (event.key === " " && on instanceof HTMLElement && HELD.test(on.tagName)) return
    if (event.key in arrows) steps.step(arrows[event.key] * (event.shiftKey ? 10 : 1))
    else if (event.key === "Home") steps.to(range().first)
    else if (event.key === "End") steps.to(range().last)
    else if (act[event.key] && range().image != null) act[event.key]()
    else return
    event.preventDefault()
  }, {signal})
}
