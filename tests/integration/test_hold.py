"""One text, one copy: a network that takes it while the modem says no, on the real service and a simulated modem.

The spans are short, and keep their order: a report comes within `WAIT_S` of the error, or after it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from modemgw.at.errors import CME_TEXTS, CMS_TEXTS
from modemgw.at.policy import Waits
from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line.timing import Timing
from modemsim.network import Rule
from tests.rig import Json, Rig, until
from tests.rig import running as running_rig
from tests.sweep import sweep

TO = "+79161234567"
WAIT_S = 2.5
SOON_S, LATER_S = 0.6, 5.0
SUBMIT_S, OWED_S = 3.0, 2.0
TIMING = Timing(
    dialogue=DialogueTiming(submit_s=SUBMIT_S, owed_s=OWED_S, late_s=0.4),
    waits=Waits(here_s=(0.05, 0.1), first_s=0.1, report_s=WAIT_S),
    trouble_s=(0.05, 0.1, 0.2),
    network_pauses_s=(0.0, 0.1, 0.2),
)
running = functools.partial(running_rig, timing=TIMING)


def copies(rig: Rig) -> list[bool]:
    """TP-RD of each text that the network took, in order."""
    return [bool(int(entry.tpdu[:2], 16) & 0x04) for entry in rig.sim.ledger if entry.kind == "submit"]


async def settled(rig: Rig) -> list[bool]:
    """The copies, once no other can come any more: a later text has gone out, and the wait is over."""
    await rig.ready()
    last = await rig.submit("+79160000009", "last")
    await rig.until_state(last["id"], "sent", "delivered", limit_s=20)
    assert not any(await waiting(rig))
    return copies(rig)[:-1]


async def waiting(rig: Rig) -> list[Json]:
    items = (await rig.get("/v1/messages?limit=100"))["items"]
    return [item for item in items if item["state"] in ("queued", "sending")]


ERRORS: list[dict[str, Any]] = [
    *({"code": code} for code in (28, 38, 41, 47, 302, 322, 331, 332, 500, 513)),
    *({"code": code, "result": "cme"} for code in (30, 100)),
    {"result": "error"},
]
NAMED: list[dict[str, Any]] = [
    *({"code": code} for code in (*CMS_TEXTS, 999)),
    *({"code": code, "result": "cme"} for code in CME_TEXTS),
]
EVERY = [*ERRORS, *(error for error in NAMED if error not in ERRORS)]


def name(error: dict[str, Any]) -> str:
    return "-".join(str(value) for value in error.values())


@pytest.mark.parametrize("after_s", [0.0, 0.6], ids=["early", "late"])
@pytest.mark.parametrize("error", sweep(EVERY, ERRORS.__contains__), ids=name)
async def test_one_copy_where_the_report_comes_in_time(tmp_path: Path, error: dict[str, Any], after_s: float) -> None:
    async with running(tmp_path, report_delay=after_s + SOON_S, modem_config='smsc = "+79000009999"\n') as rig:
        rig.sim.fault("taken_error", after_s=after_s, count=0, **error)
        message = await rig.submit(TO, "hello")
        await rig.until_state(message["id"], "delivered")
        rig.sim.clear_faults()
        assert await settled(rig) == [False]


@pytest.mark.parametrize("error", [{"code": 38}, {"code": 500}, {"code": 302}, {"result": "error"}], ids=name)
async def test_one_more_copy_at_most_where_the_report_comes_late(tmp_path: Path, error: dict[str, Any]) -> None:
    async with running(tmp_path, report_delay=LATER_S) as rig:
        rig.sim.fault("taken_error", **error)
        message = await rig.submit(TO, "hello")
        view = await rig.until_state(message["id"], "delivered", limit_s=20)
        went = await settled(rig)
        assert went in ([False], [False, True])  # one only where the modem was set up anew for longer than that
        told = [event["data"] for event in view["events"] if event["kind"] == "part.sending"]
        assert told == [{}, {"resend": True, "after": "rejected"}][: len(went)]


@pytest.mark.parametrize(
    ("error", "after_s"), [({"code": 332}, 0.0), ({"code": 500}, 0.6), ({"code": 41}, 0.6), ({"result": "error"}, 0.6)]
)
async def test_one_copy_in_a_doubt_whenever_the_report_comes(
    tmp_path: Path, error: dict[str, Any], after_s: float
) -> None:
    async with running(tmp_path, report_delay=LATER_S) as rig:
        rig.sim.fault("taken_error", after_s=after_s, **error)
        message = await rig.submit(TO, "hello")
        await rig.until_state(message["id"], "unknown")
        await rig.until_state(message["id"], "delivered", limit_s=20)
        assert await settled(rig) == [False]


async def test_each_part_of_a_long_text_once(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=SOON_S) as rig:
        rig.sim.fault("taken_error", code=500, skip=1)
        message = await rig.submit(TO, "Три части одного сообщения. " * 6)
        view = await rig.until_state(message["id"], "delivered", limit_s=20)
        assert [part["state"] for part in view["parts"]] == ["delivered"] * 3
        assert await settled(rig) == [False] * 3


async def test_resend_too_waits_for_the_report(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=SOON_S) as rig:
        rig.sim.fault("taken_error", code=500)
        message = await rig.submit(TO, "hello", on_doubt="resend")
        await rig.until_state(message["id"], "delivered")
        assert await settled(rig) == [False]


async def test_the_line_is_gone_between_error_and_report(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=SOON_S) as rig:
        rig.sim.network.config.retry_s = 0.2
        rig.sim.fault("taken_error", code=38)
        message = await rig.submit(TO, "hello")

        async def refused() -> bool:
            return bool((await rig.message(message["id"]))["due_at"])

        await until(refused, 5, lambda: "the error is told")
        rig.sim.unplug(0, back_s=WAIT_S + 0.5)  # longer than the retry waits
        await rig.until_state(message["id"], "delivered", limit_s=30)
        # the modem was without power: it may have lost the report, as it had forgotten that it should hand it over
        assert await settled(rig) in ([False], [False, True])


async def test_the_service_stops_between_error_and_report(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=WAIT_S) as rig:
        rig.sim.fault("taken_error", code=38)
        message = await rig.submit(TO, "hello")

        async def refused() -> bool:
            return bool((await rig.message(message["id"]))["due_at"])

        await until(refused, 5, lambda: "the error is told")
        await rig.restart()
        await rig.until_state(message["id"], "delivered", limit_s=30)
        assert await settled(rig) == [False]


async def test_money_that_was_given_back_is_taken_again(tmp_path: Path) -> None:
    account = 'balance = "10.00"\nbalance_mode = "countdown"\nprice = "1.00"\n'
    async with running(tmp_path, config=account, report_delay=SOON_S) as rig:
        rig.sim.fault("taken_error", code=28)
        message = await rig.submit(TO, "hello")
        await rig.until_state(message["id"], "rejected")

        async def left() -> str:
            async with rig.http.get(f"{rig.runtime.url}/sys/balance.php?login=shop&psw=secret") as response:
                return await response.text()

        assert float(await left()) == 10
        await rig.until_state(message["id"], "delivered")
        assert float(await left()) == 9
        assert await settled(rig) == [False]


async def test_ok_alone_is_no_word_about_the_message(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=SOON_S) as rig:
        rig.sim.fault("cmgs_lost")
        message = await rig.submit(TO, "hello")
        await rig.until_state(message["id"], "delivered", limit_s=20)
        assert await settled(rig) == [False]


async def test_three_hundred_reports_that_come_last_first(tmp_path: Path) -> None:
    """References come round after 256: what shares one is told apart by the service centre's time."""
    async with running(tmp_path, report_delay=1.0, latency=0.05) as rig:
        rig.sim.network.config.rules = [Rule(TO, plan="out_of_order")]
        for number in range(300):
            await rig.submit(TO, f"text {number}")

        async def all_delivered() -> bool:
            return len((await rig.get("/v1/messages?state=delivered&limit=1000"))["items"]) == 300

        await until(all_delivered, 110, lambda: "300 of 300 delivered")


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.5])
async def test_a_late_result_is_not_given_to_the_next_message(tmp_path: Path, seconds: float) -> None:
    """The first gets no answer for as long as a send may take; it comes behind the second's payload, and then the
    network refuses the second."""
    async with running(tmp_path, report_delay=60) as rig:
        rig.sim.fault("result_owed", seconds=seconds)
        rig.sim.fault("cms_error", code=1, skip=1)
        first, second = await rig.submit(TO, "first"), await rig.submit("+79161234568", "second")
        await rig.until_state(second["id"], "rejected", limit_s=20)
        view = await rig.until_state(first["id"], "sent")
        assert [(part["state"], part["mr"]) for part in view["parts"]] == [("sent", entry_mr(rig))]
        assert copies(rig) == [False]
        third = await rig.submit(TO, "third")
        assert (await rig.until_state(third["id"], "sent"))["parts"][0]["mr"] == entry_mr(rig)


