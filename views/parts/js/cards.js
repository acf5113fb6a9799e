// One row as a card: picture, title, a quieter line, badges, key numbers.
const search = new URL(import.meta.url).search
const {h, link, picture} = await import(`./dom.js${search}`)
const {shown, words} = await import(`./format.js${search}`)

export function card(row, content, bind) {
  const layout = content.cards
  const column = (key) => content.columns.find((one) => one.key === key)
  if (!row) return h("div.t-card", {role: "row"}, h("span.bone.tall"), h("span.bone"), h("span.bone"))
  const thumb = layout.thumb && (typeof row[layout.thumb] === "string" ? {src: row[layout.thumb]} : row[layout.thumb] ?? {missing: "No picture"})
  const title = column(layout.title)
  const value = row[layout.title]
  const label = title ? words(value, title) : ""
  const detail = layout.detail.map(column).filter((c) => c && row[c.key] != null && row[c.key] !== "").map((c) => (c.kind === "time" ? String(row[c.key]).slice(0, 16) : words(row[c.key], c)))
  const badges = layout.badges.map(column).filter((c) => c && row[c.key] != null).flatMap((c) => shown(row[c.key], c))
  const element = h("div.t-card", {role: "row", "data-key": String(row[content.key]), "aria-label": label},
    thumb && h("div.t-picture", {}, picture({...thumb, missing: thumb.missing ?? "No picture"})),
    h("div.t-inside", {role: "gridcell"},
      h("div.t-line1", {}, link("a.t-title", row._link ?? value?.link, {tabindex: -1, title: label}, label), badges.length ? h("span.badges", {}, badges) : null),
      h("div.quiet.t-detail", {title: detail.join(" · ")}, detail.join(" · ") || "\u00a0"),
      h("div.t-numbers", {}, layout.numbers.map(column).filter(Boolean).map((c) => h("span", {title: c.title || c.label}, h("span.quiet", {}, c.label), h("b", {}, shown(row[c.key], c), row[c.key] != null && c.unit ? h("span.unit", {}, `\u202f${c.unit}`) : null))))))
  bind(element, row[content.key])
  return element
}
