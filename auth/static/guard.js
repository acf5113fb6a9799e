// Takes a page off the screen when its login session has ended, and keeps the session in use while
// somebody works. Served by the gate; also embedded in pages. PREFIX is filled in by the server.
(() => {
  "use strict";
  const prefix = "PREFIX";
  if (window.ispybGuard) return;
  const minute = 60000;
  const guard = (window.ispybGuard = {});
  let mine = null; // the login session this page was opened under, as the server marks it
  let asking = null;
  let used = 0;

  const leave = () => {
    const here = location.pathname + location.search + location.hash;
    location.replace(prefix + "/login?next=" + encodeURIComponent(here));
  };

  const ask = async (method) => {
    let answer;
    try {
      answer = await fetch(prefix + "/auth/ping", {
        method, credentials: "same-origin", cache: "no-store", redirect: "error",
      });
    } catch (error) {
      return; // the server is away: the page stays, and says so itself
    }
    if (answer.status === 401) return leave();
    const mark = answer.headers.get("X-Login-Mark");
    if (answer.status !== 204 || !mark) return;
    if (mine !== null && mark !== mine) return location.reload(); // signed in anew elsewhere
    mine = mark;
  };

  guard.check = () => (asking ??= ask("GET").finally(() => { asking = null; }));

  const use = () => {
    const now = Date.now();
    if (now - used < minute) return;
    used = now;
    ask("POST");
  };
  for (const kind of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(kind, use, { capture: true, passive: true });
  }

  // Bokeh tells each of its documents when its websocket has gone.
  const known = new WeakSet();
  const watch = () => {
    for (const page of window.Bokeh?.documents ?? []) {
      if (known.has(page)) continue;
      known.add(page);
      page.on_event("connection_lost", () => guard.check());
      guard.check(); // it may have gone already
    }
  };
  setInterval(watch, 500);
  setInterval(() => { if (!document.hidden) guard.check(); }, minute / 2);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) guard.check(); });
  addEventListener("pageshow", (event) => { if (event.persisted) guard.check(); });

  // A click on <a data-sign-out href="…/logout"> signs out at once; without this script the link
  // leads to a page with a button.
  guard.signOut = async () => {
    const answer = await fetch(prefix + "/auth/form", { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) return leave();
    const form = document.createElement("form");
    form.method = "post";
    form.action = prefix + "/logout";
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "csrf";
    field.value = (await answer.json()).csrf;
    form.append(field);
    document.body.append(form);
    form.submit();
  };
  document.addEventListener("click", (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.composedPath().find((node) => node.dataset?.signOut !== undefined);
    if (!link) return;
    event.preventDefault();
    guard.signOut().catch(() => location.assign(prefix + "/logout"));
  });

  guard.check();
})();
