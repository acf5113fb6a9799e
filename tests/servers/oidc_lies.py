"""The lies that the tests' own OpenID Connect provider can tell, each with the reason for which it must be refused."""

import time
from collections.abc import Callable
from typing import Any

CLIENT, SECRET = "lens", "a secret of the client, long enough to sign"
Claims = dict[str, Any]
Change = Callable[[Claims], Claims]


def _set(**values: Any) -> Change:
    return lambda claims: {**claims, **values}


def _without(name: str) -> Change:
    return lambda claims: {k: v for k, v in claims.items() if k != name}


def _shifted(**seconds: float) -> Change:
    return lambda claims: {**claims, **{k: int(time.time() + v) for k, v in seconds.items()}}


# The ID token says something untrue: what is changed, and the reason expected.
CLAIMS: dict[str, tuple[Change, str]] = {
    "iss of another": (_set(iss="http://localhost:1/realms/test"), "another issuer"),
    "iss with a slash more": (lambda c: {**c, "iss": c["iss"] + "/"}, "another issuer"),
    "no iss": (_without("iss"), "another issuer"),
    "iss is a list": (lambda c: {**c, "iss": [c["iss"]]}, "another issuer"),
    "aud of another": (_set(aud="another"), "another application"),
    "aud of others": (_set(aud=["another", "lens2"]), "another application"),
    "no aud": (_without("aud"), "another application"),
    "aud is an object": (_set(aud={CLIENT: True}), "another application"),
    "aud of another, azp ours": (_set(aud="another", azp=CLIENT), "another application"),
    "azp of another": (_set(azp="another"), "asked for by another"),
    "aud of two without azp": (_set(aud=[CLIENT, "another"]), "asked for by another"),
    "aud of two, azp of another": (_set(aud=[CLIENT, "another"], azp="another"), "asked for by another"),
    "azp is a list": (_set(azp=[CLIENT]), "asked for by another"),
    "expired": (_shifted(exp=-300, iat=-20), "expired"),
    "no exp": (_without("exp"), "when it is valid"),
    "exp is a text": (_set(exp="4102444800"), "when it is valid"),
    "exp is true": (_set(exp=True), "when it is valid"),
    "exp is infinite": (_set(exp=float("inf")), "when it is valid"),
    "no iat": (_without("iat"), "when it is valid"),
    "iat is null": (_set(iat=None), "when it is valid"),
    "iat in 5 minutes": (_shifted(iat=300), "future"),
    "iat long ago": (_shifted(iat=-3600), "older than this sign-in"),
    "nbf in 5 minutes": (_shifted(nbf=300), "future"),
    "nonce of another": (_set(nonce="another"), "another sign-in"),
    "no nonce": (_without("nonce"), "another sign-in"),
    "nonce is null": (_set(nonce=None), "another sign-in"),
    "no sub": (_without("sub"), "who you are"),
    "sub is a number": (_set(sub=42), "who you are"),
    "sub is empty": (_set(sub=""), "who you are"),
    "sub of two lines": (_set(sub="a\nb"), "who you are"),
    "sub without end": (_set(sub="a" * 300), "who you are"),
    "at_hash of another token": (_set(at_hash="bm90IHRoaXMgb25lISE"), "do not belong together"),
    "no login name": (_without("preferred_username"), "no login name"),
    "login name of two lines": (_set(preferred_username="alice\x00"), "no login name"),
    "login name is a list": (_set(preferred_username=["alice"]), "no login name"),
}

# The ID token is signed by nobody, by somebody else, or in a way that proves nothing.
SIGNATURES: dict[str, str] = {
    "alg none": "permitted way",
    "alg none, advertised": "permitted way",
    "alg nOnE, advertised": "permitted way",
    "alg none, and no kid, advertised": "permitted way",
    "HS256 with the client's secret": "permitted way",
    "HS256 with the client's secret, advertised": "permitted way",
    "HS256 with the public key": "permitted way",
    "HS256 with a published key": "permitted way",
    "RS512, not allowed here": "permitted way",
    "another key under the same name": "not signed by it",
    "another key without a name": "not signed by it",
    "another key under an unknown name": "does not publish",
    "its own key in the header": "not signed by it",
    "the address of its keys in the header": "not signed by it",
    "a signature of nothing": "not signed by it",
    "another's name under the same signature": "not signed by it",
    "a published key too short to trust": "does not publish",
    "a key that is for encryption": "does not publish",
    "a key of another kind under the same name": "does not publish",
    "two keys of one name": "with which key",
    "a critical header nobody knows": "not signed by it",
    "a logout token": "another kind",
    "two parts": "cannot be read",
    "five parts": "cannot be read",
    "not a token": "cannot be read",
    "a token without end": "cannot be read",
    "an earlier statement": "another sign-in",
}

# What it answers besides.
ANSWERS: dict[str, str] = {
    "discovery: another issuer": "another issuer",
    "discovery: issuer with a slash more": "another issuer",
    "discovery: no issuer": "another issuer",
    "discovery: token endpoint in the clear elsewhere": "no usable token_endpoint",
    "discovery: no keys": "no usable jwks_uri",
    "discovery: keys in a file": "no usable jwks_uri",
    "discovery: a script as authorization endpoint": "no usable authorization_endpoint",
    "discovery: not JSON": "its description cannot be read",
    "discovery: nested without end": "its description cannot be read",
    "discovery: without end": "larger than",
    "discovery: compressed": "compressed",
    "discovery: redirect": "HTTP 302",
    "discovery: 500": "HTTP 500",
    "keys: not a list": "list of keys",
    "keys: none": "does not publish",
    "keys: redirect": "HTTP 302",
    "token: error": "did not accept its own answer",
    "token: not JSON": "cannot be read",
    "token: 500": "HTTP 500",
    "token: redirect": "HTTP 302",
    "token: without end": "larger than",
    "token: no id_token": "no statement",
    "userinfo: another person": "somebody else",
    "userinfo: no sub": "somebody else",
    "userinfo: not JSON": "cannot be read",
    "userinfo: 500": "HTTP 500",
    "back: iss of another": "the answer is of another issuer",
    "back: no iss, though promised": "the answer is of another issuer",
    "back: error": "refused what this site asked for",
    "back: denied": "stopped there",
    "back: no code": "without an answer",
}
LIES = {**{name: reason for name, (_, reason) in CLAIMS.items()}, **SIGNATURES, **ANSWERS}
