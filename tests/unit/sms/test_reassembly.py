"""Parts back into messages: order, copies, gaps, collisions, restarts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from modemgw.sms import (
    GAP_MARK,
    Address,
    Dcs,
    InformationElement,
    LockingShift,
    MessageComplete,
    MessagePartial,
    PartDuplicate,
    PartStored,
    Reassembler,
    ReassemblyKey,
    Scts,
    SmsDeliver,
    Udh,
    assemble,
    encode_gsm7,
    plan,
    segment,
)
from modemgw.sms.udh import concat_element

SENDER = Address.parse("+79161234567")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def part(ud: bytes, sequence: int, total: int, dcs: int = 0, *more: InformationElement) -> SmsDeliver:
    return SmsDeliver(SENDER, Scts.of(NOON), ud, Udh((concat_element(7, total, sequence), *more)), Dcs(dcs))


def utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def parts_of(text: str, at: datetime = NOON, national: bool = False) -> list[SmsDeliver]:
    planned = plan(text, national=national)
    return [
        SmsDeliver(SENDER, Scts.of(at), data.ud, data.udh, planned.dcs())
        for data in segment(text, planned, reference=7)
    ]


def key(total: int) -> ReassemblyKey:
    return ReassemblyKey("line", str(SENDER), 7, total, False)


def test_the_key_of_a_part() -> None:
    assert ReassemblyKey.of("line", part(b"", 1, 3)) == key(3)
    assert ReassemblyKey.of("line", SmsDeliver(SENDER)) is None


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


def test_out_of_order_and_copies() -> None:
    text = "я" * 150
    first, second, third = parts_of(text)
    box = Reassembler()
    assert box.feed(key(3), third, 1) == [PartStored(1, key(3), 3, (1, 2))]
    assert box.feed(key(3), third, 2) == [PartDuplicate(1, key(3), 3)]
    assert box.feed(key(3), first, 3) == [PartStored(1, key(3), 1, (2,))]
    stored, complete = box.feed(key(3), second, 4)
    assert stored == PartStored(1, key(3), 2, ())
    assert isinstance(complete, MessageComplete)
    assert (complete.assembled.text, complete.was_partial) == (text, False)
    assert box.feed(key(3), second, 500) == [PartDuplicate(1, key(3), 2)]


def test_another_content_is_another_message() -> None:
    box = Reassembler()
    one, two = parts_of("a" * 161), parts_of("b" * 161, NOON + timedelta(minutes=30))
    assert box.feed(key(2), one[0], 0)[0].message == 1
    assert box.feed(key(2), two[0], 1)[0].message == 2
    # The next parts go where the service centre's times are nearer.
    assert [event.message for event in box.feed(key(2), one[1], 2)] == [1, 1]
    assert [event.message for event in box.feed(key(2), two[1], 3)] == [2, 2]
    # The same text sent again, with the same reference, at another time.
    assert box.feed(key(2), parts_of("a" * 161, NOON + timedelta(hours=1))[0], 4)[0].message == 3


def test_a_reference_that_comes_round_again() -> None:
    box = Reassembler()
    one, two = parts_of("a" * 161), parts_of("b" * 161, NOON + timedelta(days=2))
    box.feed(key(2), one[0], 0)
    assert box.feed(key(2), two[1], 9)[0].message == 2


def test_without_a_time_the_clock_decides() -> None:
    bad = Scts.decode(bytes(7))
    first, second = (SmsDeliver(SENDER, bad, each.ud, each.udh, each.dcs) for each in parts_of("a" * 161))
    box = Reassembler(timedelta(hours=1))
    box.feed(key(2), first, 0)
    assert box.feed(key(2), second, 3601)[0].message == 2
    assert box.feed(key(2), first, 3602)[0] == PartDuplicate(1, key(2), 1)


def test_partial_and_then_whole() -> None:
    box = Reassembler()
    first, second = parts_of("a" * 161)
    box.feed(key(2), first, 10)
    assert box.overdue(69, 60) == []
    (partial,) = box.overdue(70, 60)
    assert isinstance(partial, MessagePartial)
    assert partial.assembled.text == "a" * 153 + GAP_MARK
    assert box.overdue(1000, 60) == []
    complete = box.feed(key(2), second, 2000)[-1]
    assert isinstance(complete, MessageComplete)
    assert complete.was_partial
    assert box.overdue(9000, 60) == []


def test_over_a_restart() -> None:
    text = "😀" * 80
    parts = parts_of(text)
    box = Reassembler()
    for at, deliver in enumerate(parts[:-1]):
        box.feed(key(3), deliver, at)
    box.overdue(100, 60)
    box = Reassembler.restore(json.loads(json.dumps(box.export())))
    assert box.feed(key(3), parts[0], 101) == [PartDuplicate(1, key(3), 1)]
    complete = box.feed(key(3), parts[-1], 102)[-1]
    assert isinstance(complete, MessageComplete)
    assert (complete.assembled.text, complete.was_partial) == (text, True)
    assert box.feed(key(3), parts_of("я" * 150)[0], 103)[0].message == 2


def test_forgetting() -> None:
    box = Reassembler()
    first, second = parts_of("a" * 161)
    other = ReassemblyKey("other line", str(SENDER), 7, 2, False)
    box.feed(key(2), first, 0)
    box.feed(other, first, 50)
    assert box.forget(60, 30) == 1
    assert box.forget(60, 30) == 0
    assert [item["message"] for item in box.export()] == [2]
    assert box.feed(key(2), second, 61)[0].message == 3


def test_a_message_of_one_part() -> None:
    box = Reassembler()
    alone = SmsDeliver(SENDER, Scts.of(NOON), b"hi")
    stored, complete = box.feed(ReassemblyKey("line", "x", 0, 1, False), alone, 0)
    assert isinstance(complete, MessageComplete)
    assert complete.assembled.text == "hi"
    assert isinstance(stored, PartStored)
