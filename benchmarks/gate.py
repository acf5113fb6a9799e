"""What the gate and the guard cost a request, how long signing in takes, and how soon a sign-out reaches other tabs.

  look_up_ms        the login session of a request, looked up in the dashboard's own database (SQLite file)
  guard_ms          a guarded question for one collection, less the same statement without guard and Reader
  added_ms          both together: what a request pays for being let in and answered only with what is its own
  added_clock_ms    the same by the clock on the wall, where the others are processor time: a busy machine adds to it
  sign_in_<way>_s   from opening a link in Chromium to the page behind it, signed in: by the form for accounts, ldap and
                    rest, by another site's page and back for oidc
  closed_here_s     a sign-out in one tab until another tab's websocket is closed, served by the same process
  closed_there_s    the same, where another process serves the other tab
The last line is one JSON object of these.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import paths  # noqa: F401
from report import interleaved, json_line, surroundings
from visitor import Visitor

PERSON, HERS = "alice", "alice's secret"


@contextmanager
def sites(folder: Path) -> Iterator[tuple[Any, Any]]:
    """A site that can be signed in to in every way, and a second process that serves it, too."""
    from browser.site import Site
    from servers.ways import every_way

    from auth.identity import Identity
    from auth.store import Store

    with every_way(folder) as ways:
        # The provider's word for Alice is tied to her, as she does on the page of sign-in methods.
        store = Store(f"sqlite:///{ways.site.folder / 'lens.sqlite'}")
        store.links.add(Identity("orcid", str(ways.single.person["sub"]), PERSON, PERSON), "1")
        store.close()
        second = Site(ways.site.folder, server=ways.site.server)
        second.start()
        try:
            yield ways.site, second
        finally:
            second.stop()


def per_request(site: Any, rounds: int) -> dict[str, float]:
    """Milliseconds that the look-up and the guard add."""
    from browser.site import NEWEST
    from sqlalchemy import create_engine, select, text

    from auth.identity import Identity
    from auth.store import Store
    from data.reader import Reader
    from data.schema import Collection
    from data.scope import Rights, scope_of
    from data.source import Source

    store = Store(f"sqlite:///{site.folder / 'lens.sqlite'}")
    session = store.begin(Identity("accounts", PERSON, PERSON, PERSON))
    source = Source(f"sqlite:///{site.database}")
    reader = Reader(source, scope_of(source, PERSON, Rights(frozenset(), {})))
    engine = create_engine(f"sqlite:///{site.database}")
    query = select(Collection.collection_id, Collection.images).where(Collection.collection_id == NEWEST)
    plain = text(str(query.compile(engine, compile_kwargs={"literal_binds": True})))
    many = 20

    def bare() -> None:
        for _ in range(many):
            with engine.connect() as connection:
                if connection.execute(plain).one()[0] != NEWEST:
                    raise RuntimeError("another row")

    def guarded() -> None:
        for _ in range(many):
            if reader.one(query)[0] != NEWEST:
                raise RuntimeError("another row")

    def look_up() -> None:
        for _ in range(many):
            if store.look_up(session) is None:
                raise RuntimeError("the login session is gone")

    actions = {"bare": bare, "guarded": guarded, "look_up": look_up}
    used = interleaved(actions, rounds, time.process_time)
    taken = interleaved(actions, rounds)
    for closing in (store, source):
        closing.close()
    engine.dispose()

    def added(seconds: dict[str, float]) -> tuple[float, float]:
        return 1000 * seconds["look_up"] / many, 1000 * (seconds["guarded"] - seconds["bare"]) / many

    look, guard = added(used)
    return {"look_up_ms": look, "guard_ms": guard, "added_ms": look + guard, "added_clock_ms": sum(added(taken))}


def signing_in(site: Any, times: int) -> dict[str, float]:
    """Seconds of a sign-in in Chromium, by each way."""
    from browser.site import PASSWORD
    from playwright.sync_api import sync_playwright
    from servers.chromium import ARGUMENTS, chromium

    forms = {"accounts": ("Local account", PASSWORD), "ldap": ("Facility account", HERS), "rest": ("User office", HERS)}
    taken: dict[str, list[float]] = {way: [] for way in (*forms, "oidc")}
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        for turn in range(times + 1):
            for way, found in taken.items():
                with chrome.new_context(base_url=site.address.replace("127.0.0.1", "localhost")) as context:
                    context.set_default_timeout(30_000)
                    page = context.new_page()
                    began = time.perf_counter()
                    page.goto("/?visit=mx415-3")
                    if way in forms:
                        label, password = forms[way]
                        page.get_by_label("Account").select_option(label=label)
                        page.get_by_label("User name").fill(PERSON)
                        page.get_by_label("Password").fill(password)
                        page.get_by_label("Password").press("Enter")
                    else:
                        page.get_by_role("link", name="ORCID").click()
                    page.locator("[data-key='5230']").wait_for()
                    if turn:  # the first fills the caches
                        found.append(time.perf_counter() - began)
        chrome.close()
    return {f"sign_in_{way}_s": median(found) for way, found in taken.items()}


async def closing(here: Any, there: Any, times: int) -> float:
    """Seconds from a sign-out at ``here`` until the page that ``there`` serves is closed."""
    from browser.site import PASSWORD

    taken = []
    for _ in range(times):
        visitor = Visitor(here.address.rstrip("/"))
        await visitor.sign_in(PERSON, PASSWORD, "accounts")
        other = Visitor(there.address.rstrip("/"), cookies=visitor.cookies)
        tab = await other.open("/")
        form = (await visitor.ask("/logout")).body.decode().partition("</form>")[0]
        (token,) = re.findall(r'name="csrf" value="([^"]*)"', form)
        began = time.perf_counter()
        await visitor.ask("/logout", {"csrf": token})
        async with asyncio.timeout(30):
            while not tab.closed:
                await asyncio.sleep(0.005)
        taken.append(time.perf_counter() - began)
        tab.close()
    return median(taken)


def run(*, quick: bool) -> dict[str, float]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="lens-gate-") as folder, sites(Path(folder)) as (one, two):
        found = per_request(one, 9 if quick else 41)
        found |= signing_in(one, 2 if quick else 9)
        found["closed_here_s"] = asyncio.run(closing(one, one, 3 if quick else 15))
        found["closed_there_s"] = asyncio.run(closing(one, two, 3 if quick else 15))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: within a minute")
    arguments = parser.parse_args()
    found = run(quick=arguments.quick)
    print(surroundings())
    for name, value in found.items():
        print(f"  {name:<16} {value:8.3g}")
    print(f"\n{json_line(found)}")


if __name__ == "__main__":
    main()
