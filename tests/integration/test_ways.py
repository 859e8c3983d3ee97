"""Online gateways beside the SIM cards: one message, one way at a time, whatever a gateway does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemgw.dialects.http_upstream import HttpCodec
from modemgw.rules import breaker
from modemgw.upstream import asking, detour
from tests.fake_provider import FAULTS_NOT, FAULTS_TAKEN, FakeProvider, upstream
from tests.rig import API_KEY, Json, Rig, running, until

SOON = "[routing]\nmax_wait_s = 0.3\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions, pauses and probes in tenths of seconds."""
    monkeypatch.setattr(
        HttpCodec, "traits", replace(HttpCodec.traits, first_find_s=0.1, absent_after_s=0.4, poll_gap_s=0.01)
    )
    monkeypatch.setattr(asking, "DOUBT_GAPS_S", (0.1, 0.1, 0.2))
    monkeypatch.setattr(asking, "FIND_GAP_S", 0.01)
    monkeypatch.setattr(detour, "BACKOFF_FIRST_S", 0.3)
    monkeypatch.setattr(detour, "BACKOFF_MOST_S", 1.0)
    quick = breaker.BreakerLimits(pauses_s=(0.3, 0.6))
    monkeypatch.setattr(breaker.Breaker.__init__, "__defaults__", (quick,))


def route(*tiers: str, more: str = "") -> str:
    ways = ", ".join(f'"{tier}"' for tier in tiers)
    return f'[[route]]\nname = "all"\nways = [{ways}]\nmax_wait_s = 0.3\n{more}'


def told(message: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in message["events"]]


async def kinds(rig: Rig, line: str) -> list[str]:
    items = (await rig.get("/v1/events?limit=1000"))["items"]
    return [event["kind"] for event in items if event["data"].get("modem") == line]


async def test_a_sim_that_goes_and_comes_back(tmp_path: Path) -> None:
    provider = FakeProvider()
    await provider.start()
    try:
        async with running(tmp_path, config=SOON + upstream("shop-gw", provider.url), modems=1) as rig:
            first = await rig.submit("+79990000011", "by the SIM")
            done = await rig.until_state(first["id"], "delivered")
            assert done["via"] == "m0"
            rig.sim.unplug(0)
            await until(lambda: _state(rig, "m0", "absent", "recovering"), 5, lambda: "the SIM gone")
            second = await rig.submit("+79990000012", "by the gateway")
            done = await rig.until_state(second["id"], "sent")
            assert done["via"] == "shop-gw"
            assert done["parts"][0]["attempts"][0]["line"] == "shop-gw"
            assert [one.text for one in provider.taken] == ["by the gateway"]
            assert "line.down" in await kinds(rig, "m0")
            async with rig.http.get(rig.runtime.url + "/metrics") as answer:
                metrics = await answer.text()
            assert 'modemgw_line_ready{kind="sim",line="m0"} 0.0' in metrics
            assert 'modemgw_line_ready{kind="http",line="shop-gw"} 1.0' in metrics
            rig.sim.replug(0)
            await rig.ready()
            third = await rig.submit("+79990000013", "by the SIM again")
            assert (await rig.until_state(third["id"], "delivered"))["via"] == "m0"
    finally:
        await provider.stop()


async def _state(rig: Rig, name: str, *states: str) -> bool:
    lines = (await rig.get("/v1/lines"))["items"]
    return any(line["name"] == name and line["state"] in states for line in lines)


async def test_a_gateway_that_refuses_connections_and_comes_back(tmp_path: Path) -> None:
    provider = FakeProvider()
    await provider.start()
    config = SOON + upstream("gw", provider.url) + route("gw", "sim:*")
    async with running(tmp_path, config=config, modems=1) as rig:
        await until(lambda: _state(rig, "gw", "ready"), 5, lambda: "the gateway ready")
        first = await rig.submit("+79990000011", "one")
        assert (await rig.until_state(first["id"], "sent"))["via"] == "gw"
        await provider.stop()
        ids = [(await rig.submit(f"+7999000002{n}", "by the SIM"))["id"] for n in range(4)]
        for message in ids:
            done = await rig.until_state(message, "delivered", limit_s=20)
            assert done["via"] == "m0"
        assert await _state(rig, "gw", "recovering")
        await provider.start()
        await until(lambda: _state(rig, "gw", "ready"), 5, lambda: "the gateway back")
        last = await rig.submit("+79990000031", "two")
        assert (await rig.until_state(last["id"], "sent"))["via"] == "gw"
        told = await kinds(rig, "gw")
        assert told.count("line.down") == 1
        assert told.count("line.up") == 1
    await provider.stop()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS_TAKEN if fault != "callback first"])
async def test_what_the_gateway_took_without_a_readable_answer_is_found_there(tmp_path: Path, fault: str) -> None:
    provider = FakeProvider()
    provider.faults.append(fault)
    async with provider.serving():
        config = SOON + upstream("gw", provider.url, "proves_absence = true\n") + route("gw", "sim:*")
        async with running(tmp_path, config=config, modems=1) as rig:
            await until(lambda: _state(rig, "gw", "ready"), 5, lambda: "the gateway ready")
            message = await rig.submit("+79990000011", "once")
            done = await rig.until_state(message["id"], "sent", limit_s=15)
            assert done["via"] == "gw"
            assert "part.unknown" in told(done)
            assert "part.resolved" in told(done)
            assert len(provider.taken) == 1


