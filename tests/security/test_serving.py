"""What the settings say of address, name and certificate: unusable ones are refused by name, https is https."""

import asyncio
import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser.site import PASSWORD, Site
from servers.authority import Authority, authority
from servers.visitor import Visitor

from app.server import require_servable
from app.settings import Server
from auth.gate import GateError


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secure(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that serves https itself."""
    certificate, key = ca.sign("localhost", "127.0.0.1")
    made = Site(
        tmp_path_factory.mktemp("https"),
        server=f'certificate = "{certificate}"\nkey = "{key}"\npublic_url = "https://localhost:PORT"',
    )
    made.write()
    made.start()
    yield made
    made.stop()


def test_settings_that_can_be_served_are_accepted(ca: Authority) -> None:
    certificate, key = map(str, ca.sign("localhost"))
    for given in (
        {},
        {"address": "::1"},
        {"address": "0.0.0.0", "public_url": "https://lens.example.org"},
        {"prefix": "/lens", "public_url": "https://lens.example.org/lens"},
        {"public_url": "https://lens.example.org", "certificate": certificate, "key": key},
        {"certificate": certificate, "key": key},
    ):
        require_servable(replace(Server(), **given))  # type: ignore[arg-type]


def test_settings_that_cannot_be_served_are_refused_by_name(ca: Authority, tmp_path: Path) -> None:
    certificate, key = map(str, ca.sign("localhost"))
    other = str(ca.sign("localhost")[1])
    (tmp_path / "text.pem").write_text("no certificate")
    for named, given in (
        ("server.public_url: not set", {"address": "0.0.0.0"}),
        ("server.public_url: not set", {"address": "lens.example.org"}),
        ("server.public_url: its path", {"public_url": "https://lens.example.org/lens"}),
        ("server.public_url: its path", {"public_url": "https://lens.example.org", "prefix": "/lens"}),
        ("expected https", {"public_url": "http://localhost:1", "certificate": certificate, "key": key}),
        ("server.key: not set", {"certificate": certificate}),
        ("server.certificate: not set", {"key": key}),
        ("server.certificate: /nowhere/a.pem cannot be read", {"certificate": "/nowhere/a.pem", "key": key}),
        ("server.key: /nowhere/a.key cannot be read", {"certificate": certificate, "key": "/nowhere/a.key"}),
        ("server.certificate, server.key: ", {"certificate": certificate, "key": other}),
        ("server.certificate, server.key: ", {"certificate": str(tmp_path / "text.pem"), "key": key}),
    ):
        with pytest.raises(GateError, match=named):
            require_servable(replace(Server(), **given))  # type: ignore[arg-type]


def test_over_https_the_cookie_is_bound_to_this_host_and_to_https(secure: Site, ca: Authority) -> None:
    async def talk() -> None:
        visitor = Visitor(f"https://localhost:{secure.port}", tls=ca.client())
        await visitor.sign_in("alice", PASSWORD)
        assert "__Host-ispyb_sid" in visitor.cookies
        assert [name for name in visitor.cookies if not name.startswith("__Host-")] == []
        tab = await visitor.open("/?visit=mx415-3")
        assert (await tab.until("rows"))["rows"]
        tab.close()

    asyncio.run(talk())


def test_the_session_cookie_over_https_has_every_flag(secure: Site, ca: Authority) -> None:
    async def talk() -> list[str]:
        visitor = Visitor(f"https://localhost:{secure.port}", tls=ca.client())
        sent = []
        ask = visitor.ask

        async def listening(*given: object, **more: object) -> object:
            answer = await ask(*given, **more)
            sent.extend(answer.headers.get_list("Set-Cookie"))
            return answer

        visitor.ask = listening
        await visitor.sign_in("alice", PASSWORD)
        return [line for line in sent if line.startswith("__Host-ispyb_sid=")]

    (line,) = asyncio.run(talk())
    flags = {part.strip().lower() for part in line.split(";")[1:]}
    assert flags == {"httponly", "secure", "samesite=lax", "path=/"}


def test_another_authority_is_not_trusted_and_the_clear_is_not_answered(secure: Site, tmp_path: Path) -> None:
    stranger = Visitor(f"https://localhost:{secure.port}", tls=authority(tmp_path).client())
    with pytest.raises(ssl.SSLError):
        asyncio.run(stranger.ask("/login"))
    clear = http.client.HTTPConnection("localhost", secure.port, timeout=20)
    clear.request("GET", "/login")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        clear.getresponse()
    clear.close()


def test_old_versions_of_tls_are_refused(secure: Site, ca: Authority) -> None:
    context = ca.client()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("localhost", secure.port), 20) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_client_that_begins_to_speak_and_stops_holds_up_nobody(secure: Site, ca: Authority) -> None:
    held = [socket.create_connection(("localhost", secure.port), 20) for _ in range(20)]
    try:
        answer = asyncio.run(Visitor(f"https://localhost:{secure.port}", tls=ca.client()).ask("/login"))
        assert answer.code == 200
    finally:
        for one in held:
            one.close()


def test_a_port_that_is_taken_is_told_in_a_line(tmp_path: Path) -> None:
    made = Site(tmp_path / "site", apart=True)
    made.folder.mkdir()
    made.write()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        made.at = taken.getsockname()[1]
        made.start()  # somebody answers there
        assert made.process is not None
        assert made.process.wait(120) == 1
    assert f"cannot serve at 127.0.0.1:{made.at}" in made.log
    assert "Traceback" not in made.log
