// A model in a frame of its own, with a level for each map, and peaks that move it. The frame is made when it comes into
// sight, as the viewer is large.
const {h, put, own, talk} = await import(`./dom.js${new URL(import.meta.url).search}`)

const MOST = 8
const shownLevel = (kind, level) => `${kind === "fofc" ? "± " : ""}${level.toFixed(1)} σ`

export function render(given) {
  const {el} = given
  const {content, gone} = talk(given, (message) => {
    Object.assign(content, message)
    draw()
  })
  let frame = null
  let ready = false
  const bar = h("div.f-bar", {role: "group", "aria-label": "Maps"})
  const stage = h("div.model-stage")
  const status = h("span.quiet", {role: "status"})
  const table = h("div.m-box.model-peaks", {tabindex: "0", role: "region", "aria-label": "Peaks"})
  const words = h("div.model-words")
  const card = h("section.card.f-card", {"aria-label": "Model and maps"}, bar, h("div.model-body", {}, stage, table), words)
  put(el, card)

  const root = document.documentElement
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches)
  const send = (message) => ready && frame?.contentWindow?.postMessage(message, location.origin)

  function show() {
    if (!content.src || !own(content.src)) return
    status.textContent = "Loading …"
    card.dataset.drawn = ""
    send({type: "show", model: {src: content.src, form: content.form}, maps: content.maps.filter((map) => own(map.src)), dark: dark()})
  }
  function heard({origin, source, data}) {
    if (origin !== location.origin || !frame || source !== frame.contentWindow || data?.from !== "scene") return
    if (data.type === "ready") {
      ready = true
      show()
    } else if (data.type === "drawn") {
      if (data.what === "all") status.textContent = ""
      card.dataset.drawn = data.what
    } else if (data.type === "map") {
      const label = bar.querySelector(`[data-map="${CSS.escape(data.kind)}"]`)
      if (label) label.querySelectorAll("input").forEach((input) => { input.disabled = Boolean(data.words) })
      if (data.words) put(words, h("p.quiet", {}, data.words))
    } else if (data.type === "said" || data.type === "failed") {
      // The frame says it itself: here only whether it goes on.
      status.textContent = data.type === "failed" ? "" : data.words
      card.dataset.drawn = data.type === "failed" ? "failed" : card.dataset.drawn
    } else if (data.type === "centre") card.dataset.centre = data.at.map((v) => v.toFixed(2)).join(" ")
    else if (data.type === "contour") card.dataset[`level_${data.kind}`] = `${data.on ? data.level : 0}:${data.shown}`
  }
  addEventListener("message", heard)
  const dress = new MutationObserver(() => send({type: "theme", dark: dark()}))
  dress.observe(root, {attributes: true, attributeFilter: ["data-theme"]})

  const sight = new IntersectionObserver((seen) => {
    if (frame || !content.src || !seen.some((one) => one.isIntersecting) || !own(content.scene)) return
    frame = h("iframe.model-frame", {title: "Model and maps", src: content.scene, allowfullscreen: true})
    stage.replaceChildren(frame)
  }, {rootMargin: "300px"})
  sight.observe(stage)
  gone(() => {
    removeEventListener("message", heard)
    dress.disconnect()
    sight.disconnect()
    frame?.remove() // gives the graphics card back
  })

  function level(map) {
    const slider = h("input", {type: "range", min: "0.5", max: String(MOST), step: "0.1", value: String(map.level), "aria-label": `Level of ${map.label}`})
    const box = h("input", {type: "checkbox", checked: map.on, "aria-label": `Show ${map.label}`})
    const said = h("span.model-level", {}, shownLevel(map.kind, map.level))
    const tell = () => {
      said.textContent = shownLevel(map.kind, Number(slider.value))
      send({type: "contour", kind: map.kind, level: Number(slider.value), on: box.checked})
    }
    slider.addEventListener("input", tell)
    box.addEventListener("change", tell)
    return h("span.model-map", {"data-map": map.kind, title: map.name}, h("label.c-tick", {}, box, h("span", {}, h(`span.model-${map.kind}`, {"aria-hidden": "true"}), map.label)), slider, said)
  }
  function peak(one) {
    const look = (event) => {
      table.querySelectorAll("tr").forEach((row) => row.classList.toggle("t-picked", row === event.currentTarget.closest("tr")))
      send({type: "look", x: one.x, y: one.y, z: one.z})
    }
    const cell = (text, right) => h(right ? "td" : "td.m-left", {}, text)
    return h("tr", {}, h("td.m-left", {}, h("button", {type: "button", title: `Centre on ${one.x.toFixed(1)}, ${one.y.toFixed(1)}, ${one.z.toFixed(1)} Å`, onclick: look}, one.height)),
      cell(one.nearest), cell(one.distance, true), cell(one.map), cell(one.source))
  }
  function draw() {
    card.hidden = !content.src
    if (!content.src) return
    bar.replaceChildren(h("strong", {}, content.about ?? ""), ...(content.maps ?? []).map(level), h("span.gap"), status)
    const heads = [["Height", "σ"], ["Nearest atom"], ["Distance", "Å", true], ["Map"], ["From"]]
    table.hidden = !content.peaks?.length
    table.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, heads.map(([label, unit, right]) => h(right ? "th.m-right" : "th", {scope: "col"}, label, unit && h("span.unit", {}, ` ${unit}`))))), h("tbody", {}, (content.peaks ?? []).map(peak))))
    words.replaceChildren(...(content.words ?? []).map((text) => h("p.quiet", {}, text)))
    if (ready) show()
    else {
      sight.unobserve(stage) // says anew whether it is in sight
      sight.observe(stage)
    }
  }
  draw()
}
