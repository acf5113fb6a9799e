"""An LDAP server of the tests' own: OpenLDAP's slapd with a small tree, strict or lax."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
PROPOSALS = f"ou=proposals,{BASE}"
READER = f"cn=lens,{BASE}"
READER_PASSWORD = "reads the names"

# The sorts of entry that matter: plain people, a name twice, a name of odd characters, an entry without a password, a
# person with two names, and a proposal that is called like a person.
_TREE = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: ou=proposals,{BASE}
objectClass: organizationalUnit
ou: proposals

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: lens
userPassword: {READER_PASSWORD}

dn: uid=alice,{PEOPLE}
objectClass: inetOrgPerson
uid: alice
cn: Alice Ångström
sn: Ångström
employeeType: cn=users,{GROUPS}
userPassword: alice's secret

dn: uid=bob,{PEOPLE}
objectClass: inetOrgPerson
uid: bob
uid: robert
cn: Bob
sn: Bob
userPassword: bob's secret

dn: cn=Twin One,{PEOPLE}
objectClass: inetOrgPerson
uid: twin
cn: Twin One
sn: One
userPassword: twin's secret

dn: cn=Twin Two,{PEOPLE}
objectClass: inetOrgPerson
uid: twin
cn: Twin Two
sn: Two
userPassword: twin's secret

dn: cn=O'Neil\\2C Jr. (x),{PEOPLE}
objectClass: inetOrgPerson
uid: o'neil*(x)
cn: O'Neil, Jr. (x)
sn: O'Neil
userPassword: odd secret

dn: uid=nopassword,{PEOPLE}
objectClass: inetOrgPerson
uid: nopassword
cn: No Password
sn: Password

dn: cn=mx-staff,{GROUPS}
objectClass: groupOfNames
cn: mx-staff
member: uid=alice,{PEOPLE}

dn: cn=odd,{GROUPS}
objectClass: groupOfNames
cn: odd
member: cn=O'Neil\\2C Jr. (x),{PEOPLE}

dn: uid=mx415,{PROPOSALS}
objectClass: account
objectClass: simpleSecurityObject
uid: mx415
userPassword: beamtime

dn: uid=alice,{PROPOSALS}
objectClass: account
objectClass: simpleSecurityObject
uid: alice
userPassword: a proposal called alice
"""

_SCHEMAS = ("core", "cosine", "inetorgperson")
_STRICT = """
disallow bind_anon
security simple_bind=128
require authc
"""
_LAX = """
allow bind_anon_cred bind_anon_dn
"""


class SlapdMissing(Exception):
    """There is no slapd here, or it does not start; the text says which."""


@dataclass(frozen=True, slots=True)
class Slapd:
    """A running server."""

    port: int
    tls_port: int
    host: str = "localhost"

    @property
    def ldap(self) -> str:
        return f"ldap://{self.host}:{self.port}"

    @property
    def ldaps(self) -> str:
        return f"ldaps://{self.host}:{self.tls_port}"


def find() -> str | None:
    """The program, if it is installed."""
    return shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/libexec")


@contextmanager
def slapd(folder: Path, certificate: tuple[Path, Path] | None, *, strict: bool) -> Iterator[Slapd]:
    """A server in ``folder``; without a certificate it knows no TLS. Raises `SlapdMissing`."""
    program, schemas = find(), Path("/etc/ldap/schema")
    if program is None or not (schemas / "core.schema").exists():
        raise SlapdMissing("slapd is not installed")
    (folder / "data").mkdir(parents=True)
    lines = [f"include {schemas / name}.schema" for name in _SCHEMAS]
    lines += ["modulepath /usr/lib/ldap", "moduleload back_mdb", f"pidfile {folder / 'pid'}"]
    if certificate is not None:
        lines += [f"TLSCertificateFile {certificate[0]}", f"TLSCertificateKeyFile {certificate[1]}"]
    lines += [_STRICT if strict else _LAX, "database mdb", f"suffix {BASE}", f"directory {folder / 'data'}"]
    lines += ["access to attrs=userPassword by anonymous auth by * none"]
    lines += [f'access to * by dn.exact="{READER}" read ' + ("by * none" if strict else "by * read")]
    (folder / "slapd.conf").write_text("\n".join(lines) + "\n")
    (folder / "tree.ldif").write_text(_TREE, encoding="utf-8")
    # slapadd is slapd by another name.
    filled = subprocess.run(
        ["slapadd", "-f", folder / "slapd.conf", "-l", folder / "tree.ldif"],
        executable=program,
        capture_output=True,
        text=True,
        check=False,
    )
    if filled.returncode:
        raise SlapdMissing(f"slapd cannot be filled: {filled.stderr.strip()[-300:]}")
    port, tls_port = _free_port(), _free_port()
    urls = f"ldap://127.0.0.1:{port}/" + (f" ldaps://127.0.0.1:{tls_port}/" if certificate else "")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "-d", "0", "-f", folder / "slapd.conf", "-h", urls], stderr=log)
    try:
        _wait(server, port, folder / "log")
        yield Slapd(port, tls_port)
    finally:
        server.terminate()
        server.wait(10)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    server.kill()
    raise SlapdMissing(f"slapd does not start: {log.read_text(errors='replace').strip()[-300:]}")
