"""nginx and HAProxy in front of a site, configured as docs/deployment.md says."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from source import ROOT

_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def program(name: str) -> str | None:
    """Where nginx or haproxy is."""
    return shutil.which(name) or shutil.which(name, path=_PATH)


def documented(kind: str) -> str:
    """The configuration that the documentation shows."""
    found = re.search(rf"```{kind}\n(.*?)```", (ROOT / "docs" / "deployment.md").read_text(), re.DOTALL)
    assert found, f"docs/deployment.md shows no {kind}"
    return found[1]


def replaced(text: str, **words: str) -> str:
    """``text`` with other words for those of the documentation, each of which must be in it."""
    for name, (old, new) in {name: tuple(pair.split(" => ")) for name, pair in words.items()}.items():
        assert old in text, f"the documentation does not say {old!r} ({name})"
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, port: int, site: int, certificate: Path, key: Path) -> Iterator[None]:
    """nginx at ``port``, in front of a site at another one."""
    folder.mkdir(parents=True, exist_ok=True)
    server = replaced(
        documented("nginx"),
        listen=f"listen 443 ssl => listen 127.0.0.1:{port} ssl",
        name="lens.example.org => localhost",
        certificate=f"/etc/ssl/lens.pem => {certificate}",
        key=f"/etc/ssl/private/lens.key => {key}",
        site=f"127.0.0.1:5006 => 127.0.0.1:{site}",
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder / 'pid'};\nerror_log {folder / 'log'};\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}\n{server}\n}}\n"
    )
    with _running([program("nginx") or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port, folder):
        yield


@contextmanager
def haproxy(folder: Path, port: int, sites: tuple[int, int], certificate: Path, key: Path) -> Iterator[None]:
    """HAProxy at ``port``, in front of two sites."""
    folder.mkdir(parents=True, exist_ok=True)
    both = folder / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    text = replaced(
        documented("haproxy"),
        bind=f"bind :443 => bind 127.0.0.1:{port}",
        certificate=f"/etc/ssl/lens-with-key.pem => {both}",
        one=f"127.0.0.1:5006 => 127.0.0.1:{sites[0]}",
        two=f"127.0.0.1:5007 => 127.0.0.1:{sites[1]}",
    )
    (folder / "haproxy.cfg").write_text(
        "global\n    log stderr local0\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n"
        f"    timeout server 60s\n\n{text}"
    )
    with _running([program("haproxy") or "haproxy", "-db", "-f", str(folder / "haproxy.cfg")], port, folder):
        yield


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, (folder / "out").read_text(errors="replace")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)
