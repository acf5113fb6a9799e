// Measuring on a frame: counts along a line, sums over a box, the radial average.
const query = new URL(import.meta.url).search
const {h} = await import(`./dom.js${query}`)
const {number} = await import(`./format.js${query}`)
const {ask} = await import(`./frame_store.js${query}`)
const {lines} = await import(`./frame_chart.js${query}`)
const {spacing} = await import(`./frame_marks.js${query}`)

const STATS = {pixels: "Valid pixels", masked: "Masked pixels", sum: "Sum", mean: "Mean", min: "Lowest", max: "Highest"}

const ROUND = [20, 10, 7, 5, 4, 3.5, 3, 2.5, 2.2, 2, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1, 0.9, 0.8, 0.7, 0.6, 0.5]

/** Round d-spacings as 1/d² within a range, so that at most `most` stand apart from each other. */
function spacings(low, high, most) {
  const found = []
  for (const s of ROUND.map((d) => 1 / (d * d)))
    if (s >= low && s <= high && (!found.length || s - found[found.length - 1] >= (high - low) / most)) found.push(s)
  return found
}

/**
 * `tool(kind or null)` chooses what a drag on the picture draws; `address(name, values)` is of the image shown; `ring(d)`
 * points at a resolution, `along(share)` at a place on the line.
 */
