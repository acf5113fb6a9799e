"""The dashboard for one person at one computer: a server on loopback, in a thread, and a window."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from app.server import make
from app.services import Services
from app.window import has_screen
from auth.accounts import PROVIDERS, folded
from auth.gate import Gate
from auth.identity import Identity
from auth.store import Store

_WAYS = ("webview", "browser")
_LINK_SECONDS = 120.0

log = logging.getLogger(__name__)


class NotHere(Exception):
    """Nobody can be signed in. The text says why."""


def identity_of(store: Store, login: str) -> Identity:
    """The identity of ``login``: of a local account where there is one. Raises `NotHere` where it is disabled.

    No password is asked for: whoever starts the dashboard reads its settings, and so ISPyB, anyway.
    """
    account = store.account(folded(login))
    if account is None:
        return Identity(PROVIDERS["person"], folded(login), login, login)
    if account.disabled:
        raise NotHere(f"the account {account.login!r} is disabled; choose another with --as")
    return Identity(PROVIDERS["person"], account.folded, account.login, account.name)


def link_for(store: Store, identity: Identity, address: str) -> str:
    """A link that signs ``identity`` in once, within two minutes."""
    return f"{address}/auth/once?token={quote(store.make_token(identity, seconds=_LINK_SECONDS))}"


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@contextmanager
def serving(shared: Services, gate: Gate) -> Iterator[None]:
    """Serve in a thread. Raises OSError where the port is taken."""
    ready: list[Any] = []
    started = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            server = make(shared, gate)
            server.start()
            ready.append(server)
        except BaseException as error:
            ready.append(error)
            return
        finally:
            started.set()
        server.io_loop.start()
        server.io_loop.close(all_fds=True)

    thread = threading.Thread(target=serve, name="server")
    thread.start()
    started.wait()
    if isinstance(ready[0], BaseException):
        thread.join()
        raise ready[0]
    server = ready[0]
    try:
        yield
    finally:

        def stop() -> None:
            gate.stop()
            server.stop()
            server.io_loop.add_callback(server.io_loop.stop)

        server.io_loop.add_callback(stop)
        thread.join(20)


def show(link: Callable[[], str], title: str) -> bool:
    """Show the page until the person closes its window; False where no window can be shown here."""
    if not has_screen():
        return False
    for way in _WAYS:
        with _window(way) as process:
            if process.stdin is not None:
                process.stdin.write(json.dumps({"link": link(), "title": title}).encode() + b"\n")
                process.stdin.flush()
            code = process.wait()
        if code == 0:
            return True
        log.info("no window by %s (%s)", way, code)
    return False


@contextmanager
def _window(way: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the window; when this is left it and what it started are gone."""
    command = [sys.executable, "-m", "app.window", way]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603, our own module
    try:
        yield process
    finally:
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
