"""Every page that can be reached, over a site whose every text attacks: with the page's policy and without it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.conftest import CALM, signed_in
from browser.look import deep, text_of
from playwright.sync_api import Browser, Error, Page
from security.hostile import HOSTILE, SECRET, Hostile, mapped_tables, numbers, rows, values
from sqlalchemy import String, inspect

from app.screens import VIEWS
from views.place import from_query
from views.techniques import TECHNIQUES

# Pages are of a shape: further rows of the same list are not opened. An administrator comes to every view.
_MOST = {"alice": 10, "admin": 32}
# Linked from results, of which a site of nothing but attacks has none.
_UNLINKED = ("?visit=hx1-1&tab=cells",)
# What names a proposal, a technique, a person's own account.
HARMLESS = {"Proposal": ["code", "number"], "Group": ["experiment"], "Person": ["login"]}
_PRESSED = "button, summary, [role=tab], [role=treeitem], [role=button], [aria-expanded=false]"

_NEVER = ["Sign out", "Log out", "Delete"]

# The first thing to press that was not pressed: its words and its middle, and whether a press there reaches it.
_NEXT = r"""
  const named = e => `${e.tagName} ${e.getAttribute("aria-label") ?? e.textContent}`.replace(/\d+/g, "0")
  const fits = e => e.matches(given.pressed) && shown(e) && !e.disabled
  const open = e => !given.known.includes(named(e)) && !given.never.some(word => named(e).includes(word))
  const e = all(document).find(e => fits(e) && open(e))
  if (!e) return null
  e.scrollIntoView({block: "center", inline: "center", behavior: "instant"})
  const box = e.getBoundingClientRect()
  const x = box.x + box.width / 2, y = box.y + box.height / 2
  let hit = document.elementFromPoint(x, y)
  while (hit?.shadowRoot) {
    const inner = hit.shadowRoot.elementFromPoint(x, y)
    if (!inner || inner === hit) break
    hit = inner
  }
  let within = hit !== null
  for (let p = hit; p !== e; p = p.parentElement ?? p.getRootNode().host) if (!p) { within = false; break }
  return {words: named(e), x, y, within}
