"""The ledgers under each fault of the simulator, one at a time: the message that it hits ends as the table says, the
next one goes out, what comes in comes in, and the store says of nothing what the network did not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemsim.faults import KINDS
from modemsim.network import Rule
from tests.durability.patience import TIMING, shorten
from tests.durability.verdict import Order, Verdict, judge, text_of
from tests.rig import Rig, running, until
from tests.sweep import every, one_of_each, sweep

running = functools.partial(running, timing=TIMING)

TO = "+79161234567"
SENDING = "[sending]\ndoubt_window_s = 600\n[receiving]\nsweep_interval_s = 5\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


class Books:
    """Sends and injects, and keeps the client's ledger. Makes the modems start quickly."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        for host in rig.sim.modems:
            made = host.modem.personality
            boot = replace(made.boot, boot_s=0.1, sim_s=0.05, register_s=0.05)
            host.modem.personality = replace(made, boot=boot)
        rig.sim.network.config.retry_s = 0.2
        self.orders: list[Order] = []
        self.inbound: dict[str, str] = {}

    async def submit(self, to: str = TO, length: int = 30, **options: Any) -> int:
        token = f"O{len(self.orders):05d}"
        order = Order(token, to, text_of(token, length))
        accepted = await self.rig.submit(to, order.text, client_ref=token, **options)
        order.id = accepted["id"]
        self.orders.append(order)
        return int(accepted["id"])

    def inject(self, length: int = 30, modem: int = 0, **options: Any) -> None:
        token = f"I{len(self.inbound):05d}"
        self.inbound[token] = text_of(token, length)
        self.rig.sim.inject(self.inbound[token], to=modem, **options)

    async def received(self, limit_s: float = 12.0) -> None:
        """Everything that was injected is in the inbox."""

        async def look() -> bool:
            items = (await self.rig.get("/v1/inbox?limit=1000"))["items"]
            texts = [item["text"] for item in items if item["complete"]]
            return all(text in texts for text in self.inbound.values())

        await until(
            look,
            limit_s,
            lambda: f"all of {len(self.inbound)} in the inbox; modem: {self.rig.sim.modems[0].modem.state()}",
        )

    def compare(self, on_doubt: str = "hold", plans: dict[str, str] | None = None) -> Verdict:
        entries = [entry.as_dict() for entry in self.rig.sim.ledger]
        database = self.rig.runtime.config.store_path
        return judge(
            database,
            self.orders,
            entries,
            self.inbound,
            on_doubt=on_doubt,
            modems=len(self.rig.sim.modems),
            plans=plans,
        )


DELIVERED, DOUBT, REFUSED = ("delivered",), ("unknown",), ("rejected",)

