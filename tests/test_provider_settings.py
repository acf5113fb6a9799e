"""Sign-in providers come from tables of the settings file and from variables, and mistakes are named."""

import dataclasses
import importlib.metadata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app import kinds, settings
from app.__main__ import main
from app.provider_kinds import KINDS, Option, ProviderKind, ProviderSettings
from app.providers import providers, trusted
from app.settings import Settings, SettingsError, load
from auth.identity import Identity
from auth.providers import Misconfigured, Provider
from auth.providers.ldap import DirectoryOptions
from auth.providers.oidc import OidcProvider
from auth.providers.rest import RestOptions
from auth.store import Store

LOCAL = "ISPYB_LENS_LOGIN_PROVIDERS_"


class Badge:
    """A provider of a site's own: whoever knows the word is the guest."""

    trusted_logins = False

    def __init__(self, given: ProviderSettings) -> None:
        self.key, self.label, self._word = given.key, given.label, given.values["word"]

    def authenticate(self, login: str, password: str) -> Identity | None:
        return Identity(self.key, login, login, login) if password == self._word else None


def badge(given: ProviderSettings, store: Store | None) -> Provider:
    if given.values["reader"] == "broken":
        raise Misconfigured("reader", "must be a reader that works")
    return Badge(given)


def mistakes(values: Mapping[str, Any], public: bool) -> Iterator[tuple[str, str]]:
    if public and values["reader"] == "toy":
        yield "reader", "must be a real one where others sign in"


BADGE = ProviderKind(
    "Badge",
    (
        Option("word", kinds.secret(), "What opens.", required=True),
        Option("reader", kinds.text(), "Where the badge is read.", "door"),
        Option("floor", kinds.whole(0, 9), "On which floor.", 0),
    ),
    badge,
    mistakes,
)


