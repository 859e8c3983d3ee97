"""Notifications of an MMS, as they come in and as they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.sms import Direction, SmsDeliver, assemble, decode_pdu
from modemgw.sms.mms import MmsNotification, read_mms_notification

VECTORS = Path(__file__).parents[2] / "vectors" / "mms" / "notifications.txt"


def vectors() -> dict[str, list[str]]:
    """The PDUs of each notification."""
    found: dict[str, list[str]] = {}
    for line in VECTORS.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            name, pdu = line.split()
            found.setdefault(name, []).append(pdu)
    return found


def data_of(pdus: list[str]) -> bytes:
    parts = {}
    for number, pdu in enumerate(pdus, 1):
        tpdu = decode_pdu(pdu, Direction.TO_MS).tpdu
        assert isinstance(tpdu, SmsDeliver)
        parts[tpdu.udh.concat.sequence if tpdu.udh.concat is not None else number] = tpdu
    data = assemble(parts, len(parts)).data
    assert data is not None
    return data


READ = {
    "A": MmsNotification(
        "http://mms.example/a/1",
        sender="+79005550101",
        message_class="personal",
        size=29696,
        expires_in_s=259200,
        transaction="T1000001",
    ),
    "B": MmsNotification(
        "http://mmsc.example.net/mms/retrieve?id=20000000000000000000000000000002&k=abcdef0123456789",
        sender="+79005550102",
        subject="Отпуск 😀",
        message_class="personal",
        size=153600,
        expires_in_s=604800,
        transaction="NT20000000000000000000000000000002",
    ),
    "C": MmsNotification(
        "http://10.255.0.1:8080/c3",
        message_class="auto",
        size=1048576,
        expires_at=1798761600,
        transaction="c3",
    ),
    "D": MmsNotification(
        "http://m.example/d",
        sender="anna@example.org",
        message_class="advertisement",
        size=512,
        expires_in_s=3600,
        transaction="d-4",
    ),
    "E": MmsNotification(
        "http://mmsc.example.net/servlets/mms?message-id=E5000000000000000000000000000005",
        sender="+79005550105",
        subject="Photo",
        message_class="personal",
        size=307200,
        expires_in_s=259200,
        transaction="E5-0000000000000000000000000000000000000005",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_notification(name: str) -> None:
    assert read_mms_notification(data_of(vectors()[name])) == READ[name]


@pytest.mark.parametrize("name", READ)
def test_a_cut_one_is_none(name: str) -> None:
    data = data_of(vectors()[name])
    for length in range(len(data)):
        assert read_mms_notification(data[:length]) is None, length


HEADERS = b"\x01\x06\x01\xbe"
LEAST = HEADERS + b"\x8c\x82\x83http://x\0"


@pytest.mark.parametrize(
    ("data", "location"),
    [
        (LEAST, "http://x"),
        (HEADERS + b"\x8c\x82\x83 http://x\0", "http://x"),  # a leading blank has been seen
        (HEADERS + b"\x8c\x82\xb0\x05abcde\x83http://x\0", "http://x"),  # an unknown header with its length
        (HEADERS + b"\x8c\x82\xb0\x1f\x03abc\x83http://x\0", "http://x"),
        (HEADERS + b"\x8c\x82\xb0\x85\x83http://x\0", "http://x"),
        (HEADERS + b"\x8c\x82X-Own\0value\0\x83http://x\0", "http://x"),  # a header by its name
        (b"\x01\x06\x05\x04\xbe\x81\xea\x00" + LEAST[4:], "http://x"),  # the content type with parameters
        (b"\x01\x06\x20application/vnd.wap.MMS-message\0" + LEAST[4:], "http://x"),
        (b"\x01\x06\x01\xae" + LEAST[4:], None),  # a service indication
        (b"\x01\x05\x01\xbe" + LEAST[4:], None),  # no push
        (HEADERS + b"\x8c\x86\x83http://x\0", None),  # a report on an MMS
        (HEADERS + b"\x8c\x82\x96Subject\0", None),  # nowhere to fetch it
        (HEADERS + b"\x83http://x\0\x8c\x82", None),
        (b"", None),
    ],
)
def test_what_else_comes(data: bytes, location: str | None) -> None:
    found = read_mms_notification(data)
    assert (found and found.location) == location


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        (b"plain\0", "plain"),
        (b"\x7f\xd0\x9f\0", "П"),
        (b"\x04\xea\xd0\x9f\0", "П"),
        (b"\x06\x84caf\xe9\0", "café"),
        (b"\x08\x02\x03\xe8\x04\x1f\x00\x00\x00", "П"),
        (b"\x1f\x04\xea\xd0\x9f\0", "П"),
    ],
)
def test_the_codings_of_a_subject(value: bytes, subject: str) -> None:
    found = read_mms_notification(HEADERS + b"\x8c\x82\x96" + value + LEAST[6:])
    assert found is not None
    assert (found.subject, found.location) == (subject, "http://x")


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda data: LEAST[:6] + data)))
def test_nothing_raises(data: bytes) -> None:
    read_mms_notification(data)
