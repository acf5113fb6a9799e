"""The kinds of sign-in provider: the options that each has, and how one is made of them.

A site's own kind is a `ProviderKind` under the entry point group ``ispyb_lens.providers``.
"""

import importlib.metadata
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from app import kinds
from app.kinds import Kind
from auth.identity import Principal
from auth.origin import is_loopback
from auth.providers import Misconfigured, Provider
from auth.store import Store

ENTRY_POINTS: Final = "ispyb_lens.providers"

# What people leave in a file that they copied.
_EXAMPLES: Final = frozenset(
    [
        *("secret", "password", "passwd", "changeme", "change-me", "change_me", "changeit", "example", "test", "admin"),
        *("client-secret", "client_secret", "your-secret", "your_secret", "xxx", "xxxx", "none", "token"),
    ]
)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a kind of provider: how it is read, what it means, and its default."""

    name: str
    kind: Kind
    doc: str
    default: Any = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One provider as the site set it. ``repr`` shows no value, as one may be a secret."""

    key: str
    kind: str
    label: str = ""
    trusted_logins: bool = False
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ProviderKind:
    """A kind of provider.

    ``make`` is called once per process with the settings, whose values are complete, and the dashboard's own database
    (None where `ispyb-lens check` asks and there is none yet); it may raise `auth.providers.Misconfigured`.
    ``mistakes`` yields (option, "must be …") for values that are wrong together, and is told whether others than this
    computer reach the dashboard. ``own_key``: there is one of the kind at most, under the kind's name. ``needs`` says
    how to install what ``make`` imports.
    """

    label: str
    options: tuple[Option, ...]
    make: Callable[[ProviderSettings, Store | None], Provider]
    mistakes: Callable[[Mapping[str, Any], bool], Iterator[tuple[str, str]]] = lambda values, public: iter(())
    trusted_logins: bool = False
    own_key: bool = False
    needs: str = ""

    def option(self, name: str) -> Option | None:
        """The option of that name, also one that every kind has."""
        return next((option for option in (*COMMON, *self.options) if option.name == name), None)

    def names(self) -> list[str]:
        """Every name that may stand in the provider's table."""
        found = ["kind", *(option.name for option in (*COMMON, *self.options))]
        return found + [f"{option.name}_file" for option in self.options if option.kind.secret]


COMMON: Final = (
    Option("label", kinds.text("text on one line"), "What the sign-in page calls it."),
    Option(
        "trusted_logins",
        kinds.flag(),
        "Its login names are those of ISPyB's `Person.login`, and nobody can choose one freely.",
        None,
    ),
)

_CA_FILE: Final = Option(
    "ca_file", kinds.file_path(), "PEM file of the authorities that vouch for the server; else the system's."
)
_ATTRIBUTE: Final = kinds.text("an attribute", empty=False)
_STRICT: Final = Option(
    "strict_ca",
    kinds.flag(),
    "Demand certificates that keep RFC 5280 to the letter, as Python 3.13 does; `false` for a site's old authority.",
    True,
)


def weak(secret: str) -> bool:
    """Is this secret empty, or one that stands in examples?"""
    return secret.strip().casefold() in _EXAMPLES or not secret.strip()


def _unusable_ca(path: str) -> str:
    """Why the authorities in the file cannot be used, or nothing."""
    if not path:
        return ""
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        return f"must be a file that is there; {path} is not"
    except (OSError, ssl.SSLError):
        return f"must be a PEM file of certificates that can be read; {path} is not"
    return ""


def _accounts(given: ProviderSettings, store: Store | None) -> Provider:
    from auth.providers.accounts import LocalAccounts

    if store is None:
        raise Misconfigured("kind", "needs the dashboard's own database")
    kind: Principal = "proposal" if given.kind == "proposals" else "person"
    return LocalAccounts(store, label=given.label, kind=kind)


