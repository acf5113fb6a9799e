"""Servers of the benchmark of pages, each in a process of its own that answers questions over a pipe.

Ours shows rows of the demo facility without its files; the rival is the page that a Panel developer would write first:
FastListTemplate with three plots and a table, as `panel serve` shows it.
"""

import gc
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import paths  # noqa: F401

LOGIN, PASSWORD = "admin", "simulated-light"
_LISTED = 60  # collections of the visit that is looked at, at least


@dataclass(frozen=True, slots=True)
class Facility:
    """The rows that ours shows: database, the dashboard's own database, the visit that is opened."""

    url: str
    store: str
    visit: str
    visit_id: int
    collections: int


def facility(folder: Path) -> Facility:
    """Write the rows of the demo facility into ``folder``; per-image numbers only for the visit that is opened."""
    from data.demo.rows import settle_down, sqlite_file
    from data.demo.story import SEED, tell
    from data.schema import Collection, Proposal, Visit

    plan = tell(date.today(), SEED)
    of_group = plan.group_visits()
    held: dict[int, list[int]] = {}
    for row in plan.rows.of(Collection):
        held.setdefault(of_group[row["group_id"]], []).append(row["collection_id"])
    mx = {row["visit_id"]: row for row in plan.rows.of(Visit) if str(row["beamline"]).startswith("BX")}
    chosen = min((key for key in mx if len(held.get(key, ())) >= _LISTED), key=lambda key: len(held[key]))
    shown = set(held[chosen])
    plan.rows.quality = [pair for pair in plan.rows.quality if pair[0] in shown]
    database = folder / "ispyb.sqlite"
    engine = sqlite_file(database)
    try:
        plan.rows.insert(engine)
    finally:
        engine.dispose()
    settle_down(database)
    proposal = next(row for row in plan.rows.of(Proposal) if row["proposal_id"] == mx[chosen]["proposal_id"])
    name = f"{proposal['code']}{proposal['number']}-{mx[chosen]['number']}"
    return Facility(f"sqlite:///{database}", f"sqlite:///{folder / 'lens.sqlite'}", name, chosen, len(shown))


class Beamline:
    """Writes into the visit from outside the server: each step a new collection, or another one that ends."""

    def __init__(self, facility: Facility) -> None:
        from data.demo.site import Site, writable

        self._site = Site(writable(facility.url))
        self._visit = facility.visit_id
        self._open: int | None = None
        self._count = 0

    def step(self) -> None:
        """One change: a new row, or a changed one, in turn."""
        from data.schema import Collection, Group

        now = datetime.now().replace(microsecond=0)
        if self._open is None:
            self._count += 1
            group = self._site.insert(Group, visit_id=self._visit, experiment="OSC", start=now)
            self._open = self._site.insert(
                Collection, group_id=group, number=self._count, prefix="bench", images=1800, start=now
            )
        else:
            self._site.update(Collection, self._open, end=now, status="DataCollection Successful")
            self._open = None

    def close(self) -> None:
        """Give back the connection."""
        self._site.engine.dispose()


@dataclass(slots=True)
class Served:
    """A running server. ``ask`` goes over the pipe; ``cpu`` and ``memory`` are read from outside."""

    kind: str
    port: int
    pid: int
    pipe: Connection

    def ask(self, question: str) -> Any:
        """``statements``, ``sessions``, ``watched``, ``collect`` or ``expire``."""
        self.pipe.send(question)
        if not self.pipe.poll(60):
            raise TimeoutError(f"the server does not answer to {question}")
        return self.pipe.recv()

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all threads."""
        return time.clock_gettime((~self.pid << 3) | 2)  # Linux: the clock of another process

    def memory(self) -> float:
        """MB that the process alone holds: its private pages."""
        private = 0
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                private += int(line.split()[1])
        return private / 1024


@contextmanager
def served(kind: str, facility: Facility) -> Iterator[Served]:
    """Start ``ours`` or ``rival`` in a process of its own; it has ended when the block is left."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=(kind, facility, there), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(120):
            raise TimeoutError(f"{kind} does not start")
        port = here.recv()
        assert process.pid is not None
        yield Served(kind, port, process.pid, here)
        here.send("stop")
        process.join(20)
    finally:
        if process.is_alive():
            process.kill()
            process.join()
        here.close()


