"""The certified OpenID Connect provider (npm `oidc-provider`), started as its own process.

`make setup` puts it into ``<environment>/node``; `tests/servers/node/` says which version.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from source import ROOT

CLIENT, SECRET = "lens", "a-secret-of-the-client"


def lacking() -> str | None:
    """Why it cannot run here, or None."""
    node = shutil.which("node")
    if node is None:
        return "node is not installed"
    if not (_modules() / "oidc-provider").is_dir():
        return "the certified OpenID provider is not installed (run: make setup)"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if int(version.lstrip("v").partition(".")[0] or 0) < 20:
        return f"node {version} is older than the OpenID provider needs (20)"
    return None


def _modules() -> Path:
    return Path(os.environ.get("ISPYB_LENS_TEST_NODE") or Path(sys.prefix) / "node") / "node_modules"


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


@dataclass
class NodeProvider:
    """Where it is, before and after it runs."""

    port: int

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}/realms/test"


@contextmanager
def serving(provider: NodeProvider, site: str, key: str = "node", *, thin: bool = True) -> Iterator[NodeProvider]:
    """Run it for a client at ``site``. ``thin``: the ID token has no more than who it is, the rest is asked for."""
    client: dict[str, Any] = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [f"{site}/auth/{key}/callback"],
        "post_logout_redirect_uris": [f"{site}/auth/{key}/out"],
        "backchannel_logout_uri": f"{site}/auth/{key}/logout",
        "backchannel_logout_session_required": True,
    }
    wanted = json.dumps({"port": provider.port, "client": client, "thin": thin})
    command = ["node", str(ROOT / "tests" / "servers" / "node" / "provider.mjs"), str(_modules()), wanted]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        deadline = time.monotonic() + 30
        while True:
            ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "it does not start"
            line = process.stdout.readline()
            assert line, "it ended"
            if line.strip() == "ready":
                break
        yield provider
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
