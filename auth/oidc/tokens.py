"""Whether a signed statement of the provider is true, meant for us, and about now.

OpenID Connect Core 1.0, 3.1.3.7 (ID token) and OpenID Connect Back-Channel Logout 1.0, 2.6.
"""

import base64
import hashlib
import json
import math
import secrets
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from auth.oidc.issuer import Key
from auth.oidc.options import OidcOptions
from auth.oidc.refusal import Refused, UnknownKey

#: Clocks may differ by this many seconds.
LEEWAY: Final = 60.0
#: A logout token is good for this long after it was made.
LOGOUT_SECONDS: Final = 600.0

_LONGEST: Final = 65_536
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_KINDS: Final = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey}
# What Ed25519 keys sign has no settled hash of the access token.
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class _Registry(JWSRegistry):
    max_header_length = 8192


@dataclass(frozen=True, slots=True)
class Logout:
    """Whom the provider has signed out: a session of its own, or all of a person's. ``until``: see `Flows.use_once`."""

    sid: str
    subject: str
    token_id: str
    until: float


def verified(
    token: object, keys: Sequence[Key], options: OidcOptions, what: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that one of ``keys`` signed. Raises `UnknownKey` and `Refused`."""
    if not isinstance(token, str) or not token.isascii() or len(token) > _LONGEST:
        raise Refused(f"{what} cannot be read")
    header = _header(token, what)
    algorithm = header.get("alg")
    if algorithm not in options.algorithms or not isinstance(algorithm, str):
        raise Refused(f"{what} is not signed in a permitted way")
    name = header.get("kid")
    kind = _KINDS.get(algorithm[:2])
    fitting = [
        key
        for key in keys
        if (isinstance(key, kind) if kind else not isinstance(key, RSAKey | ECKey))
        and (name is None or key.get("kid") == name)
        and key.get("alg", algorithm) == algorithm
    ]
    if not fitting:
        raise UnknownKey(f"{what} is signed with a key that it does not publish")
    if len(fitting) > 1:
        raise Refused(f"{what} does not say with which key it is signed")
    try:
        registry = _Registry(algorithms=[algorithm], strict_check_header=False)
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):  # EdDSA has a newer name
            found = jwt.decode(token, fitting[0], registry=registry)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise Refused(f"{what} is not signed by it") from error
    return dict(found.header), dict(found.claims)


def check_id_token(
    header: dict[str, Any],
    claims: dict[str, Any],
    options: OidcOptions,
    *,
    nonce: str,
    begun: float,
    now: float,
    access_token: str = "",
) -> None:
    """Raise `Refused` unless the ID token is about the sign-in that began at ``begun`` with ``nonce``."""
    if str(header.get("typ", "JWT")).upper() not in {"JWT", "ID+JWT"}:
        raise Refused("its statement is of another kind")
    _check_issuer_and_audience(claims, options)
    _subject(claims)
    if not isinstance(claims.get("nonce"), str) or not _same(claims["nonce"], nonce):
        raise Refused("its statement is about another sign-in")
    _check_times(claims, now, needed=("exp", "iat"))
    if claims["iat"] < begun - LEEWAY:
        raise Refused("its statement is older than this sign-in, or its clock is wrong")
    if "at_hash" in claims and access_token:
        make = _HASHES.get(str(header["alg"])[-3:])
        if make is not None:
            half = make(access_token.encode()).digest()
            expected = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=").decode()
            if not _same(claims["at_hash"], expected):
                raise Refused("its statement and its access token do not belong together")


def check_logout_token(header: dict[str, Any], claims: dict[str, Any], options: OidcOptions, *, now: float) -> Logout:
    """Whom a logout token signs out. Raises `Refused`."""
    if str(header.get("typ", "JWT")).upper() not in {"JWT", "LOGOUT+JWT"}:
        raise Refused("its statement is of another kind")
    _check_issuer_and_audience(claims, options)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise Refused("its statement is not about a logout")
    if "nonce" in claims:
        raise Refused("its statement is about a sign-in")
    _check_times(claims, now, needed=("iat",))
    if claims["iat"] < now - LOGOUT_SECONDS - LEEWAY:
        raise Refused("its statement is too old, or its clock is wrong")
    token_id, sid = claims.get("jti"), claims.get("sid", "")
    if not isinstance(token_id, str) or not token_id or len(token_id) > 255:
        raise Refused("its statement has no name of its own")
    if not isinstance(sid, str) or len(sid) > 255:
        raise Refused("its statement names no session")
    subject = _subject(claims) if "sub" in claims or not sid else ""
    return Logout(sid, subject, token_id, now + LOGOUT_SECONDS + 2 * LEEWAY + LEEWAY)


def _check_issuer_and_audience(claims: dict[str, Any], options: OidcOptions) -> None:
    if claims.get("iss") != options.issuer:
        raise Refused("its statement is of another issuer")
    audience = claims.get("aud")
    meant = [audience] if isinstance(audience, str) else audience
    if not isinstance(meant, list) or options.client_id not in meant:
        raise Refused("its statement is meant for another application")
    by = claims.get("azp")
    if ("azp" in claims or len(meant) > 1) and by != options.client_id:
        raise Refused("its statement was asked for by another application")


def _check_times(claims: dict[str, Any], now: float, needed: Sequence[str]) -> None:
    for name in ("exp", "iat", "nbf"):
        if name not in claims and name not in needed:
            continue
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Refused("its statement does not say when it is valid")
    if "exp" in claims and claims["exp"] <= now - LEEWAY:
        raise Refused("its statement has expired, or its clock is wrong")
    if claims["iat"] > now + LEEWAY or claims.get("nbf", now) > now + LEEWAY:
        raise Refused("its statement is from the future: one of the clocks is wrong")


def _subject(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Refused("its statement does not say who you are")
    return subject


def _header(token: str, what: str) -> dict[str, Any]:
    try:
        part = token.partition(".")[0]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Refused(f"{what} cannot be read") from None
    if token.count(".") != 2 or not isinstance(found, dict):
        raise Refused(f"{what} cannot be read")
    return found


def _same(given: object, expected: str) -> bool:
    return isinstance(given, str) and secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())