def _serve(kind: str, facility: Facility, pipe: Connection) -> None:
    logging.basicConfig(level=logging.ERROR)
    os.environ["BOKEH_LOG_LEVEL"] = "error"
    server, questions, close = {"ours": _ours, "rival": _rival}[kind](facility)

    def asked() -> None:
        try:
            question = pipe.recv()
        except EOFError:
            question = "stop"
        if question == "stop":
            server.io_loop.remove_handler(pipe.fileno())
            server.io_loop.stop()
            return
        pipe.send(questions[question]())

    questions |= {
        "collect": gc.collect,
        "sessions": lambda: sum(len(context.sessions) for context in server._tornado._applications.values()),
    }

    async def expire() -> None:
        for context in server._tornado._applications.values():
            await context._cleanup_sessions(0)

    questions["expire"] = lambda: server.io_loop.asyncio_loop.create_task(expire()) and None
    server.io_loop.add_handler(pipe.fileno(), lambda *_: asked(), server.io_loop.READ)
    server.start()
    pipe.send(server.port)
    server.io_loop.start()
    close()


Questions = dict[str, Callable[[], Any]]


def _ours(facility: Facility) -> tuple[Any, Questions, Callable[[], None]]:
    from sqlalchemy import make_url

    from app.server import gate_for, make
    from app.services import services
    from app.settings import Settings, Store
    from auth.accounts import add_account

    settings = Settings()
    settings = replace(
        settings,
        database=replace(settings.database, url=make_url(facility.url)),
        store=Store(make_url(facility.store)),
        server=replace(settings.server, address="127.0.0.1", port=_free_port()),
    )
    shared = services(settings)
    if shared.store.account(LOGIN) is None:
        add_account(shared.store, LOGIN, PASSWORD, "Administrator")
    gate = gate_for(shared)
    server = make(shared, gate)

    def close() -> None:
        gate.stop()
        shared.close()

    questions: Questions = {
        "statements": lambda: shared.source.statements,
        "watched": lambda: len(shared.feed.watched),
    }
    return server, questions, close


def _rival(facility: Facility) -> tuple[Any, Questions, Callable[[], None]]:
    import numpy as np
    import pandas as pd
    import panel as pn
    from bokeh.plotting import figure
    from panel.io.server import get_server

    pn.extension("tabulator")
    rng = np.random.default_rng(1)
    x = np.arange(1500)
    series = [rng.normal(size=1500).cumsum() for _ in range(3)]
    columns = [f"column {number}" for number in range(12)]
    table = pd.DataFrame(rng.normal(size=(facility.collections, 12)), columns=columns)
    table.insert(0, "prefix", [f"sample_{number}" for number in range(len(table))])

    def page() -> Any:
        template = pn.template.FastListTemplate(title="Collections")
        choice = pn.widgets.Select(name="Visit", options=["mx1-1", "mx1-2"])
        listed = pn.widgets.Tabulator(table, pagination="remote", page_size=50, sizing_mode="stretch_width")
        said = pn.pane.Markdown("mx1-1")

        def chosen(event: Any) -> None:
            said.object = f"**{event.new}**"

        choice.param.watch(chosen, "value")
        template.sidebar.append(choice)
        for values in series:
            plot = figure(height=220, sizing_mode="stretch_width")
            plot.line(x, values)
            template.main.append(pn.pane.Bokeh(plot))
        template.main.append(pn.Column(said, listed))
        return template

    port = _free_port()
    server = get_server({"/": page}, port=port, websocket_origin=[f"127.0.0.1:{port}"], start=False, show=False)
    return server, {}, lambda: None


def _free_port() -> int:
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port
