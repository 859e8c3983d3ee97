"""`[[upstream]] kind = "smpp"`: an ESME of ours before our own SMSC, and before one that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modemgw.config import parse
from modemgw.runtime import Runtime
from modemgw.smpp.names import RESPONSE, Command, Status
from modemgw.smpp.pdu import HEADER, ShortMessage, encode_pdu
from modemgw.upstream import esme
from tests.integration.test_two_gateways import free_port
from tests.rig import API_KEY, Rig, running, until

LONG = "Это длинное сообщение, которое не помещается в одну часть. " * 3


@contextlib.asynccontextmanager
async def ours(tmp_path: Path, url: str, more: str = "") -> AsyncIterator[Rig]:
    config = (
        f'[http]\nlisten = "127.0.0.1:0"\n[store]\npath = "{tmp_path / "here.db"}"\n'
        f'[[account]]\nlogin = "shop"\napi_key = "{API_KEY}"\n'
        f'[[upstream]]\nname = "gw"\nkind = "smpp"\nurl = "{url}"\nlogin = "shop"\npassword = "secret"\n{more}'
    )
    runtime = Runtime(parse(config))
    await runtime.start()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        try:
            yield Rig(None, runtime, http, config)  # type: ignore[arg-type]
        finally:
            await runtime.stop()


async def in_state(rig: Rig, *states: str) -> dict[str, Any] | None:
    line = (await rig.get("/v1/lines"))["items"][0]
    return dict(line) if line["state"] in states else None


@pytest.mark.parametrize("long", ["udh", "sar", "payload"])
async def test_through_our_own_smsc_and_back(tmp_path: Path, long: str) -> None:
    port = free_port()
    (tmp_path / "there").mkdir()
    async with (
        running(tmp_path / "there", config=f'[smpp]\nlisten = "127.0.0.1:{port}"\n', modems=1) as smsc,
        ours(tmp_path, f"smpp://127.0.0.1:{port}", f'long = "{long}"\n') as rig,
    ):
        await until(lambda: in_state(rig, "ready"), 10, lambda: "bound")
        for number, text in (("+79161234567", "Code 1234 [€]"), ("+79161234568", LONG), ("+79161234569", "x" * 170)):
            message = await rig.submit(number, text)
            done = await rig.until_state(message["id"], "delivered", limit_s=20)
            assert done["via"] == "gw"
        far = (await smsc.get("/v1/messages"))["items"]
        assert [one["text"] for one in far] == ["Code 1234 [€]", LONG, "x" * 170]
        smsc.sim.inject("Да " + LONG, sender="+79161234567")
        item = (await rig.inbox(1))[0]
        assert (item["from"], item["text"], item["modem"]) == ("+79161234567", "Да " + LONG, "gw")


class Smsc:
    """An SMSC of a few lines: binds everybody, and does with a submit_sm what it is told."""

    def __init__(self, on_submit: Callable[[Smsc, int, ShortMessage], None], bind: int = 0) -> None:
        self.submits: list[ShortMessage] = []
        self.binds = 0
        self.url = ""
        self._on_submit, self._bind = on_submit, bind
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Smsc]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"smpp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, command, _, sequence = HEADER.unpack(await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                if command == Command.BIND_TRANSCEIVER:
                    self.binds += 1
                    self.say(command | RESPONSE, self._bind, sequence, b"smsc\0")
                elif command == Command.SUBMIT_SM:
                    self.submits.append(ShortMessage.decode(body))
                    self._on_submit(self, sequence, self.submits[-1])
                elif not command & RESPONSE:
                    self.say(command | RESPONSE, 0, sequence)
        writer.close()

    def say(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        assert self._writer is not None
        self._writer.write(encode_pdu(command, status, sequence, body))

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.transport.abort()


def receipt(name: str, stat: str = "DELIVRD") -> bytes:
    text = f"id:{name} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:{stat} err:000 text:"
    return ShortMessage(esm_class=4, short_message=text.encode()).encode()


async def test_a_receipt_in_another_spelling_of_the_id(tmp_path: Path) -> None:
    def take(smsc: Smsc, sequence: int, message: ShortMessage) -> None:
        smsc.say(Command.SUBMIT_SM | RESPONSE, 0, sequence, b"1A2B3C\0")
        smsc.say(Command.DELIVER_SM, 0, 7, receipt(str(0x1A2B3C)))

    async with Smsc(take).serving() as smsc, ours(tmp_path, smsc.url) as rig:
        message = await rig.submit("+79161234567", "x")
        await rig.until_state(message["id"], "delivered")


async def test_a_session_that_falls_before_the_answer_leaves_a_doubt_and_no_copy(tmp_path: Path) -> None:
    def fall(smsc: Smsc, sequence: int, message: ShortMessage) -> None:
        smsc.hang_up()

    async with Smsc(fall).serving() as smsc, ours(tmp_path, smsc.url) as rig:
        message = await rig.submit("+79161234567", "x")
        done = await rig.until_state(message["id"], "unknown")
        assert "lost" in done["error"]
        await until(lambda: in_state(rig, "ready"), 10, lambda: "bound again")
        assert len(smsc.submits) == 1
        assert smsc.binds == 2


async def test_throttled_it_waits_and_goes_again(tmp_path: Path) -> None:
    def busy_once(smsc: Smsc, sequence: int, message: ShortMessage) -> None:
        if len(smsc.submits) == 1:
            smsc.say(Command.SUBMIT_SM | RESPONSE, Status.ESME_RTHROTTLED, sequence)
        else:
            smsc.say(Command.SUBMIT_SM | RESPONSE, 0, sequence, b"1\0")

    async with Smsc(busy_once).serving() as smsc, ours(tmp_path, smsc.url, "[routing]\nmax_wait_s = 1\n") as rig:
        message = await rig.submit("+79161234567", "x")
        await rig.until_state(message["id"], "sent", limit_s=30)
        assert len(smsc.submits) == 2


async def test_a_login_that_is_refused_is_not_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(esme, "BACKOFF_S", (0.05,))
    async with Smsc(lambda *_: None, bind=Status.ESME_RINVPASWD).serving() as smsc, ours(tmp_path, smsc.url) as rig:

        async def refused() -> bool:
            line = (await rig.get("/v1/lines"))["items"][0]
            return "ESME_RINVPASWD" in (line["reason"] or "")

        await until(refused, 5, lambda: "the refusal shown")
        await asyncio.sleep(0.4)
        assert smsc.binds == 1
        await rig.call("POST", "/v1/lines/gw/resume")
        await until(lambda: _bound(smsc, 2), 5, lambda: "another try")


async def _bound(smsc: Smsc, times: int) -> bool:
    return smsc.binds >= times