# fault, its parameters, states the message it hits may be in at the end, how often the network took it
SENDS: list[tuple[str, dict[str, Any], tuple[str, ...], int]] = [
    ("cms_error", {"code": 38}, DELIVERED, 1),
    ("cms_error", {"code": 42, "count": 2}, DELIVERED, 1),
    ("cms_error", {"code": 500}, DELIVERED, 1),
    ("cms_error", {"code": 500, "when": "instead_of_prompt"}, DELIVERED, 1),
    ("cms_error", {"code": 28}, REFUSED, 0),
    ("cme_error", {"code": 14, "match": "CMGS"}, DELIVERED, 1),
    ("cme_error", {"code": 515, "match": "CMGS"}, DELIVERED, 1),
    ("error", {"match": "CMGS"}, DELIVERED, 1),
    ("no_answer", {"match": "CMGS"}, DELIVERED, 1),
    ("send_silent", {"accepted": True}, DELIVERED, 1),  # the report tells
    ("send_silent", {"accepted": False}, DOUBT, 0),
    ("late_result", {"seconds": 0.3}, DELIVERED, 1),
    ("late_result", {"seconds": 1.2}, DELIVERED, 1),  # later than is waited for
    ("result_owed", {"seconds": 0.1}, DELIVERED, 1),
    ("cmgs_lost", {}, DELIVERED, 1),  # OK alone says nothing; the report tells
    ("taken_error", {}, DELIVERED, 1),
    ("taken_error", {"code": 332}, DELIVERED, 1),
    ("taken_error", {"code": 28}, DELIVERED, 1),
    ("taken_error", {"result": "cme", "code": 100}, DELIVERED, 1),
    ("taken_error", {"result": "error"}, DELIVERED, 1),
    ("ok_lost", {}, DELIVERED, 1),
    ("failed_ok", {}, DOUBT, 0),
    ("prompt_late", {"seconds": 0.3}, DELIVERED, 1),
    ("prompt_late", {"seconds": 1.5}, DELIVERED, 1),
    ("prompt_no_space", {}, DELIVERED, 1),
    ("prompt_lost", {}, DELIVERED, 1),
    ("slow", {"seconds": 0.3, "match": "CMGS"}, DELIVERED, 1),
    ("slow", {"seconds": 1.5, "match": "CMGS"}, DELIVERED, 1),
    ("garbage", {"when": "before", "match": "CMGS"}, DELIVERED, 1),
    ("garbage", {"when": "mid_reply", "match": "CMGS"}, DELIVERED, 1),
    ("garbage", {"when": "after", "match": "CMGS"}, DELIVERED, 1),
    ("garbage", {"random": 300}, DELIVERED, 1),
    ("urc", {"text": "^RSSI: 20", "when": "mid_reply", "position": 2, "match": "CMGS"}, DELIVERED, 1),
    ("urc", {"text": "RING"}, DELIVERED, 1),
    ("urc", {"text": "RDY"}, DELIVERED, 1),
    ("split_reply", {"match": "CMGS", "seconds": 0.1}, DELIVERED, 1),
    ("unplug", {"back_s": 0.3}, DELIVERED, 1),
    ("reboot", {}, DELIVERED, 1),
    ("reboot", {"silent": True}, DELIVERED, 1),
    ("hang", {}, DELIVERED, 1),
    ("echo_stuck", {}, DELIVERED, 1),
    ("lost_bytes", {"bytes": 3}, DELIVERED, 1),
    ("registration", {"stat": 2, "seconds": 0.5}, DELIVERED, 1),
    ("registration", {"stat": 0, "seconds": 0.5}, DELIVERED, 1),
    ("registration", {"stat": 3, "seconds": 0.5}, DELIVERED, 1),
    ("signal", {"rssi": 99}, DELIVERED, 1),
    ("mr_sick", {"count": 1}, DELIVERED, 1),
    ("urc_lost", {"match": "CDS"}, ("sent", "delivered"), 1),
    ("urc_late", {"seconds": 0.3, "match": "CDS"}, DELIVERED, 1),
    ("urc_doubled", {"match": "CDS"}, DELIVERED, 1),
    ("full", {}, DELIVERED, 1),
    ("bad_pdu", {}, DELIVERED, 1),
    ("bad_pdu", {"announce": True}, DELIVERED, 1),
    ("redeliver", {}, DELIVERED, 1),
    ("urc_bare", {}, DELIVERED, 1),
    ("urc_split", {"seconds": 0.2, "match": "CDS"}, DELIVERED, 1),
    ("urc_moved", {"role": "all"}, DELIVERED, 1),
    ("cmti_wrong", {"memory": "ME"}, DELIVERED, 1),
    ("stored_too", {}, DELIVERED, 1),
    ("bad_scts", {}, DELIVERED, 1),
    ("reply_cut", {"match": "CMGS"}, DELIVERED, 1),
    ("flap", {"times": 2, "every_s": 0.2}, DELIVERED, 1),
    ("storage_mode", {"back_s": 0.3}, DELIVERED, 1),
    ("circuit", {"stat": 0}, DELIVERED, 1),
    ("deaf", {"until": "send"}, DELIVERED, 1),
    ("sim_busy", {"seconds": 0.5}, DELIVERED, 1),
    ("smsc", {"address": "+79000009998"}, DELIVERED, 1),
    ("mem3", {"memory": "SM"}, DELIVERED, 1),
    ("ussd", {}, DELIVERED, 1),
    ("sim", {"removed": True}, DELIVERED, 1),  # and put back in
    ("pin", {"pin": "1234"}, DELIVERED, 1),  # and unlocked
]


