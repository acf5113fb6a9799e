"""Signing in at the gate while a directory hangs, or fails."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.gated import Answer, Browser, Dashboard, dashboard
from servers.lying_directory import Liar, lying_directory

from auth.providers.ldap import Directory, DirectoryOptions


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_directory() as running:
        yield running


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, liar: Liar) -> Iterator[Dashboard]:
    options = DirectoryOptions((liar.url,), "dc=example,dc=org", starttls=False, seconds=getattr(request, "param", 8.0))
    with dashboard(tmp_path, providers=[Directory("site", "The directory", options)]) as running:
        yield running


def sign_in(browser: Browser, password: str = "x") -> Answer:
    form = {**browser.form(), "provider": "site", "login": "alice", "password": password, "next": "/app"}
    return browser.send("/login", **form)


def test_a_person_of_the_directory_signs_in(site: Dashboard) -> None:
    browser = site.browser()
    answer = sign_in(browser)
    assert (answer.status, answer.location) == (303, "/app")
    assert browser.get("/echo").text == "alice"


def test_a_directory_that_hangs_ends_in_a_page_within_10_s_and_holds_nobody_up(site: Dashboard, liar: Liar) -> None:
    liar.answers.clear()
    answers: list[tuple[float, Answer]] = []

    def wait() -> None:
        began = time.monotonic()
        answer = sign_in(site.browser())
        answers.append((time.monotonic() - began, answer))

    # More of them than the provider has threads.
    waiting = [threading.Thread(target=wait) for _ in range(4)]
    for thread in waiting:
        thread.start()
    time.sleep(1)
    began = time.monotonic()
    assert site.browser().sign_in("bob").status == 303
    assert time.monotonic() - began < 3
    for thread in waiting:
        thread.join(30)
    for took, answer in answers:
        assert took < 11
        assert answer.status == 503
        assert "cannot be checked now (The directory does not answer)" in answer.text
        assert "do not match" not in answer.text
    assert len(answers) == 4


@pytest.mark.parametrize("site", [1.0], indirect=True, ids=["within a second"])
def test_a_directory_that_cannot_be_reached_counts_against_nobody(site: Dashboard, liar: Liar) -> None:
    honest = dict(liar.answers)
    liar.answers = {0x60: lambda liar, number: b"no LDAP at all"}
    for _ in range(6):
        assert sign_in(site.browser()).status == 503
    liar.answers = honest
    assert sign_in(site.browser()).status == 303
