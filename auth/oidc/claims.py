"""From the provider's statements to an identity."""

from collections.abc import Mapping
from typing import Any, Final

from auth.identity import Identity
from auth.oidc.options import OidcOptions
from auth.oidc.refusal import Refused, Stopped

_LONGEST: Final = 255
_MOST_GROUPS: Final = 500


def missing(claims: Mapping[str, Any], options: OidcOptions) -> bool:
    """Whether the ID token lacks something that the provider may say when it is asked for more."""
    wanted = (options.login_claim, options.name_claim, options.groups_claim)
    return any(name and name not in claims for name in wanted)


def merged(claims: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The ID token's claims with those of the userinfo endpoint, which must be about the same person.

    Where both state something, the signed one holds. Raises `Refused`.
    """
    if not isinstance(more.get("sub"), str) or more["sub"] != claims["sub"]:
        raise Refused("it described somebody else when it was asked about you")
    return {**more, **claims}


def identity_of(provider: str, claims: Mapping[str, Any], options: OidcOptions) -> Identity:
    """Who that is. Raises `Refused` where no login name is stated, `Stopped` where a group is lacking."""
    login = _line(claims.get(options.login_claim))
    if not login:
        raise Refused(f"it states no login name: the claim {options.login_claim!r} is missing")
    groups = _groups(claims, options)
    if options.allowed_groups and not set(options.allowed_groups) & set(groups):
        raise Stopped("your account is in none of the groups that may use this site")
    return Identity(provider, claims["sub"], login, _name(claims, options) or login, groups)


def _name(claims: Mapping[str, Any], options: OidcOptions) -> str:
    parts = (_line(claims.get(name)) for name in ("given_name", "family_name"))
    return _line(claims.get(options.name_claim)) or " ".join(part for part in parts if part)


def _groups(claims: Mapping[str, Any], options: OidcOptions) -> tuple[str, ...]:
    found = claims.get(options.groups_claim, []) if options.groups_claim else []
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list):
        return ()
    return tuple(dict.fromkeys(group for group in map(_line, found[:_MOST_GROUPS]) if group))


def _line(value: object) -> str:
    """``value`` when it is a usable text on one line, else nothing."""
    if not isinstance(value, str):
        return ""
    text = " ".join(value.split())
    return text if text.isprintable() and len(text) <= _LONGEST else ""
