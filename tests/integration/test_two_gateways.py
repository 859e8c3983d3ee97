"""A gateway behind a gateway: every kind of `[[upstream]]` sends through our own dialect of the same name."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from modemgw.config import parse
from modemgw.runtime import Runtime
from modemgw.upstream import asking
from modemsim.simulation import Simulation
from tests.rig import API_KEY, Rig, config_text, until

SID = "AC" + hashlib.md5(b"shop").hexdigest()

#: (url behind the root, more keys), by kind.
KINDS = {
    "smsc": ("", 'login = "shop"\npassword = "secret"\n'),
    "devino": ("/rest/v2", 'login = "shop"\npassword = "secret"\nsender = "SHOP"\n'),
    "bsg": ("/rest", f'api_key = "{API_KEY}"\nsender = "SHOP"\n'),
    "twilio": ("", f'login = "{SID}"\npassword = "secret"\nsender = "+79990000001"\n'),
    "modemgw": ("", f'api_key = "{API_KEY}"\n'),
    "kannel": ("/cgi-bin/sendsms", 'login = "shop"\npassword = "secret"\n'),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def front(tmp_path: Path, kind: str, port: int, more: str = "", public: int | None = None) -> AsyncIterator[Rig]:
    """A gateway without modems before the provider at `port`; `public`: the port at which that reaches it."""
    path, own = KINDS[kind]
    listen = public or free_port()
    reached = f'public_url = "http://127.0.0.1:{listen}"\n' if public else ""
    config = (
        f'[http]\nlisten = "127.0.0.1:{listen}"\n{reached}[store]\npath = "{tmp_path / "here.db"}"\n'
        f'[[account]]\nlogin = "shop"\npassword = "secret"\napi_key = "{API_KEY}"\n'
        f'[[upstream]]\nname = "gw"\nkind = "{kind}"\nurl = "http://127.0.0.1:{port}{path}"\n{own}{more}'
    )
    runtime = Runtime(parse(config))
    await runtime.start()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        try:
            yield Rig(None, runtime, http, config)  # type: ignore[arg-type]
        finally:
            await runtime.stop()


@contextlib.asynccontextmanager
async def provider_at(tmp_path: Path, port: int, account: str = "") -> AsyncIterator[Rig]:
    """The provider: a gateway with a modem."""
    directory = tmp_path / "there"
    directory.mkdir()
    async with Simulation(dir=directory, modems=1) as sim:
        text = config_text(directory, [host.port for host in sim.modems], account)
        text = text.replace("127.0.0.1:0", f"127.0.0.1:{port}")
        runtime = Runtime(parse(text))
        await runtime.start()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
            rig = Rig(sim, runtime, http, text)
            try:
                await rig.ready()
                yield rig
            finally:
                await runtime.stop()


@contextlib.asynccontextmanager
async def two(tmp_path: Path, kind: str, *, calls: bool = False) -> AsyncIterator[tuple[Rig, Rig]]:
    """(ours, the provider). With `calls` the provider tells fates to the address that each message names."""
    port = free_port()
    account = 'callback_any_url = true\ncallback_networks = ["127.0.0.0/8"]\n' if calls else ""
    async with (
        provider_at(tmp_path, port, account) as provider,
        front(tmp_path, kind, port, "" if calls else "poll_s = 0.3\n", free_port() if calls else None) as ours,
    ):
        await until(lambda: _ready(ours), 10, lambda: "the gateway ready")
        yield ours, provider


async def _ready(rig: Rig) -> bool:
    return any(line["state"] == "ready" for line in (await rig.get("/v1/lines"))["items"])


#: Those that are asked for fates.
ASKED = [kind for kind in KINDS if kind != "kannel"]


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("text", ["Ваш код 1234", "x" * 170], ids=["one part", "two parts"])
async def test_sent_and_reported(tmp_path: Path, kind: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "INBOX_S", 0.3)
    async with two(tmp_path, kind) as (ours, provider):
        message = await ours.submit("+79161234567", text)
        done = await ours.until_state(message["id"], "delivered", limit_s=20)
        assert done["via"] == "gw"
        far = (await provider.get("/v1/messages"))["items"]
        assert [(one["to"], one["text"], one["state"]) for one in far] == [("+79161234567", text, "delivered")]


#: Those that are given an address with each message.
CALLING = ["bsg", "twilio", "kannel"]


@pytest.mark.parametrize("kind", CALLING)
async def test_told_by_a_call(tmp_path: Path, kind: str) -> None:
    async with two(tmp_path, kind, calls=True) as (ours, _):
        message = await ours.submit("+79161234567", "Ваш код 1234")
        done = await ours.until_state(message["id"], "delivered", limit_s=20)
        assert done["via"] == "gw"
        assert "receipt.told" in [event["kind"] for event in done["events"]]


@pytest.mark.parametrize(("kind", "form"), [("smsc", "smsc"), ("modemgw", "native")])
async def test_told_by_the_account_and_texts_that_come_in(tmp_path: Path, kind: str, form: str) -> None:
    """The address was entered at the provider; its calls are signed with a secret of both."""
    port, secret = free_port(), 'callback_secret = "between us"\n'
    async with front(tmp_path, kind, port, secret, free_port()) as ours:
        url = (await ours.get("/v1/lines"))["items"][0]["callback_url"]
        account = f'callback_url = "{url}"\ncallback_format = "{form}"\n{secret}'
        async with provider_at(tmp_path, port, account) as provider:
            await until(lambda: _ready(ours), 20, lambda: "the gateway ready")
            message = await ours.submit("+79161234567", "Ваш код 1234")
            done = await ours.until_state(message["id"], "delivered", limit_s=20)
            assert "receipt.told" in [event["kind"] for event in done["events"]]
            provider.sim.inject("Да", sender="+79161234567")
            item = (await ours.inbox(1))[0]
            assert (item["from"], item["text"], item["modem"]) == ("+79161234567", "Да", "gw")
            async with ours.http.post(url, data={"id": "1", "phone": "79161234567", "mes": "forged"}) as answer:
                assert answer.status == 404
            assert len((await ours.get("/v1/inbox"))["items"]) == 1
