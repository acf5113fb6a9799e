"""What a site states of an OpenID Connect provider."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from auth.origin import is_loopback
from auth.providers import Misconfigured

#: Signatures made with a private key. HS* would make the client's secret a signing key, none no signature.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
CLIENT_AUTH: Final = ("auto", "client_secret_basic", "client_secret_post", "none")
PROMPTS: Final = ("", "login", "select_account", "consent")


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """One provider.

    ``issuer`` is compared letter by letter with what the provider states. ``login_claim``,
    ``name_claim`` and ``groups_claim`` name where its statement has the login name, the name to
    show and the groups; with ``allowed_groups`` only their members may sign in. ``client_auth`` is
    how the client proves itself, ``auto``: as the provider prefers. ``ca_file`` holds the site's
    own certificate authorities instead of those of the system, and ``strict_ca`` holds
    certificates to RFC 5280. ``prompt`` is asked of the provider with every sign-in. ``seconds`` is
    how long one step of a sign-in may take. Raises `Misconfigured`.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    login_claim: str = "preferred_username"
    name_claim: str = "name"
    groups_claim: str = ""
    allowed_groups: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
    client_auth: str = "auto"
    ca_file: str = ""
    strict_ca: bool = True
    prompt: str = ""
    seconds: float = 8.0

    def __post_init__(self) -> None:
        _check_issuer(self.issuer)
        if not self.client_id or not self.client_id.isprintable():
            raise Misconfigured("client_id", "is empty; expected the name of this client at the provider.")
        if "openid" not in self.scopes:
            raise Misconfigured("scopes", f"{list(self.scopes)!r} lacks 'openid'.")
        for scope in self.scopes:
            if not scope or not scope.isascii() or not scope.isprintable() or " " in scope:
                raise Misconfigured("scopes", f"{scope!r} is not the name of a scope.")
        if not self.login_claim:
            raise Misconfigured("login_claim", "is empty; expected a claim such as 'preferred_username' or 'sub'.")
        if self.allowed_groups and not self.groups_claim:
            raise Misconfigured("groups_claim", "is empty, but allowed_groups is set; expected the claim with groups.")
        if not self.algorithms:
            raise Misconfigured("algorithms", f"is empty; expected some of {', '.join(ALGORITHMS)}.")
        for algorithm in self.algorithms:
            if algorithm not in ALGORITHMS:
                raise Misconfigured("algorithms", f"{algorithm!r} is not one of {', '.join(ALGORITHMS)}.")
        if self.client_auth not in CLIENT_AUTH:
            raise Misconfigured("client_auth", f"{self.client_auth!r} is not one of {', '.join(CLIENT_AUTH)}.")
        if self.client_auth.startswith("client_secret") and not self.client_secret:
            raise Misconfigured("client_secret", f"is empty, but client_auth is {self.client_auth!r}.")
        if self.prompt not in PROMPTS:
            raise Misconfigured("prompt", f"{self.prompt!r} is not one of {', '.join(PROMPTS[1:])}.")
        if not 0.1 <= self.seconds <= 9:
            raise Misconfigured("seconds", f"{self.seconds!r} is not from 0.1 to 9 (a page is given up after 10 s).")
        if self.ca_file and not Path(self.ca_file).is_file():
            raise Misconfigured("ca_file", f"there is no file {self.ca_file!r}.")

    def permits(self, url: object) -> bool:
        """Whether ``url`` may be an address of this provider: https, or as much http as the issuer itself."""
        if not isinstance(url, str) or not url.isprintable() or " " in url or len(url) > 2000:
            return False
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            return False
        if not parts.hostname or parts.username or parts.fragment:
            return False
        if parts.scheme == "https":
            return True
        return parts.scheme == "http" and self.issuer.startswith("http:") and is_loopback(parts.netloc)


def _check_issuer(issuer: str) -> None:
    try:
        parts = urlsplit(issuer)
        _ = parts.port
    except ValueError:
        raise Misconfigured("issuer", f"{issuer!r} is not a URL.") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or not issuer.isprintable() or " " in issuer:
        raise Misconfigured("issuer", f"{issuer!r} is not a URL such as https://sso.example.org/realms/users.")
    if parts.query or parts.fragment or parts.username:
        raise Misconfigured("issuer", f"{issuer!r} has more than a host and a path.")
    if parts.scheme == "http" and not is_loopback(parts.netloc):
        raise Misconfigured("issuer", f"{issuer!r} sends tokens in the clear; expected https.")