class Entry:
    """An entry point as importlib.metadata gives it."""

    value = "site.badges:BADGE"
    name = "badge"

    @staticmethod
    def load() -> ProviderKind:
        return BADGE


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a settings file, no variables of the machine's own, and a site with badges."""
    monkeypatch.chdir(tmp_path)
    for name in list(settings.os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    original = importlib.metadata.entry_points

    def entry_points(**asked: str) -> Any:
        if asked.get("group") == "ispyb_lens.providers":
            return [Entry] if asked.get("name", "badge") == "badge" else []
        return original(**asked)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return tmp_path


def read(toml: str, **variables: str) -> Settings:
    Path("a.toml").write_text(toml)
    return load(Path("a.toml"), {f"{LOCAL}{name}": value for name, value in variables.items()})


def told(toml: str, **variables: str) -> list[str]:
    """What a person is told about these settings, line by line."""
    with pytest.raises(SettingsError) as caught:
        read(toml, **variables)
    return str(caught.value).splitlines()


PUBLIC = '[server]\npublic_url = "https://lens.example.org"\n'
DOOR = '[login.providers.door]\nkind = "badge"\nword = "open sesame"\n'


def test_without_a_table_people_sign_in_with_accounts() -> None:
    found = load(environ={})
    assert [(p.key, p.kind, p.trusted_logins) for p in found.login.providers] == [("accounts", "accounts", True)]
    assert trusted(found) == {"accounts"}


def test_the_tables_are_the_providers_in_their_order() -> None:
    found = read(DOOR + '[login.providers.accounts]\nkind = "accounts"\nlabel = "Guests"').login.providers
    assert [(p.key, p.label) for p in found] == [("door", "Badge"), ("accounts", "Guests")]
    assert found[0].values == {"word": "open sesame", "reader": "door", "floor": 0}
    assert not found[0].trusted_logins


def test_a_variable_overrules_the_file_and_may_make_a_provider_alone() -> None:
    found = read(DOOR + "floor = 2", DOOR_FLOOR="3", DOOR_TRUSTED_LOGINS="yes").login.providers
    assert (found[0].values["floor"], found[0].trusted_logins) == (3, True)
    alone = read("", SIDE_DOOR_KIND="badge", SIDE_DOOR_WORD="x y z").login.providers
    assert [(p.key, p.values["word"]) for p in alone] == [("side_door", "x y z")]


def test_of_two_names_the_longer_one_has_the_variable() -> None:
    second = DOOR.replace("door]", "door-side]")
    found = read(DOOR + second, DOOR_SIDE_WORD="of the side").login.providers
    assert [p.values["word"] for p in found] == ["open sesame", "of the side"]


def test_a_secret_is_read_from_the_file_that_is_named(elsewhere: Path) -> None:
    (elsewhere / "word").write_text("from the file\n")
    toml = f'[login.providers.door]\nkind = "badge"\nword_file = "{elsewhere / "word"}"'
    assert read(toml).login.providers[0].values["word"] == "from the file"
    assert read(DOOR, DOOR_WORD_FILE=str(elsewhere / "word")).login.providers[0].values["word"] == "from the file"
    assert read(toml, DOOR_WORD="from the variable").login.providers[0].values["word"] == "from the variable"


def test_a_secret_is_in_no_repr_and_in_no_message(elsewhere: Path) -> None:
    assert "sesame" not in repr(read(DOOR))
    assert "sesame" not in "".join(told(DOOR.replace("open sesame", "open\\nsesame")))
    assert "sesame" not in "".join(told(DOOR + "flor = 1"))


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[login]\nproviders = "ldap"', "login.providers in a.toml must be tables"),
        ("[login.providers]\ndoor = 1", "login.providers.door in a.toml must be a table"),
        ('[login.providers."the door"]\nkind = "badge"', "the name must be of a-z, 0-9, - and _"),
        ("[login.providers.door]", "login.providers.door.kind must be accounts"),
        ("[login.providers.door]\nkind = 3", "login.providers.door.kind in a.toml must be accounts"),
        ('[login.providers.door]\nkind = "bage"', "not 'bage'; did you mean badge?"),
        ('[login.providers.door]\nkind = "lpad"', "not 'lpad'; did you mean ldap?"),
        (DOOR + "flor = 1", "door.flor in a.toml is not an option of this kind; did you mean floor?"),
        (DOOR + "floor = 12", "door.floor in a.toml must be a whole number between 0 and 9, not 12"),
        (DOOR.replace("word =", "# word ="), "login.providers.door.word must be set"),
        (DOOR + 'word_file = "/x"', "give one of the two"),
        (DOOR.replace('word = "open sesame"', 'word_file = "/not/there"'), "/not/there cannot be read: No such file"),
        (DOOR.replace('word = "open sesame"', 'word_file = "here"'), "word_file in a.toml must be an absolute path"),
        (DOOR + DOOR.replace("door]", "door_a]") + DOOR.replace("door]", "door-a]"), "have the same variables"),
        (DOOR.replace("door]", "accounts]"), "the name accounts is kept for the kind accounts"),
        ('[login.providers.mine]\nkind = "accounts"', "write it as [login.providers.accounts]"),
        (PUBLIC + DOOR.replace("open sesame", "changeme"), "door.word in a.toml must be a secret of your own"),
        (PUBLIC + DOOR.replace("open sesame", ""), "door.word in a.toml must be a secret of your own"),
        (PUBLIC + DOOR + 'reader = "toy"', "door.reader in a.toml must be a real one where others sign in"),
        ('[server]\naddress = "0.0.0.0"\n' + DOOR + 'reader = "toy"', "must be a real one"),
    ],
)
def test_a_mistake_is_told_with_the_setting_and_what_is_expected(toml: str, words: str) -> None:
    found = told(toml)
    assert len(found) == 1
    assert words in found[0]


def test_an_example_secret_will_do_where_nobody_else_signs_in() -> None:
    assert read(DOOR.replace("open sesame", "changeme")).login.providers


