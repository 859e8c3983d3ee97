"""deliver_sm: the wording of receipts and of incoming messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemgw.domain.refusal import RefusalKind
from modemgw.smpp.errors import STATUSES
from modemgw.smpp.names import MessageState, Tag
from modemgw.smpp.pdu import Address, ShortMessage
from modemgw.smpp.receipt import Receipt, inbound_messages, receipt_message, receipt_text
from modemgw.sms import Udh, decode_gsm7

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z
RECEIPT = Receipt(
    "101", MessageState.DELIVERED, 0, NOW, NOW + 65_000, Address(5, 0, "SHOP"), Address(1, 1, "79161234567"), "Hello"
)


def test_the_text_of_appendix_b() -> None:
    assert receipt_text(RECEIPT) == (
        "id:101 sub:001 dlvrd:001 submit date:2311142213 done date:2311142214 stat:DELIVRD err:000 text:Hello"
    )
    moscow = receipt_text(replace(RECEIPT, state=MessageState.UNDELIVERABLE, error=6, text="Привет"), 10_800)
    assert moscow == ("id:101 sub:001 dlvrd:000 submit date:2311150113 done date:2311150114 stat:UNDELIV err:006 text:")


def test_the_text_of_an_hlr_query() -> None:
    assert receipt_text(replace(RECEIPT, hlr=True)) == (
        "id:101 stat:DELIVRD err:000 imsi: msc: mcc: mnc: cn: net: rcn: rnet:"
    )


def test_a_receipt_goes_back_where_the_message_came_from() -> None:
    message = receipt_message(RECEIPT)
    assert (message.source, message.destination) == (RECEIPT.destination, RECEIPT.source)
    assert message.esm_class == 0x04
    assert message.tlvs == {0x1E: b"101\0", 0x427: b"\x02", 0x423: b"\x03\0\0"}
    assert receipt_message(RECEIPT, tlvs=False).tlvs == {}
    assert receipt_message(replace(RECEIPT, state=MessageState.ENROUTE, final=False)).esm_class == 0x20
    assert ShortMessage.decode(message.encode()) == message


def inbound(text: str | None = None, **fields: object) -> list[ShortMessage]:
    return inbound_messages(
        **{"sender": "+79161234567", "recipient": "+79990000001", "text": text, "data": None, **fields}
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "iso", "coding", "octets"),
    [
        ("Hi @", False, 0, b"Hi \0"),
        ("Hi @é", True, 0, b"Hi @\xe9"),
        ("Привет", False, 8, "Привет".encode("utf-16-be")),
        ("👍", True, 8, "👍".encode("utf-16-be")),
    ],
)
def test_incoming_texts(text: str, iso: bool, coding: int, octets: bytes) -> None:
    (message,) = inbound(text, iso=iso)
    assert (message.data_coding, message.short_message, message.esm_class) == (coding, octets, 0)
    assert message.source == Address(1, 1, "79161234567")
    assert message.destination == Address(1, 1, "79990000001")


@pytest.mark.parametrize(("sender", "address"), [("900", Address(0, 1, "900")), ("Bank", Address(5, 0, "Bank"))])
def test_senders(sender: str, address: Address) -> None:
    assert inbound("x", sender=sender)[0].source == address


def test_a_long_text_goes_in_the_payload() -> None:
    (message,) = inbound("Я" * 200)
    assert message.short_message == b""
    assert message.tlvs[Tag.MESSAGE_PAYLOAD].decode("utf-16-be") == "Я" * 200


@pytest.mark.parametrize("text", ["Я👍" * 150, "€[]{}" * 100])
@pytest.mark.parametrize("fields", [{"long": "udh"}, {"tlvs": False}])
def test_a_long_text_goes_in_parts(text: str, fields: dict[str, object]) -> None:
    messages = inbound(text, reference=300, **fields)
    assert len(messages) > 1
    found = ""
    for number, message in enumerate(messages, 1):
        header, end = Udh.decode(message.short_message)
        assert header.concat is not None
        assert (header.concat.reference, header.concat.total, header.concat.sequence) == (44, len(messages), number)
        octets = message.short_message[end:]
        assert len(message.short_message) <= 159
        found += octets.decode("utf-16-be") if message.data_coding == 8 else decode_gsm7(octets)
    assert found == text


def test_data_keep_their_ports() -> None:
    (message,) = inbound(None, data=b"\x01\x02", ports=(2948, 9200))
    assert (message.data_coding, message.esm_class) == (4, 0x40)
    assert message.short_message == b"\x06\x05\x04\x0b\x84\x23\xf0\x01\x02"


def test_every_refusal_has_a_status() -> None:
    assert set(STATUSES) == set(RefusalKind)
