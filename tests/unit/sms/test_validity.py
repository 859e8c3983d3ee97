"""Validity periods in their three formats (TS 23.040 9.2.3.12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modemgw.sms import (
    Absolute,
    Enhanced,
    EnhancedFormat,
    Relative,
    TpduDecodeError,
    TpduEncodeError,
    ValidityFormat,
    relative_seconds,
    relative_validity,
)
from modemgw.sms.validity import ValidityPeriod, decode_validity, validity_octets

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800


@pytest.mark.parametrize(
    ("seconds", "octet"),
    [
        (0, 0),
        (60, 0),
        (5 * MINUTE, 0),
        (5 * MINUTE + 1, 1),
        (30 * MINUTE, 5),
        (12 * HOUR, 143),
        (12 * HOUR + 1, 144),
        (16 * HOUR, 151),
        (DAY, 167),
        (DAY + 1, 168),
        (2 * DAY, 168),
        (3 * DAY, 169),
        (30 * DAY, 196),
        (30 * DAY + 1, 197),
        (5 * WEEK, 197),
        (5 * WEEK + 1, 198),
        (52 * WEEK, 244),
        (63 * WEEK, 255),
        (63 * WEEK + 1, 255),
        (10**9, 255),
    ],
)
def test_the_next_longer_period(seconds: int, octet: int) -> None:
    assert relative_validity(seconds) == octet


def test_every_octet_there_and_back() -> None:
    periods = [relative_seconds(octet) for octet in range(256)]
    assert [relative_validity(period) for period in periods] == list(range(256))
    assert periods == sorted(periods)
    assert [relative_validity(period + 1) for period in periods[:-1]] == list(range(1, 256))


@pytest.mark.parametrize(
    ("vp", "octets"),
    [
        (Relative(timedelta(days=3)), "A9"),
        (Absolute(datetime(2015, 11, 27, tzinfo=UTC)), "51117200000000"),
        (Enhanced(), "00000000000000"),
        (Enhanced(single_shot=True), "40000000000000"),
        (Enhanced(EnhancedFormat.RELATIVE, timedelta(hours=12)), "018F0000000000"),
        (Enhanced(EnhancedFormat.SECONDS, timedelta(seconds=200), True), "42C80000000000"),
        (Enhanced(EnhancedFormat.HMS, timedelta(hours=99, minutes=8, seconds=7)), "03998070000000"),
    ],
)
def test_a_period_there_and_back(vp: ValidityPeriod, octets: str) -> None:
    assert vp.encode().hex().upper() == octets
    assert decode_validity(vp.format, bytes.fromhex(octets)) == vp


def test_no_period() -> None:
    assert decode_validity(ValidityFormat.NONE, b"") is None
    assert [validity_octets(format_) for format_ in ValidityFormat] == [0, 7, 1, 7]


@pytest.mark.parametrize(
    ("format_", "octets", "octet"),
    [
        (ValidityFormat.RELATIVE, "", 9),
        (ValidityFormat.ABSOLUTE, "00000000000000", 9),
        (ValidityFormat.ENHANCED, "80000000000000", 9),
        (ValidityFormat.ENHANCED, "04000000000000", 9),
        (ValidityFormat.ENHANCED, "03000600000000", 10),
        (ValidityFormat.ENHANCED, "03000006000000", 10),
        (ValidityFormat.ENHANCED, "030A0000000000", 10),
        (ValidityFormat.ENHANCED, "03A00000000000", 10),
    ],
)
def test_octets_that_are_no_period(format_: ValidityFormat, octets: str, octet: int) -> None:
    with pytest.raises(TpduDecodeError) as caught:
        decode_validity(format_, bytes.fromhex(octets), 9)
    assert (caught.value.field, caught.value.octet) == ("vp", octet)


@pytest.mark.parametrize(
    "vp",
    [
        Absolute(datetime(2015, 11, 27)),
        Enhanced(EnhancedFormat.SECONDS, timedelta(seconds=256)),
        Enhanced(EnhancedFormat.HMS, timedelta(hours=100)),
    ],
)
def test_periods_that_cannot_be_written(vp: ValidityPeriod) -> None:
    with pytest.raises(TpduEncodeError) as caught:
        vp.encode()
    assert caught.value.field == "vp"
