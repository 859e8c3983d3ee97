"""smpplib, unchanged and with its defaults: binds, sends short and long texts, gets receipts and incoming messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rig import Rig, running

smpplib_client = pytest.importorskip("smpplib.client")
smpplib_consts = pytest.importorskip("smpplib.consts")
smpplib_gsm = pytest.importorskip("smpplib.gsm")

pytestmark = pytest.mark.filterwarnings("ignore:Unknown optional parameters:DeprecationWarning")

NUMBER = "79161234567"
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. 👍 " * 3
PLAIN = "The quick brown fox jumps over the lazy dog [and pays 5 €]. " * 6


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path, config='[smpp]\nlisten = "127.0.0.1:0"\n', report_delay=0.05) as rig:
        yield rig


def session(address: tuple[str, int], work: Callable[[Any, list[Any], list[Any]], Any]) -> Any:
    """Run `work(client, sent, received)` over a bound client, as its documentation has it."""
    client = smpplib_client.Client(*address, timeout=1)
    sent: list[Any] = []
    received: list[Any] = []
    client.set_message_sent_handler(lambda pdu: sent.append(pdu))

    def on_message(pdu: Any) -> int:
        received.append(pdu)
        return 0

    client.set_message_received_handler(on_message)
    client.connect()
    try:
        client.bind_transceiver(system_id="shop", password="secret")
        result = work(client, sent, received)
        client.unbind()
        return result
    finally:
        client.disconnect()


def poll(client: Any, done: Callable[[], bool], limit_s: float = 15.0) -> None:
    end = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end, "nothing came"
        client.poll()
        time.sleep(0.005)


@pytest.mark.parametrize("text", ["Hello, wörld", "Привет", PLAIN, RUSSIAN])
@pytest.mark.parametrize("use_udhi", [True, False])
async def test_texts_arrive_and_each_part_has_its_receipt(rig: Rig, text: str, use_udhi: bool) -> None:
    def work(client: Any, sent: list[Any], received: list[Any]) -> tuple[list[str], list[Any]]:
        parts, encoding, esm_class = smpplib_gsm.make_parts(text, use_udhi=use_udhi)
        for number, part in enumerate(parts, 1):
            sar = {}
            if len(parts) > 1 and not use_udhi:
                sar = {"sar_msg_ref_num": 77, "sar_total_segments": len(parts), "sar_segment_seqnum": number}
            client.send_message(
                source_addr_ton=smpplib_consts.SMPP_TON_ALNUM,
                source_addr="SHOP",
                dest_addr_ton=smpplib_consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib_consts.SMPP_NPI_ISDN,
                destination_addr=NUMBER,
                short_message=part,
                data_coding=encoding,
                esm_class=esm_class,
                registered_delivery=True,
                **sar,
            )
        poll(client, lambda: len(sent) == len(parts) and len(received) == len(parts))
        return [pdu.message_id.decode() for pdu in sent], received

    ids, receipts = await asyncio.to_thread(session, rig.runtime.smpp_addresses[0], work)
    assert len(set(ids)) == len(ids)
    assert sorted(receipt.receipted_message_id.rstrip(b"\0").decode() for receipt in receipts) == sorted(ids)
    for receipt in receipts:
        assert b" stat:DELIVRD err:000 " in receipt.short_message
        assert receipt.message_state == 2
    message = await rig.message(int(ids[-1]))
    assert (message["text"], message["state"]) == (text, "delivered")
    assert len((await rig.get("/v1/messages"))["items"]) == 1


async def test_incoming_messages_and_queries(rig: Rig) -> None:
    def work(client: Any, sent: list[Any], received: list[Any]) -> Any:
        rig_loop.call_soon_threadsafe(lambda: rig.sim.inject("Ответ 👍", to=0, sender="+79167654321"))
        poll(client, lambda: bool(received))
        client.send_message(destination_addr=NUMBER, dest_addr_ton=1, short_message=b"x")
        poll(client, lambda: bool(sent))
        states: list[int] = []
        client.set_query_resp_handler(lambda pdu: states.append(pdu.message_state))
        client.query_message(
            message_id=sent[0].message_id.decode(), source_addr_ton=0, source_addr_npi=0, source_addr=""
        )
        poll(client, lambda: bool(states))
        return received[0], states[0]

    rig_loop = asyncio.get_running_loop()
    message, state = await asyncio.to_thread(session, rig.runtime.smpp_addresses[0], work)
    assert message.short_message.decode("utf-16-be") == "Ответ 👍"
    assert message.source_addr == b"79167654321"
    assert state in (1, 2)


async def test_a_wrong_password_is_said_to_be_one(rig: Rig) -> None:
    def work() -> None:
        client = smpplib_client.Client(*rig.runtime.smpp_addresses[0], timeout=3)
        client.connect()
        try:
            client.bind_transmitter(system_id="shop", password="wrong")
        finally:
            client.disconnect()

    exceptions = pytest.importorskip("smpplib.exceptions")
    with pytest.raises(exceptions.PDUError, match="Invalid Password"):
        await asyncio.to_thread(work)
