// The frame of the page: header, jump box, address bar, connection, theme and the body.
const {h, put, icon, link, own, talk, tone, typing} = await import(`./dom.js${new URL(import.meta.url).search}`)
const {guard} = await import(`./guard.js${new URL(import.meta.url).search}`)
const {bell} = await import(`./bell.js${new URL(import.meta.url).search}`)
const {dress} = await import(`./dress.js${new URL(import.meta.url).search}`)

const KEPT = "lens-theme"
const dark = matchMedia("(prefers-color-scheme: dark)")

export function render(given) {
  const {model, el} = given
  const {content, tell, gone} = talk(given, heard)
  const stop = new AbortController()
  const listen = (target, name, callback) => target.addEventListener(name, callback, {signal: stop.signal})

  const brand = h("a.brand", {href: "?"})
  const nav = h("nav.nav", {"aria-label": "Main"})
  const demo = h("span.demo", {title: "Everything shown here is made up."}, "Simulated data")
  const jump = jumpBox(tell)
  const themeButton = h("button.plain.square", {type: "button", onclick: () => setTheme(themeNow() === "dark" ? "light" : "dark")})
  const account = h("details.account")
  const alarm = bell((id) => tell({type: "seen", id}), titled)
  const bar = h("div.lost", {role: "status", hidden: true}, h("span.pulse"), "Connection lost, trying again…")
  const notices = h("div.notices", {"aria-live": "polite"})
  const crumbs = h("nav.crumbs", {"aria-label": "Where you are"})
  const body = h("div.body")
  const said = h("div.unseen", {role: "status"})
  const main = h("main.main", {id: "main", tabindex: "-1"}, crumbs, notices, body)
  const skip = h("a.skip", {href: "#main", onclick: (event) => { event.preventDefault(); main.focus() }}, "Skip to content")
  const header = h("header.header", {}, brand, nav, h("span.gap"), jump.element, demo, alarm.element, themeButton, account, h("div.busy", {hidden: true}))
  el.append(h("div.page", {}, skip, header, bar, main, said))

  // -- drawing

  function draw(changed) {
    if ("site" in changed || "title" in changed) {
      const site = content.site?.name || "ISPyB Lens"
      brand.replaceChildren(h("span.mark", {"aria-hidden": "true"}), site)
      titled()
      demo.hidden = !content.site?.demo
      if ("title" in changed) said.textContent = content.title || ""
    }
    if ("nav" in changed) nav.replaceChildren(...(content.nav ?? []).map((item) =>
      link("a", item.link, {"aria-current": item.current ? "page" : null}, item.label)))
    if ("crumbs" in changed || "aside" in changed) drawCrumbs()
    if ("person" in changed || "logout" in changed || "methods" in changed || "csrf" in changed) drawAccount()
    if ("alerts" in changed) alarm.show(content.alerts ?? [])
    if ("notices" in changed) notices.replaceChildren(...(content.notices ?? []).map(notice))
    if ("busy" in changed) {
      header.querySelector(".busy").hidden = !content.busy
      main.setAttribute("aria-busy", String(Boolean(content.busy)))
    }
    if ("theme" in changed) setTheme(kept() ?? content.theme, false)
    if ("spans" in changed) spread()
    if ("search" in changed) address(changed)
  }

  function titled() {
    const site = content.site?.name || "ISPyB Lens"
    document.title = alarm.titled(content.title ? `${content.title} · ${site}` : site)
  }

  function drawCrumbs() {
    const all = content.crumbs ?? []
    const beside = content.aside ?? []
    crumbs.hidden = !all.length && !beside.length
    crumbs.replaceChildren(h("ol", {}, all.map((crumb, i) => h("li", {},
      link("a", crumb.link, {"aria-current": i === all.length - 1 ? "page" : null}, crumb.label)))),
      ...beside.map((item) => link("a.aside", item.link, {}, item.label)))
  }

  function drawAccount() {
    const {name, login, links} = content.person ?? {}
    account.hidden = !name && !login
    account.replaceChildren(h("summary", {"aria-label": `Account of ${name || login}`}, icon("person"), h("span", {}, name || login)),
      h("div.menu", {}, h("strong", {}, name || login), login && h("span.quiet", {}, login),
        (links ?? []).map((item) => link("a.item", item.link, {onclick: () => { account.open = false }}, item.label)),
        own(content.methods) && h("a.item", {href: content.methods}, "Sign-in methods"),
        own(content.logout) && h("form", {method: "post", action: content.logout, onsubmit: signOut},
          h("input", {type: "hidden", name: "csrf"}), h("button", {type: "submit"}, "Sign out"))))
  }

  /** The form needs the token that only a page of ours may read; without one it leads to the page that asks again. */
  async function signOut(event) {
    event.preventDefault()
    const form = event.currentTarget
    try {
      const answer = await fetch(content.csrf, {credentials: "same-origin", cache: "no-store"})
      form.elements.csrf.value = (await answer.json()).csrf
      form.submit()
    } catch {
      location.assign(content.logout)
    }
  }

  function notice(item) {
    const element = h("div.notice", {role: item.kind === "bad" ? "alert" : null}, h("span", {}, item.text),
      h("button.plain.square", {type: "button", "aria-label": "Dismiss", onclick: () => element.remove()}, icon("close")))
    element.className += tone(item.kind)
    return element
  }

  // -- the body: views come and go, those that stay are not touched

  function fill() {
    const wanted = model.get_child("body") ?? []
    for (const child of [...body.children]) if (!wanted.includes(child)) child.remove()
    wanted.forEach((child, i) => { if (child && body.children[i] !== child) body.insertBefore(child, body.children[i] ?? null) })
    spread()
    dress(model.document, true)
  }
  function spread() {
    // A span is a width in twelfths, or [width, rows that it reaches over].
    [...body.children].forEach((child, i) => {
      const [wide, tall] = [content.spans?.[i] || 12].flat()
      child.style.setProperty("--span", String(wide))
      child.style.setProperty("--tall", String(tall || 1))
    })
  }

  // -- address bar

  const here = () => location.pathname + location.search
  let steps = 0 // told to the server; an answer to an earlier one must not be written over a later entry
  function address({search, replace, asked}) {
    if (typeof search !== "string" || (asked ?? steps) < steps) return
    const wanted = location.pathname + (search && search !== "?" ? search : "")
    if (wanted === here()) return
    jump.moved()
    history[replace ? "replaceState" : "pushState"]({}, "", wanted)
    if (!replace) scrollTo(0, 0)
  }
  function go(search, pop = false) {
    tell({type: "go", search, pop, asked: (steps += 1)})
  }
  listen(window, "popstate", () => go(location.search, true))
  listen(document, "click", (event) => {
    const anchor = event.composedPath().find((node) => node instanceof HTMLAnchorElement)
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    const href = anchor?.getAttribute("href")
    if (!href?.startsWith("?") || anchor.target === "_blank") return
    event.preventDefault()
    go(href === "?" ? "" : href)
  })
  listen(document, "lens-go", (event) => go(event.detail))

  // -- keys

  listen(document, "keydown", (event) => {
    if (event.key === "Escape") alarm.close(true)
    if (event.key === "Escape" && account.open) { account.open = false; account.firstChild.focus() }
    const combined = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)
    if (!combined && (event.key !== "/" || typing(event) || event.ctrlKey || event.metaKey || event.altKey)) return
    event.preventDefault()
    jump.focus()
  })
  listen(document, "pointerdown", (event) => {
    if (account.open && !event.composedPath().includes(account)) account.open = false
    if (!event.composedPath().includes(jump.element)) jump.close()
    if (!event.composedPath().includes(alarm.element)) alarm.close()
    alarm.calm()
  })

  // -- theme

  function kept() {
    try { return localStorage.getItem(KEPT) } catch { return null }
  }
  const themeNow = () => document.documentElement.dataset.theme
  let told = null
  let drawn = false
  function setTheme(wanted, keep = true) {
    if (keep) try { localStorage.setItem(KEPT, wanted) } catch { /* a browser may refuse to keep things */ }
    const theme = wanted === "light" || wanted === "dark" ? wanted : dark.matches ? "dark" : "light"
    document.documentElement.dataset.theme = theme
    const other = theme === "dark" ? "light" : "dark"
    themeButton.replaceChildren(icon(theme === "dark" ? "sun" : "moon"))
    themeButton.setAttribute("aria-label", `Switch to ${other} colours`)
    themeButton.title = `Switch to ${other} colours`
    dress(model.document, !drawn)
    if (told !== theme) tell({type: "theme", theme: told = theme})
  }
  listen(dark, "change", () => setTheme(kept() ?? content.theme, false))

  // -- messages

  function heard(message) {
    if (message.type === "suggest") return jump.suggest(message.items)
    const {type, version, ...changed} = message
    const {asked, ...kept} = changed
    Object.assign(content, kept)
    draw(type === "all" ? {...content, replace: true} : changed)
  }

  model.on("body", fill)
  gone(() => stop.abort())
  // What was built and not yet drawn cannot be measured. The first of several figures would make Bokeh try, and none
  // of them would ever be drawn; the last of them measures all. Nor may the old ones leaving make it try.
  const {view} = given
  for (const name of ["compute_layout", "after_resize"]) {
    const inner = view[name]
    view[name] = function () {
      if (this.child_views.every((child) => this._child_rendered?.has(child) ?? true)) inner.call(this)
    }
  }
  guard(model.document, bar, () => content, stop.signal)
  draw({...content, replace: true})
  fill()
  drawn = true
}

