// The smaller panels beside a frame: what is shown over it, what is known of it, several images, two images, saving.
const query = new URL(import.meta.url).search
const {h, icon} = await import(`./dom.js${query}`)
const {number} = await import(`./format.js${query}`)
const {begin, followed} = await import(`./frame_jobs.js${query}`)
const {ask} = await import(`./frame_store.js${query}`)
const {HOWS, POOLS} = await import(`./frame_look.js${query}`)
const {spacing} = await import(`./frame_marks.js${query}`)

const NAMES = {
  rings: ["Resolution rings", "r"], ice: ["Ice bands", "c"], beam: ["Beam centre", "b"], edge: ["Detector edge", "e"],
  spots: ["Spots found", "s"], predictions: ["Predicted reflections", "k"], overloads: ["Overloads", "o"], mask: ["Masked pixels", "m"],
}
export const OVERLAY_KEYS = Object.fromEntries(Object.entries(NAMES).map(([name, [, key]]) => [key, name]))

const facts = (rows) => h("dl.f-facts", {}, rows.map(([name, value, unit]) =>
  h("div", {}, h("dt", {}, name), h("dd", {}, value, unit && h("span.unit", {}, ` ${unit}`)))))

/** Switches of the overlays, the way of reduction, and the channel where there are several. */
export function showPanel(look, changed) {
  const boxes = {}
  const notes = {}
  const rows = Object.entries(NAMES).map(([name, [label, key]]) => {
    boxes[name] = h("input", {type: "checkbox", onchange: () => {
      const show = new Set(look().show)
      if (boxes[name].checked) show.add(name)
      else show.delete(name)
      changed({show})
    }})
    notes[name] = h("span.f-aside")
    return h("label.f-check", {title: `${label} (${key})`}, boxes[name], label, notes[name])
  })
  const by = h("select", {"aria-label": "Whose spots", hidden: true, onchange: () => changed({by: by.value || null})},
    h("option", {value: ""}, "Spots that the file lists"), h("option", {value: "search"}, "Spots searched here"))
  const pool = h("select", {"aria-label": "How many pixels become one", title: "The highest loses no spot",
    onchange: () => changed({pool: pool.value})}, Object.entries(POOLS).map(([value, text]) => h("option", {value}, text)))
  const channel = h("select", {"aria-label": "Channel of the detector", hidden: true, onchange: () => changed({channel: Number(channel.value)})})
  return {
    element: h("div.f-show", {}, h("div.f-checks", {}, rows), by, pool, channel),
    /** Whether the file has a list of its own. */
    listed(own) { by.hidden = !own; by.value = look().by ?? "" },
    draw(about) {
      for (const [name, box] of Object.entries(boxes)) box.checked = look().show.has(name)
      const geometry = about?.geometry
      boxes.rings.disabled = boxes.ice.disabled = boxes.beam.disabled = !geometry
      notes.overloads.textContent = about?.saturation ? `from ${number(about.saturation)}` : ""
      boxes.overloads.disabled = Boolean(about) && !about.saturation
      pool.value = look().pool
      const names = about?.channels ?? []
      channel.hidden = names.length < 2
      if (channel.options.length !== names.length) channel.replaceChildren(...names.map((name, i) => h("option", {value: i}, name)))
      channel.value = look().channel
    },
    note: (name, text) => { notes[name].textContent = text },
  }
}

const STATES = {consistent: ["Geometry consistent", "good"], warning: ["Geometry doubtful", "warn"], unknown: ["Geometry not checked", "quiet"]}

/** The check of the geometry as a mark with its reason. */
export function geometryBadge(check) {
  const [text, tone] = STATES[check?.state] ?? STATES.unknown
  return h(`span.badge.tone-${tone}`, {title: check?.text ?? ""}, text)
}

/** What is known of the geometry, with the numbers of the check. */
export function geometryFacts(about) {
  const g = about?.geometry
  if (!about) return h("p.f-note.quiet", {}, "Not read yet.")
  if (!g) return h("p.f-note.quiet", {}, about.check?.text ?? "Neither the file nor ISPyB says where the beam meets the detector, so there are no rings and no d-spacings.")
  const rows = [
    ["Wavelength", number(g.wavelength, 4), "Å"], ["Distance", number(g.distance, 2), "mm"],
    g.two_theta ? ["2θ of the detector", number(g.two_theta, 2), "°"] : null,
    g.beam ? ["Beam centre", `${number(g.beam[0], 1)}, ${number(g.beam[1], 1)}`, "px"] : null,
    g.pixel ? ["Pixel", g.pixel.map((size) => number(size * 1000, 1)).join(" × "), "µm"] : null,
    ["Resolution at the edge", g.edge_d ? spacing(g.edge_d) : "–", "Å"],
    ["Resolution at the corner", g.corner_d ? spacing(g.corner_d) : "–", "Å"],
  ]
  const numbers = (about.check?.numbers ?? []).map(([name, value, unit]) => [name, typeof value === "number" ? number(value) : String(value), unit])
  return h("div", {}, h("div.f-row", {}, geometryBadge(about.check)), about.check?.text && h("p.f-note", {}, about.check.text),
    facts(rows.filter(Boolean)), numbers.length ? h("details.f-more", {}, h("summary", {}, "Numbers of the check"), facts(numbers)) : null)
}

