"""The SMPP server on a whole gateway: durable answers, receipts, parts, replacing, limits, bad clients."""

from __future__ import annotations

import asyncio
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modemgw.smpp.names import RESPONSE, Command, MessageState, Status, Tag
from modemgw.smpp.pdu import HEADER, Address, ShortMessage, cstring, encode_pdu
from tests.rig import Rig, running, until
from tests.smpp_client import Client, connected, receipt_id

NUMBER = "79161234567"
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 3


def section(**settings: Any) -> str:
    """[smpp] on any port."""
    shown = {"listen": "127.0.0.1:0", **settings}
    lines = [f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for k, v in shown.items()]
    return "[smpp]\n" + "\n".join(lines) + "\n"


@pytest.fixture
async def rig(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    options = dict(getattr(request, "param", {}))
    simulation = options.pop("simulation", {"report_delay": 0.05})
    account = options.pop("account", "")
    async with running(tmp_path, config=account + section(**options), **simulation) as rig:
        yield rig


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[Client]:
    async with connected(rig.runtime.smpp_addresses[0]) as client:
        yield client


def by_header(text: str, size: int = 134) -> list[bytes]:
    octets = text.encode("utf-16-be")
    parts = [octets[at : at + size] for at in range(0, len(octets), size)]
    return [bytes((5, 0, 3, 7, len(parts), n)) + part for n, part in enumerate(parts, 1)]


async def test_an_answered_message_is_stored_and_its_receipts_come(rig: Rig, client: Client) -> None:
    assert (await client.bind()).status == 0
    answer = await client.submit(NUMBER, b"Hello", registered_delivery=17, source=Address(5, 0, "SHOP"))
    assert (answer.command, answer.status) == (Command.SUBMIT_SM | RESPONSE, 0)
    stored = await rig.message(int(answer.text))
    assert (stored["text"], stored["to"], stored["dialect"]) == ("Hello", "+" + NUMBER, "smpp")
    under_way, last = await client.until(2)
    assert (under_way.esm_class, under_way.tlvs[Tag.MESSAGE_STATE]) == (0x20, bytes((MessageState.ENROUTE,)))
    assert (last.esm_class, last.tlvs[Tag.MESSAGE_STATE]) == (0x04, bytes((MessageState.DELIVERED,)))
    assert receipt_id(last) == answer.text
    assert last.destination == Address(5, 0, "SHOP")
    assert last.short_message.startswith(f"id:{answer.text} sub:001 dlvrd:001 submit date:".encode())
    assert b" stat:DELIVRD err:000 text:Hello" in last.short_message


async def test_a_long_message_in_parts_is_one_message_and_each_part_has_its_receipt(rig: Rig, client: Client) -> None:
    await client.bind()
    parts = by_header(RUSSIAN)
    answers = [
        await client.submit(NUMBER, part, esm_class=0x40, data_coding=8, registered_delivery=1)
        for part in (parts[2], parts[0], parts[1])
    ]
    ids = [answer.text for answer in answers]
    assert len(set(ids)) == 3
    receipts = await client.until(3)
    assert sorted(map(receipt_id, receipts)) == sorted(ids)
    whole = await rig.message(int(ids[-1]))
    assert (whole["text"], len(whole["parts"])) == (RUSSIAN, 3)
    queried = await client.ask(Command.QUERY_SM, cstring(ids[0]) + Address().encode())
    assert queried.body.split(b"\0")[0].decode() == ids[0]
    assert queried.body[-2:] == bytes((MessageState.DELIVERED, 0))
    assert (await rig.message(int(ids[0])))["id"] == whole["id"]
    assert len((await rig.get("/v1/messages"))["items"]) == 1


async def test_a_repeated_part_keeps_its_id(client: Client) -> None:
    await client.bind()
    first = by_header(RUSSIAN)[0]
    answers = [await client.submit(NUMBER, first, esm_class=0x40, data_coding=8) for _ in range(2)]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize("rig", [{"pieces_s": 1}], indirect=True)
async def test_parts_that_stay_alone_are_given_up_and_said_to_be(rig: Rig, client: Client) -> None:
    await client.bind()
    answer = await client.submit(NUMBER, by_header(RUSSIAN)[0], esm_class=0x40, data_coding=8, registered_delivery=1)
    query = cstring(answer.text) + Address().encode()
    assert (await client.ask(Command.QUERY_SM, query)).body[-2:] == bytes((MessageState.ENROUTE, 0))
    cancelled = await client.ask(Command.CANCEL_SM, cstring("") + cstring(answer.text) + Address().encode() * 2)
    assert cancelled.status == Status.ESME_RCANCELFAIL
    (receipt,) = await client.until(1)
    assert receipt_id(receipt) == answer.text
    assert b"stat:UNDELIV err:241" in receipt.short_message
    assert (await client.ask(Command.QUERY_SM, query)).body[-2:] == bytes((MessageState.UNDELIVERABLE, 241))
    assert (await rig.get("/v1/messages"))["items"] == []


async def test_receipts_wait_for_a_receiver_and_come_again_until_they_are_answered(rig: Rig, client: Client) -> None:
    address = rig.runtime.smpp_addresses[0]
    await client.bind(command=Command.BIND_TRANSMITTER)
    ids = [(await client.submit(NUMBER, b"n %d" % n, registered_delivery=1)).text for n in range(8)]
    for message_id in ids:
        await rig.until_state(int(message_id), "delivered")
    async with connected(address) as receiver:
        receiver.mute = True
        await receiver.bind(command=Command.BIND_RECEIVER)
        await receiver.until(5)
        await asyncio.sleep(0.1)
        assert len(receiver.deliveries) == 5  # the window
        receiver.send(Command.DELIVER_SM | RESPONSE, b"\0", receiver.unanswered[0])
        await receiver.until(6)
    await rig.restart()
    async with connected(rig.runtime.smpp_addresses[0]) as receiver:
        await receiver.bind(command=Command.BIND_RECEIVER)
        assert [receipt_id(m) for m in await receiver.until(7)] == ids[1:]
        await asyncio.sleep(0.1)
        assert len(receiver.deliveries) == 7


async def test_what_has_priority_is_told_first(rig: Rig, client: Client) -> None:
    await client.bind(command=Command.BIND_TRANSMITTER)
    ids = [(await client.submit(NUMBER, b"text", registered_delivery=1, priority_flag=flag)).text for flag in (0, 0, 2)]
    for message_id in ids:
        await rig.until_state(int(message_id), "delivered")
    await asyncio.sleep(0.1)
    async with connected(rig.runtime.smpp_addresses[0]) as receiver:
        await receiver.bind(command=Command.BIND_RECEIVER)
        assert receipt_id((await receiver.until(3))[0]) == ids[2]


@pytest.mark.parametrize("rig", [{"long_inbound": "udh"}, {}], indirect=True)
async def test_incoming_messages(rig: Rig, client: Client) -> None:
    await client.bind()
    rig.sim.inject("Hello @ €", to=0, sender="+79167654321")
    (short,) = await client.until(1)
    assert (short.source, short.short_message) == (Address(1, 1, "79167654321"), b"Hello \0 \x1b\x65")
    assert short.esm_class == 0
    rig.sim.inject(RUSSIAN, to=0, sender="+79167654321")
    parts = (await client.until(2))[1:]
    if parts[0].esm_class:
        parts = (await client.until(4))[1:]
        assert b"".join(part.short_message[6:] for part in parts).decode("utf-16-be") == RUSSIAN
    else:
        assert parts[0].payload.decode("utf-16-be") == RUSSIAN


async def queued(rig: Rig, client: Client, **fields: Any) -> str:
    """The id of a message that waits for its time."""
    return (await client.submit(NUMBER, b"first", schedule_delivery_time="000000000500000R", **fields)).text


async def test_cancel_and_query(rig: Rig, client: Client) -> None:
    await client.bind()
    message_id = await queued(rig, client, registered_delivery=1)
    body = cstring("") + cstring(message_id) + Address().encode() * 2
    assert (await client.ask(Command.CANCEL_SM, body)).status == 0
    assert (await rig.message(int(message_id)))["state"] == "cancelled"
    (receipt,) = await client.until(1)
    assert b"stat:DELETED" in receipt.short_message
    for wrong in ("999", "x", "", "9" * 30):
        answer = await client.ask(Command.QUERY_SM, cstring(wrong) + Address().encode())
        assert answer.status == Status.ESME_RINVMSGID


async def test_replace(rig: Rig, client: Client) -> None:
    await client.bind()
    message_id = await queued(rig, client)
    body = cstring(message_id) + Address().encode() + b"\0\0\x01\0\x06second"
    assert (await client.ask(Command.REPLACE_SM, body)).status == 0
    message = await rig.until_state(int(message_id), "delivered")
    assert message["text"] == "second"
    receipt = (await client.until(1))[0]
    assert receipt_id(receipt) == message_id
    assert (await client.ask(Command.REPLACE_SM, body)).status == Status.ESME_RREPLACEFAIL


@pytest.mark.parametrize("rig", [{"simulation": {"latency": 0.4}}], indirect=True)
async def test_the_old_text_is_not_sent_though_it_was_at_hand(rig: Rig, client: Client) -> None:
    await client.bind()
    await client.submit(NUMBER, b"in the air")
    message_id = (await client.submit(NUMBER, b"first")).text
    body = cstring(message_id) + Address().encode() + b"\0\0\0\0\x06second"
    assert (await client.ask(Command.REPLACE_SM, body)).status == 0
    await rig.until_state(int(message_id), "sent", "delivered")
    assert rig.sim.network.far.texts() == ["in the air", "second"]


async def test_replace_if_present(rig: Rig, client: Client) -> None:
    await client.bind()
    first = await queued(rig, client, service_type="A")
    other = (await client.submit(NUMBER, b"other", service_type="B", replace_if_present_flag=1)).text
    assert other != first
    answer = await client.submit(NUMBER, b"second", service_type="A", replace_if_present_flag=1)
    assert answer.text == first
    message = await rig.until_state(int(first), "delivered")
    assert message["text"] == "second"


async def test_logins(rig: Rig) -> None:
    async with connected(rig.runtime.smpp_addresses[0]) as client:
        assert (await client.submit(NUMBER, b"x")).status == Status.ESME_RINVBNDSTS
        assert (await client.bind(password="wrong")).status == Status.ESME_RINVPASWD
        assert (await client.bind(login="nobody")).status == Status.ESME_RINVPASWD
        assert (await client.bind(system_type="ISO")).status == 0
        assert (await client.bind()).status == Status.ESME_RALYBND
        answer = await client.submit(NUMBER, b"caf\xe9")
        assert (await rig.message(int(answer.text)))["text"] == "café"
        assert (await client.ask(Command.UNBIND)).status == 0
        await asyncio.wait_for(client.closed.wait(), 5)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"destination": Address(1, 1, "12x")}, Status.ESME_RINVDSTADR),
        ({"short_message": b""}, Status.ESME_RINVMSGLEN),
        ({"short_message": b"", "tlvs": {Tag.MESSAGE_PAYLOAD: b"x" * 60_000}}, Status.ESME_RINVMSGLEN),
        ({"schedule_delivery_time": "tomorrow"}, Status.ESME_RINVSCHED),
        ({"short_message": b"\x11\x11VIBER\x11\x11: x"}, Status.ESME_RSUBMITFAIL),
    ],
)
async def test_refusals(client: Client, fields: dict[str, Any], status: Status) -> None:
    await client.bind()
    message = ShortMessage(**{"destination": Address(1, 1, NUMBER), "short_message": b"x", **fields})
    assert (await client.ask(Command.SUBMIT_SM, message.encode())).status == status