LDAP = '[login.providers.site]\nkind = "ldap"\nbase = "dc=example"\nservers = ["ldaps://ldap.example.org"]\n'
PLAIN = LDAP.replace("ldaps:", "ldap:")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (PLAIN + "starttls = false", "site.servers in a.toml must be ldaps://, or starttls true"),
        (LDAP.replace("ldaps:", "http:"), "site.servers in a.toml must be a list of ldaps://"),
        (LDAP.replace("org", "org/dc=x"), "site.servers in a.toml must be a list of ldaps://"),
        (
            LDAP + 'ca_file = "/not/there.pem"',
            "site.ca_file in a.toml must be a file that is there; /not/there.pem is not",
        ),
        (LDAP + f'ca_file = "{__file__}"', "site.ca_file in a.toml must be a PEM file of certificates"),
        (LDAP + 'bind_dn = "cn=lens"', "login.providers.site.bind_password must be the password of bind_dn"),
        (LDAP + 'bind_password = "hunter2"', "login.providers.site.bind_dn must be set"),
        (PUBLIC + LDAP + 'bind_dn = "cn=lens"\nbind_password = "changeme"', "site.bind_password in a.toml must be"),
        (LDAP + 'login_pattern = "("', "site.login_pattern in a.toml must be a regular expression"),
        (LDAP + 'principal = "dog"', "site.principal in a.toml must be person or proposal"),
        (LDAP + "seconds = 20", "site.seconds in a.toml must be a number of seconds between 1 and 9"),
        (LDAP + "start_tls = true", "did you mean starttls?"),
    ],
)
def test_a_directory_that_cannot_be_trusted_or_used_is_refused(toml: str, words: str) -> None:
    found = told(toml)
    assert len(found) == 1
    assert words in found[0]
    assert "hunter2" not in found[0]


OIDC = '[login.providers.sso]\nkind = "oidc"\nissuer = "https://sso.example.org/realms/users"\nclient_id = "lens"\n'


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (OIDC.replace("https:", "http:"), "sso.issuer in a.toml 'http://sso.example.org/realms/users' sends tokens in"),
        (OIDC.replace("https://sso", "sso"), "sso.issuer in a.toml 'sso.example.org/realms/users' is not a URL"),
        (OIDC.replace("client_id", "client_name"), "client_name in a.toml is not an option of this kind; did you mean"),
        (OIDC + 'algorithms = ["RS256", "none"]', "sso.algorithms in a.toml 'none' is not one of RS256"),
        (OIDC + 'allowed_groups = ["staff"]', "login.providers.sso.groups_claim is empty, but allowed_groups is set"),
        (OIDC + 'scopes = ["profile"]', "sso.scopes in a.toml ['profile'] lacks 'openid'"),
        (OIDC + 'client_auth = "client_secret_post"', "login.providers.sso.client_secret is empty"),
        (OIDC + 'ca_file = "/not/there.pem"', "sso.ca_file in a.toml there is no file '/not/there.pem'"),
        (OIDC + f'ca_file = "{__file__}"', "sso.ca_file in a.toml must be a PEM file of certificates"),
        (OIDC + "seconds = 20", "sso.seconds in a.toml must be a number of seconds between 0.1 and 9"),
        (OIDC + 'prompt = "none"', "sso.prompt in a.toml must be"),
        (PUBLIC + OIDC + 'client_secret = "changeme"', "sso.client_secret in a.toml must be the secret that"),
    ],
)
def test_a_single_sign_on_that_cannot_be_trusted_or_used_is_refused(toml: str, words: str) -> None:
    found = told(toml)
    assert words in found[0]
    assert "changeme" not in found[0]


