"""What a modem shows instead of a PDU: taken in, kept as it came, and deleted, whatever it is."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line.timing import Timing
from modemgw.sms import Address, Scts, SmsDeliver, encode_gsm7, encode_pdu
from tests.rig import Json, Rig, running, until

SENDER, TEXT = "+79161234567", "a secret"
PDU = encode_pdu(
    SmsDeliver(Address.parse(SENDER), Scts.decode(bytes.fromhex("62112221436521")), encode_gsm7(TEXT)),
    Address.parse("+79000009999"),
).hex

SHOWN = {
    "the last digit is missing": PDU[:-1],
    "a digit too many": PDU + "0",
    "a foreign character": PDU[:20] + "X" + PDU[21:],
    "a foreign character in front": "g" + PDU[1:],
    "a foreign character where the TPDU begins": PDU[:17] + "g" + PDU[18:],
    "cut in the middle": PDU[:30],
    "an empty line": " ",
    "no line": "none",
    "blanks between octets": " ".join(PDU[i : i + 2] for i in range(0, len(PDU), 2)),
    "quoted": f'"{PDU}"',
    "no PDU at all": "what is this",
}
READABLE = {"blanks between octets", "quoted"}


async def emptied(rig: Rig) -> None:
    async def look() -> bool:
        return not len(rig.sim.modems[0].modem.memory("SM"))

    await until(look, 20, lambda: f"SM emptied: {rig.sim.modems[0].modem.memory('SM')!r}")


async def with_text(rig: Rig, text: str) -> list[Json] | None:
    inbox = await rig.inbox(0)
    return inbox if any(item["text"] == text for item in inbox) else None


@pytest.mark.parametrize("announce", [False, True], ids=["swept", "announced"])
async def test_a_memory_full_of_broken_pdus_is_emptied(
    tmp_path: Path, announce: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(tmp_path, storage=30) as rig:
        kinds = list(SHOWN)
        for number in range(30):
            rig.sim.fault("bad_pdu", hex=PDU, line=SHOWN[kinds[number % len(kinds)]], announce=announce)
        if not announce:
            await rig.restart()
        await emptied(rig)
        rig.sim.inject("and on it goes")
        inbox = await until(lambda: with_text(rig, "and on it goes"), 20, lambda: "what is injected last")
        assert {item["kind"] for item in inbox} == {"undecodable", "text"}
        assert [item["text"] for item in inbox].count(TEXT) == 1  # the readable ones: copies of one another
        kept = {pdu for item in inbox for pdu in item["pdus"]}
        assert {shown for name, shown in SHOWN.items() if name not in READABLE | {"an empty line", "no line"}} <= kept
        assert any(pdu.startswith("+CMG") for pdu in kept)  # of a message without PDU its header
    told = " ".join(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG)
    assert not [secret for secret in (PDU[:30], TEXT, SENDER, SENDER[1:], "what is this") if secret in told]


@pytest.mark.parametrize("name", SHOWN)
async def test_what_is_handed_over_broken_is_kept(tmp_path: Path, name: str) -> None:
    """It exists nowhere else: +CMT without an acknowledgement."""
    timing = Timing(dialogue=DialogueTiming(hold_s=0.2))
    async with running(tmp_path, timing=timing) as rig:
        line = {"none": "", " ": "\r\n"}.get(SHOWN[name], SHOWN[name] + "\r\n")
        rig.sim.fault("urc", text=f"+CMT: ,{len(PDU) // 2 - 8}\r\n{line}")
        (item,) = await rig.inbox(1)
        assert item["kind"] == ("text" if name in READABLE else "undecodable")
        assert (item["text"] == TEXT) == (name in READABLE)
