"""What a site states of a provider: unusable settings are named, and its certificates and addresses are held to."""

import hashlib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from servers.authority import authority
from servers.oidc_lies import CLIENT, SECRET
from servers.oidc_site import oidc_site

from auth.gate import Gate, GateError
from auth.oidc.issuer import addresses
from auth.oidc.options import OidcOptions
from auth.oidc.refusal import Refused
from auth.providers import Misconfigured, PasswordProvider, RedirectProvider
from auth.providers.oidc import Attempt, OidcProvider
from auth.store import Store

ISSUER = "https://sso.example.org/realms/users"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"issuer": "http://sso.example.org/realms/users"}, "issuer"),
        ({"issuer": "sso.example.org"}, "issuer"),
        ({"issuer": "https://sso.example.org/?realm=users"}, "issuer"),
        ({"issuer": "https://user:secret@sso.example.org"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": "", "client_auth": "client_secret_post"}, "client_secret"),
        ({"client_auth": "password"}, "client_auth"),
        ({"scopes": ("profile",)}, "scopes"),
        ({"scopes": ("openid", "two words")}, "scopes"),
        ({"login_claim": ""}, "login_claim"),
        ({"allowed_groups": ("staff",)}, "groups_claim"),
        ({"algorithms": ("none",)}, "algorithms"),
        ({"algorithms": ("RS256", "HS256")}, "algorithms"),
        ({"algorithms": ()}, "algorithms"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file"),
        ({"prompt": "none"}, "prompt"),
        ({"seconds": 60.0}, "seconds"),
    ],
)
def test_an_unusable_setting_is_named(options: dict[str, Any], named: str) -> None:
    given = {"issuer": ISSUER, "client_id": "lens", "client_secret": "geheim", **options}
    with pytest.raises(Misconfigured) as refused:
        OidcProvider("sso", OidcOptions(**given))
    assert refused.value.option == named
    assert "geheim" not in str(refused.value)


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(Misconfigured) as refused:
        OidcProvider("sso", OidcOptions(ISSUER, "lens", "x", ca_file=str(tmp_path / "ca.pem")))
    assert refused.value.option == "ca_file"


@pytest.mark.parametrize("issuer", ["http://localhost:8080/realms/x", "http://127.0.0.1", "https://sso.example.org"])
def test_an_issuer_on_this_computer_may_do_without_https(issuer: str) -> None:
    OidcOptions(issuer, "lens", "x")


def test_secrets_are_not_shown() -> None:
    assert "geheim" not in repr(OidcOptions(ISSUER, "lens", "geheim"))


@pytest.mark.parametrize("key", ["", "Keycloak", "a/b", "x" * 40, "sso?", "-x"])
def test_a_key_that_cannot_be_part_of_an_address_is_refused(tmp_path: Path, key: str) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    with pytest.raises(GateError, match=r"login\.providers"):
        Gate(store, [OidcProvider(key, OidcOptions(ISSUER, "lens", "x"))])
    store.close()


def test_it_is_a_provider_of_the_second_kind() -> None:
    provider = OidcProvider("sso", OidcOptions(ISSUER, "lens", "x"))
    assert isinstance(provider, RedirectProvider)
    assert not isinstance(provider, PasswordProvider)
    assert provider.trusted_logins is False, "unless the site says so"


@pytest.mark.parametrize(
    ("offered", "secret", "chosen"),
    [
        (None, "x", "client_secret_basic"),
        (["client_secret_post"], "x", "client_secret_post"),
        (["client_secret_post", "client_secret_basic"], "x", "client_secret_basic"),
        (["private_key_jwt"], "x", None),
        (None, "", "none"),
    ],
)
def test_how_the_client_proves_itself_follows_the_provider(
    offered: list[str] | None, secret: str, chosen: str | None
) -> None:

    found: dict[str, Any] = {"issuer": ISSUER, "token_endpoint_auth_methods_supported": offered}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        found[name] = f"{ISSUER}/{name}"
    options = OidcOptions(ISSUER, "lens", secret)
    if chosen is None:
        with pytest.raises(Refused):
            addresses(found, options)
    else:
        assert addresses(found, options).client_auth == chosen


def test_the_challenge_is_made_of_the_verifier() -> None:

    one = Attempt("state", "browser", 0.0, "")
    assert len(urlsafe_b64encode(hashlib.sha256(one.verifier.encode()).digest()).rstrip(b"=")) == 43
    assert len({one.verifier, one.nonce, Attempt("state", "another", 0.0, "").verifier}) == 3


@pytest.mark.parametrize("old", [False, True])
def test_over_https_the_provider_must_be_of_the_named_authority(tmp_path: Path, old: bool) -> None:
    mine, theirs = authority(tmp_path / "mine", old=old), authority(tmp_path / "theirs")
    with oidc_site(tmp_path, https=mine.sign("localhost"), ca_file=str(mine.path), strict_ca=not old) as oidc:
        assert oidc.liar.issuer.startswith("https://")
        browser = oidc.browser()
        leaving = oidc.leave(browser)
        back = oidc.there_over_https(leaving)
        assert browser.come_back(back).status == 303
        for trusting in ({"ca_file": str(theirs.path)}, {"ca_file": ""}):
            options = OidcOptions(oidc.liar.issuer, CLIENT, SECRET, **trusting)
            oidc.provider._issuer = OidcProvider("liar", options)._issuer
            refused = oidc.browser().get("/auth/liar/start")
            assert refused.status == 503
            assert "its certificate is not accepted" in refused.text


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    mine = authority(tmp_path / "mine")
    with oidc_site(tmp_path, https=mine.sign("sso.example.org"), ca_file=str(mine.path)) as oidc:
        assert oidc.browser().get("/auth/liar/start").status == 503
