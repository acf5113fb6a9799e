"""Signing in with a directory: real servers, strict and lax, and one that lies."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers.authority import Authority, authority
from servers.lying_directory import BIND, EXTENDED, SEARCH, Liar, alice, ber, entry, lying_directory, message, result
from servers.lying_directory import PERSON as ALICE
from servers.slapd import GROUPS, PEOPLE, PROPOSALS, READER, READER_PASSWORD, Slapd, SlapdMissing, slapd

from auth.identity import Identity
from auth.providers import ProviderUnavailable
from auth.providers.ldap import Directory, DirectoryOptions

Start = Callable[..., Slapd]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slapd")


@pytest.fixture(scope="module")
def ca(folder: Path) -> Authority:
    return authority(folder / "ca")


def started(folder: Path, name: str, certificate: tuple[Path, Path] | None, *, strict: bool) -> Iterator[Slapd]:
    try:
        with slapd(folder / name, certificate, strict=strict) as server:
            yield server
    except SlapdMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def strict(folder: Path, ca: Authority) -> Iterator[Slapd]:
    """It demands TLS and a bind before it says anything."""
    yield from started(folder, "strict", ca.sign("localhost", "127.0.0.1"), strict=True)


@pytest.fixture(scope="module")
def lax(folder: Path) -> Iterator[Slapd]:
    """It knows no TLS, lets everybody search, and takes a name without a password for nobody's bind."""
    yield from started(folder, "lax", None, strict=False)


@pytest.fixture(scope="module")
def misnamed(folder: Path, ca: Authority) -> Iterator[Slapd]:
    """Its certificate is of another host."""
    yield from started(folder, "misnamed", ca.sign("ldap.example.org"), strict=True)


@pytest.fixture(scope="module")
def outdated(folder: Path, ca: Authority) -> Iterator[Slapd]:
    """Its certificate has run out."""
    yield from started(folder, "outdated", ca.sign("localhost", days=-1), strict=True)


@pytest.fixture(scope="module")
def old(folder: Path) -> Iterator[tuple[Slapd, Authority]]:
    """Its authority is an old one: no key usage, no key identifiers."""
    made = authority(folder / "old", old=True)
    for server in started(folder, "of-old", made.sign("localhost"), strict=True):
        yield server, made


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_directory() as running:
        yield running


@pytest.fixture(autouse=True)
def no_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert READER_PASSWORD not in caplog.text
    assert "secret" not in caplog.text.replace("no_secret_in_the_log", "")


def directory(server: Slapd, ca: Authority | None = None, **options: Any) -> Directory:
    """A provider as a site sets it: STARTTLS, a bind of its own to search with."""
    given = DirectoryOptions(
        servers=(server.ldap,),
        base=PEOPLE,
        ca_file=str(ca.path) if ca else "",
        bind_dn=READER,
        bind_password=READER_PASSWORD,
        group_base=GROUPS,
    )
    return Directory("site", "Site", replace(given, **options))


def lied_to(liar: Liar, **options: Any) -> Directory:
    given = DirectoryOptions(servers=(liar.url,), base="dc=example,dc=org", starttls=False, seconds=2)
    return Directory("site", "Site", replace(given, **options))


def at(server: Slapd, host: str) -> Slapd:
    return replace(server, host=host)


# -- people ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_person_signs_in_by_host_name_and_by_ip_address_over_starttls_and_ldaps(
    strict: Slapd, ca: Authority, host: str, scheme: str
) -> None:
    found = directory(strict, ca, servers=(getattr(at(strict, host), scheme),)).authenticate("alice", "alice's secret")
    assert found is not None
    assert (found.provider, found.login, found.name, found.kind) == ("site", "alice", "Alice Ångström", "person")
    assert len(found.subject) == 36, "the directory's own identifier, not the name"
    assert found.groups == ("mx-staff",)


def test_a_lax_server_without_tls_will_do_on_this_computer(lax: Slapd) -> None:
    found = directory(lax, starttls=False, bind_dn="", bind_password="").authenticate("alice", "alice's secret")
    assert found is not None


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", "bob's secret"),
        ("alice", "alice's secret "),
        ("zoe", "alice's secret"),
        ("nopassword", "anything"),
        ("twin", "twin's secret"),
        ("lens", READER_PASSWORD),
        ("mx415", "beamtime"),
    ],
)
def test_a_wrong_password_an_unknown_name_and_a_name_of_two_are_the_same_no(
    strict: Slapd, ca: Authority, login: str, password: str
) -> None:
    assert directory(strict, ca).authenticate(login, password) is None


