// The board of one serial run. Numbers come in small messages; plots are drawn on canvases of our own.
const {h, talk, link, picture, framed} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)
const {rates, drift, histogram, wilson, CLUSTER_COLOURS} = await import(`./run_plots.js${new URL(import.meta.url).search}`)
const {chipMap} = await import(`./run_chip.js${new URL(import.meta.url).search}`)

const QUEUES = {newest: "Newest hits", best: "Best resolution", unindexed: "Strong, not indexed", random: "Random hits"}
const NEEDS = {cc_half: "CC½", completeness: "Completeness", multiplicity: "Multiplicity"}
const NAMES = {hit: "Hit rate", indexed: "Indexed"}
const WANTED = [1, 1, 100, 1] // what a field of the target counts in
const WATCHED = [
  ["Hit rate changes by", "%", 100], ["No frame for", "s", 1], ["Frames with ice above", "%", 100],
  ["Saturated frames above", "%", 100], ["Cell volume drifts by", "%", 100],
  ["Same alert not again for", "s", 1],
]
const KINDS = {rate: "Hit rate", stalled: "No frame", ice: "Ice", saturation: "Saturation", cell: "Cell volume", target: "Target"}
const MUTE_SECONDS = 1800
const clock = (t) => new Date(t * 1000).toLocaleTimeString("en-GB", {hour12: false})
const told = (t) => (Date.now() / 1000 - t < 43200 ? clock(t) : new Date(t * 1000).toLocaleString("en-GB", {day: "numeric", month: "short", hour: "2-digit", minute: "2-digit"}))
const percent = (share) => number(100 * share, share < 0.0995 ? 2 : 1)
const span = ([, low, high]) => `${number(100 * low, high < 0.0995 ? 2 : 1)}–${number(100 * high, high < 0.0995 ? 2 : 1)} %`
const duration = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${number(s / 3600, 1)} h`)

export function render(given) {
  const {el} = given
  const now = {}
  let offset = 0 // our clock minus the server's, s
  const {content, tell, gone} = talk(given, (message) => {
    if (message.type === "tick") tick(message)
    else if (message.type === "brushed") { cluster = message.cluster; cells(message.cells, true); grouped() }
    else if (message.type === "clusters") { now.clusters = message.clusters; cluster = message.cluster; grouped() }
    else if (message.type === "target") { now.target = message.text; setTarget() }
    else if (message.type === "rules") { Object.assign(now, {rules: message.rules, muted: message.muted, kept: message.kept}); setRules() }
    else if (message.type === "alerts") { now.alerts = message.alerts; said() }
    else if (message.type === "watch") { Object.assign(now, {watch: message.watch, unwatched: message.unwatched, unwished: message.trouble}); setWatch() }
    else if (message.type === "begin" || (message.type === "all" && message.line)) begin(message)
  })

  const tiles = {}
  const tile = (key, label) => {
    const [value, detail, name] = [h("div.r-value", {}, "–"), h("div.r-detail", {}, ""), h("div.r-label", {}, label)]
    tiles[key] = {value, detail, name, box: h("div.r-tile", {role: "group", "aria-label": label}, name, value, detail)}
    return tiles[key].box
  }
  const title = h("h1.r-title")
  const detail = h("span.quiet")
  const state = h("span.badge")
  const notice = h("div.r-notice", {role: "status"})
  const alerts = h("ol.r-alerts", {"aria-live": "polite"})
  const watching = h("span.quiet")
  const plot = rates((kind) => { shown = kind; draw() })
  const drifting = drift((kind) => { drifted = kind; drawDrift() })
  const driftBox = h("div.r-drift", {hidden: true}, drifting.element)
  const chip = chipMap((image) => image)
  const laser = h("section.card.r-laser")
  const histograms = h("div.r-histograms")
  const cellHead = h("span.quiet")
  const clear = h("button.plain", {type: "button", hidden: true, onclick: () => { brushed = null; tell({type: "cluster"}) }}, "Show all")
  const types = h("div.r-types")
  const groups = h("div.r-groups")
  const queues = h("div.r-queues")
  const together = h("div.r-line")
  const sources = h("ul.r-sources")
  const targetForm = form(["Resolution|Å", "CC½|", "Completeness|%", "Multiplicity|"], () => tell({type: "target", text: numbers(targetForm, WANTED)}))
  const needs = h("ul.r-needs")
  const rulesForm = form(WATCHED.map(([label, unit]) => `${label}|${unit}`), () => sendRules())
  const met = h("input", {type: "checkbox"})
  rulesForm.append(h("label", {}, h("span.quiet", {}, "Target met"), met, h("span.unit", {}, "")))
  const sendRules = () => tell({type: "rules", rules: `${numbers(rulesForm, WATCHED.map((w) => w[2]))},${met.checked ? 1 : ""}`})
  const kept = h("p.quiet", {role: "status"})
  const mutes = h("ul.r-mutes")
  const allSeen = h("button.plain", {type: "button", hidden: true, onclick: () => tell({type: "acknowledge"})}, "All seen")
  const ask = h("button.plain", {type: "button", onclick: async () => { await Notification.requestPermission(); allow() }}, "Notify me in this browser")
  const allow = () => { ask.hidden = !("Notification" in window) || Notification.permission !== "default" }
  const watches = h("fieldset.r-watch")
  let shown = "rates"
  let drifted = "c"
  let brushed = null
  let cluster = null

  el.append(h("div.run", {},
    h("div.r-head", {}, title, detail, state, h("span.gap")), notice,
    h("div.r-tiles", {}, tile("hit", "Hit rate, last 10 s"), tile("indexed", "Indexed, last 10 s"), tile("multiple", "Several lattices"),
      tile("frames", "Frames"), tile("age", "Newest frame"), tile("left", "Lattices")),
    h("div.r-main", {}, h("div.r-side", {}, h("section.card.r-time", {}, plot.element),
      h("div.r-pair", {}, h("section.card.r-target", {}, h("h2", {}, "Target"), targetForm, needs), laser)), chip.element),
    h("section.card", {}, h("div.r-line", {}, h("h2", {}, "Cells"), cellHead, clear, h("span.gap"), types), histograms, groups, driftBox),
    h("section.card", {}, h("div.r-line", {}, h("h2", {}, "Frames"), h("span.gap"), together), queues),
    h("div.r-foot", {}, h("section.card", {}, h("div.r-line", {}, h("h2", {}, "Alerts"), watching, h("span.gap"), allSeen), alerts, mutes, h("details.r-rules", {}, h("summary", {}, "Set the alerts"), rulesForm, kept, watches, ask)),
      h("section.card", {}, h("h2", {}, "Sources"), sources))))

  function form(labels, send) {
    const inputs = labels.map((text) => {
      const [label, unit] = text.split("|")
      return h("label", {}, h("span.quiet", {}, label), h("input", {type: "text", inputmode: "decimal", size: 6}), h("span.unit", {}, unit ?? ""))
    })
    return h("form.r-form", {onsubmit: (event) => { event.preventDefault(); send() }, onchange: send}, inputs)
  }
  const typed = (from) => [...from.querySelectorAll("input[type=text]")]
  const numbers = (from, scales) => typed(from).map((input, i) => {
    const value = Number(input.value.replace(",", "."))
    return input.value.trim() && Number.isFinite(value) ? String(value / (scales?.[i] ?? 1)) : ""
  }).join(",")
  const fill = (from, texts, scales) => typed(from).forEach((input, i) => {
    if (input !== (el.getRootNode().activeElement ?? document.activeElement)) input.value = texts[i] ? String(Number((Number(texts[i]) * (scales?.[i] ?? 1)).toPrecision(6))) : ""
  })
  const setTarget = () => fill(targetForm, (now.target ?? "").split(","), WANTED)
  const setRules = () => {
    fill(rulesForm, now.rules ?? [], WATCHED.map((w) => w[2]))
    met.checked = Boolean(now.rules?.[WATCHED.length])
    kept.textContent = now.kept ?? ""
    const silent = Object.entries(now.muted ?? {}).filter(([, until]) => until > Date.now() / 1000 - offset)
    mutes.replaceChildren(...silent.map(([kind, until]) => h("li", {}, `${KINDS[kind] ?? kind}: muted until ${clock(until)} `,
      h("button.plain", {type: "button", onclick: () => tell({type: "mute", kind, seconds: 0})}, "Tell again"))))
  }

  function setWatch() {
    const until = (t) => new Date(t * 1000).toLocaleDateString("en-GB", {day: "numeric", month: "short"})
    const one = (place, label) => label && h("label", {}, h("input", {type: "checkbox", checked: now.watch?.[place] != null, disabled: place === "run" && now.head?.ended && now.watch?.[place] == null, onchange: (event) => tell({type: "watch", place, on: event.currentTarget.checked})}),
      label, now.watch?.[place] != null && h("span.quiet", {}, ` until ${until(now.watch[place])}`))
    watches.replaceChildren(h("legend", {}, "Watch also while no page is open"), one("run", now.head?.ended ? "This run (it has ended)" : "This run"),
      one("visit", `Every run of ${now.place?.visit ?? "this visit"}`), one("beamline", now.place?.beamline && `My runs at ${now.place.beamline}`) || "",
      h("p.quiet", {}, now.unwished || "For a week. What happened stands at the bell in the head of every page."))
    watching.textContent = now.unwatched || (now.head?.ended ? "" : Object.keys(now.watch ?? {}).length ? "Watched, also while this page is closed." : "Watched while this page is open.")
  }
  function begin(fresh) {
    Object.assign(now, fresh)
    title.textContent = now.title ?? ""
    detail.textContent = now.detail ?? ""
    brushed = cluster = null
    grouped()
    setTarget()
    setRules()
    allow()
    head()
    setWatch()
    slow()
    said()
    draw()
  }
  function tick({head: fresh, line, more, slow: later}) {
    const before = now.head?.ended
    if (fresh) now.head = fresh
    if (fresh && fresh.ended !== before) setWatch()
    if (line) now.line = line
    if (more && now.line) {
      for (const [place, bin] of Object.entries(more.bins)) {
        while (now.line.bins.length < Number(place)) now.line.bins.push(null)
        now.line.bins[Number(place)] = bin
      }
      now.line.dispersion = more.dispersion
      if (now.line.first == null) now.line.first = more.first
    }
    if (later) now.slow = later
    head()
    if (later) slow()
    draw()
  }
  const draw = framed(() => plot.draw(now.line, now.head, shown))
  const drawDrift = framed(() => { if (now.clusters?.drift) drifting.draw(now.clusters.drift, now.head, drifted) })

  function rate(key, of) {
    const {value, detail: small} = tiles[key]
    const [recent, whole] = [now.head.recent[of], now.head.whole[of]]
    tiles[key].name.textContent = `${NAMES[key]}, ${now.head.ended ? "whole run" : "last 10 s"}`
    const stated = now.slow?.stated?.[of]
    if (!recent && !whole && stated != null) {
      value.replaceChildren(percent(stated), h("span.unit", {}, " %"))
      small.textContent = `as the site states (${now.slow.stated.by ?? "result"})`
      return
    }
    const first = now.head.ended ? whole : recent
    value.replaceChildren(first ? percent(first[0]) : "–", first ? h("span.unit", {}, " %") : "")
    small.textContent = !whole ? "not told by any source" : now.head.ended ? `95 %: ${span(whole)}` : !recent ? `run ${percent(whole[0])} %, 95 %: ${span(whole)}` : `95 %: ${span(recent)}, run ${percent(whole[0])} %`
  }
  function head() {
    const it = now.head
    if (!it) return
    offset = Date.now() / 1000 - it.at
    rate("hit", "hit")
    rate("indexed", "indexed")
    const many = it.whole.multiple
    tiles.multiple.value.replaceChildren(many ? percent(many[0]) : "–", many ? h("span.unit", {}, " %") : "")
    tiles.multiple.detail.textContent = many ? `95 %: ${span(many)}` : "not told by any source"
    tiles.frames.value.textContent = number(it.whole.frames, 0)
    tiles.frames.detail.textContent = [it.wanted ? `of ${number(it.wanted, 0)}` : "", `${number(it.dropped, 0)} dropped`, it.repeated ? `${number(it.repeated, 0)} repeated` : ""].filter(Boolean).join(" · ")
    tiles.left.value.textContent = it.whole.indexed ? number(it.lattices, 0) : "–"
    tiles.left.detail.textContent = it.per_second?.[0] ? `${number(it.per_second[0], 1)} /s (${number(it.per_second[1], 1)}–${number(it.per_second[2], 1)})` : it.whole.indexed ? "none in the last minute" : "not told by any source"
    const told = (it.needs ?? []).map((need) => h("li", {}, h("b", {}, NEEDS[need.what]), ` ${number(it.lattices, 0)} of ${number(need.lattices, 0)} lattices, `,
      need.left ? (need.left[0] === 0 ? h("span.badge.tone-good", {}, "met") : `${duration(need.left[1])} – ${duration(need.left[2])} at the present rate`) : "no time can be told",
      h("span.quiet", {}, ` · ${need.basis}`), need.doubt && h("div.note.tone-warn", {}, need.doubt)))
    if (it.untold) told.push(h("li.quiet", {}, it.untold))
    if (!told.length) told.push(h("li.quiet", {}, now.target ? "Not to be told yet: it takes a merge, or lattices with their reflections." : "Set what you need; the time left appears here."))
    needs.replaceChildren(...told)
    const words = [it.loading ? "Reading what was taken so far…" : "", ...it.troubles].filter(Boolean)
    notice.hidden = !words.length
    notice.textContent = words.join(" ")
    age()
  }
  function age() {
    const newest = now.head?.newest
    const old = newest == null ? null : Math.max(0, Date.now() / 1000 - offset - newest)
    tiles.age.value.replaceChildren(old == null ? "–" : now.head.ended ? clock(newest) : number(old, old < 10 ? 1 : 0), old == null || now.head.ended ? "" : h("span.unit", {}, " s ago"))
    tiles.age.detail.textContent = now.head?.ended ? "the run has ended" : old == null ? "no frame yet" : clock(newest)
    tiles.age.value.classList.toggle("r-clock", Boolean(now.head?.ended))
    const late = !now.head?.ended && old != null && old > 10
    tiles.age.box.classList.toggle("r-late", late)
    if (!now.head) return
    state.className = `badge${now.head.ended ? "" : late ? " tone-bad" : " tone-good"}`
    state.textContent = now.head.ended ? "ended" : late ? "no frames come" : "live"
  }
  const ageing = setInterval(age, 500)

  function slow() {
    const it = now.slow
    if (!it) return
    if (!brushed && cluster == null) cells(it.cells, false)
    types.replaceChildren(...Object.entries(it.types).map(([name, count]) => h("span.badge", {title: "Lattice type and centring"}, `${name || "?"} ${number(count, 0)}`)))
    laser.hidden = !it.pump
    if (it.pump) {
      const row = (label, on, off, diff) => h("tr", {}, h("th", {}, label), h("td", {}, on ? `${percent(on[0])} %` : "–"), h("td", {}, off ? `${percent(off[0])} %` : "–"),
        h("td", {}, diff ? [`${diff[0] < 0 ? "−" : "+"}${percent(Math.abs(diff[0]))}`, h("span.quiet", {}, ` (${number(100 * diff[1], 2)} to ${number(100 * diff[2], 2)}) `), diff[1] > 0 || diff[2] < 0 ? h("span.badge.tone-warn", {title: "The 95 % interval leaves out zero"}, "differs") : ""] : "–"))
      laser.replaceChildren(h("h2", {}, "Laser"), h("table", {}, h("thead", {}, h("tr", {}, h("th", {}), h("th", {}, "on"), h("th", {}, "off"), h("th", {}, "on − off, percentage points, 95 %"))),
        h("tbody", {}, row("Hits", it.pump.on.hit, it.pump.off.hit, it.pump.hit), row("Indexed", it.pump.on.indexed, it.pump.off.indexed, it.pump.indexed))))
    }
    chip.show(it.chip ? now.chip : null, it.chip, now.frames)
    queues.replaceChildren(...Object.entries(QUEUES).map(([key, label]) => {
      const list = it.queues[key] ?? []
      return h("div", {}, h("div.label", {}, label), h("div.r-strip", {}, list.length ? list.slice(0, 6).map((image) => frame(image, key)) : h("span.none", {}, "none yet")))
    }))
    together.replaceChildren(...(it.together ?? []).map(([words, to]) => link("a", to, {title: "Put together in the viewer of frames, with progress and Stop"}, words)))
    sources.replaceChildren(...it.sources.map(([name, count, trouble, remark]) => h("li", {}, name, h("span.quiet", {}, ` · ${number(count, 0)} frames`), trouble ? h("span.badge.tone-warn", {}, trouble) : "", remark ? h("div.r-remark", {}, remark) : "")))
    const said = it.stated
    const of = (value, words) => (value == null ? "" : words(value))
    const shares = said?.by ? [of(said.hit, (v) => `${percent(v)} % hits`), of(said.indexed, (v) => `${percent(v)} % indexed`)].filter(Boolean) : []
    const counts = said?.by ? [of(said.so_far?.[0], (v) => `${number(v, 0)} hits`), of(said.so_far?.[1], (v) => `${number(v, 0)} indexed`)].filter(Boolean) : []
    if (shares.length || counts.length) {
      const more = [said.lattice ?? "", of(said.resolution, (v) => `${number(v, 2)} Å`)].filter(Boolean)
      sources.append(h("li", {}, said.by, h("span.quiet", {}, ` · states ${shares.length ? "of the whole run" : "so far"}: ${[...(shares.length ? shares : counts), ...more].join(", ")}`)))
    }
  }
  const drawn = new Map() // a picture that is there, or known to be missing, is not asked for again
  function frame(image, queue) {
    const place = `${queue} ${image}` // an image may be of interest in two ways, and an element has one place
    if (!drawn.has(place)) {
      drawn.set(place, picture({src: `${now.small}${image}`, alt: `Image ${image}`, missing: "no file"}))
      if (drawn.size > 200) drawn.delete(drawn.keys().next().value)
    }
    const box = h("span.r-picture", {}, drawn.get(place))
    // What stands for a picture that does not load takes its place in the box: keep that.
    new MutationObserver(() => { if (box.firstElementChild) drawn.set(place, box.firstElementChild) }).observe(box, {childList: true})
    return link("a.r-frame", `${now.frames}&image=${image}`, {"aria-label": `Image ${image}`}, box, h("span", {}, number(image, 0)))
  }
  function cells(it, chosen) {
    const some = chosen && (brushed || cluster != null)
    clear.hidden = !some
    cellHead.textContent = !it ? "" : some ? `${number(it.chosen, 0)} of ${number(it.kept, 0)} cells` : `${number(it.offered, 0)} cells${it.offered > it.kept ? `, ${number(it.kept, 0)} drawn` : ""}`
    histograms.replaceChildren(...(it ? it.axes.map((axis) => histogram(axis, (low, high) => {
      brushed = axis.name
      tell({type: "brush", axis: axis.name, low, high})
    }, brushed === axis.name && chosen)) : [h("p.none", {}, "No cell yet: no source tells of lattices.")]))
  }
  function grouped() {
    const it = now.clusters
    driftBox.hidden = !it?.drift
    drawDrift()
    const words = !it ? "" : it.trouble ? `No clusters: ${it.trouble}` : !it.of ? "" : !it.rows.length ? "No cluster: too few cells are alike." : ""
    if (words || !it?.rows.length) return void groups.replaceChildren(words ? h("p.quiet", {}, words) : "")
    const row = (one, n) => {
      const choose = h("button.plain", {type: "button", "aria-pressed": String(cluster === n), onclick: () => { brushed = null; tell(cluster === n ? {type: "cluster"} : {type: "cluster", number: n}) }}, h("i.r-swatch", {style: {background: CLUSTER_COLOURS[n]}}), `Cluster ${n + 1}`)
      return h(`tr${cluster === n ? ".r-chosen" : ""}`, {}, h("th", {scope: "row"}, choose), h("td", {}, number(one.count, 0)), h("td", {}, `${percent(one.count / it.of)} %`), one.median.map((v, k) => h("td", {}, number(v, k < 3 ? 2 : 1))),
        h("td", {}, one.types || "–"), h("td", {title: one.apart == null ? null : `${number(one.share, 2)} % of the cell as a whole`}, one.apart == null ? "–" : `${number(one.apart, one.apart < 10 ? 1 : 0)} Å²`))
    }
    const heads = [["", ""], ["Lattices", `Of ${number(it.of, 0)} that were compared`], ["Share", ""], ["a", "Median, Å, as indexed"], ["b", "Median, Å, as indexed"], ["c", "Median, Å, as indexed"], ["α", "Median, °"], ["β", "Median, °"], ["γ", "Median, °"], ["Lattice", "The commonest types"],
      ["Next (NCDist)", "How far the next cluster is: the least distance between medoids in G6 along paths through the boundaries of Niggli reduction (SAUC prints 0.1 times its root)"]]
    groups.replaceChildren(h("div.r-scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, heads.map(([label, title]) => h("th", {scope: "col", title: title || null}, label)))), h("tbody", {}, it.rows.map(row)))),
      h("p.quiet", {}, `${number(it.loose, 0)} of ${number(it.of, 0)} lattices are in none of these. Cells are reduced (Niggli); DBSCAN on the seven shortest lengths (edges and diagonals) within ${number(it.within, 1)} %; NCDist between medoids (Andrews & Bernstein 2014). Choose a cluster to see its cells alone.`))
  }
  function said() {
    const list = now.alerts ?? []
    allSeen.hidden = !list.some((alert) => !alert.seen)
    const image = (at) => link("a", `${now.frames}&image=${at}`, {}, number(at, 0))
    const where = ([first, last]) => ["Image ", ...(first < last ? [image(first), " to "] : []), image(last), " "]
    alerts.replaceChildren(...(list.length ? list.map((alert) => h(`li${alert.seen ? ".r-seen" : ""}`, {}, h("time.quiet", {}, told(alert.time)), h("span", {}, alert.text), alert.frames ? h("span.quiet", {}, where(alert.frames)) : "",
      alert.seen ? h("span.quiet", {}, "seen") : h("button.plain", {type: "button", onclick: () => tell({type: "acknowledge", id: alert.id})}, "Seen"),
      alert.kind === "target" ? "" : h("button.plain", {type: "button", title: `Do not tell of this for half an hour: ${KINDS[alert.kind]}`, onclick: () => tell({type: "mute", kind: alert.kind, seconds: MUTE_SECONDS})}, "Mute 30 min")))
      : [h("li.none", {}, "No alert so far.")]))
  }
  const watcher = new ResizeObserver(() => { draw(); drawDrift() })
  watcher.observe(plot.element)
  watcher.observe(drifting.element)
  const themed = new MutationObserver(() => { draw(); drawDrift() })
  themed.observe(document.documentElement, {attributeFilter: ["data-theme"]})
  gone(() => {
    clearInterval(ageing)
    watcher.disconnect()
    themed.disconnect()
    chip.stop()
  })
  if (content.line) begin(content)
}

export {wilson}
