"""An OpenID Connect provider of the tests' own, which lies on demand.

It asks nobody for a password: whoever comes is ``person`` and is sent back at once. ``lie`` names
one way in which it deviates from the truth; `servers.oidc_lies` lists them.
"""

import asyncio
import base64
import gzip
import hashlib
import json
import secrets
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from servers.oidc_lies import CLAIMS, CLIENT, SECRET, Claims
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
ENDLESS = b"{" + b" " * 400_000
MARKUP = "<script>alert('from the provider')</script>"


@cache
def _first_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


@cache
def _another_key() -> RSAKey:
    return RSAKey.generate_key(2048)


class Liar:
    """The provider. Change its attributes from the test."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.issuer = f"{self.origin}/realms/test"
        self.lie = ""
        self.ahead = 0.0
        self.hang = ""
        self.release = threading.Event()
        self.person: Claims = {
            "sub": "f3a1-alice",
            "preferred_username": "alice",
            "name": "Alice O'Neil",
            "groups": ["mx-staff", "users"],
        }
        self.more: Claims = {}
        self.key: Any = _first_key()
        self.others: list[Any] = []
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.issued: list[str] = []  # every code and token that it gave away
        self.last = ""

    # -- what it says -----------------------------------------------------------------------

    def rotate(self, kind: str = "RSA") -> None:
        """Sign with a new key; the old one is published no more."""
        name = {"kid": secrets.token_hex(4), "use": "sig"}
        if kind == "RSA":
            self.key = RSAKey.generate_key(2048, name)
        elif kind == "EC":
            self.key = ECKey.generate_key("P-256", name)
        else:
            self.key = OKPKey.generate_key("Ed25519", name)

    def discovery(self) -> Claims:
        found: Claims = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/end",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }
        algorithms = found["id_token_signing_alg_values_supported"]
        match self.lie:
            case "alg none, advertised" | "alg none, and no kid, advertised":
                algorithms.append("none")
            case "alg nOnE, advertised":
                algorithms.append("nOnE")
            case "HS256 with the client's secret, advertised":
                algorithms[:] = ["HS256"]
            case "discovery: another issuer":
                found["issuer"] = "https://evil.example/realms/test"
            case "discovery: issuer with a slash more":
                found["issuer"] += "/"
            case "discovery: no issuer":
                del found["issuer"]
            case "discovery: token endpoint in the clear elsewhere":
                found["token_endpoint"] = "http://evil.example/token"
            case "discovery: no keys":
                del found["jwks_uri"]
            case "discovery: keys in a file":
                found["jwks_uri"] = "file:///etc/passwd"
            case "discovery: a script as authorization endpoint":
                found["authorization_endpoint"] = "javascript:alert(1)"
        return found

    def keys(self) -> list[Any]:
        keys = [key.as_dict(private=False) for key in (self.key, *self.others)]
        match self.lie:
            case "keys: none":
                return []
            case "HS256 with a published key":
                return [OctKey.import_key(SECRET, {"kid": "first"}).as_dict(), *keys]
            case "a key that is for encryption":
                return [{**keys[0], "use": "enc"}]
            case "a key of another kind under the same name":
                return [ECKey.generate_key("P-256", {"kid": "first"}).as_dict(private=False)]
            case "two keys of one name":
                return [*keys, RSAKey.generate_key(2048, {"kid": "first"}).as_dict(private=False)]
        return ["nonsense", {"kty": "martian"}, {"kty": "RSA", "n": "?"}, *keys]

    def id_token(self, nonce: str, access_token: str) -> str:
        now = int(time.time() + self.ahead)
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims: Claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "sid": "session-1",
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **self.person,
        }
        if isinstance(self.key, OKPKey):
            del claims["at_hash"]
        if self.lie in CLAIMS:
            claims = CLAIMS[self.lie][0](claims)
        if self.lie.startswith("userinfo:"):
            del claims["preferred_username"]
        return self.signed(claims)

    def logout_token(self, *, typ: str = "logout+jwt", key: Any = None, **claims: Any) -> str:
        """A logout token; claims given as None are left out."""
        now = int(time.time() + self.ahead)
        whole: Claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "events": {_EVENT: {}},
            "sid": "session-1",
            "sub": self.person["sub"],
            **claims,
        }
        whole = {name: value for name, value in whole.items() if value is not None}
        return _encode({"alg": "RS256", "kid": self.key.kid, "typ": typ}, whole, key or self.key)

    def signed(self, claims: Claims) -> str:
        algorithm = {RSAKey: "RS256", ECKey: "ES256", OKPKey: "EdDSA"}[type(self.key)]
        header: Claims = {"alg": algorithm, "kid": self.key.kid}
        key: Any = self.key
        match self.lie:
            case "alg none" | "alg none, advertised":
                return _plain({**header, "alg": "none"}, claims)
            case "alg nOnE, advertised":
                return _plain({**header, "alg": "nOnE"}, claims)
            case "alg none, and no kid, advertised":
                return _plain({"alg": "none"}, claims)
            case "HS256 with the client's secret" | "HS256 with the client's secret, advertised":
                return _encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
            case "HS256 with a published key":
                return _encode({**header, "alg": "HS256"}, claims, OctKey.import_key(SECRET))
            case "HS256 with the public key":
                return _hmac({**header, "alg": "HS256"}, claims, self.key.as_pem(private=False))
            case "RS512, not allowed here":
                header["alg"] = "RS512"
            case "another key under the same name":
                key = _another_key()
            case "another key without a name":
                key = _another_key()
                del header["kid"]
            case "another key under an unknown name":
                key = _another_key()
                header["kid"] = "unknown"
            case "its own key in the header":
                key = _another_key()
                header["jwk"] = key.as_dict(private=False)
            case "the address of its keys in the header":
                key = _another_key()
                header["jku"] = f"{self.origin}/evil"
            case "a signature of nothing":
                return _encode(header, claims, key).rpartition(".")[0] + "."
            case "another's name under the same signature":
                head, _, signature = _encode(header, claims, key).split(".")
                return ".".join((head, _part({**claims, "preferred_username": "bob"}), signature))
            case "a published key too short to trust":
                with warnings.catch_warnings(action="ignore"):
                    key = RSAKey.generate_key(1024, {"kid": "short"})
                self.others = [key]
                header["kid"] = "short"
            case "a critical header nobody knows":
                return _forced({**header, "crit": ["exp2"], "exp2": 1}, claims, key)
            case "a logout token":
                header["typ"] = "logout+jwt"
            case "two parts":
                return _encode(header, claims, key).rpartition(".")[0]
            case "five parts":
                return _encode(header, claims, key) + ".x.y"
            case "not a token":
                return MARKUP
            case "a token without end":
                return "a" * 100_000
            case "an earlier statement":
                return self.last
        self.last = _encode(header, claims, key)
        self.issued.append(self.last)
        return self.last


def _encode(header: Claims, claims: Claims, key: Any) -> str:
    registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    registry.max_header_length = 10_000
    with warnings.catch_warnings(action="ignore"):  # EdDSA has a newer name
        return jwt.encode(header, claims, key, registry=registry)


def _part(value: Claims | bytes) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _plain(header: Claims, claims: Claims) -> str:
    return f"{_part(header)}.{_part(claims)}."


def _hmac(header: Claims, claims: Claims, secret: bytes) -> str:
    """As joserfc refuses to do it."""
    import hmac

    text = f"{_part(header)}.{_part(claims)}"
    return f"{text}.{_part(hmac.digest(secret, text.encode(), 'sha256'))}"


def _forced(header: Claims, claims: Claims, key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    text = f"{_part(header)}.{_part(claims)}"
    return f"{text}.{_part(key.private_key.sign(text.encode(), PKCS1v15(), SHA256()))}"


class _Page(RequestHandler):
    """One address of the provider, by its name."""

    what = ""

    def initialize(self, liar: Liar) -> None:
        self.liar = liar

    async def prepare(self) -> None:
        self.liar.asked.append(self.what)
        if self.liar.hang == self.what:
            while not self.liar.release.is_set():
                await asyncio.sleep(0.05)
        ask, _, lie = self.liar.lie.partition(": ")
        if ask != self.what:
            return
        match lie:
            case "not JSON":
                self.finish(f"<html>{MARKUP}</html>")
            case "nested without end":
                self.finish("[" * 200_000)
            case "without end":
                self.finish(ENDLESS)
            case "compressed":
                self.set_header("Content-Encoding", "gzip")
                self.finish(gzip.compress(b" " * 10_000_000))
            case "redirect":
                self.redirect(f"{self.liar.origin}/evil")
            case "500":
                self.set_status(500)
                self.finish(MARKUP)

    def check_xsrf_cookie(self) -> None: ...


class _Discovery(_Page):
    what = "discovery"

    def get(self) -> None:
        self.finish(self.liar.discovery())


class _Keys(_Page):
    what = "keys"

    def get(self) -> None:
        self.finish({"keys": "none" if self.liar.lie == "keys: not a list" else self.liar.keys()})


class _Authorize(_Page):
    what = "back"

    def get(self) -> None:
        given = {name: self.get_query_argument(name, "") for name in self.request.arguments}
        code = secrets.token_urlsafe(16)
        self.liar.codes[code] = given
        self.liar.issued.append(code)
        answer = {"code": code, "state": given["state"], "iss": self.liar.issuer}
        match self.liar.lie:
            case "back: iss of another":
                answer["iss"] = "https://evil.example"
            case "back: no iss, though promised":
                del answer["iss"]
            case "back: error":
                answer |= {"error": "invalid_request", "error_description": MARKUP}
            case "back: denied":
                answer |= {"error": "access_denied", "error_description": MARKUP}
            case "back: no code":
                del answer["code"]
        self.redirect(f"{given['redirect_uri']}?{urlencode(answer)}")


class _Token(_Page):
    what = "token"

    def post(self) -> None:
        asked = self.liar.codes.pop(self.get_body_argument("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        verifier = self.get_body_argument("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        true = (
            asked is not None
            and self.request.headers.get("Authorization") == f"Basic {basic}"
            and asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == self.get_body_argument("redirect_uri", "")
        )
        if not true or asked is None or self.liar.lie == "token: error":
            self.set_status(400)
            self.finish({"error": "invalid_grant", "error_description": MARKUP})
            return
        access = secrets.token_urlsafe(16)
        self.liar.issued.append(access)
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 60}
        if self.liar.lie != "token: no id_token":
            answer["id_token"] = self.liar.id_token(asked["nonce"], access)
        self.finish(answer)


class _UserInfo(_Page):
    what = "userinfo"

    def get(self) -> None:
        said = {**self.liar.person, **self.liar.more}
        match self.liar.lie:
            case "userinfo: another person":
                said["sub"] = "f3a1-bob"
            case "userinfo: no sub":
                del said["sub"]
            case "no login name" | "login name of two lines" | "login name is a list":
                said.pop("preferred_username", None)
        self.finish(said)


class _End(_Page):
    what = "end"

    def get(self) -> None:
        self.liar.last = self.request.uri or ""
        self.redirect(self.get_query_argument("post_logout_redirect_uri"))


class _Evil(_Page):
    what = "evil"

    def get(self) -> None:
        self.finish(self.liar.discovery() | {"keys": self.liar.keys()})


@contextmanager
def liar(https: tuple[Path, Path] | None = None) -> Iterator[Liar]:
    """The provider on a free port, in a thread. ``https`` is its certificate and its key."""
    sockets = bind_sockets(0, "localhost")
    port = sockets[0].getsockname()[1]
    for other in sockets[1:]:  # another family would have got another port
        other.close()
    made = Liar(f"{'https' if https else 'http'}://localhost:{port}")
    tls = None
    if https:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*https)
    started, stopped = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        mine = {"liar": made}
        realm = r"/realms/test"
        application = Application(
            [
                (realm + r"/\.well-known/openid-configuration", _Discovery, mine),
                (realm + r"/keys", _Keys, mine),
                (realm + r"/auth", _Authorize, mine),
                (realm + r"/token", _Token, mine),
                (realm + r"/userinfo", _UserInfo, mine),
                (realm + r"/end", _End, mine),
                (r"/evil", _Evil, mine),
            ],
            log_function=lambda handler: None,
        )
        server = HTTPServer(application, ssl_options=tls)
        server.add_sockets(sockets[:1])
        started.set()
        await stopped.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield made
    finally:
        made.release.set()
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()


def state_of(url: str) -> str:
    """The state in an authorization URL."""
    return parse_qs(urlsplit(url).query)["state"][0]
