"""Modems that nobody of ours has written: every kind of text goes out and comes in right, whatever their habits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweep import every

from . import codec
from .codec import deliver
from .modem import Habits
from .rig import Rig, running

NOISE = ("^RSSI:18", "^BOOT:12345678,0,0,0,44", '+CREG: 1,"1A2B","01C3D4E5",7', "RING", "", "+CIEV: 2,3", "+CSQ: 5,99")
STORED_REPORTS = "(0-2),(0,1),(0),(0,2),(0,1)"

PERSONALITIES: dict[str, Habits] = {
    "minimal": Habits(
        cmee=-1,
        cnmi_range=None,
        cnmi_only=frozenset({"2,1,0,1,0"}),
        csms=(0,),
        cpms_range=False,
        memories={"SM": 20},
        refused=frozenset({"+CSMS", "+CGREG", "+CEREG", "+CCID", "+CFUN", "+CMMS"}),
    ),
    "errors in words": Habits(csms=(0,)),
    "echo that stays": Habits(echo_always=True),
    "slow prompt": Habits(prompt_delay_s=0.8),
    "bare prompt": Habits(prompt=b">"),
    "prompt on a line": Habits(prompt=b"\r\n> \r\n"),
    "time in +CMGS": Habits(cmgs='+CMGS: {mr},"22/11/22,12:45:00+12"'),
    "no blank in +CMGS": Habits(cmgs="+CMGS:{mr}", ok_delay_s=0.1),
    "line feeds alone": Habits(before="", after="\n"),
    "line ends doubled": Habits(before="\r\r\n", after="\r\r\n"),
    "noise everywhere": Habits(noise=NOISE),
    "CPMS takes 3": Habits(cpms_counts=(3,)),
    "CPMS takes 2": Habits(cpms_counts=(2,)),
    "CPMS takes 1": Habits(cpms_counts=(1,)),
    "ME alone": Habits(memories={"ME": 23}),
    "SM of ten from 0": Habits(memories={"SM": 10}, first_index=0),
    "reports stored in SR": Habits(cnmi_range=STORED_REPORTS, report_memory="SR"),
    "SR called SM": Habits(cnmi_range=STORED_REPORTS, report_memory="SR", report_named="SM"),
    "reports among messages": Habits(cnmi_range=STORED_REPORTS),
    "direct, acknowledged": Habits(cnmi_range="(0-2),(0,2),(0),(0,1),(0,1)"),
    "direct, not acknowledged": Habits(cnmi_range="(0-2),(0,2),(0),(0,1),(0,1)", csms=(0,)),
    "direct though CNMI=? lies": Habits(cnmi_only=frozenset({"2,2,0,1,0"})),
    "receives into ME whatever it is told": Habits(receive="ME", receive_fixed=True),
    "PIN": Habits(pin="1234"),
    "SIM busy at first": Habits(busy_s=1.2),
    "SMS only": Habits(registered={"+CREG": 6, "+CGREG": 0, "+CEREG": 0}),
    "CEREG alone": Habits(registered={"+CREG": None, "+CGREG": None, "+CEREG": 1}),
    "boot chatter": Habits(chatter=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready", "^SYSSTART")),
    "hex in lower case": Habits(lower=True),
    "empty SMSC": Habits(sca=""),
    "no SMSC at all": Habits(sca=None),
    "no SMSC, direct": Habits(sca=None, cnmi_range="(0-2),(0,2),(0),(0,1),(0,1)"),
}

TEXTS: dict[str, tuple[str, int]] = {
    "latin": ("Hello, world! @£$ _", 1),
    "russian": ("Привет, мир!", 1),
    "emoji": ("ok 👍🏽 👨‍👩‍👧‍👦", 1),
    "UCS-2 in three": ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 3, 3),
    "GSM-7 in four": ("The quick brown fox jumps over the lazy dog 0123456789. " * 10, 4),
    "extensions on borders": ("x" * 152 + "€" + "y" * 151 + "[" + "z" * 20, 3),
    "surrogates on a border": ("я" * 66 + "😀" + "ю" * 30, 2),
}
SENDER = "+79161112233"
TURKISH, SPANISH, HINDI = "Türkçe ğüşıöç İstanbul", "él ó ú ç Á", "हिन्दी"


async def goes_out(rig: Rig) -> None:
    sent = rig.modem.sent
    for number, (text, parts) in enumerate(TEXTS.values()):
        before, to = len(sent), f"+7916555{number:04d}"
        await rig.state(await rig.send(to, text), "delivered")
        pdus = sent[before:]
        assert "".join(pdu.text or "" for pdu in pdus) == text
        assert [pdu.to for pdu in pdus] == [to] * parts
        if parts > 1:
            references = {pdu.concat[0] for pdu in pdus if pdu.concat}
            assert [pdu.concat for pdu in pdus] == [(*references, parts, seq) for seq in range(1, parts + 1)]
    await rig.state(await rig.send(SENDER, "Look here", flash=True), "delivered")
    assert sent[-1].dcs in (0x10, 0xF0)


async def comes_in(rig: Rig) -> None:
    latin, cyrillic = ["one ", "two ", "three"], ["раз ", "два ", "три 😀"]
    narrow = [deliver(SENDER, text, udh=bytes([0, 3, 77, 3, seq])) for seq, text in enumerate(latin, 1)]
    wide = [
        deliver(SENDER, udh=bytes([8, 4, 0x12, 0x34, 3, seq]), dcs=8, data=codec.ucs2(text))
        for seq, text in enumerate(cyrillic, 1)
    ]
    rig.modem.throw(narrow[2], narrow[0], wide[1], wide[1], narrow[1], wide[0], narrow[1], wide[2])
    singles = {
        ("Müller AG", "alphanumeric"): {},
        ("Tele2Russia", "of eleven"): {},
        ("900", "short code"): {},
        (SENDER, TURKISH): {"locking": codec.TURKISH},
        (SENDER, "şğİ"): {"single": codec.TURKISH},
        (SENDER, SPANISH): {"single": codec.SPANISH},
        (SENDER, HINDI): {"locking": codec.HINDI},
        (SENDER, "€[]{}~^\\|"): {},
        (SENDER, "no time"): {"scts": b"\xff" * 7},
        (SENDER, "odd time"): {"scts": bytes.fromhex("1B2C2C2C2C2C2C")},
        (SENDER, "west"): {"scts": bytes.fromhex("6211222154008A")},
        (SENDER, "flash"): {"dcs": 0x10},
    }
    for (sender, text), options in singles.items():
        rig.modem.throw(deliver(sender, text, **options))
    undecodable = [bytes.fromhex("0408AAAAAA"), bytes.fromhex("040B9154726566FFFFFFFF")]
    rig.modem.throw(*undecodable)
    items = await rig.inbox(len(singles) + 4)
    texts = [(item["from"], item["text"]) for item in items if item["kind"] != "undecodable"]
    assert sorted(texts) == sorted([*singles, (SENDER, "".join(latin)), (SENDER, "".join(cyrillic))])
    shown = [item["pdus"][0].upper() for item in items if item["kind"] == "undecodable"]
    assert all(any(pdu.endswith(bad.hex().upper()) for pdu in shown) for bad in undecodable)
    await rig.emptied()


@pytest.mark.parametrize("name", every(3, PERSONALITIES))
async def test_all_goes_out_and_comes_in(tmp_path: Path, name: str) -> None:
    async with running(tmp_path, PERSONALITIES[name], config='pin = "1234"\n' if name == "PIN" else "") as rig:
        await goes_out(rig)
        await comes_in(rig)


async def test_a_wrong_pin_is_tried_once(tmp_path: Path) -> None:
    async with running(tmp_path, Habits(pin="9999"), config='pin = "1234"\n', wait=False) as rig:

        async def blocked() -> bool:
            return bool((await rig.get("/v1/modems"))["items"][0]["state"] == "blocked")

        await rig.until(blocked, 10, lambda: "blocked")
        assert rig.modem.pin_tries == 2