def test_an_unknown_name_costs_as_many_binds_as_a_wrong_password(liar: Liar) -> None:
    liar.answers[SEARCH] = lambda liar, number: message(number, 0x65, *result(0))
    assert lied_to(liar).authenticate("alice", "x") is None
    assert liar.connections == 2


def test_a_name_in_capitals_is_the_same_person(strict: Slapd, ca: Authority) -> None:
    provider = directory(strict, ca)
    assert provider.authenticate("ALICE", "alice's secret") == provider.authenticate("alice", "alice's secret")


def test_of_two_names_in_an_entry_the_one_that_was_typed_counts(strict: Slapd, ca: Authority) -> None:
    found = [directory(strict, ca).authenticate(login, "bob's secret") for login in ("bob", "Robert")]
    assert [one.login for one in found if one] == ["bob", "robert"]
    assert len({one.subject for one in found if one}) == 1


@pytest.mark.parametrize(
    "login", ["*", "ali*", "alice)(uid=*", "alice)(|(uid=*", "\\61lice", "alice\x00", "(uid=alice)"]
)
def test_what_a_name_holds_never_becomes_a_part_of_the_filter(strict: Slapd, ca: Authority, login: str) -> None:
    assert directory(strict, ca, login_pattern="(?s).*").authenticate(login, "alice's secret") is None


def test_a_name_of_odd_characters_signs_in_where_the_site_allows_it(strict: Slapd, ca: Authority) -> None:
    found = directory(strict, ca, login_pattern=".{1,64}").authenticate("o'neil*(x)", "odd secret")
    assert found is not None
    assert (found.login, found.name, found.groups) == ("o'neil*(x)", "O'Neil, Jr. (x)", ("odd",))


@pytest.mark.parametrize(
    ("login", "password"),
    [("alice", ""), ("alice", "\0"), ("alice", "x\0y"), ("", "x"), ("al ice", "x"), ("a" * 65, "x"), ("al*", "x")],
)
def test_names_and_passwords_that_cannot_be_are_refused_before_anything_is_sent(
    liar: Liar, login: str, password: str
) -> None:
    assert lied_to(liar).authenticate(login, password) is None
    assert liar.connections == 0


def test_only_members_of_the_allowed_groups_sign_in(strict: Slapd, ca: Authority) -> None:
    staff = directory(strict, ca, allowed_groups=("mx-staff", "em-staff"))
    assert staff.authenticate("alice", "alice's secret") is not None
    assert staff.authenticate("bob", "bob's secret") is None


def test_groups_may_stand_in_the_entry_of_the_person(strict: Slapd, ca: Authority) -> None:
    found = directory(strict, ca, group_base="", groups_attribute="employeeType")
    identity = found.authenticate("alice", "alice's secret")
    assert identity is not None
    assert identity.groups == ("users",)


def test_the_entries_of_proposals_are_proposals_also_one_that_is_called_like_a_person(
    strict: Slapd, ca: Authority
) -> None:
    proposals = directory(strict, ca, base=PROPOSALS, principal="proposal")
    found = proposals.authenticate("mx415", "beamtime")
    assert found is not None
    assert (found.login, found.kind) == ("mx415", "proposal")
    alike = proposals.authenticate("alice", "a proposal called alice")
    assert alike is not None
    assert alike.kind == "proposal"
    assert proposals.authenticate("alice", "alice's secret") is None


def test_a_subject_of_bytes_is_read_as_active_directory_means_it(liar: Liar) -> None:
    guid = bytes.fromhex("33221100554477668899aabbccddeeff")
    liar.answers[SEARCH] = lambda liar, number: (
        message(number, 0x64, *entry(ALICE, uid=b"alice", objectGUID=guid, cn=b"Alice"))
        + message(number, 0x65, *result(0))
    )
    identity = lied_to(liar, subject_attribute="objectGUID").authenticate("alice", "x")
    assert identity == Identity("site", "00112233-4455-6677-8899-aabbccddeeff", "alice", "Alice")


# -- whom it talks to -----------------------------------------------------------------------


