"""The kinds of value that a setting can have: how each is read and what messages call it."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


class Wrong(Exception):
    """The value is not of this kind. The caller names the setting and what was expected."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.

    ``words`` completes "must be …". ``read`` takes what TOML or an environment variable holds (a
    variable always holds text) and returns the value or raises `Wrong`. A ``secret`` is never
    repeated in a message.
    """

    words: str
    read: Callable[[object], Any]
    secret: bool = False


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong
    return value.strip()


def text(words: str = "text", *, empty: bool = True) -> Kind:
    """Text on one line, without the blanks around it."""

    def read(value: object) -> str:
        found = _text(value)
        if "\n" in found or not (found or empty):
            raise Wrong
        return found

    return Kind(words, read)


def secret(words: str = "text on one line, kept secret") -> Kind:
    """A password or the like: text that no message repeats, as it was given."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.isprintable():
            raise Wrong
        return value

    return Kind(words, read, secret=True)


def pattern() -> Kind:
    """A regular expression, which must match a whole text."""

    def read(value: object) -> str:
        found = _text(value)
        try:
            re.compile(found)
        except re.error as error:
            raise Wrong from error
        if not found:
            raise Wrong
        return found

    return Kind("a regular expression", read)


def file_path() -> Kind:
    """The absolute path of a file; whether it is there is asked when it is used."""

    def read(value: object) -> str:
        found = _text(value)
        if found and not is_directory_path(found):
            raise Wrong
        return found

    return Kind("an absolute path without ..", read)


def checked(words: str, accept: Callable[[str], bool]) -> Kind:
    """Text that ``accept`` agrees to."""

    def read(value: object) -> str:
        found = _text(value)
        if not accept(found):
            raise Wrong
        return found

    return Kind(words, read)


def number(low: float, high: float, unit: str) -> Kind:
    """A number from ``low`` to ``high``, both included."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Wrong
        try:
            found = float(value)
        except ValueError as error:
            raise Wrong from error
        if not low <= found <= high:  # also refuses nan
            raise Wrong
        return found

    return Kind(f"a number of {unit} between {low:g} and {high:g}", read)


def whole(low: int, high: int, unit: str = "") -> Kind:
    """A whole number from ``low`` to ``high``, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise Wrong
        try:
            found = int(value)
        except ValueError as error:
            raise Wrong from error
        if not low <= found <= high:
            raise Wrong
        return found

    return Kind(f"a whole number{' of ' + unit if unit else ''} between {low} and {high}", read)


def flag() -> Kind:
    """Yes or no: true or false in TOML; true, false, yes, no, on, off, 1, 0 in a variable."""
    meanings = dict.fromkeys(("true", "yes", "on", "1"), True)
    meanings |= dict.fromkeys(("false", "no", "off", "0"), False)

    def read(value: object) -> bool:
        if isinstance(value, bool):
            return value
        try:
            return meanings[_text(value).lower()]
        except KeyError as error:
            raise Wrong from error

    return Kind("true or false", read)


def choice(*words: str) -> Kind:
    """One of a few words; upper and lower case do not matter."""
    by_lower = {word.lower(): word for word in words}

    def read(value: object) -> str:
        try:
            return by_lower[_text(value).lower()]
        except KeyError as error:
            raise Wrong from error

    return Kind(f"{', '.join(words[:-1])} or {words[-1]}", read)