async def test_other_requests(rig: Rig, client: Client) -> None:
    await client.bind()
    assert (await client.ask(Command.SUBMIT_MULTI, b"\0" * 30)).status == Status.ESME_RINVCMDID
    data = b"\0" + Address().encode() + Address(1, 1, NUMBER).encode() + b"\0\x01\0" + b"\x04\x24\x00\x02Hi"
    answer = await client.ask(Command.DATA_SM, data)
    assert (answer.command, answer.status) == (Command.DATA_SM | RESPONSE, 0)
    assert (await rig.message(int(answer.text)))["text"] == "Hi"
    client.send(0x0B, b"outbind")
    client.send(0x12345)
    assert (await client.ask(Command.ENQUIRE_LINK)).status == 0
    assert [(pdu.command, pdu.status) for pdu in client.others] == [(Command.GENERIC_NACK, Status.ESME_RINVCMDID)] * 2


@pytest.mark.parametrize("rig", [{"rate_per_s": 10}], indirect=True)
async def test_over_the_rate_clients_are_throttled(client: Client) -> None:
    await client.bind()
    answers = await asyncio.gather(*(client.submit(NUMBER, b"%d" % n) for n in range(30)))
    statuses = [answer.status for answer in answers]
    assert 10 <= statuses.count(0) <= 12
    assert set(statuses) == {0, Status.ESME_RTHROTTLED}


