"""A second opinion: PyPI's `oidc-provider-mock`, which shares no code with the certified provider.

As ORCID does, it states no user name and takes the client's secret from a form.
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from servers.oidc_node import free_port


@contextmanager
def serving() -> Iterator[str]:
    """Run it; its issuer."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--host", "localhost", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, "it ended"
                assert time.monotonic() < deadline, "it does not start"
                time.sleep(0.1)
        yield issuer
    finally:
        process.kill()
        process.wait(10)