def _items(value: object, separator: str = ";") -> list[object]:
    """The entries of a TOML list, or of text in which ``separator`` stands between them."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(separator) if part.strip()]
    if isinstance(value, list):
        return value
    raise Wrong


def texts(words: str, accept: Callable[[str], bool] = bool) -> Kind:
    """A list of texts that ``accept`` agrees to; in a variable separated by semicolons."""

    def read(value: object) -> tuple[str, ...]:
        found = tuple(_text(item) for item in _items(value))
        if not all(map(accept, found)):
            raise Wrong
        return found

    return Kind(words, read)


def pairs(words: str, accept: Callable[[str], bool]) -> Kind:
    """A list of [from, to]; in a variable ``from=to;from2=to2``."""

    def read(value: object) -> tuple[tuple[str, str], ...]:
        found = []
        for item in _items(value):
            two = item.split("=", 1) if isinstance(item, str) else item
            if not isinstance(two, list) or len(two) != 2:
                raise Wrong
            old, new = _text(two[0]), _text(two[1])
            if not (accept(old) and accept(new)):
                raise Wrong
            found.append((old, new))
        return tuple(found)

    return Kind(words, read)


def table(words: str, fits: Callable[[Sequence[str]], object] | None = None) -> Kind:
    """Names, each with a list of texts; in a variable ``name=one,two;name2=three``. ``fits`` raises ValueError."""

    def read(value: object) -> Mapping[str, tuple[str, ...]]:
        if isinstance(value, str):
            rows: dict[str, object] = {}
            for item in _items(value):
                name, equals, rest = str(item).partition("=")
                if not equals or name.strip() in rows:
                    raise Wrong
                rows[name.strip()] = _items(rest, ",")
        elif isinstance(value, dict):
            rows = value
        else:
            raise Wrong
        found = {}
        for name, members in rows.items():
            if not name or not isinstance(members, list) or not members:
                raise Wrong
            found[name] = tuple(_text(member) for member in members)
            if not all(found[name]):
                raise Wrong
            if fits is not None:
                try:
                    fits(found[name])
                except ValueError:
                    raise Wrong from None
        return MappingProxyType(found)

    return Kind(words, read)


def database_url(words: str) -> Kind:
    """An SQLAlchemy URL, whose own ``repr`` and ``str`` hide the password; empty is None."""

    def read(value: object) -> URL | None:
        found = _text(value)
        if not found:
            return None
        try:
            return make_url(found)
        except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
            raise Wrong from error

    return Kind(words, read, secret=True)


def web_url() -> Kind:
    """The address of a site, without a query or a trailing slash; may be empty."""

    def read(value: object) -> str:
        found = _text(value).rstrip("/")
        if not found:
            return ""
        try:
            parts = urlsplit(found)
            usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query
        except ValueError as error:
            raise Wrong from error
        if not usable or parts.fragment or parts.username:
            raise Wrong
        return found

    return Kind("an address such as https://lens.example.org", read)


def service_url() -> Kind:
    """The address of a web service, as it is; never empty."""

    def read(value: object) -> str:
        found = _text(value)
        try:
            parts = urlsplit(found)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError as error:
            raise Wrong from error
        if not usable or parts.fragment or parts.username or not found.isprintable() or " " in found:
            raise Wrong
        return found

    return Kind("an address such as https://desk.example.org/check", read)


def web_prefix() -> Kind:
    """The path under which a proxy shows the site: empty, or with a leading slash only."""

    def read(value: object) -> str:
        found = _text(value).rstrip("/")
        if found and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", found):
            raise Wrong
        return found

    return Kind("a path such as /lens, or nothing", read)


def listen_address() -> Kind:
    """An IP address of this host, or its name."""

    def read(value: object) -> str:
        found = _text(value)
        if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", found):
            return found
        try:
            return str(ipaddress.ip_address(found))
        except ValueError as error:
            raise Wrong from error

    return Kind("an IP address or a host name", read)


def is_host(value: str) -> bool:
    """Is this ``host`` or ``host:port``, as a websocket's origin names it? No scheme, no path, and not any host."""
    if not value.strip("*.:"):
        return False
    return re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9*.-]+)(:[0-9]{1,5}|:\*)?", value) is not None


def is_directory_server(value: str) -> bool:
    """Is this ``ldaps://host[:port]`` or ``ldap://host[:port]``?"""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("ldap", "ldaps") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(usable) and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)


def is_network(value: str) -> bool:
    """Is this an IP address, or a network such as 10.1.0.0/16?"""
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


def is_directory_path(value: str) -> bool:
    """Is this an absolute path without `..`? Whether it exists is asked when it is used."""
    return value.startswith("/") and ".." not in value.split("/") and "\0" not in value