@pytest.mark.parametrize("fault", FAULTS_NOT)
async def test_what_the_gateway_did_not_take_goes_another_way_or_is_refused(tmp_path: Path, fault: str) -> None:
    provider = FakeProvider(hang_s=5)
    provider.faults.append(fault)
    async with provider.serving():
        config = SOON + upstream("gw", provider.url, "proves_absence = true\n") + route("gw", "sim:*")
        async with running(tmp_path, config=config, modems=1) as rig:
            await until(lambda: _state(rig, "gw", "ready"), 5, lambda: "the gateway ready")
            message = await rig.submit("+79990000011", "once")
            if fault == "refuse":
                await rig.until_state(message["id"], "rejected")
                assert provider.taken == []
                return
            await rig.until_state(message["id"], "sent", "delivered", limit_s=15)
            by_the_sim = [entry for entry in rig.sim.ledger if entry.kind == "submit"]
            assert len(provider.taken) + len(by_the_sim) == 1


async def test_a_failed_report_lets_the_next_way_try_once(tmp_path: Path) -> None:
    async with FakeProvider(fate="undeliverable").serving() as provider:
        config = SOON + upstream("gw", provider.url) + route("sim:*", "gw", more='resend_on = ["undeliverable"]\n')
        async with running(tmp_path, config=config, modems=1) as rig:
            await until(lambda: _state(rig, "gw", "ready"), 5, lambda: "the gateway ready")
            message = await rig.submit("+70010000011", "once more")  # whose reports say that they failed

            async def by_the_gateway() -> Json | None:
                seen = await rig.message(message["id"])
                return seen if (seen["via"], seen["state"]) == ("gw", "sent") else None

            done = await until(by_the_gateway, 15, lambda: "the gateway to have it")
            assert told(done).count("message.second_way") == 1
            assert [one.text for one in provider.taken] == ["once more"]


async def test_random_faults_over_three_ways(tmp_path: Path) -> None:
    """No message is sent twice, none is lost, none is called what it is not."""
    chance = random.Random(7)
    one, two = FakeProvider(hang_s=3), FakeProvider(hang_s=3)
    names = [*FAULTS_TAKEN, "503", "close before", "hang before", *[""] * 12]
    async with one.serving(), two.serving():
        more = "proves_absence = true\nmax_parallel = 20\n"
        config = (
            "[sending]\ndoubt_window_s = 60\n"
            + upstream("one", one.url, more)
            + upstream("two", two.url, more)
            + route("one", "two", "sim:*")
        )
        async with running(tmp_path, config=config, modems=2) as rig:
            await until(lambda: _state(rig, "two", "ready"), 5, lambda: "the gateways ready")
            ids = {}
            for n in range(120):
                for provider in (one, two):
                    if len(provider.faults) < 3:
                        provider.faults.append(chance.choice(names))
                number = f"+7999001{n:04d}"
                ids[number] = (await rig.submit(number, f"text {n}"))["id"]
                await asyncio.sleep(0.01)
            one.faults.clear()
            two.faults.clear()
            for message in ids.values():
                await rig.until_state(message, "sent", "delivered", limit_s=60)
            gateways = Counter(taken.to for provider in (one, two) for taken in provider.taken)
            radio = Counter(entry.recipient for entry in rig.sim.network.ledger.select("submit"))
            for number in ids:
                assert gateways[number] + radio[number] == 1, (number, gateways[number], radio[number])
            assert sum(gateways.values()) > 60


#: (method, path, query or body, HTTP status, what the answer says) of "temporarily", by dialect.
NOT_NOW = {
    "native": ("POST", "/v1/messages", {"to": "+79991234567", "text": "x"}, 503, "No way out"),
    "smsc": ("GET", "/sys/send.php?login=shop&psw=secret&phones=79991234567&mes=x&fmt=3", None, 200, '"error_code": 9'),
    "kannel": ("GET", "/cgi-bin/sendsms?username=shop&password=secret&to=79991234567&text=x", None, 503, ""),
    "devino": (
        "POST",
        "/rest/v2/Sms/Send",
        {"login": "shop", "password": "secret", "sourceAddress": "S", "destinationAddress": "79991234567", "data": "x"},
        500,
        '"Code":8',
    ),
    "bsg": (
        "POST",
        "/rest/sms/create",
        {"destination": "phone", "msisdn": "79991234567", "originator": "S", "body": "x", "reference": "r"},
        200,
        '"error":5',
    ),
}


@pytest.mark.parametrize("dialect", NOT_NOW)
async def test_an_account_that_wants_to_hear_no_hears_it_in_its_dialect(tmp_path: Path, dialect: str) -> None:
    method, path, body, status, says = NOT_NOW[dialect]
    async with running(tmp_path, config='accept = "ready"\n', modems=1) as rig:
        await rig.call("POST", "/v1/lines/m0/pause")
        given = {"data": body} if dialect == "devino" else {"json": body} if body else {}
        headers = {"X-API-KEY": API_KEY} if dialect == "bsg" else {}
        async with rig.http.request(method, rig.runtime.url + path, headers=headers, **given) as answer:
            text = await answer.text()
            assert answer.status == status, text
            assert says.replace(" ", "") in text.replace(" ", "")
            assert int(answer.headers["Retry-After"]) > 0
        assert (await rig.get("/v1/messages"))["items"] == []
        await rig.call("POST", "/v1/lines/m0/resume")
        message = await rig.submit("+79991234567", "now")
        await rig.until_state(message["id"], "delivered")


async def test_an_account_that_accepts_within_a_time_hears_no_when_the_queue_is_longer(tmp_path: Path) -> None:
    async with running(tmp_path, config='accept = "within:60s"\n', modems=1, latency=2.0) as rig:
        codes = [(await rig.call("POST", "/v1/messages", {"to": "+79991234567", "text": str(n)}))[0] for n in range(30)]
        assert codes[:10] == [202] * 10
        assert 503 in codes
        assert len((await rig.get("/v1/messages"))["items"]) == codes.count(202)