"""

# Nothing on the page is loading; through the shadow roots that its parts are drawn in.
_CALM = """() => {
  const all = root => [...root.querySelectorAll("*")].flatMap(e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  return !all(document).some(e => e.getAttribute("aria-busy") === "true" && e.getClientRects().length > 0)
}"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    made = Hostile(tmp_path_factory.mktemp("hostile"))
    made.write()
    made.start()
    yield made
    made.stop()


def test_every_text_column_of_every_mapped_table_attacks() -> None:
    held = rows().held
    for mapped in mapped_tables():
        texts = [p.key for p in inspect(mapped).column_attrs if isinstance(p.columns[0].type, String)]
        (row, *_) = held[mapped]
        harmless = [name for name in texts if not is_key(mapped, name) and HOSTILE not in row[name]]
        assert harmless == HARMLESS.get(mapped.__name__, [])
        assert values(mapped, 77) != row
    assert len(numbers()) == len(TECHNIQUES)


def is_key(mapped: type, name: str) -> bool:
    column = inspect(mapped).column_attrs[name].columns[0]
    return bool(column.primary_key or column.foreign_keys)


@pytest.mark.browser
@pytest.mark.parametrize(("person", "policy"), [("alice", True), ("admin", False)])
def test_no_text_of_the_database_becomes_anything_but_text(
    hostile: Hostile, chrome: Browser, person: str, policy: bool
) -> None:
    state = signed_in(chrome, hostile, person)
    with chrome.new_context(
        base_url=hostile.address,
        storage_state=state,
        bypass_csp=not policy,
        viewport={"width": 1400, "height": 1000},
        **CALM,
    ) as context:
        context.set_default_timeout(20_000)
        page = context.new_page()
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        seen, faults = walked(page, _MOST[person])
        assert faults == []
        assert dialogs == []
    views = {from_query(link).page for link in seen}
    # What Alice has no right to open she need not reach; an administrator reaches everything.
    if person == "admin":
        assert set(VIEWS) <= views, f"no link leads to {set(VIEWS) - views}"
    for technique, number in numbers().items():
        assert any(from_query(link).collection == number for link in seen), f"no collection of {technique} was opened"


def walked(page: Page, most: int) -> tuple[set[str], list[str]]:
    """Follow every link within the page, open what can be opened; the links, and what was wrong."""
    # One collection of each technique for certain, whichever of many pages the walk would come to.
    serial = numbers()["ssx"]
    # What one comes to only by choosing rows of a list.
    chosen = (f"?visit=hx{serial}-1&tab=runs", f"?visit=hx{serial}-1&tab=compare&v.runs={serial}")
    first = ["", *_UNLINKED, *chosen, *(f"?collection={number}" for number in numbers().values())]
    waiting, met, seen, faults = list(first), set(map(shape, first)), set[str](), list[str]()
    done: set[tuple[str, str]] = set()
    attacked = False
    visited: Counter[tuple[str, int | None]] = Counter()
    while waiting and len(seen) < most:
        # Of each kind one page before a second of any.
        link = min(waiting, key=lambda link: visited[kind(link)])
        waiting.remove(link)
        visited[kind(link)] += 1
        page.goto(link or "/")
        settled(page)
        for found in (*links(page), *pressed(page, done), *links(page)):
            if found != "?" and shape(found) not in met:
                met.add(shape(found))
                waiting.append(found)
        seen.add(link)
        attacked |= "onerror" in text_of(page)
        faults += [f"{link}: {fault}" for fault in wrong(page)]
    assert attacked, "no page shows the texts"
    return seen, faults


def shape(link: str) -> tuple[object, ...]:
    """What makes a link another page: its kind, tab and the like, and which technique's rows it is about."""
    place, given = from_query(link), parse_qs(urlsplit(link).query)
    number = place.collection or place.proposal
    own = {key: value for key, value in given.items() if key not in {"collection", "proposal", "visit", "q", "sort"}}
    return place.page, number, place.visit, str(sorted(own.items()))


def kind(link: str) -> tuple[str, int | None]:
    """The view that a link opens; one collection of each technique is a kind of its own."""
    place = from_query(link)
    number = place.collection if place.page == "collection" else None
    return place.page, number if number in numbers().values() else None


def settled(page: Page) -> None:
    page.get_by_role("heading", level=1).first.wait_for()
    # A part that loads for ever is a fault of other tests.
    with suppress(Error):
        page.wait_for_function(_CALM, timeout=3000, polling=50)


def links(page: Page) -> list[str]:
    found = deep(page, "return all(document).filter(e => e.matches('a[href]')).map(e => e.getAttribute('href'))")
    return [link.lstrip("/") for link in found if link.lstrip("/").startswith("?")]


def pressed(page: Page, done: set[tuple[str, str]]) -> list[str]:
    """Press what shows more and was not pressed in a page of this kind; the addresses that the page had meanwhile."""
    been: list[str] = []
    view = from_query(urlsplit(page.url).query).page
    hidden: set[str] = set()
    for _ in range(60):
        known = [words for where, words in done if where == view]
        try:
            found = deep(page, _NEXT, {"pressed": _PRESSED, "known": [*known, *hidden], "never": _NEVER})
        except Error:
            settled(page)  # the page was left for another
            continue
        if found is None:
            break
        if not found["within"]:
            hidden.add(found["words"])  # it lies under what the one before has opened
            continue
        done.add((view, found["words"]))
        page.mouse.click(found["x"], found["y"])
        page.wait_for_timeout(60)
        been.append(f"?{urlsplit(page.url).query}")
        page.keyboard.press("Escape")
    if been:
        settled(page)
    return been


def wrong(page: Page) -> list[str]:
    faults = deep(
        page,
        """return all(document).filter(e => e.matches(
             "[src='x'], iframe, object, embed, [href^='javascript:' i], [src^='javascript:' i]")
             || (e.localName === "script" && e.textContent.includes("executed="))
             || [...e.attributes].some(a => a.name.startsWith("on"))).map(e => e.outerHTML.slice(0, 200))""",
    )
    executed = page.evaluate("window.executed ?? null")
    return [*faults, *([f"executed {executed}"] if executed is not None else [])]


@pytest.mark.browser
def test_alice_reads_no_foreign_text_on_any_page(hostile: Hostile, chrome: Browser) -> None:
    state = signed_in(chrome, hostile, "alice")
    with chrome.new_context(base_url=hostile.address, storage_state=state, **CALM) as context:
        page = context.new_page()
        for link in ("", "?page=proposals", "?proposal=hx1", "?proposal=hx77", "?visit=hx77-1", "?collection=77"):
            page.goto(link or "/")
            settled(page)
            assert SECRET not in text_of(page), link
            assert SECRET not in page.content(), link
