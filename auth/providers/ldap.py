"""Signing in with a password of a directory (LDAP): search for the name, then bind as what was found."""

import logging
import re
import secrets
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import ldap3
from ldap3.core.exceptions import LDAPCommunicationError, LDAPException, LDAPInvalidFilterError
from ldap3.operation.search import parse_filter
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from auth.identity import Identity, Principal
from auth.ldap_connection import Connection, Deadline, NoAnswer, Strict, closed, opened, reason_of
from auth.providers import Misconfigured, ProviderUnavailable

_SUCCESS: Final = 0
_SIZE_LIMIT: Final = 4
# Answers to a bind that mean no: constraint violation (locked), no such object, inappropriate authentication (an entry
# without a password), invalid credentials, unwilling to perform (disabled).
_WRONG_PASSWORD: Final = frozenset({19, 32, 48, 49, 53})
_MOST_GROUPS: Final = 1000
_LONGEST: Final = 255

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """What a site says of its directory. ``{login}`` and ``{dn}`` in filters stand for what is asked about, escaped.

    ``seconds`` bounds the whole of one sign-in, over all servers.
    """

    servers: tuple[str, ...]
    base: str
    starttls: bool = True
    ca_file: str = ""
    strict_ca: bool = True
    bind_dn: str = ""
    bind_password: str = field(default="", repr=False)
    filter: str = "(uid={login})"
    login_pattern: str = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    login_attribute: str = "uid"
    subject_attribute: str = "entryUUID"
    name_attribute: str = "cn"
    groups_attribute: str = ""
    group_base: str = ""
    group_filter: str = "(member={dn})"
    group_attribute: str = "cn"
    allowed_groups: tuple[str, ...] = ()
    principal: Principal = "person"
    seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the search found of the person."""

    dn: str
    login: str
    subject: str
    name: str
    groups: tuple[str, ...]


class Directory:
    """A directory of people, or of proposals (a `auth.providers.PasswordProvider`).

    Raises `Misconfigured` where the options cannot be used; connects to nothing yet.
    """

    def __init__(self, key: str, label: str, options: DirectoryOptions, *, trusted_logins: bool = False) -> None:
        self.key: Final = key
        self.label: Final = label
        self.trusted_logins: Final = trusted_logins
        self.principal: Final = options.principal
        self._options = options
        if not options.servers:
            raise Misconfigured("servers", "must name a server at least")
        if options.bind_dn and not options.bind_password:
            raise Misconfigured("bind_password", "must not be empty: a directory takes that for nobody's")
        for name, template in (("filter", options.filter), ("group_filter", options.group_filter)):
            _check_filter(name, template)
        try:
            self._allowed = re.compile(options.login_pattern)
            self._tls = Strict(options.ca_file, strict=options.strict_ca)
        except re.error as error:
            raise Misconfigured("login_pattern", f"must be a regular expression: {error}") from error
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured("ca_file", f"must be a PEM file of certificates: {options.ca_file} is not") from error
        # The server that answered last is asked first.
        self._first = 0

    def authenticate(self, login: str, password: str) -> Identity | None:
        """Who that is, by the directory's own spelling of the name, or None.

        Names that the site's pattern does not match and passwords that a directory may take for nobody's are refused
        before anything is sent. Raises `ProviderUnavailable`.
        """
        if not self._allowed.fullmatch(login) or not password or "\0" in password:
            return None
        return self._ask(lambda url, deadline: self._authenticate(url, deadline, login, password))

    def check(self) -> str:
        """What the first server that answers says, without anybody's password. Raises `ProviderUnavailable`."""
        return self._ask(self._check)

    # -- servers ----------------------------------------------------------------------------

    def _ask(self, question: Callable[[str, Deadline], T]) -> T:
        """The answer of the first server that gives one; each has an equal share of the time that is left."""
        servers = self._options.servers
        whole = Deadline.within(self._options.seconds)
        reasons = []
        for tried in range(len(servers)):
            number = (self._first + tried) % len(servers)
            url = servers[number]
            try:
                answer = question(url, Deadline.within(whole.left / (len(servers) - tried)))
            except NoAnswer as error:
                reason = str(error)
            except (LDAPCommunicationError, OSError) as error:
                reason = reason_of(error)
            except LDAPException as error:
                reason = type(error).__name__
            except Exception as error:  # ldap3 raises whatever an answer that is no LDAP makes it
                reason = f"an answer that is no LDAP ({type(error).__name__})"
            else:
                self._first = number
                return answer
            reasons.append(f"{url}: {reason}")
            log.warning("sign-in by %s: %s: %s", self.key, url, reason)
        raise ProviderUnavailable("; ".join(reasons))

    @contextmanager
    def _bound(self, url: str, deadline: Deadline) -> Iterator[Connection]:
        """A connection that may search."""
        options = self._options
        connection = opened(
            url,
            self._tls,
            deadline,
            starttls=options.starttls,
            user=options.bind_dn,
            password=options.bind_password,
        )
        try:
            if not connection.bind(read_server_info=False):
                who = options.bind_dn or "nobody"
                raise NoAnswer(f"it does not let {who} search: {connection.result['description']}")
            yield connection
        finally:
            closed(connection)

    # -- one sign-in ------------------------------------------------------------------------

    def _authenticate(self, url: str, deadline: Deadline, login: str, password: str) -> Identity | None:
        with self._bound(url, deadline) as connection:
            entry = self._find(connection, login)
        # An unknown name costs a bind as well, or the time would tell who is known.
        dn = f"cn={secrets.token_hex(8)},{self._options.base}" if entry is None else entry.dn
        if not self._password_right(url, deadline, dn, password) or entry is None:
            return None
        if self._options.allowed_groups and not set(entry.groups) & set(self._options.allowed_groups):
            log.info("sign-in by %s: %r is in none of the allowed groups", self.key, entry.login)
            return None
        return Identity(self.key, entry.subject, entry.login, entry.name, entry.groups, self._options.principal)

    def _find(self, connection: Connection, login: str) -> _Entry | None:
        """The one entry of that name. None where there is none, or more than one."""
        options = self._options
        asked = options.filter.replace("{login}", escape_filter_chars(login))
        wanted = [options.login_attribute, options.subject_attribute, options.name_attribute]
        found = self._search(connection, options.base, asked, [*wanted, *_given(options.groups_attribute)], most=2)
        if len(found) != 1:
            if found:
                log.warning("sign-in by %s: more than one entry for %r; refused", self.key, login)
            return None
        dn, values = found[0]
        subject = _subject(values, options.subject_attribute)
        if not subject:
            raise NoAnswer(f"{options.subject_attribute} has not exactly one value at {dn}")
        logins = _texts(values, options.login_attribute)
        same = [one for one in logins if one.casefold() == login.casefold()]
        own = logins[0] if len(logins) == 1 else same[0] if len(same) == 1 else ""
        if not own:
            raise NoAnswer(f"{options.login_attribute} names nobody, or several, at {dn}")
        name = next(iter(_texts(values, options.name_attribute)), own)
        groups = [_first_name(group) for group in _texts(values, options.groups_attribute)]
        if options.group_base:
            in_group = options.group_filter.replace("{login}", escape_filter_chars(own))
            in_group = in_group.replace("{dn}", escape_filter_chars(dn))
            for _, group in self._search(
                connection, options.group_base, in_group, [options.group_attribute], most=_MOST_GROUPS
            ):
                groups += _texts(group, options.group_attribute)
        return _Entry(dn, own[:_LONGEST], subject, name[:_LONGEST], tuple(dict.fromkeys(groups)))

    def _search(
        self, connection: Connection, base: str, asked: str, attributes: list[str], *, most: int
    ) -> list[tuple[str, dict[str, list[bytes]]]]:
        """The entries that match, each with its attributes by lower-case name; ``most`` of them at most."""
        connection.search(
            base,
            asked,
            search_scope=ldap3.SUBTREE,
            dereference_aliases=ldap3.DEREF_NEVER,
            attributes=attributes,
            size_limit=most,
            time_limit=max(1, int(connection.deadline.left)),
        )
        result = connection.result
        if result["result"] not in (_SUCCESS, _SIZE_LIMIT):
            raise NoAnswer(f"a search under {base!r} ends with {result['description']}")
        return [
            (answer["dn"], {name.lower(): values for name, values in answer["raw_attributes"].items()})
            for answer in connection.response or ()
            if answer["type"] == "searchResEntry"
        ]

    def _password_right(self, url: str, deadline: Deadline, dn: str, password: str) -> bool:
        if not dn:  # a bind without a name is nobody's, and any password does for it
            raise NoAnswer("an entry without a name")
        options = self._options
        connection = opened(url, self._tls, deadline, starttls=options.starttls, user=dn, password=password)
        try:
            if not connection.bind(read_server_info=False):
                if connection.result["result"] in _WRONG_PASSWORD:
                    return False
                raise NoAnswer(f"a bind ends with {connection.result['description']}")
            # Some servers take a bind that they do not understand for nobody's, and say yes.
            who = connection.extend.standard.who_am_i()
            if connection.result["result"] != _SUCCESS:
                raise NoAnswer("it does not say as whom it took the bind (RFC 4532)")
            return _is_entry(who or "", dn)
        finally:
            closed(connection)

    # -- check ------------------------------------------------------------------------------

    def _check(self, url: str, deadline: Deadline) -> str:
        options = self._options
        with self._bound(url, deadline) as connection:
            anybody = options.filter.replace("{login}", "*")
            wanted = [options.login_attribute, options.subject_attribute]
            found = self._search(connection, options.base, anybody, wanted, most=1)
            if options.group_base:
                connection.search(options.group_base, "(objectClass=*)", search_scope=ldap3.BASE, attributes=[])
                if connection.result["result"] != _SUCCESS:
                    raise NoAnswer(f"group_base {options.group_base!r}: {connection.result['description']}")
        if not found:
            raise NoAnswer(f"nobody is found under {options.base!r} with {anybody}")
        dn, values = found[0]
        for name in wanted:
            if len(values.get(name.lower(), ())) == 0:
                raise NoAnswer(f"{dn} has no {name} that {options.bind_dn or 'nobody'} may read")
        return f"{url} answers"


