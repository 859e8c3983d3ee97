"""Callbacks from the radio to a receiver: a text goes out and comes in, and a shop hears of both."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from urllib.parse import parse_qs

from aiohttp import web

from modemgw.dialects.native_callbacks import is_genuine
from tests.rig import running, until
from tests.unit.service.callback_desk import receiving


async def test_a_shop_hears_of_what_it_sent_and_of_what_came_in(tmp_path: Path) -> None:
    async with receiving() as shop:
        config = f'callback_url = "{shop.url}"\ncallback_secret = "s"\ncallback_format = "native"\n'
        async with running(tmp_path, modems=2, config=config) as rig:
            accepted = await rig.submit(rig.sim.modems[1].number, "Привет", modem="m0")
            await rig.until_state(accepted["id"], "delivered")
            await shop.until_got(3)
            told = [json.loads(got.body) for got in shop.got]
            states = [event["message"]["state"] for event in told if "message" in event]
            assert states == ["sent", "delivered"]
            (incoming,) = [event["inbox"] for event in told if "inbox" in event]
            assert incoming == (await rig.inbox(1))[0]
            for got in shop.got:
                lower = {name.lower(): value for name, value in got.headers.items()}
                assert is_genuine("s", lower, got.body, time.time_ns() // 1_000_000)
                assert lower["webhook-id"] == lower["x-modemgw-callback"]
                expected = "sha256=" + hmac.new(b"s", got.body, hashlib.sha256).hexdigest()
                assert got.headers["X-Modemgw-Signature"] == expected


async def test_smscs_words_are_what_an_account_gets_without_asking(tmp_path: Path) -> None:
    async with receiving() as shop, running(tmp_path, config=f'callback_url = "{shop.url}?charset=utf-8"\n') as rig:
        accepted = await rig.submit("+79161234567", "Hello")
        await shop.until_got(1)
        rig.sim.inject("Да", sender="+79161234567")

        async def answered() -> dict[str, list[str]] | None:
            forms = [parse_qs(got.body.decode(), keep_blank_values=True) for got in shop.got]
            return next((form for form in forms if "mes" in form), None)

        incoming = await until(answered, 5, lambda: "the answer told")
        assert (incoming["phone"], incoming["mes"]) == (["79161234567"], ["Да"])
        form = parse_qs(shop.got[0].body.decode(), keep_blank_values=True)
        assert (form["id"], form["phone"], form["status"]) == ([str(accepted["id"])], ["79161234567"], ["0"])


async def test_what_failed_is_seen_and_replayed_over_the_api(tmp_path: Path) -> None:
    broken = True

    def answer(_got: object) -> web.Response:
        return web.Response(status=500 if broken else 200)

    async with receiving(answer) as shop:
        config = f'callback_url = "{shop.url}"\ncallback_format = "native"\n[callbacks]\ngive_up_s = 1\n'
        async with running(tmp_path, config=config) as rig:
            accepted = await rig.submit("+79161234567", "Hello")

            async def failed() -> bool:
                found = (await rig.get("/v1/callbacks?state=failed"))["items"]
                return any(item["message_id"] == accepted["id"] for item in found)

            await until(failed, 5, lambda: "a callback given up")
            listed = (await rig.get("/v1/callbacks?limit=1"))["items"][0]
            assert listed["error"] == "The receiver answered 500; 2xx is expected."
            assert listed["tries"] == 1
            history = (await rig.message(accepted["id"]))["events"]
            assert "callback.failed" in [event["kind"] for event in history]
            async with rig.http.get(rig.runtime.url + "/metrics") as response:
                assert 'modemgw_callbacks{state="failed"} ' in await response.text()
            broken = False
            before = len(shop.got)
            status, body = await rig.call("POST", "/v1/callbacks/replay", {"id": listed["id"]})
            assert (status, body) == (202, {"replayed": 1})
            await shop.until_got(before + 1)
            for wrong in ({}, {"id": 1, "failed": True}, {"id": "1"}, {"other": 1}):
                assert (await rig.call("POST", "/v1/callbacks/replay", wrong))[0] == 422
            assert (await rig.call("POST", "/v1/callbacks/replay", {"id": 10**9}))[0] == 404
            assert (await rig.call("GET", "/v1/callbacks?state=no"))[0] == 400


async def test_a_restart_in_between_loses_none(tmp_path: Path) -> None:
    broken = True

    def answer(_got: object) -> web.Response:
        return web.Response(status=503 if broken else 200)

    async with receiving(answer) as shop:
        config = f'callback_url = "{shop.url}"\ncallback_format = "native"\n'
        async with running(tmp_path, config=config) as rig:
            accepted = await rig.submit("+79161234567", "Hello")
            await shop.until_got(1)
            await rig.until_state(accepted["id"], "delivered")
            broken = False
            before = len(shop.got)
            await rig.restart()
            assert (await rig.call("POST", "/v1/callbacks/replay", {"since": 0}))[0] == 202
            waiting = (await rig.get("/v1/callbacks?state=waiting"))["items"]
            for item in waiting:
                await rig.call("POST", "/v1/callbacks/replay", {"id": item["id"]})
            await shop.until_got(before + 2, 8)
            told = [json.loads(got.body)["message"]["state"] for got in shop.got[before:]]
            assert told[:2] == ["sent", "delivered"]
