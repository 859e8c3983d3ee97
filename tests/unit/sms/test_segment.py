"""What a text takes and where it is cut."""

from __future__ import annotations

import pytest

from modemgw.sms import (
    Address,
    Alphabet,
    Concat,
    Encoding,
    InformationElement,
    LockingShift,
    MessageClass,
    Plan,
    Ports,
    SingleShift,
    SmsSubmit,
    TpduEncodeError,
    Udh,
    plan,
    plan_data,
    segment,
    segment_data,
)

G, U = Encoding.GSM7, Encoding.UCS2
PORTS = Udh((InformationElement(5, bytes.fromhex("0B8423F0")),))
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # 11 code units, one cluster


def texts(text: str, planned: Plan, reference: int = 7) -> list[str]:
    """What each part says by itself, having gone through a TPDU."""
    out = []
    for part in segment(text, planned, reference=reference):
        submit = SmsSubmit(Address.parse("+7"), part.ud, part.udh, planned.dcs())
        back = SmsSubmit.decode(submit.encode())
        assert back == submit
        out.append(back.text or "")
    assert len(out) == planned.parts
    return out


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "units", "room", "left"),
    [
        ("", G, 1, 0, 160, 160),
        ("hello", G, 1, 5, 160, 155),
        ("a" * 160, G, 1, 160, 160, 0),
        ("a" * 161, G, 2, 161, 153, 145),
        ("a" * 306, G, 2, 306, 153, 0),
        ("a" * 307, G, 3, 307, 153, 152),
        ("€" * 80, G, 1, 160, 160, 0),
        ("€" * 81, G, 2, 162, 153, 143),  # 152 + 10: the odd septet stays empty
        ("§ 823", G, 1, 5, 160, 155),
        ("L'Haÿ", U, 1, 5, 70, 65),
        ("`", U, 1, 1, 70, 69),
        ("Привет", U, 1, 6, 70, 64),
        ("я" * 70, U, 1, 70, 70, 0),
        ("я" * 71, U, 2, 71, 67, 63),
        ("я" * 201, U, 3, 201, 67, 0),
        ("😀" * 35, U, 1, 70, 70, 0),
        ("😀" * 36, U, 2, 72, 67, 61),  # 33 emoji are 66, the 67th unit stays empty
        (FAMILY * 7, U, 2, 77, 67, 56),
        ("a" * 39015, G, 255, 39015, 153, 0),
        ("я" * 17085, U, 255, 17085, 67, 0),
    ],
)
def test_a_plan(text: str, encoding: Encoding, parts: int, units: int, room: int, left: int) -> None:
    planned = plan(text)
    assert planned == Plan(encoding, parts, LockingShift.DEFAULT, SingleShift.DEFAULT, units, room, left)
    assert "".join(texts(text, planned)) == text
    assert planned.dcs().alphabet is encoding.alphabet
    assert planned.dcs(MessageClass.CLASS0).message_class is MessageClass.CLASS0


@pytest.mark.parametrize(
    ("text", "borders"),
    [
        ("a" * 152 + "€" + "b" * 9, [152, 10]),  # an escape pair at the border moves whole
        ("a" * 151 + "€" + "b" * 9, [152, 9]),
        ("a" * 152 + "\r\n" + "b" * 9, [152, 11]),
        ("a" * 151 + "\r\n" + "b" * 9, [153, 9]),
        ("я" * 66 + "😀" + "я" * 9, [66, 10]),
        ("я" * 65 + "😀" + "я" * 9, [66, 9]),
        ("я" * 66 + "\r\n" + "я" * 9, [66, 11]),
        ("я" * 66 + "и\u0306" + "я" * 9, [66, 11]),
        ("я" * 60 + FAMILY + "я" * 9, [60, 16]),
        ("я" * 65 + "🇷🇺" + "я" * 9, [65, 11]),
        ("я" * 64 + "👍🏽" + "я" * 9, [64, 11]),
        ("я" * 66 + "\ufe0f" * 70, [67, 67, 2]),  # no part holds this cluster: it is cut between characters
        ("я" * 5 + "a\u200d" + "😀\u200d" * 30, [47, 20]),
    ],
)
def test_where_it_is_cut(text: str, borders: list[int]) -> None:
    parts = texts(text, plan(text))
    assert "".join(parts) == text
    assert all("\ufffd" not in part for part in parts)
    assert [len(part) for part in parts] == borders


def test_every_part_says_which_it_is() -> None:
    parts = segment("a" * 400, plan("a" * 400), reference=300)
    assert [part.udh.concat for part in parts] == [Concat(300 & 0xFF, 3, n) for n in (1, 2, 3)]
    wide = plan("a" * 400, reference_bits=16)
    assert (wide.units_per_part, wide.parts) == (152, 3)
    parts = segment("a" * 400, wide, reference=300)
    assert [part.udh.concat for part in parts] == [Concat(300, 3, n, True) for n in (1, 2, 3)]
    assert texts("a" * 400, wide) == ["a" * 152, "a" * 152, "a" * 96]
    assert plan("я" * 71, reference_bits=16).units_per_part == 66
    assert segment("hi", plan("hi"), reference=9)[0].udh == Udh()


