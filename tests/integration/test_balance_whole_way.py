"""Balances as a user meets them: asked of the operator by USSD, shown, kept, counted as low, given to every dialect."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modemgw.dialects.twilio.wire import account_sid
from tests.integration.test_ussd_whole_way import USSD, cli, events, ussd
from tests.rig import API_KEY, running

Json = dict[str, Any]


async def test_the_balance_is_asked_shown_kept_and_given_to_every_dialect(tmp_path: Path) -> None:
    more = USSD + 'balance_mode = "sim"\nbalance = "7.00"\n'
    async with running(tmp_path, config=more, modems=2, modem_config='balance_code = "*101#"\n') as rig:
        url = rig.runtime.url
        login = {"login": "shop", "psw": "secret"}

        async def smsc() -> Json:
            async with rig.http.get(f"{url}/sys/balance.php", params={**login, "fmt": "3"}) as response:
                return dict(await response.json(content_type=None))

        assert (await smsc())["balance"] == "7.00"  # nobody has asked yet
        status, body = await rig.call("POST", "/v1/modems/m0/balance")
        assert (status, body["balance"], body["balance_currency"]) == (200, "123.45", "RUB")
        rig.sim.modems[1].modem.sim.balance = "-23.45"
        status, out, _ = await cli(rig, "balance", "m1")
        assert (status, out.startswith("-23.45 RUB (")) == (0, True)
        assert (await smsc())["balance"] == "100.00"  # both together
        modems = {item["name"]: item for item in (await rig.get("/v1/modems"))["items"]}
        assert modems["m1"]["balance"] == "-23.45"
        assert modems["m0"]["balance_at"] is not None
        assert "-23.45 RUB" in (await cli(rig, "modems"))[1]
        async with rig.http.get(f"{url}/metrics") as response:
            text = await response.text()
        assert 'modemgw_modem_balance{currency="RUB",modem="m0"} 123.45' in text
        await rig.restart()
        await rig.ready()
        assert (await rig.get("/v1/modems"))["items"][0]["balance"] == "123.45"


async def test_every_dialect_that_tells_a_balance_tells_that_of_the_sim(tmp_path: Path) -> None:
    more = 'balance_mode = "sim"\nbalance = "7.00"\n'
    async with running(tmp_path, config=more, modem_config='balance_code = "*101#"\n') as rig:
        assert (await rig.call("POST", "/v1/modems/m0/balance"))[0] == 200
        url = rig.runtime.url

        async def ask(path: str, method: str = "GET", **options: Any) -> str:
            async with aiohttp.ClientSession() as http, http.request(method, url + path, **options) as response:
                assert response.status == 200, await response.text()
                return await response.text()

        basic = {"Authorization": "Basic " + base64.b64encode(b"shop:secret").decode()}
        login = {"login": "shop", "password": "secret"}
        session = (await ask("/rest/User/SessionId", params=login)).strip('"')
        answers = {
            "smsc": await ask("/sys/balance.php?login=shop&psw=secret"),
            "smsc json": await ask("/sys/balance.php?login=shop&psw=secret&fmt=3"),
            "devino": await ask(f"/rest/User/Balance?SessionID={session}"),
            "bsg": await ask("/rest/common/balance", headers={"X-API-KEY": API_KEY}),
            "twilio": await ask(f"/2010-04-01/Accounts/{account_sid('shop')}/Balance.json", headers=basic),
        }
        for dialect, text in answers.items():
            assert "123.45" in text, (dialect, text)


async def test_low_balance_is_told_once_each_way_and_on_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modemgw.service import balances

    monkeypatch.setattr(balances, "LOOK_S", 0.05)
    monkeypatch.setattr(balances, "FRESH_MS", 0)
    modem = 'balance_code = "*100#"\nbalance_interval_s = 60\nlow_balance = "50"\n'
    async with running(tmp_path, config=USSD, modem_config=modem) as rig:
        (first,) = await events(rig, "line.balance")  # nobody has asked
        assert first["data"] == {"modem": "m0", "amount": "123.45", "currency": "RUB"}
        sim = rig.sim.modems[0].modem.sim
        for amount in ("49.99", "10.00", "50.00", "70.00"):
            sim.balance = amount
            assert (await rig.call("POST", "/v1/modems/m0/balance"))[0] == 200
        (low,) = await events(rig, "line.low_balance")
        assert low["data"] == {"modem": "m0", "amount": "49.99", "currency": "RUB", "limit": "50"}
        (relieved,) = await events(rig, "line.balance_relieved")
        assert relieved["data"]["amount"] == "50.00"
        assert len(await events(rig, "line.balance", 5)) == 5


async def test_an_operator_that_is_known_is_asked_its_own_code(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD) as rig:
        codes = rig.sim.modems[0].modem.sim.ussd
        codes["*102#"] = "Balans 12.34 r. Nomer 79161234567"  # the simulated network is Beeline's
        status, body = await rig.call("POST", "/v1/modems/m0/balance")
        assert (status, body["balance"], body["balance_currency"]) == (200, "12.34", "RUB")


async def test_an_unknown_operator_and_an_unreadable_answer_say_what_to_set(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD, wait=False) as rig:
        sim = rig.sim.modems[0].modem.sim
        sim.ussd["*102#"] = "Ask later"
        await rig.ready()
        status, problem = await rig.call("POST", "/v1/modems/m0/balance")
        assert (status, "“Ask later”. Set balance_code" in problem["detail"]) == (424, True)
        sim.imsi = "999990000000001"
        await rig.restart()
        await rig.ready()
        status, problem = await rig.call("POST", "/v1/modems/m0/balance")
        assert (status, "99999 is not in the table of balance codes: set balance_code" in problem["detail"]) == (
            409,
            True,
        )
        assert (await rig.call("POST", "/v1/modems/nobody/balance"))[0] == 404


async def test_an_own_pattern_counts_and_a_menu_behind_the_amount_is_left(tmp_path: Path) -> None:
    modem = "balance_code = \"*105#\"\nbalance_pattern = 'left (?P<amount>[0-9,]+) (?P<currency>[a-z]+)'\n"
    async with running(tmp_path, config=USSD, modem_config=modem) as rig:
        rig.sim.modems[0].modem.sim.ussd["*105#"] = "?You owe 5 r, left 12,50 eur\n1 More"
        status, body = await rig.call("POST", "/v1/modems/m0/balance")
        assert (status, body["balance"], body["balance_currency"]) == (200, "12.50", "EUR")
        assert (await ussd(rig, "*100#"))["status"] == "done"
