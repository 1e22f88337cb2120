"""Is the certificate one that browsers take, and for how long?"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from server.auth import is_loopback_name
from server.config import ServerConfig
from server.doctor.findings import Finding, Verdict
from server.tls import TlsError, context_from_files

SOON_DAYS = 14  # ACME clients renew well before


def check_tls(config: ServerConfig, now: datetime) -> Finding:
    """`now` with its time zone."""
    if config.tls_self_signed:
        return _finding(Verdict.WARN, "self-signed, made at each start: browsers ask before they open the page")
    if config.tls_cert is None or config.tls_key is None:
        if is_loopback_name(config.host):
            return _finding(Verdict.OK, "none: right for this machine's browsers, or behind a proxy that has it")
        return _finding(Verdict.WARN, "none: without a proxy that has it, browsers give the page no microphone")
    try:
        context_from_files(config.tls_cert, config.tls_key)
    except TlsError as error:
        return _finding(Verdict.FAIL, str(error))
    certificate = x509.load_pem_x509_certificate(config.tls_cert.read_bytes())
    return _dates(certificate, now)


def _dates(certificate: x509.Certificate, now: datetime) -> Finding:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    names = ", ".join(_names(certificate)) or "nobody"
    if now < begin:
        return _finding(Verdict.FAIL, f"the certificate for {names} is not valid before {begin:%Y-%m-%d %H:%M} UTC")
    if now >= end:
        return _finding(Verdict.FAIL, f"the certificate for {names} expired on {end:%Y-%m-%d %H:%M} UTC")
    days = (end - now).days
    return _finding(Verdict.WARN if days < SOON_DAYS else Verdict.OK, f"for {names}, valid for {days} more days")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    names = extension.value.get_values_for_type(x509.DNSName)
    return [*names, *map(str, extension.value.get_values_for_type(x509.IPAddress))]


def _finding(verdict: Verdict, text: str) -> Finding:
    return Finding(verdict, "TLS", text)