/** Everything the file says, with a search; `raw()` brings it as the file has it, once somebody opens that. */
export function headerPanel(raw) {
  const list = h("div.f-header")
  const find = h("input", {type: "search", placeholder: "Search the header", "aria-label": "Search the header", maxlength: "100", oninput: () => draw()})
  let groups = null
  function draw() {
    const wanted = find.value.trim().toLowerCase()
    const shown = (groups ?? []).map(([name, rows]) => [name, rows.filter((row) => !wanted || `${name} ${row.join(" ")}`.toLowerCase().includes(wanted))])
      .filter(([, rows]) => rows.length)
    list.replaceChildren(...shown.map(([name, rows]) => h("section", {}, h("h4", {}, name), facts(rows))))
    if (!shown.length) list.append(h("p.f-note.quiet", {}, groups == null ? "Not read yet." : wanted ? "Nothing by that name." : "The file has no header."))
  }
  draw()
  const text = h("pre.f-raw", {tabindex: "0", "aria-label": "Header as the file has it"})
  const whole = h("details.f-more", {ontoggle: () => read()}, h("summary", {}, "As the file has it"), text)
  let read_ = 0
  async function read() {
    if (!whole.open) return
    const mine = (read_ += 1)
    try {
      const found = await raw()
      if (mine === read_) text.textContent = found.text ? found.text + (found.more ? "\n…" : "") : "The file has no header."
    } catch (error) {
      if (error.name !== "AbortError" && mine === read_) text.textContent = error.message
    }
  }
  return {
    element: h("div", {}, find, list, whole),
    show(next) {
      if (groups === next) return
      groups = next
      draw()
      read()
    },
  }
}

export {facts}

/** Several images as one: some from this one on at once, the whole collection as work with progress and Stop. */
export function stackPanel({look, changed, range, address, show}) {
  let job = null
  const count = h("input.f-number", {type: "text", inputmode: "numeric", value: "10", "aria-label": "How many images"})
  const how = h("select", {"aria-label": "How images are put together", onchange: () => { if (look().over) apply() }},
    Object.entries(HOWS).map(([value, text]) => h("option", {value}, text)))
  const apply = () => {
    const wanted = Math.min(10_000, Math.max(2, Number(count.value) || 10))
    changed({over: wanted, how: how.value})
  }
  const some = h("button", {type: "button", onclick: apply}, "Show")
  const off = h("button", {type: "button", hidden: true, onclick: () => { stop(); show(null); changed({over: null}) }}, "One image again")
  const all = h("button", {type: "button", onclick: () => start()}, "Whole collection")
  const bar = h("progress", {max: "1", value: "0", "aria-label": "Images put together"})
  const words = h("span.quiet", {role: "status"})
  const halt = h("button", {type: "button", onclick: () => stop("Stopped.")}, "Stop")
  const work = h("div.f-row", {hidden: true}, bar, halt)
  const element = h("div", {}, h("div.f-row", {}, how, h("label.f-of", {}, "of", count, "images"), some), h("div.f-row", {}, all, off), work, h("p.f-note", {}, words))

  async function start() {
    stop()
    const mine = (job = new AbortController())
    const {first, last} = range()
    const kind = how.value
    words.textContent = "Starting…"
    work.hidden = false
    bar.removeAttribute("value")
    try {
      const name = await begin(ask, address(), {first, last, how: kind, channel: look().channel}, mine.signal)
      await followed(ask, name, mine.signal, (state) => {
        Object.assign(bar, {max: Math.max(1, state.of ?? 1), value: state.done ?? 0})
        words.textContent = state.text || `${number(state.done)} of ${number(state.of)} images put together.`
      })
      if (job !== mine) return
      job = null
      work.hidden = true
      words.textContent = ""
      show({first, last, how: kind, text: `${HOWS[kind]} of images ${first} to ${last}`})
    } catch (error) {
      if (job !== mine || error.name === "AbortError") return
      job = null
      work.hidden = true
      words.textContent = `${error.title ? `${error.title} ` : ""}${error.message}`
    }
  }
  function stop(said = "") {
    job?.abort()
    job = null
    work.hidden = true
    words.textContent = said
  }
  return {
    element,
    draw(shown) {
      const {over} = look()
      if (over) how.value = look().how
      if (over && count.getRootNode().activeElement !== count) count.value = over
      off.hidden = !over && !shown
      some.textContent = over ? "Show again" : "Show"
    },
    gone: () => stop(),
  }
}

/** Two images: beside each other or in turn. */
export function comparePanel({look, changed, range}) {
  const other = h("input.f-number", {type: "text", inputmode: "numeric", "aria-label": "Number of the other image",
    onchange: () => begin()})
  const begin = (two = look().two) => {
    const {first, last, image} = range()
    const wanted = /^\d{1,8}$/.test(other.value.trim()) ? Number(other.value) : Math.min(last, image + 1)
    changed({beside: Math.min(last, Math.max(first, wanted)), two})
  }
  const side = h("button", {type: "button", "aria-pressed": "false", onclick: () => begin("side")}, "Side by side")
  const blink = h("button", {type: "button", "aria-pressed": "false", onclick: () => begin("blink")}, "Blink")
  const off = h("button", {type: "button", onclick: () => changed({beside: null})}, "Off")
  return {
    element: h("div", {}, h("div.f-row", {}, h("label.f-of", {}, "With image", other)), h("div.f-row", {}, side, blink, off)),
    draw() {
      const {beside, two} = look()
      side.setAttribute("aria-pressed", String(beside != null && two === "side"))
      blink.setAttribute("aria-pressed", String(beside != null && two === "blink"))
      off.disabled = beside == null
      if (other.getRootNode().activeElement !== other) other.value = beside ?? ""
      const {image, last} = range()
      other.placeholder = image == null ? "" : String(Math.min(last, image + 1))
    },
  }
}

/** A section with a heading that can be folded. */
export function section(title, element, open = true) {
  return h("details.f-section", {open}, h("summary", {}, icon("chevron"), title), h("div.f-inside", {}, element))
}