@pytest.mark.parametrize("rig", [{"duplicate_s": 60}], indirect=True)
async def test_duplicates_are_refused_where_that_is_set(client: Client) -> None:
    await client.bind()
    assert (await client.submit(NUMBER, b"once")).status == 0
    assert (await client.submit(NUMBER, b"once")).status == Status.ESME_RSUBMITFAIL
    assert (await client.submit(NUMBER, b"twice")).status == 0


PING, HLR = b"\x11\x11PING\x11\x11", b"\x11\x11HLR\x11\x11"


@pytest.mark.parametrize("rig", [{"account": 'limits = "provider"\n', "hlr": "ping"}], indirect=True)
async def test_duplicates_are_told_by_all_that_makes_a_message(rig: Rig, client: Client) -> None:
    await client.bind()
    part = by_header(RUSSIAN)[0]
    different: list[dict[str, Any]] = [
        {"octets": b"same"},
        {"octets": b"same", "to": "79161234568"},
        {"octets": b"same", "source": Address(5, 0, "SHOP")},
        {"octets": b"same", "source": Address(5, 0, "OTHER")},
        {"octets": b"same", "data_coding": 0x10},
        {"octets": b"same", "data_coding": 4},
        {"octets": b"same", "schedule_delivery_time": "000001000000000R"},
        {"octets": b"same", "schedule_delivery_time": "000002000000000R"},
        {"octets": PING},
        {"octets": HLR},
        {"octets": part, "esm_class": 0x40, "data_coding": 8},
    ]
    for status in (Status.ESME_ROK, Status.ESME_RSUBMITFAIL):
        for fields in different:
            asked = dict(fields)
            if status and asked["octets"] == part:  # the reference is another one each time
                asked["octets"] = part[:3] + b"\x63" + part[4:]
            answer = await client.submit(asked.pop("to", NUMBER), asked.pop("octets"), **asked)
            assert answer.status == status, fields
    again = await client.submit(NUMBER, part, esm_class=0x40, data_coding=8)
    assert again.status == 0, "the very part once more is no other message"
    assert (await client.submit(NUMBER, b"same", registered_delivery=1)).status == Status.ESME_RSUBMITFAIL