def _check_filter(name: str, template: str) -> None:
    filled = template.replace("{login}", "x").replace("{dn}", "x")
    try:
        if "{" in filled or "}" in filled:
            raise LDAPInvalidFilterError
        parse_filter(filled, None, False, False, None, False)
    except LDAPException as error:
        raise Misconfigured(name, f"must be a filter such as (uid={{login}}), not {template!r}") from error
    if "{login}" not in template and not (name == "group_filter" and "{dn}" in template):
        raise Misconfigured(name, f"must say where the name goes, as in (uid={{login}}); {template!r} does not")


def _given(name: str) -> list[str]:
    return [name] if name else []


def _texts(values: dict[str, list[bytes]], attribute: str) -> list[str]:
    """The values of an attribute that are text on one line."""
    found = []
    for value in values.get(attribute.lower(), ()):
        try:
            text = value.decode().strip()
        except UnicodeDecodeError:
            continue
        if text and text.isprintable():
            found.append(text)
    return found


def _subject(values: dict[str, list[bytes]], attribute: str) -> str:
    """The one value of the attribute; bytes that are no text as a UUID (Active Directory's objectGUID) or in hex."""
    found = values.get(attribute.lower(), [])
    if len(found) != 1:
        return ""
    try:
        text = found[0].decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or attribute.lower() == "objectguid":
        text = ""
    if not text and found[0]:
        text = str(uuid.UUID(bytes_le=found[0])) if len(found[0]) == 16 else found[0].hex()
    return text if len(text) <= _LONGEST else ""


def _first_name(dn: str) -> str:
    """The first part of a distinguished name: ``mx-staff`` of ``cn=mx-staff,ou=groups``; other texts as they are."""
    try:
        return str(parse_dn(dn, strip=True)[0][1])
    except (LDAPException, IndexError):
        return dn


def _is_entry(who: str, dn: str) -> bool:
    """Is the answer to "who am I" this entry? Active Directory gives another kind of name, others give ``dn:…``."""
    if not who.startswith("dn:"):
        return who.startswith("u:") and len(who) > len("u:")
    return bool(_comparable(who.removeprefix("dn:")) == _comparable(dn))


def _comparable(dn: str) -> Any:
    try:
        return [(name.strip().lower(), value.strip().casefold()) for name, value, _ in parse_dn(dn, strip=True)]
    except LDAPException:
        return dn.strip().casefold()