def _name(row: tuple[str, dict[str, Any], tuple[str, ...], int]) -> str:
    return "-".join([row[0], *(f"{key}={value}" for key, value in row[1].items())])


def test_every_fault_has_its_row() -> None:
    assert {row[0] for row in SENDS} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "params", "states", "taken"), one_of_each(SENDS, lambda row: row[0]), ids=[_name(row) for row in SENDS]
)
async def test_one_fault(
    tmp_path: Path, kind: str, params: dict[str, Any], states: tuple[str, ...], taken: int
) -> None:
    async with running(tmp_path, config=SENDING) as rig:
        books = Books(rig)
        books.inject()
        await books.received()
        modem = rig.sim.modems[0].modem
        if kind == "urc_lost":
            modem.personality = replace(modem.personality, cnmi=replace(modem.personality.cnmi, ack_timeout_s=0.5))
        rig.sim.fault(kind, **params)
        hit = await books.submit()
        books.inject()
        if kind in ("sim", "pin"):
            await asyncio.sleep(0.3)
            sim = rig.sim.modems[0].modem.sim
            if kind == "sim":
                rig.sim.fault("sim", removed=False)
            else:
                sim.unlocked = True
                rig.sim.modems[0].modem.register()
                rig.sim.pump()
        await rig.until_state(hit, *states)
        if kind == "urc_lost":
            # a report that nobody acknowledged: the modem hands over nothing more (27.005 3.4.1) until that is noticed
            await asyncio.sleep(1.2)
            await rig.ready()
        books.inject(200)
        after = await books.submit()
        await rig.until_state(after, "delivered", limit_s=20)
        await books.received()
        message = await rig.until_state(hit, *states)
        verdict = books.compare()
        if kind == "bad_pdu":
            inbox = await rig.inbox(len(books.inbound) + 1)
            assert [item["kind"] for item in inbox].count("undecodable") == 1
            verdict.lies = [lie for lie in verdict.lies if "None, which nobody sent" not in lie]
        if kind == "full":
            verdict.lies = [lie for lie in verdict.lies if "old message" not in lie]
        assert verdict.ok or (taken == 0 and message["state"] == "rejected"), verdict.table()
        assert sum(entry.kind == "submit" for entry in rig.sim.ledger) == taken + 1


# ---------------------------------------------------------------- power, cable, silence at every point of a dialogue

# point of a send, what the message ends as, how often the network took it. A modem that loses its power forgets that
# it should hand over reports, and drops those that come before it is set up again: then the doubt stays.
POINTS_OF_A_SEND = [
    ("command", DELIVERED, 1),  # nothing was sent: it goes again
    ("before_prompt", DELIVERED, 1),
    ("after_prompt", DOUBT, 0),
    ("mid_payload", DOUBT, 0),
    ("not_accepted", DOUBT, 0),
    ("after_payload", DELIVERED, 1),
    ("before_result", DELIVERED, 1),
    ("mid_reply", DELIVERED, 1),
    ("after_result", DELIVERED, 1),
]


BROKEN_OFF = [
    (("unplug", "reboot", "hang")[(n + turn) % 3], *POINTS_OF_A_SEND[n]) for turn in range(3) for n in range(9)
]


@pytest.mark.parametrize(
    ("kind", "at", "states", "taken"),
    one_of_each(BROKEN_OFF, lambda row: row[1]),
    ids=[f"{r[1]}-{r[0]}" for r in BROKEN_OFF],
)
async def test_a_send_broken_off(tmp_path: Path, kind: str, at: str, states: tuple[str, ...], taken: int) -> None:
    async with running(tmp_path, config=SENDING, report_delay=0.05) as rig:
        books = Books(rig)
        back: dict[str, Any] = {"back_s": 0.1} if kind == "unplug" else {}
        rig.sim.fault(kind, at=at, match="CMGS", **back)
        hit = await books.submit()
        books.inject()
        after = await books.submit()
        await rig.until_state(after, "delivered")
        if kind != "hang" and taken:
            states = (*states, "sent" if at == "after_result" else "unknown")
        if at == "after_prompt":
            # the port may go before a prompt was read that was given: then nothing was written, and it goes again
            states = (*states, "delivered")
        message = await rig.until_state(hit, *states)
        await books.received()
        verdict = books.compare()
        assert verdict.ok, verdict.table()
        again = at == "after_prompt" and message["state"] == "delivered"
        assert sum(entry.kind == "submit" for entry in rig.sim.ledger) == taken + again + 1


