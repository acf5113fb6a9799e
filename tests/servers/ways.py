"""A site that can be signed in to in every way at once, with the servers that it asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from browser.site import Site
from servers.authority import authority
from servers.oidc_liar import Liar, liar
from servers.oidc_lies import CLIENT, SECRET
from servers.rest_provider import Service, rest_provider
from servers.slapd import PEOPLE, PROPOSALS, READER, READER_PASSWORD, Slapd, slapd


@dataclass(frozen=True, slots=True)
class Ways:
    """The site, which is served, and who stands behind its ways to sign in."""

    site: Site
    directory: Slapd
    service: Service
    single: Liar


def settings(directory: Slapd, ca: Path, service: Service, single: Liar, secret: Path) -> str:
    """Five ways at once."""
    server = (
        f'servers = ["{directory.ldap}"]\nca_file = "{ca}"\nbind_dn = "{READER}"\nbind_password_file = "{secret}"\n'
    )
    return f"""
[login.providers.facility]
kind = "ldap"
label = "Facility account"
trusted_logins = true
base = "{PEOPLE}"
{server}
[login.providers.beamtime]
kind = "ldap"
label = "Proposal account"
principal = "proposal"
trusted_logins = true
base = "{PROPOSALS}"
{server}
[login.providers.desk]
kind = "rest"
label = "User office"
trusted_logins = true
url = "{service.url}"
[login.providers.accounts]
kind = "accounts"
[login.providers.orcid]
kind = "oidc"
label = "ORCID"
issuer = "{single.issuer}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
"""


@contextmanager
def every_way(folder: Path, *, level: str = "warning", more: str = "") -> Iterator[Ways]:
    """Serve it. ``more`` are further lines of its settings. Raises `servers.slapd.SlapdMissing`."""
    ca = authority(folder / "ca")
    secret = folder / "secret"
    secret.write_text(READER_PASSWORD + "\n")
    with (
        slapd(folder / "slapd", ca.sign("localhost"), strict=True) as directory,
        rest_provider() as service,
        liar() as single,
    ):
        lines = settings(directory, ca.path, service, single, secret)
        site = Site(
            folder / "site",
            server=lines + more.replace("LDAP", directory.ldap).replace("CA", str(ca.path)),
            level=level,
        )
        site.write()
        site.start()
        try:
            yield Ways(site, directory, service, single)
        finally:
            site.stop()
