"""PDUs of the AT interface: the vectors of tests/vectors/sms, and what a bad one raises."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from modemgw.sms import (
    Absolute,
    Address,
    Dcs,
    Direction,
    Relative,
    SmsCommand,
    SmsDeliver,
    SmsDeliverReport,
    SmsStatusReport,
    SmsSubmit,
    SmsSubmitReport,
    TpduDecodeError,
    TpduEncodeError,
    decode_pdu,
    decode_tpdu,
    encode_gsm7,
    encode_pdu,
)

VECTORS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "sms" / "pdus.toml").read_text(encoding="utf-8")
)


def seen(name: str, tpdu: Any) -> Any:
    """The attribute of a TPDU in the form in which the vectors have it."""
    if name in ("da", "oa", "ra"):
        return str(getattr(tpdu, name))
    if name == "time":
        return tpdu.scts.time.isoformat() if tpdu.scts.valid else ""
    if name == "period_s":
        assert isinstance(tpdu.vp, Relative)
        return tpdu.vp.period.total_seconds()
    if name == "until":
        assert isinstance(tpdu.vp, Absolute)
        return tpdu.vp.time.isoformat()
    if name == "concat":
        return list(tpdu.udh.concat)
    if name == "data":
        assert tpdu.text is None
        return tpdu.data.hex()
    if name == "message_class":
        return tpdu.dcs.message_class
    return getattr(tpdu, name)


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name: str) -> None:
    vector = dict(VECTORS[name])
    hex_, direction = vector.pop("pdu"), Direction(vector.pop("direction"))
    kind, sca, again = vector.pop("kind"), vector.pop("sca", None), vector.pop("again", False)
    pdu = decode_pdu(hex_, direction)
    assert type(pdu.tpdu).__name__ == kind
    assert {field: seen(field, pdu.tpdu) for field in vector} == vector
    if sca:
        assert str(pdu.sca) == sca
    if again:
        back = encode_pdu(pdu.tpdu, pdu.sca)
        assert back.hex == hex_
        assert back.length == len(hex_) // 2 - 1 - int(hex_[:2], 16)


@pytest.mark.parametrize(
    ("hex_", "direction", "field", "octet"),
    [
        ("", Direction.TO_MS, "sca", 0),
        ("0", Direction.TO_MS, "pdu", 0),
        ("zz", Direction.TO_MS, "pdu", 0),
        ("٠٠", Direction.TO_MS, "pdu", 0),
        ("00", Direction.TO_MS, "first octet", 1),
        ("07911614220991", Direction.FROM_MS, "sca", 2),
        ("0C91000000000000000000000000", Direction.TO_MS, "sca", 0),
        ("0003", Direction.FROM_MS, "mti", 1),
        ("0001", Direction.FROM_MS, "mr", 2),
        ("00010005", Direction.FROM_MS, "da", 4),
        ("0001001591", Direction.FROM_MS, "da", 3),
        ("000100039121F3", Direction.FROM_MS, "pid", 7),
        ("000100039121F300", Direction.FROM_MS, "dcs", 8),
        ("000100039121F30000", Direction.FROM_MS, "udl", 9),
        ("000100039121F3000002E8", Direction.FROM_MS, "ud", 10),
        ("000100039121F300000BC8329BFD06DDDF7236", Direction.FROM_MS, "ud", 10),
        ("000100039121F30000A1" + "00" * 141, Direction.FROM_MS, "udl", 9),
        ("000100039121F300088D" + "00" * 141, Direction.FROM_MS, "udl", 9),
        ("001100039121F300", Direction.FROM_MS, "dcs", 8),
        ("001100039121F30008", Direction.FROM_MS, "vp", 9),
        ("001900039121F30000FF00000000000000", Direction.FROM_MS, "vp", 9),
        ("000900039121F300008000000000000000", Direction.FROM_MS, "vp", 9),
        ("000900039121F300000700000000000000", Direction.FROM_MS, "vp", 9),
        ("000900039121F3000003FF000000000000", Direction.FROM_MS, "vp", 10),
        ("0004039121F30000621122", Direction.TO_MS, "scts", 8),
        ("004100039121F3000400", Direction.FROM_MS, "udhl", 10),
        ("004100039121F300040205", Direction.FROM_MS, "ud", 10),
        ("004100039121F30004020505", Direction.FROM_MS, "udhl", 10),
        ("00020000000003", Direction.FROM_MS, "da", 7),
        ("0002000000000391", Direction.FROM_MS, "da", 8),
        ("000200000000039121F3FF", Direction.FROM_MS, "cdl", 10),
        ("004200000000039121F3020505", Direction.FROM_MS, "udh", 12),
        ("0002FF039121F3", Direction.TO_MS, "scts", 7),
        ("0001008062", Direction.TO_MS, "scts", 3),
        ("0000FF81", Direction.FROM_MS, "pi", 4),
    ],
)
def test_what_a_bad_pdu_raises(hex_: str, direction: Direction, field: str, octet: int) -> None:
    with pytest.raises(TpduDecodeError) as caught:
        decode_pdu(hex_, direction)
    assert (caught.value.field, caught.value.octet) == (field, octet)
    assert str(caught.value).startswith(f"{field} at octet {octet}: ")
    assert caught.value.reason


def test_blanks_case_and_line_ends_do_not_matter() -> None:
    hex_ = VECTORS["deliver_cts"]["pdu"]
    assert decode_pdu(f"  {hex_.lower()}\r\n", Direction.TO_MS) == decode_pdu(hex_, Direction.TO_MS)


def test_the_length_for_cmgs_leaves_the_service_centre_out() -> None:
    submit = SmsSubmit(Address.parse("+79161234567"), encode_gsm7("hello"))
    alone, through = encode_pdu(submit), encode_pdu(submit, Address.parse("+79168999100"))
    assert alone == ("0001000B919761214365F7000005E8329BFD06", 18)
    assert through == ("07919761989901F001000B919761214365F7000005E8329BFD06", 18)


def test_the_kind_goes_by_direction() -> None:
    for first, to_ms, from_ms in (
        ("00", "SmsDeliver", "SmsDeliverReport"),
        ("01", "SmsSubmitReport", "SmsSubmit"),
        ("02", "SmsStatusReport", "SmsCommand"),
        ("03", "SmsDeliver", None),
    ):
        for direction, kind in ((Direction.TO_MS, to_ms), (Direction.FROM_MS, from_ms)):
            data = bytes.fromhex(first) + bytes(40)
            if kind:
                assert type(decode_tpdu(data, direction)).__name__ == kind
            else:
                with pytest.raises(TpduDecodeError, match="reserved"):
                    decode_tpdu(data, direction)


@pytest.mark.parametrize(
    ("cls", "hex_"),
    [
        (SmsSubmit, "0200"),
        (SmsCommand, "0100"),
        (SmsDeliver, "0100"),
        (SmsStatusReport, "0000"),
        (SmsDeliverReport, "0100"),
        (SmsSubmitReport, "0000"),
    ],
)
def test_a_class_refuses_the_first_octet_of_another(cls: Any, hex_: str) -> None:
    with pytest.raises(TpduDecodeError) as caught:
        cls.decode(bytes.fromhex(hex_))
    assert caught.value.field == "mti"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mr": 256}, "mr"),
        ({"pid": -1}, "pid"),
        ({"ud": b"\x80"}, "ud"),
        ({"ud": bytes(161)}, "ud"),
        ({"ud": bytes(141), "dcs": Dcs(8)}, "ud"),
        ({"da": Address("1x")}, "address"),
        ({"da": Address("1" * 21)}, "address"),
    ],
)
def test_what_cannot_be_encoded(changes: dict[str, Any], field: str) -> None:
    fields: dict[str, Any] = {"da": Address.parse("900"), **changes}
    with pytest.raises(TpduEncodeError) as caught:
        SmsSubmit(**fields).encode()
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