@pytest.mark.parametrize("rig", [{"account": 'limits = "provider"\nmax_parts = 2\n'}], indirect=True)
async def test_what_was_refused_may_be_tried_again(rig: Rig, client: Client) -> None:
    await client.bind()
    rig.runtime.gateway.closing = True
    assert (await client.submit(NUMBER, b"x")).status == Status.ESME_RMSGQFUL
    rig.runtime.gateway.closing = False
    assert (await client.submit(NUMBER, b"x")).status == 0
    for _ in range(2):
        assert (await client.submit("12ab", b"x")).status == Status.ESME_RINVDSTADR
    for _ in range(2):
        parts = [await client.submit(NUMBER, part, esm_class=0x40, data_coding=8) for part in by_header(RUSSIAN)]
        assert parts[-1].status == Status.ESME_RINVMSGLEN


async def test_an_account_of_its_own_has_no_provider_s_limits(client: Client) -> None:
    await client.bind()
    assert [(await client.submit(NUMBER, b"same")).status for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("login", "password", "status"),
    [
        ("shop", "key-of-shop", Status.ESME_ROK),
        ("", "key-of-shop", Status.ESME_ROK),
        ("shop", "secret", Status.ESME_ROK),
        ("other", "key-of-shop", Status.ESME_RINVPASWD),
        ("shop", "key-of-nobody", Status.ESME_RINVPASWD),
        ("", "secret", Status.ESME_RINVPASWD),
        ("", "", Status.ESME_RINVPASWD),
    ],
)
async def test_an_api_key_is_as_good_as_a_password(client: Client, login: str, password: str, status: Status) -> None:
    assert (await client.bind(login=login, password=password)).status == status


@pytest.mark.parametrize("rig", [{"account": 'smpp_coding_1 = "gsm7"\nsmpp_coding_4 = "latin1"\n'}], indirect=True)
async def test_what_an_account_means_by_its_codings(rig: Rig, client: Client) -> None:
    await client.bind()
    for coding, octets, text in ((1, b"a\x40b", "a¡b"), (4, "été".encode("latin-1"), "été")):
        answer = await client.submit(NUMBER, octets, data_coding=coding)
        assert (await rig.message(int(answer.text)))["text"] == text


