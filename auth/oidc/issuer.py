"""What a provider publishes about itself: its addresses and its keys."""

import asyncio
import ssl
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from auth.oidc.options import OidcOptions
from auth.oidc.refusal import Refused
from auth.oidc.web import client, fetched

Key = RSAKey | ECKey | OKPKey

_FRESH: Final = 3600.0
_KEYS_AGAIN: Final = 10.0
_SHORTEST_RSA: Final = 2048
_MOST_KEYS: Final = 100
_KINDS: Final[dict[str, type[Key]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


@dataclass(frozen=True, slots=True)
class Addresses:
    """A provider's discovery document, checked."""

    authorization: str
    token: str
    keys: str
    userinfo: str = ""
    end_session: str = ""
    client_auth: str = "none"
    states_issuer: bool = False


def addresses(found: dict[str, Any], options: OidcOptions) -> Addresses:
    """Read a discovery document. Raises `Refused`."""
    if found.get("issuer") != options.issuer:
        raise Refused("its description states another issuer than the one that is set here")
    given = {}
    for name, needed in (
        ("authorization_endpoint", True),
        ("token_endpoint", True),
        ("jwks_uri", True),
        ("userinfo_endpoint", False),
        ("end_session_endpoint", False),
    ):
        url = found.get(name) or ""
        if (url or needed) and not options.permits(url):
            raise Refused(f"its description has no usable {name}")
        given[name] = url
    return Addresses(
        authorization=given["authorization_endpoint"],
        token=given["token_endpoint"],
        keys=given["jwks_uri"],
        userinfo=given["userinfo_endpoint"],
        end_session=given["end_session_endpoint"],
        client_auth=_client_auth(found, options),
        states_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _client_auth(found: dict[str, Any], options: OidcOptions) -> str:
    if options.client_auth != "auto":
        return options.client_auth
    if not options.client_secret:
        return "none"
    # Absent means basic, by the specification.
    offered = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    for method in ("client_secret_basic", "client_secret_post"):
        if isinstance(offered, list) and method in offered:
            return method
    raise Refused("it takes no client secret, and no other way is known here")


def signing_keys(found: dict[str, Any]) -> tuple[Key, ...]:
    """The keys of a key set that can prove a signature; others are passed over."""
    listed = found.get("keys")
    if not isinstance(listed, list):
        raise Refused("its list of keys cannot be read")
    found_keys = (_signing_key(entry) for entry in listed[:_MOST_KEYS])
    return tuple(key for key in found_keys if key is not None)


def _signing_key(entry: object) -> Key | None:
    """One key; never a shared secret, whatever the provider publishes."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kind = _KINDS.get(str(entry.get("kty")))
    if kind is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):  # of a key that we refuse
            key = kind.import_key(entry)
        weak = isinstance(key, RSAKey) and key.public_key.key_size < _SHORTEST_RSA
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):  # whatever nonsense raises
        return None
    return None if weak else key


class Issuer:
    """One provider's published addresses and keys, kept for an hour. Used in one event loop."""

    def __init__(self, options: OidcOptions, tls: ssl.SSLContext) -> None:
        self._options, self._tls = options, tls
        self._lock = asyncio.Lock()
        self._addresses: tuple[float, Addresses] | None = None
        self._keys: tuple[float, tuple[Key, ...]] | None = None
        self._asked_again = float("-inf")

    @property
    def known(self) -> Addresses | None:
        """The addresses, however old, without asking."""
        return self._addresses[1] if self._addresses else None

    async def addresses(self) -> Addresses:
        """Where to ask what. Raises `Refused` and `Unreachable`."""
        async with self._lock:
            held = self._addresses
            if held is not None and held[0] > time.monotonic() - _FRESH:
                return held[1]
            url = self._options.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = addresses(await self._fetch(url, "its description"), self._options)
            self._addresses = (time.monotonic(), found)
            return found

    async def keys(self, *, again: bool = False) -> Sequence[Key]:
        """The keys. ``again`` asks anew, as after an unknown one, at most each ten seconds."""
        where = (await self.addresses()).keys
        async with self._lock:
            now, held = time.monotonic(), self._keys
            if held is not None and held[0] > now - _FRESH and not (again and self._asked_again < now - _KEYS_AGAIN):
                return held[1]
            if again:
                self._asked_again = now
            found = signing_keys(await self._fetch(where, "its list of keys"))
            self._keys = (time.monotonic(), found)
            return found

    async def _fetch(self, url: str, what: str) -> dict[str, Any]:
        async with client(self._options, self._tls) as asker:
            return await fetched(asker, url, what)
