"""Addresses: numbers, short codes, names, and the service centre prefix (TS 23.040 9.1.2.5)."""

from __future__ import annotations

import pytest

from modemgw.sms import (
    Address,
    NumberingPlan,
    TpduDecodeError,
    TpduEncodeError,
    TypeOfNumber,
    decode_sca,
    encode_sca,
)

U, N, A = TypeOfNumber.UNKNOWN, TypeOfNumber.INTERNATIONAL, TypeOfNumber.ALPHANUMERIC


@pytest.mark.parametrize(
    ("text", "ton", "octets"),
    [
        ("+79161234567", N, "0B919761214365F7"),
        ("+9876543210", N, "0A918967452301"),
        ("+1", N, "0191F1"),
        ("89161234567", U, "0B819861214365F7"),
        ("900", U, "038109F0"),
        ("*100#", U, "05811A00FB"),
        ("12345678901234567890", U, "148121436587092143658709"),
        ("abc", A, "06D061F118"),
        ("FRANCOIS", A, "0ED04669D0397C26A7"),
        ("a[]{}€", A, "14D0E10D6FE3DBA036A94D19"),
        ("Hello World", A, "14D0C8329BFD065DDF723619"),
        ("x", A, "02D078"),
        ("Tele2", A, "09D0D432BB2C03"),
        ("1a", A, "04D0B130"),
    ],
)
def test_a_text_there_and_back(text: str, ton: TypeOfNumber, octets: str) -> None:
    address = Address.parse(text)
    assert address.ton is ton
    assert str(address) == text
    assert address.encode().hex().upper() == octets
    assert Address.decode(address.encode() + b"rest") == (address, len(address.encode()))
    assert Address.decode(b"\xff" + address.encode(), 1)[0] == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "+7a",
        "+7 916 123",
        "7 916 123",
        "916-123",
        "...",
        "+" + "1" * 21,
        "1" * 21,
        "twelve chars",
        "Привет",
        "a\x00",
        "+Name",
        "٣٤٥",
        "[]{}[]",
    ],
)
def test_what_is_neither_a_number_nor_a_name(text: str) -> None:
    with pytest.raises(TpduEncodeError) as caught:
        Address.parse(text)
    assert caught.value.field == "address"


def test_the_type_of_address() -> None:
    assert Address.parse("+7").toa == 145
    assert Address.parse("900").toa == 129
    assert Address.parse("Bank").toa == 0xD0
    national = Address("9161234567", TypeOfNumber.NATIONAL, NumberingPlan.ISDN)
    assert national.toa == 0xA1
    assert Address.decode(national.encode())[0] == national


@pytest.mark.parametrize(
    ("octets", "text", "ton", "npi"),
    [
        ("00 81", "", U, NumberingPlan.ISDN),
        ("03 81 09 F0", "900", U, NumberingPlan.ISDN),
        ("04 81 09 F0", "900", U, NumberingPlan.ISDN),  # counts its fill
        ("03 01 09 F0", "900", U, NumberingPlan.ISDN),  # no extension bit
        ("03 F7 09 F0", "900", TypeOfNumber.RESERVED, NumberingPlan.RESERVED_7),
        ("05 81 BA DC FE", "*#abc", U, NumberingPlan.ISDN),
        ("04 81 1F F2", "12", U, NumberingPlan.ISDN),  # fill in the middle
        ("0E D0 4669D0397C26A7", "FRANCOIS", A, NumberingPlan.UNKNOWN),
        ("00 D0", "", A, NumberingPlan.UNKNOWN),
    ],
)
def test_what_networks_send(octets: str, text: str, ton: TypeOfNumber, npi: NumberingPlan) -> None:
    data = bytes.fromhex(octets)
    assert Address.decode(data) == (Address(text, ton, npi), len(data))


@pytest.mark.parametrize(("octets", "octet"), [("", 0), ("03", 1), ("0391", 2), ("039121", 2), ("1591" + "11" * 11, 0)])
def test_what_is_no_address(octets: str, octet: int) -> None:
    with pytest.raises(TpduDecodeError) as caught:
        Address.decode(bytes.fromhex(octets), field="ra")
    assert (caught.value.field, caught.value.octet) == ("ra", octet)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        (None, "00"),
        ("+9876543210", "06918967452301"),
        ("+987654321", "069189674523F1"),
        ("+79168999100", "07919761989901F0"),
        ("12345", "04812143F5"),
    ],
)
def test_the_service_centre(text: str | None, octets: str) -> None:
    address = Address.parse(text) if text else None
    assert encode_sca(address).hex().upper() == octets
    assert decode_sca(bytes.fromhex(octets) + b"rest") == (address, len(octets) // 2)


def test_a_service_centre_has_no_name() -> None:
    with pytest.raises(TpduEncodeError):
        encode_sca(Address.parse("Megafon"))
    assert str(decode_sca(bytes.fromhex("04D061F118"))[0]) == "abc"


@pytest.mark.parametrize("octets", ["", "01", "0791", "0C91" + "00" * 11])
def test_what_is_no_service_centre(octets: str) -> None:
    with pytest.raises(TpduDecodeError) as caught:
        decode_sca(bytes.fromhex(octets))
    assert caught.value.field == "sca"