# commands of the set-up and of receiving at which the cable is pulled, the power goes, the modem falls silent
COMMANDS = [
    "E0",
    r"\+CPIN",
    r"\+CMGF=",
    r"\+CPMS=",
    r"\+CNMI=",
    r"\+CREG",
    r"\+CMGL",
    r"\+CMGR",
    r"\+CMGD=\d",
    r"\+CNMA",
]


FEW = [COMMANDS[0], COMMANDS[5], COMMANDS[-1]]


@pytest.mark.parametrize("kind", ["unplug", "reboot", "hang"])
@pytest.mark.parametrize("commands", every(2, [FEW, COMMANDS]), ids=["few", "all"])
async def test_a_set_up_and_a_receipt_broken_off_at_every_command(
    tmp_path: Path, kind: str, commands: Sequence[str]
) -> None:
    async with running(tmp_path, config=SENDING, report_delay=0.02) as rig:
        books = Books(rig)
        for command in commands:
            at = random.Random(command).choice(("command", "mid_reply"))
            back: dict[str, Any] = {"back_s": 0.05} if kind == "unplug" else {}
            rig.sim.fault(kind, at=at, match=command, **back)
            rig.sim.unplug(0, back_s=0.02)
            books.inject(200)
            await books.submit()
            await books.received()
            await rig.until_state(len(books.orders), "sent", "delivered", "unknown", limit_s=15)
            rig.sim.clear_faults()
        verdict = books.compare()
        assert verdict.ok, verdict.table()
        assert verdict.doubtful == 0


#: A line that no table of URCs knows.
UNKNOWN = "*WHAT: 1,2"

URCS = ["RING", "^RSSI: 20", "+CREG: 1", '+CMTI: "SM",30', '^SMMEMFULL: "SM"', "NO CARRIER", "+CUSD: 2", UNKNOWN]


@pytest.mark.parametrize("text", sweep(URCS, lambda text: text in ("RING", URCS[3], UNKNOWN)))
async def test_a_urc_at_every_byte_of_a_result(tmp_path: Path, text: str) -> None:
    async with running(tmp_path, config=SENDING) as rig:
        books = Books(rig)
        for position in range(len("\r\n+CMGS: 255\r\n\r\nOK\r\n") + 1):
            rig.sim.fault("urc", when="mid_reply", text=text, position=position, match="CMGS")
            await books.submit(f"+79161000{position:03d}")
            # an answer that cannot be read is a doubt that the report ends; one that a line of nobody cuts in its
            # digits is a success with a reference that no report fits
            states = ("sent", "delivered") if text == UNKNOWN else DELIVERED
            await rig.until_state(len(books.orders), *states)
        verdict = books.compare()
        if text == UNKNOWN:
            verdict.lies = [lie for lie in verdict.lies if "has reference" not in lie]
        assert verdict.ok, verdict.table()


async def test_a_urc_at_every_byte_of_a_read_message(tmp_path: Path) -> None:
    async with running(tmp_path, config=SENDING) as rig:
        books = Books(rig)
        for position in range(0, 130, 3):
            text = URCS[position % len(URCS)]
            rig.sim.fault("urc", when="mid_reply", text=text, position=position, match="CMGR")
            books.inject()
            await books.received(20)
        verdict = books.compare()
        assert verdict.ok, verdict.table()


# ---------------------------------------------------------------- error codes, row by row


async def test_a_bad_message_never_stops_the_line(tmp_path: Path) -> None:
    codes = [1, 28, 30, 195, 196, 304, 305, 517, 519, 520, 538, 549, 550, 551, 552, 553, 554]
    async with running(tmp_path, config=SENDING) as rig:
        books = Books(rig)
        for code in codes:
            rig.sim.fault("cms_error", code=code)
            message = await rig.until_state(await books.submit(f"+7916555{code:04d}"), "rejected", "delivered")
            assert (message["state"], message["error_code"], len(message["parts"][0]["attempts"])) == (
                "rejected",
                code,
                1,
            )
        await rig.until_state(await books.submit(), "delivered", limit_s=2)
        assert await _events(rig, "line.paused") == 0


