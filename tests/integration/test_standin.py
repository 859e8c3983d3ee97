"""The stand-in: a client that insists on https://smsc.ru reaches modemgw and is content with the certificate."""

from __future__ import annotations

import asyncio
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from modemgw.cli.main import group
from modemgw.cli.standin_check import check
from modemgw.servers.listen import ListenError
from modemgw.servers.tls_front import TlsFront, start_tls_front
from tests.rig import running

pytest.importorskip("cryptography")

from modemgw.standin import Certificates, StandInError, choose_hosts, hosts_of, make_certificates, providers


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
        front = await start_tls_front(
            inner.hostname, inner.port, tls=("127.0.0.1:0", certificates.chain, certificates.key)
        )
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
            inner.hostname,
            inner.port,
            tls=("127.0.0.1:0", certificates.chain, certificates.key),
            plain="127.0.0.1:0",
        )
        try:
            answer = await _get(front.plain_port, None, "smsc.ru", "/sys/balance.php?login=shop&psw=secret&fmt=3")
            assert answer.startswith(b"HTTP/1.1 200")
            assert b'"balance"' in answer
            taken = f"127.0.0.1:{front.plain_port}"
            with pytest.raises(ListenError):
                await start_tls_front("127.0.0.1", 9, plain=taken)
        finally:
            await front.close()


async def test_without_a_gateway_behind_it_says_so(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, ("sms.example",))
    context = ssl.create_default_context(cafile=certificates.ca)
    front = await start_tls_front("127.0.0.1", 9, tls=("127.0.0.1:0", certificates.chain, certificates.key))
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


@pytest.mark.parametrize("name", providers())
def test_every_provider_is_known_by_its_names(name: str) -> None:
    assert hosts_of(name) == hosts_of(providers()[name][0])


def test_what_is_no_host_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["stand-in", "no host!", "--dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "neither a host name nor a provider" in result.output


def test_several_providers_and_chosen_names() -> None:
    assert choose_hosts(["gatesms.ru", "twilio"], []) == (*hosts_of("gatesms.ru"), "api.twilio.com")
    assert choose_hosts(["smsc", "www.smsc.ru"], []) == hosts_of("smsc.ru")  # each name once
    assert choose_hosts(["smsc.ru", "sms.example"], ["WWW2.smsc.ru"]) == ("www2.smsc.ru",)
    assert choose_hosts([], ["www2.smsc.ru", "sms.example"]) == ("www2.smsc.ru", "sms.example")


@pytest.mark.parametrize(
    ("names", "only", "said"),
    [
        ([], [], "Which provider"),
        (["smsc.ru"], ["www2.gatesms.ru"], "not a name of smsc.ru"),
        ([], ["nohost"], "not a host name"),
        (["-bad.example"], [], "neither a host name nor a provider"),
        (["smsc..ru"], [], "neither a host name nor a provider"),
    ],
)
def test_names_that_are_refused(names: list[str], only: list[str], said: str) -> None:
    with pytest.raises(StandInError, match=said):
        choose_hosts(names, only)


def test_without_tls_no_files_are_made(tmp_path: Path) -> None:
    directory = tmp_path / "tls"
    options = ["--listen", "none", "--listen-http", "192.0.2.1:1", "--dir", str(directory)]
    result = CliRunner().invoke(group, ["stand-in", "--only", "www2.smsc.ru", *options])
    assert result.exit_code == 1  # that address is none of this machine's
    assert "192.0.2.1 www2.smsc.ru\n" in result.output
    assert "CA" not in result.output
    assert not directory.exists()
    for more in (["--listen-http", "none"], ["--files-only"]):
        assert CliRunner().invoke(group, ["stand-in", "smsc.ru", *options, *more]).exit_code == 2


@asynccontextmanager
async def standing(directory: Path, to: tuple[str, int]) -> AsyncIterator[tuple[TlsFront, Certificates]]:
    certificates = make_certificates(directory / "tls", ("smsc.ru", "www2.smsc.ru"))
    tls = ("127.0.0.1:0", certificates.chain, certificates.key)
    front = await start_tls_front(*to, tls=tls, plain="127.0.0.1:0")
    try:
        yield front, certificates
    finally:
        await front.close()


async def looked_at(front: TlsFront, ca: Path, *hosts: str, **names: str) -> list[tuple[bool, str]]:
    """What `--check` says; `names` are the hosts file, dots as underscores."""

    def resolve(host: str) -> list[str]:
        address = names.get(host.replace(".", "_"))
        if address is None:
            raise OSError(-2, "Name or service not known")
        return [address]

    places = {"tls": ("127.0.0.1", front.port), "plain": ("127.0.0.1", front.plain_port)}
    found = await asyncio.to_thread(lambda: list(check(hosts, ca=ca, resolve=resolve, **places)))
    assert all(looked.fix for looked in found if not looked.well)
    return [(looked.well, looked.sentence) for looked in found]


async def test_check_finds_all_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as rig:
        inner = urlsplit(rig.runtime.url)
        assert inner.hostname
        assert inner.port
        async with standing(tmp_path, (inner.hostname, inner.port)) as (front, certificates):
            monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
            found = await looked_at(front, certificates.ca, "smsc.ru", smsc_ru="127.0.0.1")
            assert found == [
                (True, "smsc.ru is 127.0.0.1"),
                (True, "this machine trusts the CA, and the certificate fits"),
                (True, f"modemgw answers as https://smsc.ru at 127.0.0.1:{front.port}"),
                (True, f"modemgw answers as http://smsc.ru at 127.0.0.1:{front.plain_port}"),
            ]


async def test_check_tells_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    async with standing(tmp_path, ("127.0.0.1", 9)) as (front, certificates):
        found = await looked_at(
            front,
            certificates.ca,
            "smsc.ru",
            "www.smsc.ru",
            "www2.smsc.ru",
            "smsc.kz",
            smsc_ru="127.0.0.1",
            www_smsc_ru="192.0.2.7",
            smsc_kz="127.0.0.1",
        )
        sentences = [sentence for well, sentence in found if not well]
        assert sentences[0] == "www.smsc.ru is 192.0.2.7 here, not 127.0.0.1"
        assert sentences[1].startswith("www2.smsc.ru has no address here")
        assert sentences[2] == "this machine does not trust the CA"
        assert "is not good for smsc.kz" in sentences[3]
        assert sentences[4].startswith(f"modemgw is not running behind https://smsc.ru at 127.0.0.1:{front.port}")
        assert sentences[5].startswith("modemgw is not running behind http://smsc.ru")
        assert len(sentences) == 6
        other = make_certificates(tmp_path / "other", ("smsc.ru",))
        found = await looked_at(front, other.ca, "smsc.ru", smsc_ru="127.0.0.1")
        assert any("is not good for smsc.ru" in sentence for well, sentence in found if not well)
    found = await looked_at(front, certificates.ca, "smsc.ru", smsc_ru="127.0.0.1")
    assert [sentence.partition(" at ")[0] for well, sentence in found if not well] == [
        "nothing answers with TLS",
        "nothing answers",
    ]


def test_check_needs_one_address_to_ask(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["stand-in", "smsc.ru", "--check", "--listen", "0.0.0.0:443"])
    assert result.exit_code == 2
    assert "asks one address" in result.output
