"""The stand-in: a client that insists on https://smsc.ru reaches modemgw and is content with the certificate."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from modemgw.cli.main import group
from modemgw.servers.listen import ListenError
from modemgw.servers.tls_front import start_tls_front
from tests.rig import running

pytest.importorskip("cryptography")

from modemgw.standin import PROVIDERS, StandInError, hosts_of, make_certificates


async def _get(port: int, context: ssl.SSLContext | None, host: str, path: str) -> bytes:
    name = host if context is not None else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_client_with_a_built_in_host_is_served(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls", hosts_of("smsc.ru"))
    assert certificates.made
    context = ssl.create_default_context(cafile=certificates.ca)
    async with running(tmp_path) as rig:
        inner = urlsplit(rig.runtime.url)
        assert inner.hostname
        assert inner.port
        front = await start_tls_front("127.0.0.1:0", certificates.chain, certificates.key, inner.hostname, inner.port)
        try:
            for host in ("smsc.ru", "www2.smsc.ru", "smsc.kz"):
                answer = await _get(front.port, context, host, "/sys/balance.php?login=shop&psw=secret&fmt=3")
                assert answer.startswith(b"HTTP/1.1 200")
                assert b'"balance"' in answer
            with pytest.raises(ssl.SSLCertVerificationError):
                await _get(front.port, context, "example.org", "/")
        finally:
            await front.close()


async def test_a_client_that_says_http_is_served(tmp_path: Path) -> None:
    """The official PHP library has SMSC_HTTPS 0 and http://smsc.ru built in."""
    certificates = make_certificates(tmp_path / "tls", hosts_of("smsc.ru"))
    async with running(tmp_path) as rig:
        inner = urlsplit(rig.runtime.url)
        assert inner.hostname
        assert inner.port
        front = await start_tls_front(
            "127.0.0.1:0", certificates.chain, certificates.key, inner.hostname, inner.port, plain="127.0.0.1:0"
        )
        try:
            answer = await _get(front.plain_port, None, "smsc.ru", "/sys/balance.php?login=shop&psw=secret&fmt=3")
            assert answer.startswith(b"HTTP/1.1 200")
            assert b'"balance"' in answer
            taken = f"127.0.0.1:{front.plain_port}"
            with pytest.raises(ListenError):
                await start_tls_front("127.0.0.1:0", certificates.chain, certificates.key, "127.0.0.1", 9, plain=taken)
        finally:
            await front.close()


async def test_without_a_gateway_behind_it_says_so(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, ("sms.example",))
    context = ssl.create_default_context(cafile=certificates.ca)
    front = await start_tls_front("127.0.0.1:0", certificates.chain, certificates.key, "127.0.0.1", 9)
    try:
        answer = await _get(front.port, context, "sms.example", "/")
        assert answer.startswith(b"HTTP/1.1 502")
        assert b"modemgw is not running" in answer
    finally:
        await front.close()


def test_files_are_private_and_the_ca_stays(tmp_path: Path) -> None:
    first = make_certificates(tmp_path / "tls", ("smsc.ru",))
    ca = first.ca.read_bytes()
    second = make_certificates(tmp_path / "tls", ("gatesms.ru",))
    assert (first.made, second.made) == (True, False)
    assert second.ca.read_bytes() == ca
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o600, "server.key": 0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_a_broken_ca_is_said_to_be_broken(tmp_path: Path) -> None:
    make_certificates(tmp_path, ("smsc.ru",))
    (tmp_path / "ca.key").write_text("nonsense")
    with pytest.raises(StandInError, match="Move that directory away"):
        make_certificates(tmp_path, ("smsc.ru",))


def test_the_command_prints_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["stand-in", "smsc.ru", "--files-only", "--dir", str(tmp_path / "tls")])
    assert result.exit_code == 0, result.output
    assert "127.0.0.1 smsc.ru www.smsc.ru" in result.output
    assert "update-ca-certificates" in result.output
    assert "certutil -addstore" in result.output
    assert "PRIVATE KEY" not in result.output


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_known_by_its_names(name: str) -> None:
    assert hosts_of(name) == hosts_of(PROVIDERS[name][0])


def test_what_is_no_host_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["stand-in", "no host!", "--dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "neither a host name nor a provider" in result.output
