"""`ispyb-lens desktop`: the dashboard in a window of its own, for whoever uses this computer."""

import argparse
import dataclasses
import getpass
import logging
import signal
import sys
from contextlib import ExitStack
from typing import NoReturn

from app.commands import demo
from app.desktop import NotHere, free_port, identity_of, link_for, serving, show
from app.faults import set_up_log
from app.provider_settings import ACCOUNTS_ONLY
from app.server import gate_for
from app.services import Services, services
from app.settings import Settings, SettingsError
from auth.gate import GateError
from auth.identity import Identity

# A person's own computer is locked by its own means; there is no password to come back with.
_LONGEST = {"idle_minutes": 1440.0, "hours": 168.0}
_TRIES = 5

log = logging.getLogger(__name__)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve on loopback until the window is closed. 1 where it cannot be served or nobody can be signed in."""
    set_up_log("warning")
    signal.signal(signal.SIGTERM, _leave)
    settings, shared, login = _of_the_demo(args, settings) if args.demo else _of_the_site(args, settings)
    try:
        identity = identity_of(shared.store, login)
    except NotHere as error:
        print(f"ispyb-lens: {error}", file=sys.stderr)
        shared.close()
        return 1
    try:
        return _serve(shared, identity)
    except GateError as error:
        raise SettingsError(str(error)) from error
    finally:
        shared.close()


def _serve(shared: Services, identity: Identity) -> int:
    with ExitStack() as stack:
        for left in reversed(range(_TRIES)):
            port = free_port()
            shared.settings = _local(shared.settings, port)
            try:
                stack.enter_context(serving(shared, gate_for(shared)))
                break
            except OSError as error:
                if not left:
                    log.error("cannot serve on loopback: %s", error)
                    return 1

        def link() -> str:
            return link_for(shared.store, identity, f"http://127.0.0.1:{port}")

        if not show(link, shared.settings.site.name):
            _print(link())
    return 0


def _print(link: str) -> None:
    print("No window can be shown here. Open this in a browser on this computer; it signs in once, within 2 minutes:")
    print(f"\n  {link}\n\nStop with Ctrl-C.", flush=True)
    while True:
        signal.pause()


def _local(settings: Settings, port: int) -> Settings:
    """``settings`` for this computer alone."""
    server = dataclasses.replace(
        settings.server, address="127.0.0.1", port=port, prefix="", public_url="", origins=(), certificate="", key="",
        trusted_proxies=(), secure_cookies="auto",
    )  # fmt: skip
    login = dataclasses.replace(settings.login, providers=ACCOUNTS_ONLY, **_LONGEST)
    return dataclasses.replace(settings, server=server, login=login)


def _of_the_site(args: argparse.Namespace, settings: Settings) -> tuple[Settings, Services, str]:
    settings.ispyb_url()
    settings = _local(settings, 0)
    return settings, services(settings), args.login or settings.desktop.login or getpass.getuser()


def _of_the_demo(args: argparse.Namespace, settings: Settings) -> tuple[Settings, Services, str]:
    made = demo.facility_of(args)
    if made is None:
        sys.exit(1)
    settings = _local(demo.settings_of(settings, made), 0)
    shared = demo.services_of(settings, made)
    return settings, shared, args.login or made.people[0].login


def _leave(*_: object) -> NoReturn:
    sys.exit(0)