def test_a_header_goes_into_every_part() -> None:
    planned = plan("a" * 160, header=PORTS)
    assert (planned.parts, planned.units_per_part) == (2, (140 - 12) * 8 // 7)
    for number, part in enumerate(segment("a" * 160, planned, reference=1), 1):
        assert part.udh.concat == Concat(1, 2, number)
        assert part.udh.ports == Ports(2948, 9200)
    single = plan("a" * 152, header=PORTS)
    assert (single.parts, single.units_per_part, single.characters_left) == (1, 152, 0)
    assert segment("a" * 152, single)[0].udh == PORTS


@pytest.mark.parametrize(
    ("text", "locking", "single", "parts", "without"),
    [
        ("ş" * 77, 0, 1, 1, 2),  # single shift: 155 septets beside the header
        ("ş" * 78, 1, 0, 1, 2),  # one septet each with the locking table
        ("ş" * 155, 1, 0, 1, 3),
        ("ş" * 60, 0, 0, 1, 1),  # one part in UCS-2 too: nothing to save
        ("Şimdi " * 20 + "ı", 0, 1, 1, 2),
        ("hello" * 40, 0, 0, 2, 2),  # the default alphabet does as well
        ("€" * 81, 1, 0, 1, 2),  # in the default alphabet, but the Turkish table has the euro in one
        ("नमस्ते दुनिया " * 10, 6, 0, 1, 3),
        ("नमस्ते दुनिया १" * 10, 6, 6, 2, 3),
        ("ã ê " * 50, 3, 0, 2, 3),
        ("Привет " * 20, 0, 0, 3, 3),
        ("😀" * 40, 0, 0, 2, 2),
        ("ş😀" * 40, 0, 0, 2, 2),
        ("اب " * 40, 13, 0, 1, 2),
    ],
)
def test_national_tables_where_they_save_parts(text: str, locking: int, single: int, parts: int, without: int) -> None:
    planned = plan(text, national=True)
    assert (planned.locking, planned.single, planned.parts) == (locking, single, parts)
    assert "".join(texts(text, planned)) == text
    assert plan(text).parts == without


def test_the_indic_clusters_stay_whole() -> None:
    text = "नमस्ते दुनिया " * 30
    planned = plan(text, national=True)
    assert planned.encoding is G
    parts = texts(text, planned)
    assert "".join(parts) == text
    assert all(part[0] not in "\u0938\u094d\u0924\u0947\u093f\u093e\u0941" or part[0] in text[:6] for part in parts)


def test_forced_encodings() -> None:
    assert plan("hello", encoding="ucs2").encoding is U
    assert plan("hello" * 20, encoding="ucs2").parts == 2
    assert plan("hello €", encoding="gsm7").encoding is G
    assert plan("ş" * 10, encoding="gsm7", national=True).single is SingleShift.TURKISH
    with pytest.raises(TpduEncodeError, match="index 6"):
        plan("hello ş", encoding="gsm7")
    with pytest.raises(TpduEncodeError, match="index 6"):
        plan("hello ы", encoding="gsm7", national=True)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("a" * 39016, {}, "256 parts"),
        ("€" * 19381, {}, "256 parts"),
        ("я" * 17086, {}, "256 parts"),
        ("😀" * 8416, {}, "256 parts"),
        ("😀" * 8416, {"national": True}, "256 parts"),
        ("a" * 39016, {"national": True}, "256 parts"),
        ("ş" * 40000, {"encoding": "gsm7", "national": True}, "not in the GSM 7-bit alphabet"),
        ("half \ud83d", {}, "half a surrogate pair at index 5"),
        ("\ude00", {"encoding": "ucs2"}, "half a surrogate pair at index 0"),
        ("half \ud83d", {"national": True}, "half a surrogate pair"),
        ("a", {"encoding": "latin-1"}, "none of auto, gsm7, ucs2"),
        ("a", {"reference_bits": 12}, "8 or 16 bits"),
        ("a", {"header": Udh((InformationElement(0, b"\1\1\1"),))}, "element 0x00"),
        ("a", {"header": Udh((InformationElement(0x25, b"\1"),))}, "element 0x25"),
        ("a" * 20, {"header": Udh((InformationElement(0x70, bytes(136)),))}, "leaves no room"),
    ],
)
def test_what_cannot_be_planned(text: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(TpduEncodeError, match=words):
        plan(text, **options)  # type: ignore[arg-type]


def test_data() -> None:
    data = bytes(range(256)) * 2
    assert segment_data(data[:140]) == [(Udh(), data[:140])]
    parts = segment_data(data, PORTS, 5, 16)
    assert b"".join(part.ud for part in parts) == data
    assert [part.udh.concat for part in parts] == [Concat(5, 5, n, True) for n in range(1, 6)]
    assert {len(part.udh.encode()) + len(part.ud) for part in parts[:-1]} == {140}
    planned = plan_data(141)
    assert (planned.parts, planned.units_per_part, planned.characters_left) == (2, 134, 127)
    assert planned.dcs().alphabet is Alphabet.DATA8
    with pytest.raises(TpduEncodeError, match="256 parts"):
        plan_data(134 * 255 + 1)
    with pytest.raises(TpduEncodeError, match="segment_data"):
        segment("x", planned)
