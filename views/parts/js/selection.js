// Which rows are selected and which one is active, by pointer and keys; knows rows by key, never by element.

export function selection({rows, scroller, grid, reveal, redraw, tell, copied, open}) {
  const picked = new Set()
  let active = null
  let anchor = null
  let timer = 0

  const place = (key) => rows.place.get(key)
  function report() {
    clearTimeout(timer)
    timer = setTimeout(() => tell({type: "select", keys: [...picked].slice(0, 2000)}), 80)
  }
  function only(key) {
    picked.clear()
    if (key !== undefined) picked.add(key)
    anchor = key
  }
  function span(from, to) {
    picked.clear()
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) if (rows.keyAt(i) !== undefined) picked.add(rows.keyAt(i))
  }
  function toggle(key) {
    picked.has(key) ? picked.delete(key) : picked.add(key)
    anchor = key
  }
  const keyOf = (event) => event.target.closest?.("[data-key].t-row, [data-key].t-card")?.lensKey

  scroller.addEventListener("mousedown", (event) => { if (event.shiftKey && keyOf(event) !== undefined) event.preventDefault() })
  scroller.addEventListener("click", (event) => {
    const key = keyOf(event)
    if (key === undefined || event.target.closest("a, [data-act]")) return
    if (event.shiftKey && place(anchor) !== undefined) span(place(anchor), place(key))
    else if (event.ctrlKey || event.metaKey) toggle(key)
    else only(key)
    active = key
    scroller.focus({preventScroll: true})
    redraw()
    report()
  })
  scroller.addEventListener("dblclick", (event) => {
    const key = keyOf(event)
    if (key !== undefined && !event.target.closest("a, [data-act]")) open(key)
  })

  function move(index, extend) {
    const most = rows.length - 1
    const to = Math.min(Math.max(index, 0), most)
    reveal(to)
    let key = rows.keyAt(to)
    if (key === undefined) { // not loaded yet: the nearest that is
      for (let i = to; i >= 0 && key === undefined; i--) key = rows.keyAt(i)
      if (key === undefined) return redraw()
    }
    if (extend) {
      if (place(anchor) === undefined) anchor = active ?? key
      span(place(anchor), place(key))
    } else only(key)
    active = key
    redraw()
    report()
  }

  scroller.addEventListener("keydown", (event) => {
    if (event.target !== scroller || event.altKey || !rows.length) return
    const combined = event.ctrlKey || event.metaKey
    const {across, step, top} = grid()
    const page = Math.max(1, Math.floor((scroller.clientHeight - top) / step) - 1) * across
    const at = place(active) ?? -1
    const moves = {ArrowDown: at < 0 ? 0 : at + across, ArrowUp: at < 0 ? 0 : at - across, PageDown: Math.max(at, 0) + page, PageUp: at - page, Home: 0, End: rows.length - 1,
      ...(across > 1 ? {ArrowRight: at + 1, ArrowLeft: at - 1} : {})}
    if (event.key in moves && !combined) {
      const to = moves[event.key]
      if (to >= 0 || at >= across || event.key.startsWith("Page") || at < 0) move(to, event.shiftKey)
    } else if (event.key === " " && active != null) {
      toggle(active)
      redraw()
      report()
    } else if (event.key === "Enter" && active != null) open(active)
    else if (combined && event.key.toLowerCase() === "a") {
      for (const key of rows.place.keys()) picked.add(key)
      redraw()
      report()
    } else if (event.key === "Escape" && picked.size) {
      picked.clear()
      redraw()
      report()
    } else return
    event.preventDefault()
    event.stopPropagation()
  })

  // A text that a spreadsheet would take for a formula is marked as text.
  const safe = (text) => (/^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text).replace(/[\t\r\n]+/g, " ")
  const copy = (event) => {
    const inside = event.composedPath().includes(scroller)
    if (!inside || !picked.size || String(getSelection())) return
    const {columns, rows: chosen, words} = copied([...picked].map((key) => [place(key), rows.row(key)]).filter(([, row]) => row).sort((a, b) => a[0] - b[0]).map(([, row]) => row))
    const lines = [columns.map((c) => (c.unit ? `${c.label} (${c.unit})` : c.label)), ...chosen.map((row) => columns.map((c) => {
      const value = row[c.key]
      return value == null ? "" : safe(c.kind === "number" ? String(value) : words(value, c).replaceAll("–", ""))
    }))]
    event.clipboardData.setData("text/plain", lines.map((cells) => cells.join("\t")).join("\n"))
    event.preventDefault()
  }
  scroller.addEventListener("copy", copy)

  return {
    has: (key) => picked.has(key),
    get size() { return picked.size },
    get active() { return active },
    /** Select from outside: what the server says is not told back to it. */
    take(keys) {
      picked.clear()
      for (const key of keys) if (place(key) !== undefined) picked.add(key)
      active = anchor = keys.find((key) => picked.has(key)) ?? null
      if (active !== null) reveal(place(active))
      redraw()
    },
    clear() {
      if (picked.size) report()
      picked.clear()
      active = anchor = null
    },
    drop(keys) {
      let changed = false
      for (const key of keys) changed = picked.delete(key) || changed
      if (keys.includes(active)) active = null
      if (changed) report()
    },
  }
}