def test_a_single_sign_on_is_made_of_its_settings_and_asked_nothing(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    toml = OIDC + 'label = "Facility login"\ntrusted_logins = true\nclient_secret = "hunter2"\ngroups_claim = "groups"'
    made = providers(read(toml), store)
    assert isinstance(made[0], OidcProvider)
    assert (made[0].key, made[0].label, made[0].trusted_logins) == ("sso", "Facility login", True)
    assert (made[0].options.client_secret, made[0].options.groups_claim) == ("hunter2", "groups")
    assert made[0].options.scopes == ("openid", "profile")
    store.close()


def test_a_directory_without_encryption_will_do_on_this_computer() -> None:
    assert read(PLAIN.replace("ldap.example.org", "localhost:3389") + "starttls = false").login.providers


def test_a_directory_is_made_of_its_settings(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    made = providers(read(LDAP + 'label = "Facility"\ntrusted_logins = true'), store)
    assert [(p.key, p.label, p.trusted_logins) for p in made] == [("site", "Facility", True)]
    with pytest.raises(SettingsError, match=r"^login\.providers\.site\.filter must be a filter"):
        providers(read(LDAP + 'filter = "(uid={user})"'), store)
    store.close()


REST = '[login.providers.desk]\nkind = "rest"\nurl = "https://desk.example.org/check"\n'


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (REST.replace("https", "http"), "desk.url in a.toml must be https://"),
        (REST.replace("https", "ftp"), "desk.url in a.toml must be an address such as"),
        (REST.replace("url", "# url"), "login.providers.desk.url must be set"),
        (REST + 'ca_file = "/not/there.pem"', "desk.ca_file in a.toml must be a file that is there"),
        (PUBLIC + REST + 'token = "changeme"', "desk.token in a.toml must be the token that the service gave"),
        (REST + 'token = "hunter2\\n"', "desk.token in a.toml must be text on one line, kept secret; its value is not"),
    ],
)
def test_a_web_service_that_cannot_be_trusted_is_refused(toml: str, words: str) -> None:
    found = told(toml)
    assert len(found) == 1
    assert words in found[0]
    assert "hunter2" not in found[0]


def test_a_web_service_and_the_accounts_of_proposals_are_made_of_their_settings(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    found = read(REST + '[login.providers.proposals]\nkind = "proposals"')
    assert [(type(p).__name__, p.key) for p in providers(found, store)] == [
        ("WebService", "desk"),
        ("LocalAccounts", "proposals"),
    ]
    assert trusted(found) == {"proposals"}
    store.close()


@pytest.mark.parametrize(("kind", "options"), [("ldap", DirectoryOptions), ("rest", RestOptions)])
def test_the_options_of_a_kind_are_those_that_it_takes(kind: str, options: Any) -> None:
    taken = {field.name: field.default for field in dataclasses.fields(options)}
    documented = {option.name: option for option in KINDS[kind].options}
    assert set(taken) == set(documented)
    for name, option in documented.items():
        assert option.required or option.default == taken[name], name


def test_one_provider_twice_is_no_toml() -> None:
    assert "is not valid TOML" in told(DOOR + DOOR)[0]


def test_a_variable_of_no_provider_is_told() -> None:
    assert told("", DOR_WORD="x")[0].startswith(f"The variable {LOCAL}DOR_WORD is of no provider")


def test_the_mistakes_of_every_provider_are_told_at_once() -> None:
    assert len(told(DOOR + "floor = 12\nflor = 1\n" + DOOR.replace("door]", "gate]").replace("badge", "bage"))) == 3


def test_the_program_tells_them_on_stderr_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"{LOCAL}DOOR_KIND", "bage")
    assert main(["serve"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{LOCAL}DOOR_KIND must be" in err


def test_a_site_signs_people_in_by_a_kind_of_its_own(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    made = providers(read(DOOR + '[login.providers.accounts]\nkind = "accounts"\nlabel = "Guests"'), store)
    assert [(p.key, p.label) for p in made] == [("door", "Badge"), ("accounts", "Guests")]
    assert isinstance(made[0], Badge)
    assert made[0].authenticate("ann", "open sesame") == Identity("door", "ann", "ann", "ann")
    with pytest.raises(SettingsError, match=r"^login\.providers\.door\.reader must be a reader that works$"):
        providers(read(DOOR + 'reader = "broken"'), store)
    store.close()
