// Work of the server that takes a while: begun with the page's token, followed until its end, given up when nobody waits.

/** Addresses of the site, the same for all viewers of a page: {job, token}. */
export const site = {job: "", token: ""}

const PAUSE = 300

async function token() {
  const answer = await fetch(site.token, {credentials: "same-origin", cache: "no-store"})
  return (await answer.json()).csrf
}

/** Begin work with a POST of `wanted`; the name of the job. Throws what `ask` throws. */
export async function begin(ask, address, wanted, signal) {
  const headers = {"Content-Type": "application/json", "X-CSRF": await token()}
  return (await (await ask(address, signal, {method: "POST", headers, body: JSON.stringify(wanted)})).json()).job
}

export async function giveUp(job) {
  try {
    await fetch(`${site.job}/${encodeURIComponent(job)}`, {method: "DELETE", credentials: "same-origin", headers: {"X-CSRF": await token()}})
  } catch { /* it ends by itself */ }
}

/** Wait for a job; `progress({done, of, text})` meanwhile. What it ended with. Gives it up when `signal` is aborted. */
export async function followed(ask, job, signal, progress = () => {}) {
  try {
    for (;;) {
      const state = await (await ask(`${site.job}/${encodeURIComponent(job)}`, signal, {cache: "no-store"})).json()
      if (state.state === "done") return state
      if (state.state !== "running" && state.state !== "waiting")
        throw Object.assign(new Error(state.text || "The work ended without a picture."), {title: "Not put together."})
      progress(state)
      await new Promise((done) => setTimeout(done, PAUSE))
    }
  } catch (error) {
    if (error.name === "AbortError") giveUp(job)
    throw error
  }
}
