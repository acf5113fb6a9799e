"""A certificate authority that exists for one test, and what it signs."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """``folder`` holds ``ca.pem``, and after ``sign`` the certificates with their keys."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    old: bool = False

    @property
    def path(self) -> Path:
        return self.folder / "ca.pem"

    def client(self) -> ssl.SSLContext:
        """What a client uses that trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.path))

    def sign(self, *names: str, days: float = 1) -> tuple[Path, Path]:
        """A certificate for these host names and IP addresses, and its key. Less than 0 ``days``: it has run out."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(names[0], self.certificate.subject, days)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if not self.old:
            by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(_usage(signature=True), critical=True).add_extension(by, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        stem = f"{signed.serial_number:x}"
        return _written(self.folder / f"{stem}.pem", signed), _written(self.folder / f"{stem}.key", key)


def authority(folder: Path, *, old: bool = False) -> Authority:
    """A new authority; an ``old`` one leaves out what RFC 5280 demands: key usage and key identifiers."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of one test")])
    builder = (
        _builder("Authority of one test", name, 1)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    if not old:
        mine = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(_usage(signature=False), critical=True).add_extension(mine, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    made = Authority(folder, key, certificate, old)
    _written(made.path, certificate)
    return made


def _builder(subject: str, issuer: x509.Name, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _usage(*, signature: bool) -> x509.KeyUsage:
    other = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    return x509.KeyUsage(digital_signature=signature, key_cert_sign=not signature, crl_sign=not signature, **other)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _written(path: Path, what: x509.Certificate | ec.EllipticCurvePrivateKey) -> Path:
    if isinstance(what, x509.Certificate):
        path.write_bytes(what.public_bytes(serialization.Encoding.PEM))
        return path
    path.touch(0o600)
    path.write_bytes(
        what.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
