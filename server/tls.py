"""TLS for the server: a certificate from files, or one that it signs itself for its own names and addresses."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.rtc.interfaces import host_addresses

LIFETIME = timedelta(days=365)  # browsers refuse certificates that live much longer


class TlsError(Exception):
    """A certificate or key that can't be used."""


def context_from_files(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises TlsError, which names the file."""
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsError(f"{path}: {error.strerror}") from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(f"{certificate} and {key} are no certificate with its key in PEM: {error}") from None
    return context


def self_signed_context() -> ssl.SSLContext:
    """A certificate for this machine, made anew at each start."""
    names = ["localhost", gethostname()]
    certificate, key = self_signed_pem([*names, "127.0.0.1", "::1", *host_addresses()])
    with tempfile.TemporaryDirectory(prefix="thinline-") as folder:  # ssl reads certificates from files only
        certificate_file, key_file = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate_file.write_bytes(certificate)
        key_file.write_bytes(key)
        return context_from_files(certificate_file, key_file)


def self_signed_pem(names: Iterable[str]) -> tuple[bytes, bytes]:
    """Certificate and private key for host names and addresses, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "thinline")])
    begin = datetime.now(UTC) - timedelta(hours=1)  # the other machine's clock may be behind
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(list(map(_general_name, dict.fromkeys(names)))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _no_password() -> str:
    """Where OpenSSL would ask at the terminal."""
    raise ValueError("the key needs a password; give one without")
