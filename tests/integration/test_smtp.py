"""SMSC.ru over SMTP, spoken as its official clients speak it."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

import pytest

from tests.rig import API_KEY, Rig, running

pytest.importorskip("aiosmtpd")

SMTP = '[smtp]\nlisten = "127.0.0.1:0"\n'


def _mail(address: tuple[str, int], body: str, to: str = "send@send.smsc.ru") -> tuple[int, str]:
    """What official python does: no headers but the type, a raw 8-bit body."""
    octets = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body.encode()
    with smtplib.SMTP(*address, timeout=10) as smtp:
        smtp.ehlo("client")
        smtp.mail("api@smsc.ru")
        code, text = smtp.rcpt(to)
        if code == 250:
            code, text = smtp.data(octets)
        return code, text.decode()


async def _send(rig: Rig, body: str, to: str = "send@send.smsc.ru") -> tuple[int, str]:
    address = rig.runtime.smtp_address
    assert address is not None
    return await asyncio.to_thread(_mail, address, body, to)


async def test_a_mail_becomes_a_text(tmp_path: Path) -> None:
    async with running(tmp_path, config=SMTP) as rig:
        code, text = await _send(rig, "shop:secret:::0,0,:79161234567:Привет: мир\nвторая строка")
        assert (code, text.split(",")[0]) == (250, "2.0.0 OK - 1 SMS")
        await rig.until_state(1, "delivered")
        assert rig.sim.network.far.texts() == ["Привет: мир\nвторая строка"]
        code, text = await _send(rig, f":{API_KEY}:::,1:79161234567:flash by key")
        assert code == 250, text
        await rig.until_state(2, "delivered")


async def test_the_flag_test_sends_nothing_and_charges_nothing(tmp_path: Path) -> None:
    account = 'balance = "10.00"\nbalance_mode = "countdown"\nprice = "1.40"\n'
    async with running(tmp_path, config=account + SMTP) as rig:
        code, text = await _send(rig, "shop:secret:::0,0,,1:79161234567:Привет")
        assert (code, text) == (250, "2.0.0 TEST - 1.40 (1 SMS), nothing was sent")
        assert (await _send(rig, "shop:secret:::0,0,,1:not-a-number:Привет"))[0] == 550
        assert (await rig.get("/v1/messages"))["items"] == []
        async with rig.http.get(f"{rig.runtime.url}/sys/balance.php?login=shop&psw=secret") as response:
            assert await response.text() == "10.00"


@pytest.mark.parametrize(
    ("body", "to", "code"),
    [
        ("shop:wrong::::79161234567:x", "send@x", 535),
        ("shop:secret::::not-a-number:x", "send@x", 550),
        ("just a mail", "send@x", 550),
        ("shop:secret::::79161234567:x", "root@example.org", 550),
        ("shop:secret:::,9:79161234567:call me", "send@x", 550),
        (("x" * 70 + "\r\n") * 3_000, "send@x", 552),
    ],
    ids=["password", "number", "grammar", "relay", "voice", "size"],
)
async def test_what_is_wrong_is_said_in_the_answer(tmp_path: Path, body: str, to: str, code: int) -> None:
    async with running(tmp_path, config=SMTP, wait=False) as rig:
        assert (await _send(rig, body, to))[0] == code
        assert (await rig.get("/v1/messages"))["items"] == []
