"""All forms of `time` and `valid`."""

from __future__ import annotations

from datetime import datetime

import pytest

from modemgw.dialects.smsc.times import moscow_time, send_at, validity_s
from modemgw.domain.refusal import Refusal, RefusalKind


def ms(rfc3339: str) -> int:
    return int(datetime.fromisoformat(rfc3339).timestamp()) * 1000


NOW = ms("2030-06-15T12:30:00+03:00")


@pytest.mark.parametrize(
    ("value", "tz", "expected"),
    [
        ("", "", None),
        ("0", "", None),
        ("1606301405", "", "2030-06-16T14:05:00+03:00"),
        ("16.06.30 14:05", "", "2030-06-16T14:05:00+03:00"),
        ("1606301405", "4", "2030-06-16T14:05:00+07:00"),
        ("1606301405", "-3", "2030-06-16T14:05:00+00:00"),
        ("1406301405", "", None),
        ("0101301200", "", None),
        ("01908000000", "", "2030-06-18T11:00:00+03:00"),
        ("01000000000", "", None),
        ("+90", "", "2030-06-15T14:00:00+03:00"),
        (" 90", "", "2030-06-15T14:00:00+03:00"),
        ("0-24", "", None),
        ("10-20", "", None),
        ("14-20", "", "2030-06-15T14:00:00+03:00"),
        ("8-12", "", "2030-06-16T08:00:00+03:00"),
        ("22-6", "", "2030-06-15T22:00:00+03:00"),
        ("22-13", "", None),
        ("10-20", "9", "2030-06-16T10:00:00+12:00"),
    ],
)
def test_send_at(value: str, tz: str, expected: str | None) -> None:
    assert send_at(value, tz, NOW) == (expected and ms(expected))


@pytest.mark.parametrize(
    ("value", "tz"),
    [
        ("soon", ""),
        ("3202301200", ""),
        ("31.02.30 12:00", ""),
        ("10-25", ""),
        ("1606301405", "x"),
        ("1606301405", "99"),
    ],
)
def test_bad_times(value: str, tz: str) -> None:
    with pytest.raises(Refusal) as caught:
        send_at(value, tz, NOW)
    assert caught.value.kind is RefusalKind.BAD_TIME


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", None), ("0", None), ("1", 3600), ("24", 86_400), ("00:01", 60), ("24:00", 86_400), ("01:30", 5400)],
)
def test_validity(value: str, expected: int | None) -> None:
    assert validity_s(value) == expected


@pytest.mark.parametrize("value", ["25", "24:01", "00:00", "1:60", "x", "-1"])
def test_bad_validity(value: str) -> None:
    with pytest.raises(Refusal):
        validity_s(value)


def test_moscow_time_as_recorded() -> None:
    assert moscow_time(1_476_794_052_000) == "18.10.2016 15:34:12"
