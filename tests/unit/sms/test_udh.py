"""The user data header and its elements (TS 23.040 9.2.3.24)."""

from __future__ import annotations

import pytest

from modemgw.sms import (
    NO_UDH,
    Concat,
    InformationElement,
    LockingShift,
    Ports,
    SingleShift,
    SpecialMessage,
    TpduDecodeError,
    TpduEncodeError,
    Udh,
)


def udh(octets: str) -> Udh:
    header, end = Udh.decode(bytes.fromhex(octets))
    assert end == len(bytes.fromhex(octets))
    return header


@pytest.mark.parametrize(
    ("octets", "concat"),
    [
        ("050003170301", Concat(23, 3, 1)),
        ("06080401800402", Concat(384, 4, 2, True)),
        ("050003170300", None),  # part 0
        ("050003170001", None),  # of 0
        ("050003170304", None),  # part 4 of 3
        ("0400021703", None),  # too short to be one
        ("0B05040B8423F0000317FF02", Concat(23, 255, 2)),  # ports before it
        ("0A00031703010003180302", Concat(24, 3, 2)),  # repeated: the last one
        ("0B0003170301080401800402", Concat(384, 4, 2, True)),  # both widths: the last one
        ("022A00", None),
    ],
)
def test_concatenation(octets: str, concat: Concat | None) -> None:
    assert udh(octets).concat == concat
    assert udh(octets).encode().hex().upper() == octets


@pytest.mark.parametrize(
    ("octets", "ports"),
    [
        ("0404026432", Ports(100, 50, False)),
        ("06050404D21466", Ports(1234, 5222)),
        ("0605040B8423F0", Ports(2948, 9200)),
        ("03050104", None),
        ("03040104", None),
        ("050003170301", None),
    ],
)
def test_ports(octets: str, ports: Ports | None) -> None:
    assert udh(octets).ports == ports


@pytest.mark.parametrize(
    ("octets", "locking", "single"),
    [
        ("03250101", LockingShift.TURKISH, SingleShift.DEFAULT),
        ("03240102", LockingShift.DEFAULT, SingleShift.SPANISH),
        ("0624010D25010D", LockingShift.URDU, SingleShift.URDU),
        ("03250102", LockingShift.DEFAULT, SingleShift.DEFAULT),  # Spanish locks nothing
        ("0624010E250120", LockingShift.DEFAULT, SingleShift.DEFAULT),  # reserved languages
        ("0424020101", LockingShift.DEFAULT, SingleShift.DEFAULT),  # not one octet
        ("06240101240103", LockingShift.DEFAULT, SingleShift.PORTUGUESE),
    ],
)
def test_national_tables(octets: str, locking: LockingShift, single: SingleShift) -> None:
    assert (udh(octets).locking_shift, udh(octets).single_shift) == (locking, single)


def test_special_message_indications_repeat() -> None:
    header = udh("0B0102800301020205010105")
    assert header.special_message_indications == (SpecialMessage(0, True, 3), SpecialMessage(2, False, 5))


def test_unknown_elements_are_kept() -> None:
    header = udh("0A7F03010203A000700101")
    assert header.elements == (
        InformationElement(0x7F, b"\1\2\3"),
        InformationElement(0xA0, b""),
        InformationElement(0x70, b"\1"),
    )
    assert header.encode().hex().upper() == "0A7F03010203A000700101"
    assert (header.octets, bool(header), bool(NO_UDH), NO_UDH.octets, NO_UDH.encode()) == (11, True, False, 0, b"")


def test_an_empty_header() -> None:
    assert Udh.decode(b"\0rest") == (NO_UDH, 1)


@pytest.mark.parametrize(
    ("octets", "field", "octet"),
    [
        ("", "udhl", 0),
        ("05", "udh", 1),
        ("0500031703", "udh", 1),
        ("0100", "udh", 1),
        ("02000501", "udh", 1),
        ("06000317030100", "udh", 6),
    ],
)
def test_a_header_that_runs_over(octets: str, field: str, octet: int) -> None:
    with pytest.raises(TpduDecodeError) as caught:
        Udh.decode(bytes.fromhex(octets))
    assert (caught.value.field, caught.value.octet) == (field, octet)


def test_headers_that_cannot_be_written() -> None:
    with pytest.raises(TpduEncodeError, match="does not fit"):
        Udh((InformationElement(0x70, bytes(138)),)).encode()
    assert len(Udh((InformationElement(0x70, bytes(137)),)).encode()) == 140
    with pytest.raises(TpduEncodeError, match="not an octet"):
        Udh((InformationElement(256),)).encode()