async def test_a_run_of_refusals_pauses_the_line_and_single_ones_do_not(tmp_path: Path) -> None:
    async with running(tmp_path, config=SENDING) as rig:
        books = Books(rig)
        for code in [8, 10, 21, 29, 50, 69, 193]:
            for _ in range(4):  # the same recipient again and again says nothing about the SIM
                rig.sim.fault("cms_error", code=code)
                await rig.until_state(await books.submit("+79165550000"), "rejected")
            await rig.until_state(await books.submit(), "delivered")
        assert await _events(rig, "line.paused") == 0
        rig.sim.fault("cms_error", code=10, count=3)
        for n in range(3):
            await rig.until_state(await books.submit(f"+7916555000{n + 1}"), "rejected")
        waits = await books.submit()

        async def paused() -> bool:
            return bool((await rig.get("/v1/modems"))["items"][0]["state"] == "paused")

        await until(paused, 5, lambda: "the line to pause")
        assert (await rig.message(waits))["state"] == "queued"
        assert await _events(rig, "line.paused") == 1


# codes after which the same message goes out on the same line, without a person (332 leaves open whether it did)
PASSING = [
    17,
    27,
    38,
    41,
    42,
    47,
    111,
    127,
    192,
    194,
    331,
    350,
    615,
    616,  # network
    208,
    211,
    322,  # storage full
    302,
    303,  # modem state
    314,
    300,
    320,
    500,
    512,
    513,
    514,
    515,
    516,
    521,
    522,
    527,
    535,  # busy, collision, whatever
    310,
    311,
    313,
    315,
    316,
    317,
    318,  # the SIM: the line is looked at again
]


@pytest.mark.parametrize("codes", [PASSING[n::4] for n in range(4)])
async def test_what_passes_is_tried_again(tmp_path: Path, codes: list[int]) -> None:
    async with running(tmp_path, config=SENDING) as rig:
        books = Books(rig)
        for code in codes:
            rig.sim.fault("cms_error", code=code)
            books.inject()
            message = await rig.until_state(await books.submit(), "delivered", "rejected", limit_s=15)
            assert message["state"] == "delivered", (code, message)
        await books.received()
        assert books.compare().ok, books.compare().table()


async def _events(rig: Rig, kind: str) -> int:
    return sum(event["kind"] == kind for event in (await rig.get("/v1/events?limit=1000"))["items"])


# ---------------------------------------------------------------- what comes in

INBOUND: list[tuple[str, dict[str, Any]]] = [
    ("urc_lost", {"match": "CMTI", "count": 3}),
    ("urc_late", {"seconds": 0.5, "match": "CMTI"}),
    ("urc_doubled", {"match": "CMTI", "count": 5}),
    ("urc_bare", {"count": 2}),
    ("full", {"memory": "ME"}),
    ("full", {"memory": "SM"}),
    ("redeliver", {}),
    ("bad_pdu", {"announce": True, "hex": "0791"}),
    ("error", {"match": "CMGR", "count": 2}),
    ("error", {"match": "CMGD", "count": 2}),
    ("error", {"match": "CMGL", "count": 1}),
    ("error", {"match": "CPMS", "count": 2}),
    ("no_answer", {"match": "CMGR"}),
    ("no_answer", {"match": "CMGD=\\d"}),
    ("cme_error", {"match": "CMGR", "code": 14}),
    ("garbage", {"match": "CMGR", "when": "mid_reply", "position": 40}),
    ("garbage", {"match": "CMGL", "when": "mid_reply", "position": 40}),
    ("split_reply", {"match": "CMGR", "seconds": 0.2}),
    ("slow", {"match": "CMGR", "seconds": 0.3}),
    ("lost_bytes", {"bytes": 2}),
]


