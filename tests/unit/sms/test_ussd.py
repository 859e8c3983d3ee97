"""The coding of USSD: requests in the forms that modems want, answers whose data coding scheme may be a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.sms import Alphabet, TpduEncodeError, encode_gsm7
from modemgw.sms.gsm7 import decode_gsm7
from modemgw.sms.gsm7_tables import LOCKING, LockingShift
from modemgw.sms.ussd import (
    REQUEST_ORDER,
    UssdCoding,
    alphabet_of,
    pack,
    read_answer,
    unpack,
    write_request,
)

P, K, U, G, H = UssdCoding.PLAIN, UssdCoding.PACKED, UssdCoding.UCS2, UssdCoding.GSM, UssdCoding.HEX


def packed(text: str) -> str:
    return pack(encode_gsm7(text)).hex().upper()


def ucs2(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


@pytest.mark.parametrize(
    ("text", "coding", "written", "dcs"),
    [
        ("*100#", P, "*100#", 15),
        ("*100#", K, "AA180C3602", 15),
        ("*100#", U, "002A0031003000300023", 15),
        ("*100#", H, "2A31303023", 15),
        ("*100#", G, "*100#", 15),
        ("*100#", UssdCoding.BARE, "*100#", None),
        ("*105*1#", K, "AA18ACA68A8D1A", 15),  # seven characters: a CR fills the spare septet
        ("Ü", G, "^", 15),
        ("Да", U, "04140430", 72),
    ],
)
def test_a_request_in_every_form(text: str, coding: UssdCoding, written: str, dcs: int | None) -> None:
    string = write_request(text, coding)
    assert (string.text, string.dcs) == (written, dcs)


@pytest.mark.parametrize(
    ("text", "coding"), [("Да", P), ("Да", K), ('"', P), ("@", G), ("1" * 183, P), ("1" * 81, U), ("\r", P)]
)
def test_what_a_form_cannot_carry_is_refused(text: str, coding: UssdCoding) -> None:
    with pytest.raises(TpduEncodeError):
        write_request(text, coding)


GSM_TEXT = st.text("".join(sorted({c for c in LOCKING[LockingShift.DEFAULT] if c not in "\x1b\r"})), max_size=182)


@given(GSM_TEXT)
def test_packing_loses_nothing(text: str) -> None:
    assert decode_gsm7(unpack(pack(encode_gsm7(text)))) == text


@given(st.text("ABCabc 0123\r@", max_size=40))
def test_a_cr_at_the_end_is_doubled_and_never_lost(text: str) -> None:
    septets = encode_gsm7(text)
    read = unpack(pack(septets))
    # TS 23.038 6.1.2.3.1: a CR that was doubled is shown as two, which look like one
    assert read == septets or (septets.endswith(b"\r") and read == septets + b"\r") or read + b"\r" == septets


@pytest.mark.parametrize(
    ("dcs", "alphabet"),
    [
        (0, Alphabet.GSM7),
        (1, Alphabet.GSM7),
        (15, Alphabet.GSM7),
        (16, Alphabet.GSM7),
        (17, Alphabet.UCS2),
        (0x23, Alphabet.GSM7),
        (68, Alphabet.DATA8),
        (72, Alphabet.UCS2),
        (0x58, Alphabet.UCS2),
        (76, Alphabet.GSM7),
        (0x94, Alphabet.DATA8),
        (0x98, Alphabet.UCS2),
        (0xF0, Alphabet.GSM7),
        (0xF4, Alphabet.DATA8),
        (0xD0, Alphabet.GSM7),
        (0x80, Alphabet.GSM7),
    ],
)
def test_the_data_coding_scheme_of_cell_broadcast(dcs: int, alphabet: Alphabet) -> None:
    assert alphabet_of(dcs) is alphabet


@given(st.integers(-1, 999))
def test_no_data_coding_scheme_raises(dcs: int) -> None:
    alphabet_of(dcs)


TEXTS = [
    "Balance: 123.45 RUB",
    "Баланс: 123,45 р.",
    "123.45",
    "-12.50",
    "1 Balance\n2 Own number",
    "OK",
    "Guthaben 12,34 EUR für Sie",
    "您的余额为12.34元",
    "Your number is +79000000000",
    "Bakiyeniz 12,5 TL",
    "Залишок 5 грн",
    "Ostatok 15r.20k",
    "Your PIN: A1B2C3",
    "Saldo: 1.234,56 zł",
    "Vash balans 12.3r",
    "Ваш номер 79161234567",
    "رصيدك 12",
    "თქვენი ბალანსი 3",
    "user@example.com",
    "Ihr Konto: €5",
    "[1] Menu {a} ~5",
    "Solde: 12 € à créditer",
    "Το υπόλοιπό σας: 4,20",
    "Сіздің балансыңыз 100 тг",
    "Minus 5.00r. Dlya popolneniya naberite *116#",
    "0.00",
]


@pytest.mark.parametrize("dcs", [15, 72, 17, 8, 0, 1, 240, None])
@pytest.mark.parametrize("text", TEXTS)
def test_ucs2_is_recognised_whatever_it_is_called(text: str, dcs: int | None) -> None:
    answer = read_answer(ucs2(text), dcs)
    assert (answer.text, answer.coding, answer.readable) == (text, U, True)


def in_gsm7(text: str) -> bool:
    try:
        encode_gsm7(text)
    except TpduEncodeError:
        return False
    return True


@pytest.mark.parametrize("dcs", [15, 0, 1, 68, None])
@pytest.mark.parametrize("text", list(filter(in_gsm7, TEXTS)))
def test_packed_septets_are_recognised_whatever_they_are_called(text: str, dcs: int | None) -> None:
    answer = read_answer(packed(text), dcs)
    assert (answer.text, answer.readable) == (text, True)


@pytest.mark.parametrize("dcs", [15, 72, 17, 68, 0, None])
@pytest.mark.parametrize("text", [*TEXTS, "12", "79161234567", "8970199000000000007", "1234", "Код 0410"])
def test_plain_text_stays_what_it_is(text: str, dcs: int | None) -> None:
    assert read_answer(text, dcs).text == text


@pytest.mark.parametrize("text", ["12", "5", "0", "1234", "79161234567"])
@pytest.mark.parametrize(("coding", "write"), [(K, packed), (U, ucs2)])
def test_short_figures_are_read_as_the_request_was_written(text: str, coding: UssdCoding, write: object) -> None:
    assert callable(write)
    assert read_answer(write(text), 15, coding).text == text


@pytest.mark.parametrize(
    ("raw", "dcs", "text"),
    [
        ("Guthaben f~r Sie: 1,00", 15, "Guthaben für Sie: 1,00"),  # AT+CSCS="GSM" (GSM ~ is ü)
        ("user\x00example.com", 15, "user@example.com"),
        ("name\x11surname \x02 5", 15, "name_surname $ 5"),
        ("Ð\x91Ð°Ð»Ð°Ð½Ñ\x81: 5", 15, "Баланс: 5"),  # UTF-8 in two layers
        ("Áàëàíñ: 5 ð.", 15, "Баланс: 5 р."),  # cp1251
        ("42616C616E63653A20352E3030", 15, "Balance: 5.00"),  # AT+CSCS="HEX"
        ("65370411043004300031", 17, "Баа1"),  # a language in front: "en"
        ("en\rBalance 5", 16, "Balance 5"),
        ("\r\nBalance 5\r\n", 15, "Balance 5"),
        ("C2303BEC1E9775A0986CE6A2D540D2AA10", 15, "Balance: 123.45 RUB"),
        ("C2303BEC1E9775A0986CE6A2D540D2AA10\r\n", 15, "Balance: 123.45 RUB"),
        (packed("1234567") + "", 15, "1234567"),
        ("31D98C56B3DD00", 15, "1234567"),  # padded with zeros instead of a CR
        ("", 15, ""),
    ],
)
def test_habits_of_modems(raw: str, dcs: int, text: str) -> None:
    assert read_answer(raw, dcs).text == text


@pytest.mark.parametrize("raw", ["\x01\x02\x03\x04\x05", "FFFE00010203FFFF0001", "\ufffd\ufffd\ufffd", ""])
def test_rubbish_is_not_called_readable(raw: str) -> None:
    assert not read_answer(raw, 15).readable


@given(st.text(max_size=200) | st.text("0123456789ABCDEFabcdef", max_size=400), st.integers(0, 300) | st.none())
def test_no_answer_raises(raw: str, dcs: int | None) -> None:
    for asked in (None, *REQUEST_ORDER):
        read_answer(raw, dcs, asked)


@pytest.mark.parametrize("asked", list(UssdCoding))
@pytest.mark.parametrize("text", ["Balance: 123.45 RUB", "Vash balans 77 r.\r\n1 - menu"])
def test_the_hex_of_characters_is_recognised_whatever_the_request_was_in(text: str, asked: UssdCoding) -> None:
    answer = read_answer(text.encode("ascii").hex(), 15, asked)
    assert answer.text == text.replace("\r\n", "\n")
    assert answer.readable
