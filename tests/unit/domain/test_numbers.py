"""Telephone numbers as people write them, and what goes into TP-DA."""

from __future__ import annotations

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
        "\ud800",
    ],
)
def test_what_is_no_number_is_refused_with_its_place(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise(written, "7")
    assert refused.value.kind is RefusalKind.BAD_NUMBER
    assert refused.value.field == "to"
    assert str(refused.value).endswith(".")


def test_a_refusal_does_not_repeat_a_novel() -> None:
    with pytest.raises(Refusal) as refused:
        normalise("x" * 10_000)
    assert len(str(refused.value)) < 250