@pytest.mark.parametrize(("kind", "params"), INBOUND, ids=[f"{k}-{sorted(p.items())}" for k, p in INBOUND])
async def test_nothing_that_comes_in_is_lost_or_doubled(tmp_path: Path, kind: str, params: dict[str, Any]) -> None:
    async with running(tmp_path, config=SENDING, storage=10) as rig:
        books = Books(rig)
        books.inject()
        await books.received()
        rig.sim.fault(kind, **params)
        for n in range(6):
            books.inject(30 if n % 2 else 400)
        await books.received(20)
        # what was read with an octet bent in its transmission stays in the raw PDUs; nothing else may be there
        inbox = (await rig.get("/v1/inbox?limit=1000"))["items"]
        texts = [item["text"] for item in inbox if item["kind"] == "text" and "old message" not in item["text"]]
        assert sorted(texts) == sorted(books.inbound.values())


# plan of the network, what the message ends as
REPORTS = [
    ("delivered", "delivered"),
    ("doubled", "delivered"),
    ("out_of_order", "delivered"),
    ("trying", "delivered"),
    ("failed", "undeliverable"),
    ("expired", "expired"),
    ("gave_up", "undeliverable"),
    ("never", "sent"),
    ("trying_failed", "undeliverable"),
]


async def test_reports_of_every_plan_find_their_part(tmp_path: Path) -> None:
    async with running(tmp_path, config=SENDING, report_delay=0.05, mr=250) as rig:
        books = Books(rig)
        for n, (plan, _) in enumerate(REPORTS):
            rig.sim.network.config.rules.insert(0, Rule(f"+7915{n}*", plan=plan))
        ids = {
            await books.submit(f"+7915{n}00000{copy}", 30 if copy else 400): state
            for copy in range(4)
            for n, (_, state) in enumerate(REPORTS)
        }
        # a report about a message of nobody
        rig.sim.inject_tpdu(bytes.fromhex("064D0B919761325476F8" + "52112210000021" * 2 + "00"))
        for message_id, state in ids.items():
            await rig.until_state(message_id, state)
        await asyncio.sleep(1.2)  # the doubled ones
        for message_id, state in ids.items():
            assert (await rig.message(message_id))["state"] == state
        verdict = books.compare(plans={f"+7915{n}": plan for n, (plan, _) in enumerate(REPORTS)})
        assert (verdict.lost, verdict.doubled) == (0, 0), verdict.table()


# ---------------------------------------------------------------- everything at once

# reply_cut: a reference that has lost its last digits is a reference like any other, and nobody can tell
MIX: list[tuple[str, dict[str, Any]]] = [
    row
    for row in ((kind, params) for kind, params, _, _ in SENDS)
    if row[0]
    not in ("cmgs_lost", "failed_ok", "sim", "pin", "bad_pdu", "full", "echo_stuck", "mr_sick", "signal", "reply_cut")
    # of two results, when the second comes garbled, the first is nobody's for certain
    and row[0] != "result_owed"
    and row[1].get("code") != 28
]


@pytest.mark.parametrize("seed", every(3, [int(os.environ.get("MODEMGW_SEED", "1")) + n for n in range(3)]))
async def test_faults_together(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    struck = []
    config = SENDING.replace("= 600", "= 2")
    async with running(tmp_path, config=config, modems=3, seed=seed, latency=0.02, report_delay=0.05) as rig:
        books = Books(rig)
        for _ in range(40):
            kind, params = rng.choice(MIX)
            modem = rng.randrange(3)
            struck.append((kind, params, modem))
            rig.sim.fault(kind, modem, **{"count": 1, **params})
            for _ in range(rng.randrange(4)):
                await books.submit(f"+7916123000{rng.randrange(10)}", rng.choice((30, 30, 400)))
            books.inject(rng.choice((30, 400)), modem=rng.randrange(3))
            await asyncio.sleep(rng.uniform(0, 0.15))
        rig.sim.clear_faults()
        rig.sim.unplug(rng.randrange(3), back_s=0.1)
        await books.received(40)
        database = rig.runtime.config.store_path

        async def over() -> bool:
            with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
                return not db.execute("SELECT 1 FROM parts WHERE state IN ('queued', 'sending') LIMIT 1").fetchall()

        await until(over, 30, lambda: "nothing waits any more")
        verdict = books.compare()
        assert verdict.ok, f"{verdict.table()}\n{struck}"
