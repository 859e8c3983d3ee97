"""Calls that come in: told once, refused where that is wished, never answered, and no send is disturbed by them."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modemgw.line.timing import Timing
from modemsim.traits import Calls
from tests.integration.test_ussd_whole_way import events
from tests.rig import Rig, running, until

Json = dict[str, Any]

CALLER = "+79161112233"


def ring(rig: Rig, number: str = CALLER, duration_s: float = 0.5, **habits: Any) -> None:
    """Let the first modem ring, as models do that have these habits; quickly."""
    modem = rig.sim.modems[0].modem
    modem.personality = replace(modem.personality, calls=Calls(ring_every_s=0.1, **habits))
    modem.voice.incoming(number, duration_s)
    rig.sim.pump()


def ends(rig: Rig) -> list[str]:
    """How the calls of the simulated network ended."""
    return [str(entry.note) for entry in rig.sim.ledger if entry.kind == "call"]


async def ended(rig: Rig, count: int = 1) -> list[str]:
    async def look() -> list[str] | None:
        found = ends(rig)
        return found if len(found) >= count else None

    return await until(look, 10, lambda: f"{count} calls over")


TIMING = Timing(call_silence_s=1.5, call_number_s=0.8, call_before_reject_s=0.3, call_release_s=0.3)
running = functools.partial(running, timing=TIMING)


@pytest.mark.parametrize(
    ("number", "habits", "told"),
    [
        (CALLER, {}, CALLER),
        (CALLER, {"clip_from": 3}, CALLER),  # the number comes with the third ring
        (CALLER, {"clip_delay_s": 0.05}, CALLER),
        ("", {}, None),  # withheld
        (CALLER, {"clip_from": 99}, None),  # never shown
        (CALLER, {"end": ()}, CALLER),  # only silence tells the end
        (CALLER, {"end": ("NO CARRIER",), "missed": "MISSED_CALL: {time} {number}"}, CALLER),
    ],
)
async def test_rings_are_one_call_and_one_event(
    tmp_path: Path, number: str, habits: dict[str, Any], told: str | None
) -> None:
    async with running(tmp_path) as rig:
        ring(rig, number, **habits)
        (event,) = await events(rig, "call.incoming")
        assert (event["modem"], event["data"]) == ("m0", {"modem": "m0", "number": told, "rejected": False})
        assert await ended(rig) == ["missed"]
        accepted = await rig.submit("+79161234567", "as ever")
        await rig.until_state(accepted["id"], "sent", "delivered")
        assert len(await events(rig, "call.incoming")) == 1


async def test_the_next_call_is_another_event(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        ring(rig, duration_s=0.3)
        await ended(rig)
        await events(rig, "call.incoming")
        ring(rig, "+79160000002", duration_s=0.3)
        found = await events(rig, "call.incoming", 2)
        assert [event["data"]["number"] for event in found] == [CALLER, "+79160000002"]


@pytest.mark.parametrize(
    ("habits"),
    [
        {},
        {"hang_up": ("H",)},  # AT+CHUP says OK and does nothing
        {"hang_up": ("+CHUP",)},
        {"clip_from": 99},
        {"clip_from": 2},
    ],
)
async def test_a_call_is_refused_at_once_and_never_answered(tmp_path: Path, habits: dict[str, Any]) -> None:
    async with running(tmp_path, modem_config='calls = "reject"\n') as rig:
        ring(rig, duration_s=20, **habits)
        (event,) = await events(rig, "call.incoming")
        assert event["data"]["rejected"] is True
        assert await ended(rig) == ["rejected"]


async def test_a_call_that_cannot_be_refused_is_not_called_refused(tmp_path: Path) -> None:
    async with running(tmp_path, modem_config='calls = "reject"\n') as rig:
        ring(rig, duration_s=3.0, hang_up=())
        (event,) = await events(rig, "call.incoming")
        assert event["data"] == {"modem": "m0", "number": CALLER, "rejected": False}
        assert await ended(rig) == ["missed"]


async def test_a_line_that_is_left_alone_tells_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, modem_config='calls = "leave"\n') as rig:
        ring(rig, duration_s=0.3)
        assert await ended(rig) == ["missed"]
        accepted = await rig.submit("+79161234567", "as ever")
        await rig.until_state(accepted["id"], "sent", "delivered")
        kinds = {event["kind"] for event in (await rig.get("/v1/events?limit=1000"))["items"]}
        assert "call.incoming" not in kinds
        assert rig.sim.modems[0].modem.session.plain.get("+CLIP", "0")[:1] == "0"


async def test_a_call_during_a_send_waits_for_its_end(tmp_path: Path) -> None:
    """A modem in AT+CMGS takes no other command: nothing may be written before the result."""
    async with running(tmp_path, modem_config='calls = "reject"\n', latency=1.0) as rig:
        accepted = await rig.submit("+79161234567", "first the message")

        async def in_air() -> bool:
            return bool((await rig.get("/v1/modems"))["items"][0]["in_air"])

        await until(in_air, 10, lambda: "a part in the air")
        ring(rig, duration_s=20)
        await rig.until_state(accepted["id"], "sent", "delivered")
        (event,) = await events(rig, "call.incoming")
        assert event["data"]["rejected"] is True
        message = await rig.message(accepted["id"])
        assert [attempt["outcome"] for part in message["parts"] for attempt in part["attempts"]] == ["sent"]


async def test_a_call_is_told_to_the_callback_url_in_the_native_format(tmp_path: Path) -> None:
    heard: list[tuple[Json, str]] = []

    async def take(request: web.Request) -> web.Response:
        raw = await request.read()
        assert request.headers["X-Modemgw-Signature"] == (
            "sha256=" + hmac.new(b"sign", raw, hashlib.sha256).hexdigest()
        )
        heard.append((json.loads(raw), request.headers["X-Modemgw-Event"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/cb", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        account = (
            f'callback_url = "http://127.0.0.1:{port}/cb"\ncallback_secret = "sign"\ncallback_format = "native"\n'
            # others of its kind are not disturbed by an event that their format does not know
            f'[[account]]\nlogin = "old"\npassword = "x"\ncallback_url = "http://127.0.0.1:{port}/smsc"\n'
        )
        async with running(tmp_path, config=account) as rig:
            ring(rig)

            async def told() -> bool:
                return bool(heard)

            await until(told, 10, lambda: "the callback")
            ((body, event),) = heard
            assert (event, body["kind"]) == ("call.incoming", "call.incoming")
            assert body["call"].pop("received_at") == body["at"]
            assert body["call"] == {"modem": "m0", "from": CALLER, "rejected": False}
            items = (await rig.get("/v1/callbacks"))["items"]
            assert [item["format"] for item in items] == ["native"]
    finally:
        await runner.cleanup()
