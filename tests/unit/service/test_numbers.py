"""What is known of numbers, from the phonenumbers library."""

from __future__ import annotations

import sys

import pytest

from modemgw.service import numbers
from modemgw.service.numbers import Numbers

pytest.importorskip("phonenumbers")

#: 2027-01-15 and 2027-07-15, 08:00 UTC.
WINTER, SUMMER = 1_800_000_000_000, 1_815_638_400_000

HOUR = 3600


@pytest.mark.parametrize(
    ("number", "code", "country", "operator", "region", "offset_h"),
    [
        ("+79241234567", "RU", "Россия", "МегаФон", "", 3),
        ("79241234567", "RU", "Россия", "МегаФон", "", 3),
        ("89241234567", "RU", "Россия", "МегаФон", "", 3),
        ("9241234567", "RU", "Россия", "МегаФон", "", 3),
        ("+74232123456", "RU", "Россия", "", "Приморский край", 10),
        ("380501234567", "UA", "Украина", "Vodafone", "", 2),
        ("+77011234567", "KZ", "Казахстан", "Kcell/Activ", "", 5),
        ("+12125551234", "US", "Соединенные Штаты", "", "New York, NY", -5),
    ],
)
async def test_facts(number: str, code: str, country: str, operator: str, region: str, offset_h: int) -> None:
    facts = await Numbers(lambda: WINTER).lookup(number)
    assert facts is not None
    assert (facts.country_code, facts.country, facts.operator) == (code, country, operator)
    assert region in facts.region
    assert facts.utc_offsets_s[0] == offset_h * HOUR


@pytest.mark.parametrize("number", ["", "x", "+", "123", "+7916", "+999123456789", "1" * 40, "+٧٩١٦١٢٣٤٥٦٧"])
async def test_what_can_be_no_number(number: str) -> None:
    assert await Numbers(lambda: WINTER).lookup(number) is None


async def test_offsets_are_those_of_now() -> None:
    now = [WINTER]
    known = Numbers(lambda: now[0])
    facts = await known.lookup("380501234567")
    assert facts is not None
    now[0] = SUMMER
    later = await known.lookup("380501234567")
    assert later is not None
    assert (facts.utc_offsets_s, later.utc_offsets_s) == ((2 * HOUR,), (3 * HOUR,))


async def test_without_the_library(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    numbers._library.cache_clear()
    known = Numbers(lambda: WINTER)
    assert [await known.lookup("+79161234567") for _ in range(3)] == [None, None, None]
    assert len(caplog.records) == 1
    assert "modemgw[numbers]" in caplog.text
    numbers._library.cache_clear()