def entry_mr(rig: Rig) -> int | None:
    """The reference of the last text that the network took."""
    return [entry.mr for entry in rig.sim.ledger if entry.kind == "submit"][-1]


async def test_two_late_results_in_order(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=SUBMIT_S + OWED_S) as rig:
        rig.sim.fault("result_owed", seconds=0.3)
        texts = [await rig.submit(f"+791612345{n:02}", "hello") for n in range(3)]
        views = [await rig.until_state(text["id"], "delivered", limit_s=20) for text in texts]
        taken = [entry.mr for entry in rig.sim.ledger if entry.kind == "submit"]
        assert [view["parts"][0]["mr"] for view in views] == taken
        assert copies(rig) == [False] * 3


async def test_an_answer_that_never_comes_costs_the_next_message_a_wait_and_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=60) as rig:
        rig.sim.fault("send_silent")
        first, second = await rig.submit(TO, "first"), await rig.submit("+79161234568", "second")
        await rig.until_state(second["id"], "sent", limit_s=20)
        assert (await rig.message(first["id"]))["state"] == "unknown"


async def test_a_ussd_text_is_no_result(tmp_path: Path) -> None:
    async with running(tmp_path, report_delay=60) as rig:
        rig.sim.fault("cms_error", code=28, after_s=1.0)
        message = await rig.submit(TO, "hello")
        await rig.until_state(message["id"], "sending")
        rig.sim.fault("urc", text='+CUSD: 0,"Hello\r\n+CMGS: 77\r\n\r\nOK\r\nworld",15')
        view = await rig.until_state(message["id"], "sent", "rejected", "unknown")
        assert view["state"] == "rejected"
        await rig.ready()
