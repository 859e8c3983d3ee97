"""The 7-bit alphabet, its extension and national tables, and septets in octets (TS 23.038 6)."""

from __future__ import annotations

import pytest

from modemgw.sms import (
    LockingShift,
    SingleShift,
    TpduDecodeError,
    TpduEncodeError,
    decode_gsm7,
    encode_gsm7,
    pack_septets,
    unpack_septets,
)
from modemgw.sms.gsm7_tables import LOCKING, SINGLE, VOID

D = LockingShift.DEFAULT


@pytest.mark.parametrize(
    ("text", "septets", "octets"),
    [
        ("", "", ""),
        ("123", "313233", "31D90C"),
        ("12345678", "3132333435363738", "31D98C56B3DD70"),
        ("123456789", "313233343536373839", "31D98C56B3DD7039"),
        ("Hello World!", "48656C6C6F20576F726C6421", "C8329BFD065DDF72363904"),
        ("[{abc}]~", "1B3C1B286162631B291B3E1B3D", "1BDE0615168F37A98D6FD303"),
        ("{åΦΓΛΩΠΨΣΘ€}", "1B280F12131415161718191B651B29", "1BD44332A1542C174C6653DEA400"),
        ("a[]{}€", "611B3C1B3E1B281B291B65", "E10D6FE3DBA036A94D19"),
        ("mail me@", "6D61696C206D6500", "ED709A0D6A9701"),
        ("§ 823", "5F20383233", "5F104E3603"),
        ("\f\r\n", "1B0A0D0A", "1B454301"),
    ],
)
def test_text_septets_octets(text: str, septets: str, octets: str) -> None:
    ours = encode_gsm7(text)
    assert ours.hex().upper() == septets
    assert decode_gsm7(ours) == text
    assert pack_septets(ours).hex().upper() == octets
    assert unpack_septets(bytes.fromhex(octets), len(ours)) == ours


def bitwise(septets: bytes, fill: int) -> bytes:
    """Packing as the standard's drawing has it, one bit after the other."""
    bits = "".join(f"{septet:07b}"[::-1] for septet in septets)
    bits = "0" * fill + bits
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


@pytest.mark.parametrize("fill", range(7))
def test_packing_against_the_drawing(fill: int) -> None:
    septets = bytes((7 * n + 13 * fill) % 128 for n in range(170))
    for count in range(171):
        packed = pack_septets(septets[:count], fill)
        assert packed == bitwise(septets[:count], fill)
        assert unpack_septets(packed + b"\xff", count, fill) == septets[:count]


def test_unpacking_more_than_there_is() -> None:
    with pytest.raises(TpduDecodeError):
        unpack_septets(b"\0" * 7, 9)


@pytest.mark.parametrize(
    ("text", "char", "index"), [("ç", "e7", 0), ("ab`", "60", 2), ("hi 😀", "1f600", 3), ("a\x1bb", "1b", 1)]
)
def test_a_character_without_septet_is_named(text: str, char: str, index: int) -> None:
    with pytest.raises(TpduEncodeError) as caught:
        encode_gsm7(text)
    assert f"index {index}" in str(caught.value)
    assert f"U+{int(char, 16):04X}" in str(caught.value)


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        ("1B65", "€"),
        ("1B61", "a"),  # no entry: the main table's character (6.2.1.1)
        ("1B0D", "\r"),  # CR2 is a control code
        ("1B1B65", " e"),  # reserved for a further table: a space
        ("611B", "a"),
        ("1B", ""),
        ("1B1B", " "),
        ("1B1B1B65", " €"),
        ("E1", "a"),
    ],
)
def test_escapes_that_lead_nowhere(septets: str, text: str) -> None:
    assert decode_gsm7(bytes.fromhex(septets)) == text


@pytest.mark.parametrize("locking", LockingShift)
@pytest.mark.parametrize("single", SingleShift)
def test_every_character_of_every_pair_of_tables(locking: LockingShift, single: SingleShift) -> None:
    chars = {char for char in LOCKING[locking] if char not in (VOID, "\x1b")} | set(SINGLE[single].values())
    text = "".join(sorted(chars))
    assert decode_gsm7(encode_gsm7(text, locking, single), locking, single) == text