export function measurePanel({tool, address, ring, along}) {
  let waiting = null
  let shape = null
  let shown = null // "line" | "box" | "radial" | "histogram"
  const words = h("p.f-note.quiet", {role: "status"})
  let values = null
  const plot = lines("What was measured", 150, (i) => {
    if (shown === "radial") ring(i == null ? null : values.d[i])
    else if (shown === "line") along(i == null ? null : i / Math.max(1, values.value.length - 1))
  })
  const other = lines("Sums of the rows", 120)
  const stats = h("dl.f-facts")
  plot.element.hidden = other.element.hidden = true
  const choose = (kind, label, title) => h("button", {type: "button", "aria-pressed": "false", title, onclick: () => pick(kind)}, label)
  const buttons = {
    line: choose("line", "Line", "Drag a line on the picture: its counts"),
    box: choose("box", "Box", "Drag a box on the picture: its sums and statistics"),
    histogram: choose("histogram", "Histogram", "How many pixels of the whole image hold how many counts (h)"),
    radial: choose("radial", "Radial average", "Mean count against resolution, over the whole image"),
  }
  const element = h("div.f-measure", {}, h("div.f-row", {}, Object.values(buttons)), words, plot.element, other.element, stats)

  function press() {
    for (const [kind, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(kind === shown))
  }
  function clear() {
    waiting?.abort()
    plot.element.hidden = other.element.hidden = true
    stats.replaceChildren()
    ring(null)
    along(null)
  }
  function pick(kind) {
    const off = shown === kind
    shown = off ? null : kind
    shape = null
    clear()
    tool(whole() ? null : shown)
    press()
    words.textContent = shown === "line" ? "Drag a line on the picture." : shown === "box" ? "Drag a box on the picture." : ""
    if (whole()) read()
  }
  const whole = () => shown === "radial" || shown === "histogram"
  async function read() {
    if (!shown || (!whole() && !shape)) return
    waiting?.abort()
    const mine = (waiting = new AbortController())
    const slow = setTimeout(() => { words.textContent = "Measuring…" }, 300)
    const kind = shown
    try {
      const answer = await (await ask(place(kind), mine.signal)).json()
      if (mine.signal.aborted || kind !== shown) return
      words.textContent = ""
      draw(kind, answer)
    } catch (error) {
      if (error.name === "AbortError" || mine.signal.aborted) return
      clear()
      words.textContent = `${error.title ? `${error.title} ` : ""}${error.message}`
    } finally {
      clearTimeout(slow)
    }
  }
  function place(kind) {
    if (kind === "radial" || kind === "histogram") return address(kind, {})
    const {x0, y0, x1, y1} = shape
    if (kind === "line") return address("profile", {x0: x0.toFixed(2), y0: y0.toFixed(2), x1: x1.toFixed(2), y1: y1.toFixed(2), width: 1})
    const [x, y] = [Math.floor(Math.min(x0, x1)), Math.floor(Math.min(y0, y1))]
    return address("box", {x, y, w: Math.max(1, Math.ceil(Math.max(x0, x1)) - x), h: Math.max(1, Math.ceil(Math.max(y0, y1)) - y)})
  }
  const told = (value, d) => `${number(value)} counts${d ? ` at ${spacing(d)} Å` : ""}`
  function draw(kind, answer) {
    values = answer
    stats.replaceChildren()
    other.element.hidden = true
    plot.element.hidden = false
    if (kind === "radial") {
      // Even steps of 1/d² give even steps of information; the ticks say d.
      const seen = answer.d.map((d, i) => [1 / (d * d), answer.mean[i], d]).filter(([s]) => Number.isFinite(s) && s > 0)
      values = {d: seen.map((each) => each[2]), value: seen.map((each) => each[1])}
      plot.show({x: seen.map((each) => each[0]), y: values.value, labelX: "d (Å), evenly in 1/d²", labelY: answer.method ?? "Mean count",
        ticks: (most) => spacings(seen[0][0], seen[seen.length - 1][0], most), tick: (s) => String(Number((1 / Math.sqrt(s)).toFixed(2))), read: (i) => told(values.value[i], values.d[i])})
    } else if (kind === "histogram") {
      // Pixels differ by powers of ten; a bin may be wider than the one before it.
      const [edges, counts] = [answer.edges, answer.counts]
      plot.show({x: counts.map((_, i) => i), y: counts.map((count) => Math.log10(1 + count)), labelX: "Counts", labelY: "Pixels of the whole image, as powers of ten",
        ticks: (most) => counts.map((_, i) => i).filter((i) => i % Math.ceil(counts.length / Math.min(most, 8)) === 0), tick: (i) => number(edges[i]),
        read: (i) => `${number(counts[i])} pixels ${edges[i + 1] - edges[i] === 1 ? `of ${number(edges[i])}` : `from ${number(edges[i])} to ${number(edges[i + 1])}`}`})
      for (const [label, value] of [["Valid pixels", counts.reduce((sum, each) => sum + each, 0)], ["Masked pixels", answer.masked], ["Overloaded pixels", answer.overloaded]])
        if (value != null) stats.append(h("div", {}, h("dt", {}, label), h("dd", {}, number(value))))
    } else if (kind === "line") {
      plot.show({x: answer.position, y: answer.value, labelX: "Pixels along the line", labelY: "Counts along the line",
        read: (i) => told(answer.value[i], answer.d?.[i])})
    } else {
      const [columns, rows] = [answer.columns.sum ?? answer.columns, answer.rows.sum ?? answer.rows]
      const [x, y] = [answer.x ?? Math.floor(Math.min(shape.x0, shape.x1)), answer.y ?? Math.floor(Math.min(shape.y0, shape.y1))]
      plot.show({x: columns.map((_, i) => x + i), y: columns, labelX: "x (pixels)", labelY: "Sums of the columns", read: (i) => `Column ${x + i}: ${number(columns[i])}`})
      other.element.hidden = false
      other.show({x: rows.map((_, i) => y + i), y: rows, labelX: "y (pixels)", labelY: "Sums of the rows", read: (i) => `Row ${y + i}: ${number(rows[i])}`})
      const found = answer.stats ?? answer
      for (const [key, label] of Object.entries(STATS)) if (found[key] !== undefined) stats.append(h("div", {}, h("dt", {}, label), h("dd", {}, number(found[key]))))
    }
  }
  return {
    element, pick,
    /** A line or a box was drawn on the picture. */
    shaped(next, done) { shape = next; if (done) read() },
    /** Another image is shown: measure there too. */
    moved: () => read(),
    get shape() { return shape }, get shown() { return shown },
    gone: () => { waiting?.abort(); plot.gone(); other.gone() },
  }
}
