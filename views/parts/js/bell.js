// What alerts told this person: in the head of every page, in the tab's title, and as notifications where allowed.
const {h, icon, link} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {number} = await import(`./format.js${new URL(import.meta.url).search}`)

const FRESH_SECONDS = 120
const SHOWN = 20

/** `see(id)` says that the user has seen an alert (no id: all); `titled()` that the title is another. */
export function bell(see, titled) {
  const count = h("span")
  const menu = h("div.menu.b-menu", {role: "region", "aria-label": "Alerts"})
  const button = h("summary", {}, icon("bell"), count)
  const element = h("details.b-bell", {hidden: true, ontoggle: () => { if (element.open) draw() }}, button, menu)
  let rows = []
  let known = null // the numbers of what was told before; of what the page began with nobody is called
  let warning = null // the newest, until somebody touches the page
  const unseen = () => rows.filter((row) => !row.seen)
  const clock = (t) => new Date(t * 1000).toLocaleString("en-GB", Date.now() / 1000 - t < 43200 ? {timeStyle: "medium"} : {weekday: "short", hour: "2-digit", minute: "2-digit"})

  function draw() {
    const image = (row, at) => link("a", `${row.image}${at}`, {onclick: () => close()}, number(at, 0))
    const frames = (row) => row.frames && h("span.quiet", {}, "Image ", row.frames[0] < row.frames[1] ? [image(row, row.frames[0]), " to "] : "", image(row, row.frames[1]))
    const one = (row) => h(`li${row.seen ? ".b-seen" : ""}`, {}, h("div", {}, h("time.quiet", {}, clock(row.time)), " ", link("a", row.link, {onclick: () => close()}, `Run ${row.run}`)),
      h("div", {}, row.text), h("div.b-line", {}, frames(row), h("span.gap"), row.seen ? h("span.quiet", {}, "seen") : h("button.plain", {type: "button", onclick: () => see(row.id)}, "Seen")))
    const ask = "Notification" in window && Notification.permission === "default"
      && h("button", {type: "button", onclick: async () => { await Notification.requestPermission(); draw() }}, "Notify me in this browser")
    menu.replaceChildren(h("div.b-line", {}, h("strong", {}, "Alerts"), h("span.gap"), unseen().length > 1 && h("button.plain", {type: "button", onclick: () => see(null)}, "All seen")),
      h("ol", {}, rows.slice(0, SHOWN).map(one)), rows.length > SHOWN ? h("p.quiet", {}, `${rows.length - SHOWN} older ones are on the monitors of their runs.`) : "", ask || "")
  }
  function show(fresh) {
    rows = fresh
    const open = unseen()
    element.hidden = !rows.length
    element.classList.toggle("b-open", open.length > 0)
    count.textContent = open.length ? String(open.length) : ""
    button.setAttribute("aria-label", open.length ? `Alerts: ${open.length} not seen` : "Alerts: all seen")
    button.title = button.getAttribute("aria-label")
    if (element.open) draw()
    const news = known ? open.filter((row) => !known.has(row.id)) : open.filter((row) => Date.now() / 1000 - row.time < FRESH_SECONDS)
    if (news.length) {
      warning = news[0].text
      for (const row of news.reverse()) call(row)
    }
    if (!open.length) warning = null
    known = new Set(rows.map((row) => row.id))
    titled()
  }
  function call(row) {
    if (!("Notification" in window) || Notification.permission !== "granted") return
    // One and the same for all tabs of this browser.
    try { new Notification(`Run ${row.run}`, {body: row.text, tag: `alert-${row.id}`}) } catch { /* some browsers have none for pages */ }
  }
  function close(back = false) {
    if (element.open && back) button.focus()
    element.open = false
  }
  return {
    element, show, close,
    calm: () => { if (warning) { warning = null; titled() } },
    titled: (title) => (warning ? `⚠ ${warning}` : unseen().length ? `⚠ ${unseen().length} · ${title}` : title),
  }
}
