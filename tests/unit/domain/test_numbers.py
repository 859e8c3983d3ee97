"""Telephone numbers as people write them, and what goes into TP-DA."""

from __future__ import annotations

import re

import pytest

from modemgw.domain.numbers import normalise
from modemgw.domain.refusal import Refusal, RefusalKind


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("+79161234567", None, "+79161234567"),
        ("+7 (916) 123-45-67", None, "+79161234567"),
        ("+7\u00a0916\u2009123\u201145\u201067", None, "+79161234567"),  # as copied from a web page
        ("+7.916.123.45.67", None, "+79161234567"),
        ("0079161234567", None, "+79161234567"),
        ("+4915112345678", "7", "+4915112345678"),
        ("89161234567", None, "89161234567"),  # left to the network
        ("79161234567", None, "79161234567"),
        ("89161234567", "7", "+79161234567"),
        ("9161234567", "7", "+79161234567"),
        ("79161234567", "7", "+79161234567"),
        ("8 (916) 123 45 67", "7", "+79161234567"),
        ("80291234567", "375", "+375291234567"),
        ("375291234567", "375", "+375291234567"),
        ("0501234567", "380", "+380501234567"),
        ("12025550123", "1", "+12025550123"),
        ("2025550123", "1", "+12025550123"),
        ("015112345678", "49", "+4915112345678"),
        ("4915112345678", "49", "+4915112345678"),
        ("\u202a+79161234567\u202c", None, "+79161234567"),  # as copied from Windows' address book
        ("\ufeff+7\u200e9161234567", None, "+79161234567"),
        ("+7916\u00ad123\u200b45\u206067", None, "+79161234567"),
        ("\u2066+79161234567\u2069", None, "+79161234567"),
        ("tel:+79161234567", None, "+79161234567"),
        (" TEL: +7-916-123-45-67 ", None, "+79161234567"),
        ("\u200etel:89161234567", "7", "+79161234567"),
        ("\uff0b79161234567", None, "+79161234567"),
        (
            "\uff0b\uff17\uff08\uff19\uff11\uff16\uff09\uff11\uff12\uff13\uff0d\uff14\uff15\uff16\uff17",
            None,
            "+79161234567",
        ),
        ("+7\u2007916\u3000123\u2003\u221245\u201467", None, "+79161234567"),
        ("900", None, "900"),  # short codes stay what they are
        ("900", "7", "900"),
        ("112", "49", "112"),
        ("0611", "7", "0611"),
        ("999999", "7", "999999"),
    ],
)
def test_spelling(written: str, country: str | None, number: str) -> None:
    assert normalise(written, country) == number


@pytest.mark.parametrize("country", [None, "7", "49"])
@pytest.mark.parametrize("written", ["+79161234567", "900", "+12025550123", "79161234567"])
def test_what_is_normal_stays(written: str, country: str | None) -> None:
    once = normalise(written, country)
    assert normalise(once, country) == once


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   ",
        "+",
        "abc",
        "+7916abc",
        "Alfa-Bank",
        "12;34",
        "+7916123456789012",
        "1234567890123456",
        "+1234",
        "+0123456789",
        "000",
        "000123",
        "٣٤٥٦٧٨٩",
        "+7916123\n4567",
        "7916 1234567#",
        "++79161234567",
        "+\u202a\uff0b79161234567",
        "tel:",
        "\u202a\u202c",
        "tel:tel:+79161234567",
        "tel:+79161234567;ext=12",
        "sms:+79161234567",
        "+7916123456\u0437",
        "\ud800",
    ],
)
def test_what_is_no_number_is_refused_with_its_place(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise(written, "7")
    assert refused.value.kind is RefusalKind.BAD_NUMBER
    assert refused.value.field == "to"
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("\u202a\u202c", "is empty"),
        ("+7916123456\u0437", "U+0437 (CYRILLIC SMALL LETTER ZE)"),
        ("+7916123456\x07", "U+0007 (a control character)"),
        ("٣٤٥٦٧٨٩", "U+0663 (ARABIC-INDIC DIGIT THREE)"),
        ("Alfa", "'Alfa' is not a telephone number:"),
    ],
)
def test_what_is_no_number_is_told_by_its_name(written: str, said: str) -> None:
    with pytest.raises(Refusal, match=re.escape(said)):
        normalise(written)


def test_a_refusal_does_not_repeat_a_novel() -> None:
    with pytest.raises(Refusal) as refused:
        normalise("x" * 10_000)
    assert len(str(refused.value)) < 250
