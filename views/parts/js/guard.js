// What the page does when the connection breaks: say so, ask whether we are still signed in, come back by itself.

const PERIOD = 2500
const ACTIVE = 60_000
const PATIENCE = 4 // answers to ping without the connection being back, before the page is loaded again

/** Show `bar` while the connection is lost; on a 401 from `ping` leave for the login page, which takes the data away. */
export function guard(doc, bar, content, signal) {
  let timer = 0
  let answered = 0
  let link = null

  async function ask() {
    let status = 0
    try {
      status = (await fetch(content().ping || location.href, {method: content().ping ? "GET" : "HEAD", cache: "no-store", credentials: "same-origin", redirect: "manual"})).status
    } catch { /* the server is away: go on asking */ }
    if (signal.aborted || bar.hidden) return
    if (status === 401) {
      const next = encodeURIComponent(location.pathname + location.search)
      location.replace(`${content().login || "/login"}?next=${next}`)
      return
    }
    if (status >= 200 && status < 300) {
      answered += 1
      if (answered >= PATIENCE) return location.reload()
      link?.deref()?.reconnect()
    }
    timer = setTimeout(ask, PERIOD)
  }
  // Somebody at work stays signed in; a page that is only open does not.
  let told = Date.now()
  const active = () => {
    if (Date.now() - told < ACTIVE || !content().ping) return
    told = Date.now()
    fetch(content().ping, {method: "POST", credentials: "same-origin"}).catch(() => {})
  }
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, active, {signal, passive: true, capture: true})
  doc?.on_event("connection_lost", (_, event) => {
    link = event?.connection ?? event?.cls_connection ?? link
    if (!bar.hidden) return
    bar.hidden = false
    answered = 0
    clearTimeout(timer)
    timer = setTimeout(ask, 300)
  })
  doc?.on_event("client_reconnected", () => {
    bar.hidden = true
    clearTimeout(timer)
  })
  signal.addEventListener("abort", () => clearTimeout(timer))
}
