"""`ispyb-lens demo`: a simulated facility and its dashboard, on this computer alone."""

import argparse
import dataclasses
import logging
import socket
import sys
import time
import webbrowser
from collections.abc import Iterable

from sqlalchemy import make_url

from app.demo_history import write_history
from app.demo_run import DemoRun
from app.faults import set_up_log
from app.provider_settings import ACCOUNTS_ONLY
from app.server import gate_for, make
from app.services import Services, services
from app.settings import Settings, data_directory
from auth.accounts import add_account
from auth.gate import DemoPerson
from auth.store import Store
from data.demo import facility
from data.demo.people import DemoPerson as Somebody
from data.images.files import Files

log = logging.getLogger(__name__)

_PORTS = 20
_BAR = 30


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the facility if there is none, then serve it on loopback until stopped."""
    set_up_log("warning")
    made = facility_of(args)
    if made is None:
        return 1
    port = _free_port(settings.server.port, chosen=args.port is not None)
    if port is None:
        print(f"ispyb-lens: port {settings.server.port} is taken; choose another with --port", file=sys.stderr)
        return 1
    settings = settings_of(settings, made)
    settings = dataclasses.replace(
        settings,
        server=dataclasses.replace(
            settings.server, address="127.0.0.1", port=port, prefix="", public_url="", certificate="", key=""
        ),
    )
    shared = services_of(settings, made)
    people = [DemoPerson(p.login, p.password, f"{p.name}, {p.who}: {p.sees}") for p in made.people]
    gate = gate_for(shared, people)
    server = make(shared, gate)
    address = f"http://127.0.0.1:{port}/"
    print(f"\nISPyB Lens shows a simulated facility at {address}\n\nSign in as")
    for person in made.people:
        print(f"  {person.login:<10} password {person.password:<17} {person.who}: {person.sees}")
    print("\nStop with Ctrl-C.", flush=True)
    if not args.no_browser and sys.stdout.isatty():
        webbrowser.open(address)
    live = DemoRun(made)
    if not args.still:
        live.start()
    try:
        server.run_until_shutdown()
    finally:
        live.stop()
        gate.stop()
        shared.close()
    return 0


def facility_of(args: argparse.Namespace) -> facility.Facility | None:
    """The facility in ``args.dir``, written if there is none; None, and said, where that fails."""
    folder = (args.dir or data_directory() / "demo").resolve()
    made = None if args.reset else facility.open_(folder)
    if made is not None:
        return made
    began = time.monotonic()
    try:
        made = facility.write(folder, Progress(sys.stdout.isatty()))
    except (facility.NotOurs, OSError) as error:
        print(f"\nispyb-lens: {error}", file=sys.stderr)
        return None
    over, rest = ("\r", " " * 30) if sys.stdout.isatty() else ("", "")
    print(f"{over}The facility is written: {time.monotonic() - began:.0f} s, {folder}{rest}", flush=True)
    return made


def settings_of(settings: Settings, made: facility.Facility) -> Settings:
    """``settings`` with the facility's database, rights and accounts."""
    return dataclasses.replace(
        settings,
        site=dataclasses.replace(settings.site, name="ISPyB Lens", demo=True),
        database=dataclasses.replace(settings.database, url=make_url(made.url), replica_url=None),
        store=dataclasses.replace(settings.store, url=make_url(f"sqlite:///{made.directory / 'lens.sqlite'}")),
        login=dataclasses.replace(settings.login, providers=ACCOUNTS_ONLY),
        comments=dataclasses.replace(settings.comments, write=True, url=make_url(made.url)),
        access=dataclasses.replace(
            settings.access, beamline_groups=made.rights.beamlines, everything=tuple(sorted(made.rights.everything))
        ),
    )


def services_of(settings: Settings, made: facility.Facility) -> Services:
    """What a process shares that shows the facility, with its people's accounts."""
    shared = services(settings, Files(made.roots, made.mapping, made.on_missing))
    _accounts(shared.store, made.people)
    write_history(settings.store_url())
    return shared


def _accounts(store: Store, people: Iterable[Somebody]) -> None:
    for person in people:
        if store.account(person.login) is None:
            add_account(store, person.login, person.password, person.name)


class Progress:
    """How far a long work is: a bar that grows in its line; in a file a line for each tenth and for each new step."""

    def __init__(self, bar: bool) -> None:
        self._bar = bar
        self._said = (-1, "")

    def __call__(self, share: float, words: str) -> None:
        filled = round(share * _BAR)
        if self._bar:
            print(f"\r[{'█' * filled}{'·' * (_BAR - filled)}] {share:4.0%}  {words:<40}", end="", flush=True)
        elif (int(10 * share), words) != self._said:
            self._said = (int(10 * share), words)
            print(f"{share:4.0%}  {words}", flush=True)


def _free_port(first: int, *, chosen: bool) -> int | None:
    for port in range(first, first + (1 if chosen else _PORTS)):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return None