@pytest.mark.parametrize("locking", LockingShift)
def test_a_locking_table_is_whole(locking: LockingShift) -> None:
    table = LOCKING[locking]
    assert len(table) == 128
    assert (table[0x0A], table[0x0D], table[0x1B], table[0x20]) == ("\n", "\r", "\x1b", " ")
    assert table[0x30:0x3A] == "0123456789"
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"
    chars = [char for char in table if char != VOID]
    assert len(chars) == len(set(chars))
    assert decode_gsm7(bytes(code for code in range(128) if table[code] == VOID), locking).strip() == ""


@pytest.mark.parametrize("single", SingleShift)
def test_a_single_table_keeps_the_common_codes(single: SingleShift) -> None:
    table = SINGLE[single]
    assert {code: table[code] for code in SINGLE[SingleShift.DEFAULT]} == SINGLE[SingleShift.DEFAULT]
    assert not table.keys() & {0x0D, 0x1B}


@pytest.mark.parametrize(
    ("locking", "single", "text", "septets"),
    [
        # One or more characters of each table of Annex A, by the code points that it prints.
        (LockingShift.TURKISH, SingleShift.DEFAULT, "ığİŞş€ç", "070C401C1D0460"),
        (D, SingleShift.TURKISH, "ŞşİığĞç", "1B531B731B491B691B671B471B63"),
        (D, SingleShift.SPANISH, "çÁíÓú", "1B091B411B691B4F1B75"),
        (LockingShift.PORTUGUESE, SingleShift.DEFAULT, "ãõ`∞ªº~|\\^", "7B7C7D151224601A1716"),
        (D, SingleShift.PORTUGUESE, "êÔôÁáÃõâΦ", "1B051B0B1B0C1B0E1B0F1B5B1B7C1B7F12"),
        (LockingShift.BENGALI, SingleShift.BENGALI, "\u0981\u0995\u09f1\u09e6\u09fa\u09df", "00157F1B191B341B24"),
        (LockingShift.GUJARATI, SingleShift.GUJARATI, "\u0a81\u0ab9\u0af1\u0ae6\u0964", "004D7F1B1C1B19"),
        (LockingShift.HINDI, SingleShift.HINDI, "\u0901\u0929\u097f\u0966\u0971\u0951", "003C7F1B1C1B3A1B26"),
        (LockingShift.KANNADA, SingleShift.KANNADA, "\u0c82\u0ca1\u0ce3\u0cde\u0cf2", "01247F1B261B2A"),
        (LockingShift.MALAYALAM, SingleShift.MALAYALAM, "\u0d02\u0d3d\u0d79\u0d7a\u0d7f", "014F7F1B2E1B34"),
        (LockingShift.ORIYA, SingleShift.ORIYA, "\u0b01\u0b33\u0b63\u0b5c\u0b71", "00477F1B261B2C"),
        (LockingShift.PUNJABI, SingleShift.PUNJABI, "\u0a01\u0a3c\u0a74\u0a59\u0a75", "004E7F1B261B2D"),
        (LockingShift.TAMIL, SingleShift.TAMIL, "\u0b82\u0ba9\u0bf9\u0bf3\u0bfa", "013C7F1B261B2E"),
        (LockingShift.TELUGU, SingleShift.TELUGU, "\u0c01\u0c3d\u0c63\u0c58\u0c7f", "004F7F1B261B32"),
        (LockingShift.URDU, SingleShift.URDU, "\u0627\u06af\u0670\u06f0\u06d4\u0600\u06cd", "004A7F1B1C1B3F1B191B3B"),
        (LockingShift.HINDI, SingleShift.HINDI, "A Z@,", "1B41201B5A1B002C"),
    ],
)
def test_national_tables(locking: LockingShift, single: SingleShift, text: str, septets: str) -> None:
    assert encode_gsm7(text, locking, single).hex().upper() == septets
    assert decode_gsm7(bytes.fromhex(septets), locking, single) == text
