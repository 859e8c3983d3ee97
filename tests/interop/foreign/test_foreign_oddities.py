"""Modems that say odd things or nothing: they become ready, lose and double nothing, and come back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.sweep import every

from .codec import deliver, ucs2
from .modem import Habits
from .rig import Rig, running

ODD: dict[str, Habits] = {
    "results switched off": Habits(quiet=True),
    "results in numbers": Habits(numeric=True),
    "OK twice": Habits(ok=("OK", "OK")),
    "ok in small letters": Habits(ok=("ok",)),
    "a blank before OK": Habits(ok=(" OK",)),
    "carriage returns alone": Habits(before="\r", after="\r", prompt=b"\r> "),
    "line ends the wrong way round": Habits(before="\n\r", after="\n\r"),
    "first bytes lost": Habits(lost=3),
    "radio off at power-on": Habits(function=0),
    "announced one off": Habits(shift=1, first_index=0, memories={"SM": 10}),
    "listing by word": Habits(listing="ALL"),
    "no listing at all": Habits(listing="", memories={"SM": 10}),
    "reports and messages at the same places": Habits(
        cnmi_range="(0-2),(0,1),(0),(0,2),(0,1)", report_memory="SR", report_named="SM", memories={"SM": 10}
    ),
}
TO, FROM = "+79161112233", "+79165554433"
PARTS = ("Съешь же ещё ", "этих мягких ", "французских булок 😀")


async def both_ways(rig: Rig, tag: str) -> None:
    """GSM-7, UCS-2 and three parts go out with reports, while a single and three shuffled parts come in."""
    texts = [f"{tag} latin", f"{tag} кириллица", f"{tag} {'я' * 150}"]
    sending = [await rig.send(f"{TO[:-1]}{n}", text) for n, text in enumerate(texts)]
    reference = len(rig.modem.sent) % 256
    three = [
        deliver(FROM, udh=bytes([0, 3, reference, 3, n + 1]), dcs=8, data=ucs2(f"{tag} {text}"))
        for n, text in enumerate(PARTS)
    ]
    before = len((await rig.get("/v1/inbox?limit=1000"))["items"])
    rig.modem.throw(three[2], deliver("Tele2Russia", f"{tag} single"), three[0], three[1])
    for message in sending:
        await rig.state(message, "delivered", limit_s=30)
    items = (await rig.inbox(before + 2, limit_s=30))[before:]
    assert {item["text"] for item in items} == {f"{tag} single", "".join(f"{tag} {text}" for text in PARTS)}
    await rig.emptied(30)


@pytest.mark.parametrize("name", every(3, ODD))
async def test_odd_but_useful(tmp_path: Path, name: str) -> None:
    async with running(tmp_path, ODD[name]) as rig:
        await both_ways(rig, "first")
        rig.modem.unplug()
        rig.modem.plug()
        await both_ways(rig, "again")
        on_air = [pdu.raw for pdu in rig.modem.sent]
        assert len(on_air) == len(set(on_air)) == 10


async def test_a_restart_that_nothing_is_said_of(tmp_path: Path) -> None:
    """In text mode a PDU would go out as somebody's text; the modem notes that as a breach."""
    async with running(tmp_path, Habits()) as rig:
        await both_ways(rig, "first")
        rig.modem.restart()
        await rig.state(await rig.send(TO, "after it"), "delivered", limit_s=30)
        await both_ways(rig, "again")


async def test_a_modem_without_a_sim_and_without_words_for_it(tmp_path: Path) -> None:
    async with running(tmp_path, Habits(no_sim=True, cmee=-1), wait=False) as rig:

        async def told() -> bool:
            modem = (await rig.get("/v1/modems"))["items"][0]
            return modem["state"] != "ready" and "SIM" in (modem["reason"] or "")

        await rig.until(told, 20, lambda: "what is missing")
        rig.modem.habits.no_sim = False
        await rig.ready(30)
        await asyncio.wait_for(both_ways(rig, "with a SIM"), 30)
