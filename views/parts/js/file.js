// A file: a window on the lines of a text, which grows at the edge that is scrolled to, or a frame that runs nothing.
const {h, put, talk, own, link, later} = await import(`./dom.js${new URL(import.meta.url).search}`)

const CHUNK = 300
const KEPT = 1500

export function render(given) {
  const {el} = given
  let first = 1
  let total = 0
  let lines = [] // elements
  let waiting = false
  let needle = ""
  let at = 0 // the line of the hit
  const {content, tell} = talk(given, (message) => {
    if (message.type === "open" || message.type === "all") open(message)
    else if (message.type === "lines") arrived(message)
    else if (message.type === "hit") hit(message)
    else if (message.type === "failed") { waiting = false; sought = null; presses.length = 0; said.textContent = message.words }
  })

  const find = h("input", {type: "search", placeholder: "Find in the file", "aria-label": "Find in the file", maxlength: "200", spellcheck: "false", autocomplete: "off",
    onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); look(event.shiftKey) } }})
  const line = h("input", {type: "text", inputmode: "numeric", size: "8", "aria-label": "Go to line", placeholder: "Line",
    onkeydown: (event) => { if (event.key === "Enter") jump(Number(line.value.replace(/\D/g, "")) || 1) }})
  const said = h("span.quiet", {role: "status"})
  const wrap = h("input", {type: "checkbox", onchange: () => body.classList.toggle("f-wrap", wrap.checked)})
  const button = (words, act, title) => h("button", {type: "button", title, onclick: act}, words)
  const bar = h("div.f-bar", {role: "toolbar", "aria-label": "Text"}, find, button("Previous", () => look(true), "Shift+Enter"), button("Next", () => look(false), "Enter"), said,
    h("span.gap"), h("label.c-tick", {}, wrap, h("span", {}, "Wrap lines")), line, button("Start", () => jump(1)), button("End", () => jump(total)))
  const body = h("div.f-lines", {tabindex: "0", role: "region", "aria-label": "Lines of the file"})
  body.addEventListener("scroll", later(edge, 60))

  function open(message) {
    el.replaceChildren()
    el.classList.add("f-stack")
    if (!["page", "text"].includes(message.mode)) return
    put(el, h("div.heading", {}, h("h2", {}, message.name), h("span.quiet", {}, message.size), message.download && link("a.f-get", message.download, {}, "Download")),
      message.note && h("div.note.tone-info", {role: "note"}, message.note))
    if (message.mode === "page") {
      const src = own(message.src)
      put(el, src && h("iframe.f-frame", {sandbox: "", src, title: message.name, referrerpolicy: "no-referrer", loading: "lazy"}))
      return
    }
    put(el, h("div.card.f-card", {}, bar, body))
    said.textContent = ""
    at = presses.length = 0
    sought = null
    fill(message)
    body.scrollTop = 0
  }
  function fill(message) {
    waiting = false
    first = message.first
    total = message.total
    lines = message.lines.map((text, i) => row(first + i, text))
    body.replaceChildren(...lines)
    line.title = `1 to ${total}`
    body.style.setProperty("--digits", String(String(total).length))
  }
  function row(number, text) {
    const element = h("div.f-line", {}, h("span.f-no", {"aria-hidden": "true"}, number), marked(text))
    if (number === at) element.classList.add("f-at")
    element.dataset.line = number
    element.text = text
    return element
  }
  /** The text with every place of what is looked for marked; as text nodes, whatever it is. */
  function marked(text) {
    const span = h("span.f-text")
    if (!needle) return put(span, text)
    const low = text.toLowerCase()
    let from = 0
    for (let place = low.indexOf(needle); place >= 0; place = low.indexOf(needle, from)) {
      put(span, text.slice(from, place), h("mark", {}, text.slice(place, place + needle.length)))
      from = place + needle.length
    }
    return put(span, text.slice(from))
  }
  function ask(from, count, how) {
    waiting = true
    tell({type: "lines", first: from, count, how})
  }
  function edge() {
    if (waiting || !lines.length) return
    const last = first + lines.length - 1
    if (body.scrollTop + body.clientHeight > body.scrollHeight - 600 && last < total) ask(last + 1, Math.min(CHUNK, total - last), "after")
    else if (body.scrollTop < 600 && first > 1) ask(Math.max(1, first - CHUNK), Math.min(CHUNK, first - 1), "before")
  }
  function arrived(message) {
    waiting = false
    if (message.how === "jump") {
      fill(message)
      return show(wanted)
    }
    const made = message.lines.map((text, i) => row(message.first + i, text))
    if (message.how === "after" && message.first === first + lines.length) {
      body.append(...made)
      lines.push(...made)
      const spare = Math.max(0, lines.length - KEPT)
      const before = body.scrollHeight
      lines.splice(0, spare).forEach((element) => element.remove())
      first += spare
      body.scrollTop -= before - body.scrollHeight
    } else if (message.how === "before" && message.first + made.length === first) {
      const before = body.scrollHeight
      body.prepend(...made)
      lines.unshift(...made)
      first = message.first
      body.scrollTop += body.scrollHeight - before
      lines.splice(KEPT).forEach((element) => element.remove())
    }
    total = message.total
  }
  let wanted = 1
  function jump(number) {
    wanted = Math.min(Math.max(1, number), total)
    if (wanted >= first && wanted < first + lines.length) return show(wanted)
    ask(Math.max(1, wanted - 100), CHUNK, "jump")
  }
  function show(number) {
    const element = lines[number - first]
    if (element) body.scrollTop = element.offsetTop - body.clientHeight / 2
  }
  let sought = null // the text whose next place is being looked for
  const presses = [] // what was pressed meanwhile: a step each, from the hit before it
  function look(back) {
    const text = find.value.trim()
    if (!text) return
    if (text === sought) return void presses.push(back)
    sought = text
    presses.length = 0
    said.textContent = "Searching …"
    tell({type: "find", text, at: text.toLowerCase() === needle ? at : back ? total + 1 : Math.max(0, top() - 1), back})
  }
  /** The first line in sight. */
  const top = () => Number(lines.find((element) => element.offsetTop + element.offsetHeight > body.scrollTop)?.dataset.line ?? 1)
  function hit(message) {
    const more = message.whole ? "" : "+"
    said.textContent = message.line ? `${message.place} of ${message.count}${more} lines` : "Not found"
    needle = message.text.toLowerCase()
    at = message.line ?? 0
    for (const element of lines) {
      element.lastChild.replaceWith(marked(element.text))
      element.classList.toggle("f-at", Number(element.dataset.line) === at)
    }
    if (message.line) jump(message.line)
    sought = null
    if (presses.length) look(presses.shift())
  }
  open({...content, mode: content.mode ?? "none"})
}
