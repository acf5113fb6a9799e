// What drawings on a canvas share: sharp pixels, and the wheel and keys of those that show a stretch of something long.

/** Give the canvas ``wide`` × ``tall`` CSS pixels, as sharp as the screen is, and wipe it. */
export function fit(canvas, context, wide, tall) {
  const scale = devicePixelRatio || 1
  if (canvas.width !== Math.round(wide * scale) || canvas.height !== Math.round(tall * scale)) {
    canvas.width = Math.round(wide * scale)
    canvas.height = Math.round(tall * scale)
    canvas.style.height = `${tall}px`
  }
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.clearRect(0, 0, wide, tall)
}

/** Where a pointer is on the canvas. */
export const where = (canvas, event) => {
  const box = canvas.getBoundingClientRect()
  return [event.clientX - box.left, event.clientY - box.top]
}

/**
 * Wheel and keys of a stretch. ``stretch()``: [low, high] in sight, null while there is none; ``wide()``: its pixels;
 * ``at(x)``: the value under a pixel; ``go(low, high)`` (nulls: the whole) and ``zoom(factor, about)`` change it.
 */
export function steer(canvas, {stretch, wide, at, go, zoom}) {
  canvas.addEventListener("wheel", (event) => {
    const seen = stretch()
    if (!seen || event.ctrlKey) return
    event.preventDefault()
    const [low, high] = seen
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const shift = ((event.deltaX || event.deltaY) / wide()) * (high - low)
      return go(low + shift, high + shift)
    }
    zoom(event.deltaY > 0 ? 1.25 : 0.8, at(where(canvas, event)[0]))
  }, {passive: false})
  canvas.addEventListener("keydown", (event) => {
    const seen = stretch()
    if (!seen || event.altKey || event.ctrlKey || event.metaKey) return
    const [low, high] = seen
    const step = (high - low) / 6
    const acts = {ArrowLeft: () => go(low - step, high - step), ArrowRight: () => go(low + step, high + step), "+": () => zoom(0.5), "-": () => zoom(2), Home: () => go(null, null)}
    if (!acts[event.key]) return
    event.preventDefault()
    event.stopPropagation()
    acts[event.key]()
  })
}
