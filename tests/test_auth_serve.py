"""The gate under `panel serve`, in two processes that share its database."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.gated import Browser

from auth.accounts import add_account
from auth.store import Store

_GATE = """
from auth.gate import Gate
from auth.providers.accounts import LocalAccounts
from auth.store import Store

_store = Store({url!r})
_gate = Gate(_store, [LocalAccounts(_store)])
get_user_async = _gate.get_user_async
get_login_url = _gate.get_login_url
ROUTES = _gate.patterns()
"""
_APP = """
import os
import panel as pn
from auth.identity import current_identity
pn.pane.HTML(current_identity().login, name=str(os.getpid())).servable()
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[int]:
    url = f"sqlite:///{tmp_path / 'lens.sqlite'}"
    store = Store(url)
    add_account(store, "alice", "alice's secret", "Alice")
    (tmp_path / "shown.py").write_text(_APP)
    # Bokeh and Panel each load the module; both copies use one database.
    (tmp_path / "gate_module.py").write_text(_GATE.format(url=url))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = ["panel", "serve", "shown.py", "--auth-module", "gate_module.py"]
    command += ["--plugins", "gate_module", "--num-procs", "2", "--port", str(port)]
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join([root, str(tmp_path)])
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("localhost", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "it ended"
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.1)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        store.close()


def test_panel_serve_with_two_processes_is_gated_and_knows_a_login_session_in_both(
    served: int,
) -> None:
    stranger = Browser(served)
    for _ in range(8):
        answer = stranger.get("/shown?x=1")
        assert (answer.status, answer.location) == (303, "/login?next=/shown%3Fx%3D1")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    alice = Browser(served)
    assert alice.sign_in("alice", wanted="/shown").location == "/shown"
    for _ in range(8):
        answer = alice.get("/shown")
        assert answer.status == 200
        nonces = set(re.findall(r'nonce="([^"]+)"', answer.text))
        assert len(nonces) == 1
        assert f"'nonce-{nonces.pop()}'" in answer.headers["Content-Security-Policy"]
    assert alice.sign_out().status == 303
    for _ in range(8):
        assert alice.get("/shown").status == 303