def refusal(provider: Directory) -> str:
    """Why the directory cannot be used, as it is told to whoever runs the site."""
    with pytest.raises(ProviderUnavailable) as caught:
        provider.authenticate("alice", "alice's secret")
    assert "alice's secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_of_another_authority_gets_no_password(strict: Slapd, tmp_path: Path, scheme: str) -> None:
    other = authority(tmp_path / "other")
    assert "certificate verify failed" in refusal(directory(strict, other, servers=(getattr(strict, scheme),)))
    assert "certificate verify failed" in refusal(directory(strict, None, servers=(getattr(strict, scheme),)))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_whose_certificate_has_another_name_gets_no_password(
    misnamed: Slapd, ca: Authority, host: str, scheme: str
) -> None:
    wrong = directory(misnamed, ca, servers=(getattr(at(misnamed, host), scheme),))
    assert "mismatch" in refusal(wrong)


def test_a_server_whose_certificate_has_run_out_gets_no_password(outdated: Slapd, ca: Authority) -> None:
    assert "expired" in refusal(directory(outdated, ca))


def test_an_old_authority_is_believed_only_where_the_site_says_so(old: tuple[Slapd, Authority]) -> None:
    server, made = old
    assert "certificate verify failed" in refusal(directory(server, made))
    lenient = directory(server, made, strict_ca=False)
    assert lenient.authenticate("alice", "alice's secret") is not None


def test_a_server_without_starttls_gets_no_password(lax: Slapd, ca: Authority) -> None:
    assert "startTLS failed" in refusal(directory(lax, ca))


@pytest.mark.parametrize("code", [0, 2, 52])
def test_whoever_takes_starttls_away_on_the_line_hears_neither_name_nor_password(liar: Liar, code: int) -> None:
    liar.answers[EXTENDED] = lambda liar, number: message(number, 0x78, *result(code))
    provider = lied_to(liar, starttls=True, bind_dn=READER, bind_password=READER_PASSWORD)
    refusal(provider)
    assert b"alice" not in liar.heard
    assert READER_PASSWORD.encode() not in liar.heard


def test_a_directory_that_refers_to_another_is_not_followed(liar: Liar) -> None:
    with lying_directory() as elsewhere:
        referral = ber(0xA3, ber(0x04, f"{elsewhere.url}/dc=example,dc=org".encode()))
        liar.answers[BIND] = lambda liar, number: (
            message(number, 0x61, *result(10, referral))
            if b"uid=alice" in liar.last
            else message(number, 0x61, *result(0))
        )
        assert "referral" in refusal(lied_to(liar))
        liar.answers[SEARCH] = lambda liar, number: message(number, 0x65, *result(10, referral))
        assert "referral" in refusal(lied_to(liar))
        assert elsewhere.connections == 0


# -- servers that fail or lie ---------------------------------------------------------------


def test_a_bind_that_the_server_takes_for_nobodys_is_no_sign_in(liar: Liar) -> None:
    for who in (b"", b"dn:", b"u:", b"dn:uid=bob,ou=people,dc=example,dc=org", b"anonymous"):
        liar.answers[EXTENDED] = lambda liar, number, who=who: message(number, 0x78, *result(0, ber(0x8B, who)))  # type: ignore[misc]
        assert lied_to(liar).authenticate("alice", "x") is None
    for who in (b"dn:UID=Alice, ou=people,dc=example,dc=org", b"u:EXAMPLE\\alice"):
        liar.answers[EXTENDED] = lambda liar, number, who=who: message(number, 0x78, *result(0, ber(0x8B, who)))  # type: ignore[misc]
        assert lied_to(liar).authenticate("alice", "x") is not None


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        (BIND, 49, "does not let nobody search"),
        (BIND, 8, "strongerAuthRequired"),
        (SEARCH, 32, "noSuchObject"),
        (SEARCH, 51, "busy"),
        (EXTENDED, 2, "as whom it took the bind"),
    ],
)
def test_a_directory_that_cannot_say_is_told_apart_from_a_wrong_password(
    liar: Liar, operation: int, code: int, words: str
) -> None:
    liar.answers[operation] = lambda liar, number: message(
        number, operation + (2 if operation == SEARCH else 1), *result(code)
    )
    assert words in refusal(lied_to(liar))


