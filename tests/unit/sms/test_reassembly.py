"""What the parts of a message say: gaps, characters that were cut, codings that differ, byte order marks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modemgw.sms import (
    GAP_MARK,
    Address,
    Dcs,
    InformationElement,
    LockingShift,
    Scts,
    SmsDeliver,
    Udh,
    assemble,
    encode_gsm7,
)
from modemgw.sms.udh import concat_element

SENDER = Address.parse("+79161234567")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def part(ud: bytes, sequence: int, total: int, dcs: int = 0, *more: InformationElement) -> SmsDeliver:
    return SmsDeliver(SENDER, Scts.of(NOON), ud, Udh((concat_element(7, total, sequence), *more)), Dcs(dcs))


def utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


@pytest.mark.parametrize(
    ("present", "text", "missing"),
    [
        ((1, 2, 3), "onetwothree", ()),
        ((2, 3), f"{GAP_MARK}twothree", (1,)),
        ((1, 3), f"one{GAP_MARK}three", (2,)),
        ((1,), f"one{GAP_MARK}", (2, 3)),
        ((3,), f"{GAP_MARK}three", (1, 2)),
    ],
)
def test_gaps_are_marked(present: tuple[int, ...], text: str, missing: tuple[int, ...]) -> None:
    words = {1: b"one", 2: b"two", 3: b"three"}
    assembled = assemble({n: part(words[n], n, 3) for n in present}, 3)
    assert (assembled.text, assembled.data, assembled.missing) == (text, None, missing)
    assert assembled.complete is not bool(missing)


def test_a_text_that_looks_like_a_gap() -> None:
    assert assemble({1: part("[…]".encode("utf-16-be"), 1, 3, 8)}, 3).text == GAP_MARK * 2


def test_nothing_yet() -> None:
    assembled = assemble({}, 2)
    assert (assembled.text, assembled.data, assembled.missing, assembled.complete) == (None, None, (1, 2), False)


def test_pairs_cut_by_the_sender_come_out_whole() -> None:
    emoji = utf16("😀")
    cut = {1: part(utf16("a") + emoji[:2], 1, 2, 8), 2: part(emoji[2:] + utf16("b"), 2, 2, 8)}
    assert assemble(cut, 2).text == "a😀b"
    assert assemble({1: cut[1]}, 2).text == f"a\ufffd{GAP_MARK}"
    escape = {1: part(b"a\x1b", 1, 2), 2: part(b"eb", 2, 2)}
    assert assemble(escape, 2).text == "a€b"
    assert assemble({1: escape[1]}, 2).text == f"a{GAP_MARK}"


@pytest.mark.parametrize(
    "uds",
    [
        [b"\xff\xfe" + "Да".encode("utf-16-le"), "👍!".encode("utf-16-le")],
        [b"\xff\xfe" + "Да👍".encode("utf-16-le")[:-2], "👍!".encode("utf-16-le")[2:]],
        [b"\xff\xfe" + "Да".encode("utf-16-le"), b"\xff\xfe" + "👍!".encode("utf-16-le")],
        [b"\xfe\xff" + utf16("Да"), b"\xff\xfe" + "👍!".encode("utf-16-le")],
        [utf16("Да"), b"\xfe\xff" + utf16("👍!")],
    ],
)
def test_a_byte_order_mark_is_no_text_and_its_order_is_kept(uds: list[bytes]) -> None:
    parts = {n: part(ud, n, len(uds), 8) for n, ud in enumerate(uds, 1)}
    assert assemble(parts, len(uds)).text == "Да👍!"


@pytest.mark.parametrize("ud", [b"\xfe\xff\x04\x14", b"\xff\xfe\x14\x04", b"\x04\x14"])
def test_a_single_text_with_a_byte_order_mark(ud: bytes) -> None:
    assert SmsDeliver(SENDER, Scts.of(NOON), ud, Udh(), Dcs(8)).text == "Д"


def test_parts_of_different_codings() -> None:
    turkish = InformationElement(0x25, b"\1")
    odd = {1: part(utf16("a") + b"\0", 1, 2, 8), 2: part(utf16("b"), 2, 2, 8)}
    assert assemble(odd, 2).text == "ab"
    mixed = {1: part(b"a", 1, 2), 2: part(utf16("я"), 2, 2, 8)}
    assert assemble(mixed, 2).text == "aя"
    septets = encode_gsm7("ş", LockingShift.TURKISH)
    tables = {1: part(b"a\x1b", 1, 2), 2: part(septets, 2, 2, 0, turkish)}
    assert assemble(tables, 2).text == "aş"


def test_data() -> None:
    data = {1: part(b"\1\2", 1, 3, 4), 3: part(b"\3", 3, 3, 4)}
    assembled = assemble(data, 3)
    assert (assembled.text, assembled.data, assembled.missing) == (None, b"\1\2\3", (2,))
    with_text = {**data, 2: part(b"hi", 2, 3)}
    assert assemble(with_text, 3).text == f"{GAP_MARK}hi{GAP_MARK}"
