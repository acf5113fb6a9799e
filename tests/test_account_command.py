"""`ispyb-lens account`: what it does, and what it says."""

import io
from pathlib import Path

import pytest

from app import settings
from app.__main__ import main
from auth.providers.accounts import LocalAccounts
from auth.store import Store


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name in list(settings.os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    found = f"sqlite:///{tmp_path / 'lens.sqlite'}"
    monkeypatch.setenv("ISPYB_LENS_STORE_URL", found)
    return found


def account(monkeypatch: pytest.MonkeyPatch, *words: str, password: str = "") -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return main(["account", *words])


def test_accounts_are_added_listed_disabled_and_enabled(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account(monkeypatch, "add", "ann", "--name", "Ann A.", "--password-stdin", password="long enough") == 0
    assert account(monkeypatch, "add", "mx415", "--proposal", "--password-stdin", password="beamtime!") == 0
    out, err = capsys.readouterr()
    assert out == "ann: done\nmx415: done\n"
    assert err.splitlines() == [
        "ispyb-lens: nobody signs in with such an account until the settings have [login.providers.proposals] "
        "with kind = 'proposals'"
    ]
    store = Store(url)
    assert LocalAccounts(store).authenticate("ann", "long enough") is not None
    assert LocalAccounts(store, kind="proposal").authenticate("mx415", "beamtime!") is not None
    assert account(monkeypatch, "disable", "ann") == 0
    assert account(monkeypatch, "password", "mx415", "--proposal", "--password-stdin", password="another one") == 0
    capsys.readouterr()
    assert account(monkeypatch, "list") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["person", "ann", "disabled", "Ann", "A."],
        ["proposal", "mx415", "may", "sign", "in", "mx415"],
    ]
    assert account(monkeypatch, "enable", "ann") == 0
    assert LocalAccounts(store).authenticate("ann", "long enough") is not None
    store.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("disable", "zoe"), "There is no account 'zoe'."),
        (("enable", "ann", "--proposal"), "There is no proposal account 'ann'."),
        (("add", "bob", "--password-stdin"), "A password has 8 to 1024 characters; this one has 5."),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    assert account(monkeypatch, *words, password="short") == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"ispyb-lens: {said}\n")