@pytest.mark.parametrize("code", [19, 32, 48, 49, 53])
def test_each_way_of_a_directory_to_say_no_is_a_wrong_password(liar: Liar, code: int) -> None:
    liar.answers[BIND] = lambda liar, number: message(number, 0x61, *result(code if b"uid=alice" in liar.last else 0))
    assert lied_to(liar).authenticate("alice", "x") is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"uid": b"alice", "cn": b"Alice"},
        {"uid": b"alice", "entryUUID": b"", "cn": b"Alice"},
        {"uid": b"alice", "entryUUID": b"x" * 300},
        {"entryUUID": b"id"},
        {"uid": b"\xff\xfe", "entryUUID": b"id"},
        {"uid": b"ali\nce", "entryUUID": b"id"},
    ],
)
def test_an_entry_without_a_name_or_an_identifier_signs_nobody_in(liar: Liar, attributes: dict[str, bytes]) -> None:
    liar.answers[SEARCH] = lambda liar, number: (
        message(number, 0x64, *entry(ALICE, **attributes)) + message(number, 0x65, *result(0))
    )
    assert "at uid=alice" in refusal(lied_to(liar))


def test_an_entry_without_a_distinguished_name_signs_nobody_in(liar: Liar) -> None:
    liar.answers[SEARCH] = lambda liar, number: (
        message(number, 0x64, *entry(b"", uid=b"alice", entryUUID=b"id")) + message(number, 0x65, *result(0))
    )
    assert "an entry without a name" in refusal(lied_to(liar))


def dripping(liar: Liar) -> None:
    liar.drip = 0.3


def endless(liar: Liar) -> None:
    liar.answers[SEARCH] = lambda liar, number: b"\x30\x84\x7f\xff\xff\xff" + b"x" * 8_000_000


def mute(liar: Liar) -> None:
    liar.answers.clear()


def closing(liar: Liar) -> None:
    liar.answers[SEARCH] = lambda liar, number: (_ for _ in ()).throw(OSError)


def garbage(liar: Liar) -> None:
    liar.answers[SEARCH] = lambda liar, number: b"\x30\x05hello" * 3


def of_another(liar: Liar) -> None:
    liar.answers[SEARCH] = lambda liar, number: alice(liar, number + 1)


@pytest.mark.parametrize("behave", [dripping, endless, mute, closing, garbage, of_another])
def test_a_server_that_hangs_or_babbles_ends_in_time(liar: Liar, behave: Callable[[Liar], None]) -> None:
    behave(liar)
    began = time.monotonic()
    refusal(lied_to(liar, seconds=1))
    assert time.monotonic() - began < 3


def test_the_next_server_is_asked_where_one_fails_and_is_the_first_afterwards(
    liar: Liar, strict: Slapd, ca: Authority
) -> None:
    mute(liar)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"ldap://127.0.0.1:{closed.getsockname()[1]}"
        provider = directory(strict, ca, servers=(nobody, liar.url, strict.ldaps), seconds=4)
        assert provider.authenticate("alice", "alice's secret") is not None
        asked = liar.connections
        assert asked == 1
        assert provider.authenticate("alice", "alice's secret") is not None
        assert liar.connections == asked


def test_where_no_server_answers_each_is_named_with_its_reason(liar: Liar) -> None:
    mute(liar)
    reason = refusal(lied_to(liar, servers=(liar.url, "ldap://127.0.0.1:9"), seconds=1))
    assert f"{liar.url}: " in reason
    assert "ldap://127.0.0.1:9: " in reason
    assert "refused" in reason


# -- settings and check ---------------------------------------------------------------------


def test_check_says_whether_the_directory_answers_without_anybodys_password(strict: Slapd, ca: Authority) -> None:
    assert directory(strict, ca).check() == f"{strict.ldap} answers"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bind_password": "another"}, "does not let cn=lens,dc=example,dc=org search: invalidCredentials"),
        ({"base": "ou=nowhere,dc=example,dc=org"}, "noSuchObject"),
        ({"subject_attribute": "nsUniqueId"}, "has no nsUniqueId"),
        ({"filter": "(&(uid={login})(mail=*))"}, "nobody is found"),
        ({"group_base": "ou=nowhere,dc=example,dc=org"}, "group_base"),
        ({"servers": ("ldap://127.0.0.1:9",)}, "refused"),
    ],
)
def test_check_says_what_is_wrong(strict: Slapd, ca: Authority, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ProviderUnavailable, match=words):
        directory(strict, ca, **options).check()