@pytest.mark.parametrize("rig", [{"hlr": "ping"}], indirect=True)
async def test_pings_and_hlr_queries(rig: Rig, client: Client) -> None:
    await client.bind()
    for octets in (b"\x11\x11PING\x11\x11", b"\x11\x11HLR\x11\x11"):
        assert (await client.submit(NUMBER, octets, registered_delivery=1)).status == 0
    ping, hlr = sorted((await client.until(2)), key=lambda message: b"imsi" in message.short_message)
    assert b"stat:DELIVRD" in ping.short_message
    assert b"stat:DELIVRD err:000 imsi: msc: mcc: mnc: cn: net: rcn: rnet:" in hlr.short_message


@pytest.mark.parametrize("rig", [{"vendor_tlvs": True}], indirect=True)
async def test_the_provider_s_own_parameters(client: Client) -> None:
    await client.bind()
    await client.submit(NUMBER, b"x", registered_delivery=1)
    (receipt,) = await client.until(1)
    assert receipt.tlvs[0x2000] == b"0.0000"
    assert receipt.tlvs[0x2001] == b"\0\0"
    assert receipt.tlvs[0x2002] == b"\0\1"


async def test_a_store_that_cannot_be_written_says_later(rig: Rig, client: Client) -> None:
    await client.bind()
    rig.runtime.gateway.closing = True
    assert (await client.submit(NUMBER, b"x")).status == Status.ESME_RMSGQFUL
    rig.runtime.gateway.closing = False


async def test_a_stop_says_goodbye(rig: Rig) -> None:
    async with connected(rig.runtime.smpp_addresses[0]) as client:
        await client.bind()
        await rig.restart()
        await asyncio.wait_for(client.closed.wait(), 5)


@pytest.mark.parametrize("rig", [{"max_connections": 60, "bind_s": 1.0}], indirect=True)
async def test_bad_clients_leave_the_service_healthy(rig: Rig, client: Client) -> None:
    address = rig.runtime.smpp_addresses[0]
    await client.bind()
    crowd = [await asyncio.open_connection(*address) for _ in range(200)]
    for number, (_, writer) in enumerate(crowd):
        writer.write([b"", b"\0", b"\xff" * 64, struct.pack(">I", 0x7FFF_FFFF), b"GET / HTTP/1.0\r\n\r\n"][number % 5])
    assert (await client.submit(NUMBER, b"still here")).status == 0
    async with connected(address) as another:
        assert (await another.bind()).status == 0
    server = rig.runtime._smpp
    assert server is not None

    async def gone() -> bool:
        return len(server._connections) == 1

    await until(gone, 10, lambda: "strangers are closed")
    for _, writer in crowd:
        writer.close()
    assert (await client.ask(Command.ENQUIRE_LINK)).status == 0


async def test_a_client_that_does_not_read_is_not_read_from(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection(*rig.runtime.smpp_addresses[0], limit=1024)
    bind = encode_pdu(Command.BIND_TRANSMITTER, 0, 1, b"shop\0secret\0\0\x34\0\0\0")
    writer.write(bind + encode_pdu(Command.ENQUIRE_LINK, 0, 2) * 10)
    flood = encode_pdu(Command.ENQUIRE_LINK, 0, 3) * 65_536
    sent = 0
    try:
        async with asyncio.timeout(1.5):
            while True:
                writer.write(flood)
                await writer.drain()
                sent += len(flood)
    except TimeoutError:
        pass
    assert sent < 64 << 20
    (connection,) = rig.runtime._smpp._connections  # type: ignore[union-attr]
    assert connection._transport.get_write_buffer_size() < 4 << 20
    writer.transport.abort()
    assert HEADER.size == len(await reader.readexactly(16))


async def test_tls(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            str(key),
            "-out",
            str(cert),
        ],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl is not installed")
    settings = section(tls_listen="127.0.0.1:0", tls_cert=str(cert), tls_key=str(key))
    async with running(tmp_path, config=settings, wait=False) as rig:
        plain, tls = rig.runtime.smpp_addresses
        context = ssl.create_default_context(cafile=str(cert))
        async with connected(tls, ssl=context, server_hostname="localhost") as client:
            assert (await client.bind()).status == 0
            assert (await client.submit(NUMBER, b"x")).status == 0
        async with connected(plain) as client:
            assert (await client.bind()).status == 0