function jumpBox(tell) {
  const list = h("ul.suggestions", {id: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true})
  const input = h("input", {type: "search", placeholder: "Jump to…", "aria-label": "Jump to a visit, a collection or a sample",
    title: "mx415-3, a collection number or a sample name", role: "combobox", "aria-expanded": "false", "aria-controls": "suggestions",
    autocomplete: "off", spellcheck: "false", maxlength: "200", "aria-autocomplete": "list"})
  const element = h("form.jump", {role: "search"}, icon("search"), input, h("kbd", {"aria-hidden": "true"}, "/"), list)
  let chosen = -1
  let waiting = false // for an answer to what was sent

  const close = () => {
    list.hidden = true
    input.setAttribute("aria-expanded", "false")
    input.removeAttribute("aria-activedescendant")
  }
  function choose(index) {
    const options = list.querySelectorAll("[role=option]")
    if (!options.length) return
    chosen = (index + options.length) % options.length
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)))
    options[chosen].scrollIntoView({block: "nearest"})
    input.setAttribute("aria-activedescendant", options[chosen].id)
  }
  function suggest(items) {
    if (!waiting && !items.length) return close()
    waiting = false
    chosen = -1
    list.replaceChildren(...items.map((item, i) => h("li", {role: "option", id: `suggestion-${i}`, "aria-selected": "false"},
      link("a", item.link, {tabindex: "-1", onclick: close}, h("span", {}, item.label), h("span.quiet", {}, item.detail)))))
    if (!items.length) list.append(h("li.nothing", {role: "status"}, "Nothing found by that name."))
    list.hidden = false
    input.setAttribute("aria-expanded", "true")
  }
  element.addEventListener("submit", (event) => {
    event.preventDefault()
    const option = !list.hidden && list.querySelectorAll("[role=option] a")[chosen]
    if (option) option.click()
    else if (input.value.trim()) {
      waiting = true
      tell({type: "jump", text: input.value.trim()})
    }
  })
  input.addEventListener("input", close)
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation()
      if (list.hidden) input.blur()
      close()
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault()
      choose(event.key === "ArrowDown" ? chosen + 1 : chosen < 0 ? -1 : chosen - 1)
    }
  })
  const moved = () => {
    waiting = false
    input.value = ""
    close()
  }
  return {element, suggest, close, moved, focus: () => { input.focus(); input.select() }}
}
