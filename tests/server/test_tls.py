"""Certificates: made by the server itself, and given in files."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509

from server.tls import TlsError, context_from_files, self_signed_context, self_signed_pem


def test_a_self_signed_certificate_names_hosts_and_addresses() -> None:
    certificate, _ = self_signed_pem(["localhost", "127.0.0.1", "::1", "localhost"])
    names = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.value.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


async def test_https_works_with_certificates_from_files(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    for path, pem in zip((certificate, key), self_signed_pem(["127.0.0.1"]), strict=True):
        path.write_bytes(pem)
    await fetch(context_from_files(certificate, key), ssl.create_default_context(cafile=str(certificate)))


async def test_https_works_with_a_self_signed_certificate() -> None:
    await fetch(self_signed_context(), False)


async def fetch(served: ssl.SSLContext, trusted: ssl.SSLContext | bool) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=served)
    async with aiohttp.ClientSession() as http, http.get(server.make_url("/"), ssl=trusted) as response:
        assert await response.text() == "hello"
    await server.close()


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match=r"absent\.pem: No such file"):
        context_from_files(tmp_path / "absent.pem", tmp_path / "absent.key")


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("hello")
    with pytest.raises(TlsError, match=r"wrong\.pem and .* are no certificate with its key"):
        context_from_files(wrong, wrong)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_bytes(self_signed_pem(["a"])[0])
    key.write_bytes(self_signed_pem(["b"])[1])
    with pytest.raises(TlsError, match="are no certificate with its key"):
        context_from_files(certificate, key)