_LDAP: Final = (
    Option(
        "servers",
        kinds.texts("a list of ldaps://host[:port] or ldap://host[:port]", kinds.is_directory_server),
        "The directory's servers, asked in this order until one answers.",
        required=True,
    ),
    Option("starttls", kinds.flag(), "Encrypt `ldap://` by STARTTLS before anything is sent.", True),
    _CA_FILE,
    _STRICT,
    Option("bind_dn", kinds.text("a distinguished name"), "Who searches; nobody (anonymous) where empty."),
    Option("bind_password", kinds.secret(), "The password of `bind_dn`."),
    Option("base", kinds.text("a distinguished name", empty=False), "Where people are looked for.", required=True),
    Option(
        "filter",
        kinds.text("a filter", empty=False),
        "Which entries are meant by a name, `{login}`; exactly one must match.",
        "(uid={login})",
    ),
    Option(
        "login_pattern",
        kinds.pattern(),
        "What a name looks like; for others the directory is not asked.",
        "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    ),
    Option("login_attribute", _ATTRIBUTE, "The login name, as the directory spells it.", "uid"),
    Option("subject_attribute", _ATTRIBUTE, "What names the person for good, and is never given anew.", "entryUUID"),
    Option("name_attribute", _ATTRIBUTE, "The name shown on the page.", "cn"),
    Option("groups_attribute", kinds.text("an attribute"), "Groups that stand in the person's entry, as `memberOf`."),
    Option("group_base", kinds.text("a distinguished name"), "Where groups are looked for; nowhere if empty."),
    Option("group_filter", kinds.text("a filter", empty=False), "Groups of the entry `{dn}`.", "(member={dn})"),
    Option("group_attribute", _ATTRIBUTE, "The name of a group.", "cn"),
    Option("allowed_groups", kinds.texts("a list of groups"), "Only their members sign in; everybody if empty.", ()),
    Option(
        "principal",
        kinds.choice("person", "proposal"),
        "What the entries are: people, or proposals with a password of their own.",
        "person",
    ),
    Option("seconds", kinds.number(1, 9, "seconds"), "One sign-in takes no longer, over all servers.", 8.0),
)


def _ldap(given: ProviderSettings, store: Store | None) -> Provider:
    from auth.providers.ldap import Directory, DirectoryOptions

    options = DirectoryOptions(**given.values)
    return Directory(given.key, given.label, options, trusted_logins=given.trusted_logins)


def _ldap_mistakes(values: Mapping[str, Any], public: bool) -> Iterator[tuple[str, str]]:
    for url in values["servers"]:
        if url.startswith("ldap:") and not values["starttls"] and not loopback(url):
            yield "servers", f"must be ldaps://, or starttls true: {url} would send passwords in the clear"
    if problem := _unusable_ca(values["ca_file"]):
        yield "ca_file", problem
    if values["bind_dn"] and weak(values["bind_password"]) and (public or not values["bind_password"]):
        yield "bind_password", "must be the password of bind_dn: it is empty, or an example's"
    if values["bind_password"] and not values["bind_dn"]:
        yield "bind_dn", "must be set where bind_password is"


_CLAIM: Final = kinds.text("a claim")
_OIDC: Final = (
    Option(
        "issuer",
        kinds.text("a URL such as https://sso.example.org/realms/users", empty=False),
        "The provider, letter by letter as it names itself.",
        required=True,
    ),
    Option("client_id", kinds.text(empty=False), "The dashboard's name at the provider.", required=True),
    Option("client_secret", kinds.secret(), "The dashboard's secret at the provider; none for a public client."),
    Option(
        "client_auth",
        kinds.choice("auto", "client_secret_basic", "client_secret_post", "none"),
        "How the secret is shown; `auto`: as the provider prefers.",
        "auto",
    ),
    Option("scopes", kinds.texts("a list of scopes"), "What is asked for.", ("openid", "profile")),
    Option("login_claim", kinds.text("a claim", empty=False), "Where the login name stands.", "preferred_username"),
    Option("name_claim", _CLAIM, "Where the name shown on the page stands.", "name"),
    Option("groups_claim", _CLAIM, "Where the groups stand; they are not read where empty."),
    Option("allowed_groups", kinds.texts("a list of groups"), "Only their members sign in; everybody if empty.", ()),
    Option(
        "algorithms",
        kinds.texts("a list of signature algorithms"),
        "How the provider may sign; never `none` or `HS…`.",
        ("RS256", "PS256", "ES256", "EdDSA", "Ed25519"),
    ),
    Option(
        "prompt",
        kinds.choice("login", "select_account", "consent"),
        "Asked of the provider at every sign-in: `login` asks for the password even of who is signed in there.",
    ),
    _CA_FILE,
    _STRICT,
    Option("seconds", kinds.number(0.1, 9, "seconds"), "One step of a sign-in takes no longer.", 8.0),
)


def _oidc_options(values: Mapping[str, Any]) -> Any:
    from auth.oidc.options import OidcOptions

    return OidcOptions(**{option.name: values[option.name] for option in _OIDC})


def _oidc(given: ProviderSettings, store: Store | None) -> Provider:
    from auth.providers.oidc import OidcProvider

    return OidcProvider(given.key, _oidc_options(given.values), given.label, trusted_logins=given.trusted_logins)


def _oidc_mistakes(values: Mapping[str, Any], public: bool) -> Iterator[tuple[str, str]]:
    try:
        _oidc_options(values)
    except Misconfigured as error:
        yield error.option, error.words
        return
    if problem := _unusable_ca(values["ca_file"]):
        yield "ca_file", problem
    if public and values["client_secret"] and weak(values["client_secret"]):
        yield "client_secret", "must be the secret that the provider gave: it is an example's"


_MEMBER: Final = kinds.text("the name of a member", empty=False)
_REST: Final = (
    Option("url", kinds.service_url(), "Where name and password are posted; https off this computer.", required=True),
    Option("token", kinds.secret(), "Sent as `Authorization: Bearer …`; nothing where empty."),
    _CA_FILE,
    _STRICT,
    Option(
        "login_pattern",
        kinds.pattern(),
        "What a name looks like; for others the service is not asked.",
        "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    ),
    Option("subject_field", _MEMBER, "What names the person for good, in the answer.", "subject"),
    Option("login_field", _MEMBER, "The login name.", "login"),
    Option("name_field", _MEMBER, "The name shown on the page; may be absent.", "name"),
    Option("groups_field", _MEMBER, "A list of groups; may be absent.", "groups"),
    Option("allowed_groups", kinds.texts("a list of groups"), "Only their members sign in; everybody if empty.", ()),
    Option("seconds", kinds.number(1, 9, "seconds"), "One sign-in takes no longer.", 8.0),
)


def _rest(given: ProviderSettings, store: Store | None) -> Provider:
    from auth.providers.rest import RestOptions, WebService

    return WebService(given.key, given.label, RestOptions(**given.values), trusted_logins=given.trusted_logins)


def _rest_mistakes(values: Mapping[str, Any], public: bool) -> Iterator[tuple[str, str]]:
    if not values["url"].startswith("https:") and not loopback(values["url"]):
        yield "url", f"must be https://: {values['url']!r} would send passwords in the clear"
    if problem := _unusable_ca(values["ca_file"]):
        yield "ca_file", problem
    if public and values["token"] and weak(values["token"]):
        yield "token", "must be the token that the service gave: it is an example's"


KINDS: Final[Mapping[str, ProviderKind]] = {
    "accounts": ProviderKind("Local account", (), _accounts, trusted_logins=True, own_key=True),
    "ldap": ProviderKind("Directory", _LDAP, _ldap, _ldap_mistakes, needs="pip install 'ispyb-lens[ldap]'"),
    "proposals": ProviderKind("Proposal account", (), _accounts, trusted_logins=True, own_key=True),
    "rest": ProviderKind("Web service", _REST, _rest, _rest_mistakes),
    "oidc": ProviderKind("Single sign-on", _OIDC, _oidc, _oidc_mistakes),
}


def kind_of(name: str) -> ProviderKind | None:
    """The kind of that name: one of ours, else the site's own. Raises ValueError where its package is broken."""
    if name in KINDS:
        return KINDS[name]
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS, name=name):
        try:
            found = entry.load()
        except Exception as error:  # whatever the site's module raises
            raise ValueError(f"{entry.value} cannot be imported: {type(error).__name__}") from error
        if not isinstance(found, ProviderKind):
            raise ValueError(f"{entry.value} is no app.provider_kinds.ProviderKind")
        return found
    return None


def known_kinds() -> list[str]:
    """The names of all kinds."""
    return [*KINDS, *sorted(entry.name for entry in importlib.metadata.entry_points(group=ENTRY_POINTS))]


def loopback(url: str) -> bool:
    """Does the URL lead to this computer itself?"""
    return is_loopback(urlsplit(url).netloc)
