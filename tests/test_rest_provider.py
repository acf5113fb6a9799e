"""Signing in with a web service of the site, and with one that lies."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import rest_provider as server
from servers.authority import Authority, authority
from servers.rest_provider import ALICE, PASSWORD, Service, rest_provider

from auth.identity import Identity
from auth.providers import Misconfigured, ProviderUnavailable
from auth.providers.rest import RestOptions, WebService

TOKEN = "the token of the dashboard"


@pytest.fixture
def service() -> Iterator[Service]:
    with rest_provider() as running:
        yield running


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("rest") / "ca")


@pytest.fixture(autouse=True)
def no_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert PASSWORD not in caplog.text
    assert TOKEN not in caplog.text


def provider(service: Service, **options: Any) -> WebService:
    return WebService("desk", "Desk", RestOptions(service.url, **{"token": TOKEN, "seconds": 2, **options}))


def refusal(asked: WebService) -> str:
    """Why the service cannot be used, as whoever runs the site is told."""
    with pytest.raises(ProviderUnavailable) as caught:
        asked.authenticate("alice", PASSWORD)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_person_signs_in(service: Service) -> None:
    found = provider(service).authenticate("alice", PASSWORD)
    assert found == Identity("desk", "p-17", "alice", "Alice Å.", ("mx-staff",))
    assert service.asked == [{"login": "alice", "password": PASSWORD}]
    assert service.tokens == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize("password", ["another", PASSWORD.upper()])
def test_a_wrong_password_is_a_no(service: Service, password: str) -> None:
    assert provider(service).authenticate("alice", password) is None


def test_forbidden_is_a_no_too(service: Service) -> None:
    service.status = 403
    assert provider(service).authenticate("alice", PASSWORD) is None


@pytest.mark.parametrize(("login", "password"), [("alice", ""), ("alice", "x\0"), ("", "x"), ("a b", "x"), ("*", "x")])
def test_what_cannot_be_is_not_sent(service: Service, login: str, password: str) -> None:
    assert provider(service).authenticate(login, password) is None
    assert service.asked == []


def test_the_members_may_have_other_names_and_a_number_for_the_subject(service: Service) -> None:
    service.body = json.dumps({"id": 17, "user": "Alice", "roles": None}).encode()
    asked = provider(service, subject_field="id", login_field="user", groups_field="roles")
    assert asked.authenticate("alice", PASSWORD) == Identity("desk", "17", "Alice", "Alice")


def test_only_members_of_the_allowed_groups_sign_in(service: Service) -> None:
    assert provider(service, allowed_groups=("mx-staff",)).authenticate("alice", PASSWORD) is not None
    assert provider(service, allowed_groups=("em-staff",)).authenticate("alice", PASSWORD) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"yes",
        b"[]",
        b"null",
        b"{",
        b"[" * 60_000,
        b'{"subject": "p", "login": "alice", "name": "\xff"}',
        *(
            json.dumps({**ALICE, **wrong}).encode()
            for wrong in (
                {"subject": None},
                {"subject": ""},
                {"subject": True},
                {"subject": ["p-17"]},
                {"subject": "x" * 256},
                {"login": None},
                {"login": 3},
                {"login": "  "},
                {"login": "ali\nce"},
                {"name": {"a": 1}},
                {"groups": "mx-staff"},
                {"groups": [1]},
                {"groups": ["x"] * 1001},
            )
        ),
    ],
)
def test_an_answer_of_another_shape_signs_nobody_in(service: Service, body: bytes) -> None:
    service.body = body
    assert "its answer" in refusal(provider(service))


@pytest.mark.parametrize("status", [201, 204, 400, 404, 429, 500, 503])
def test_every_other_answer_is_told_apart_from_a_wrong_password(service: Service, status: int) -> None:
    service.status = status
    service.body = b"" if status == 204 else service.body
    assert f"it answers {status}" in refusal(provider(service))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(service: Service, status: int) -> None:
    with rest_provider() as elsewhere:
        service.status, service.headers = status, {"Location": elsewhere.url}
        assert f"it answers {status}" in refusal(provider(service))
        assert elsewhere.asked == []


@pytest.mark.parametrize("behave", [server.silent, server.dripping, server.endless, server.garbage])
def test_a_service_that_hangs_or_babbles_ends_in_time(service: Service, behave: Callable[[Any], None]) -> None:
    service.behave = behave
    began = time.monotonic()
    refusal(provider(service, seconds=1))
    assert time.monotonic() - began < 3


def test_a_service_that_is_away_is_told(service: Service) -> None:
    gone = Service(9)
    assert "refused" in refusal(provider(gone))


def test_over_https_only_a_certificate_of_its_own_name_and_authority_will_do(ca: Authority, tmp_path: Path) -> None:
    with rest_provider(ca.sign("localhost")) as running:
        assert provider(running, ca_file=str(ca.path)).authenticate("alice", PASSWORD) is not None
        assert "certificate verify failed" in refusal(provider(running))
        other = authority(tmp_path / "other")
        assert "certificate verify failed" in refusal(provider(running, ca_file=str(other.path)))
        assert len(running.asked) == 1
    with rest_provider(ca.sign("desk.example.org")) as misnamed:
        assert "mismatch" in refusal(provider(misnamed, ca_file=str(ca.path)))
        assert misnamed.asked == []


def test_check_asks_without_a_password(service: Service) -> None:
    assert provider(service).check() == f"{service.url} answers"
    assert service.asked == [{"login": "", "password": ""}]
    service.behave = lambda handler: handler.say(200, b"{}", {})
    with pytest.raises(ProviderUnavailable, match="an empty name and password for right"):
        provider(service).check()
    service.behave = lambda handler: handler.say(404, b"", {})
    with pytest.raises(ProviderUnavailable, match="answers 404 to a wrong password"):
        provider(service).check()


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"url": "http://desk.example.org/check"}, "url"),
        ({"url": "ftp://localhost/"}, "url"),
        ({"url": "https://localhost/", "ca_file": "/not/there"}, "ca_file"),
        ({"url": "https://localhost/", "ca_file": __file__}, "ca_file"),
    ],
)
def test_options_that_cannot_be_used_are_told_by_name(options: dict[str, str], option: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        WebService("desk", "Desk", RestOptions(**options))  # type: ignore[arg-type]
    assert caught.value.option == option
    assert TOKEN not in repr(RestOptions("https://x", token=TOKEN))
