"""The small dashboard with an OpenID Connect provider beside its passwords, and a browser that walks through both."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from servers.gated import Answer, Browser, Dashboard, dashboard
from servers.oidc_liar import Liar, liar
from servers.oidc_lies import CLIENT, SECRET

from auth.oidc.options import OidcOptions
from auth.providers.oidc import OidcProvider
from auth.records import AuditRow


@dataclass
class OidcSite:
    """The dashboard and the provider that lies on demand."""

    site: Dashboard
    liar: Liar
    provider: OidcProvider

    def browser(self) -> Browser:
        return self.site.browser()

    def leave(self, browser: Browser, wanted: str = "/app") -> str:
        """Begin to sign in; the address at the provider."""
        sent = browser.get(f"/auth/liar/start?next={wanted}")
        assert sent.status == 303, sent.text
        return sent.location

    def there(self, browser: Browser, url: str) -> str:
        """Sign in at the provider; the address that leads back."""
        answer = browser.follow(url)
        assert answer.status == 302
        return answer.location

    def there_over_https(self, url: str) -> str:
        """As `there`; whose certificate it is does not matter to this browser."""
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection("localhost", parts.port, context=ssl._create_unverified_context())
        connection.request("GET", f"{parts.path}?{parts.query}")
        location = connection.getresponse().headers["Location"]
        connection.close()
        return str(location)

    def sign_in(self, browser: Browser, wanted: str = "/app") -> Answer:
        """All of it: the answer to coming back, or to setting out where that is refused."""
        sent = browser.get(f"/auth/liar/start?next={wanted}")
        if sent.status != 303:
            return sent
        return browser.come_back(self.there(browser, sent.location))

    def audit(self) -> list[AuditRow]:
        return self.site.store.audit()


@contextmanager
def oidc_site(
    folder: Path, *, gate: dict[str, Any] | None = None, https: tuple[Path, Path] | None = None, **options: Any
) -> Iterator[OidcSite]:
    """Serve both. ``https`` is the provider's certificate and its key."""
    with liar(https) as provider:
        given: dict[str, Any] = {
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "groups_claim": "groups",
            "seconds": 2.0,
            **options,
        }
        relying = OidcProvider("liar", OidcOptions(**given), "Facility login")
        with dashboard(folder, providers=[relying], **(gate or {})) as site:
            yield OidcSite(site, provider, relying)
