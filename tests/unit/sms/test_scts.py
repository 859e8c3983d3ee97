"""Time stamps: negative quarter hours, garbage, and what cannot be written (TS 23.040 9.2.3.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from modemgw.sms import Scts, TpduDecodeError, TpduEncodeError


@pytest.mark.parametrize(
    ("octets", "time"),
    [
        ("51117200000000", "2015-11-27T00:00:00+00:00"),
        ("51117200000080", "2015-11-27T00:00:00+02:00"),
        ("70402132522423", "2007-04-12T23:25:42+08:00"),
        ("7040213252242B", "2007-04-12T23:25:42-08:00"),
        ("62112221540021", "2026-11-22T12:45:00+03:00"),
        ("62112221540022", "2026-11-22T12:45:00+05:30"),
        ("62112221540032", "2026-11-22T12:45:00+05:45"),
        ("6211222154004A", "2026-11-22T12:45:00-06:00"),
        ("62112221540093", "2026-11-22T12:45:00+09:45"),
        ("42209232959500", "2024-02-29T23:59:59+00:00"),
        ("99309251619580", "1999-03-29T15:16:59+02:00"),
    ],
)
def test_a_time_there_and_back(octets: str, time: str) -> None:
    scts = Scts.decode(bytes.fromhex(octets))
    assert scts.valid
    assert scts.time is not None
    assert scts.time.isoformat() == time
    assert Scts.encode(datetime.fromisoformat(time)).hex().upper() == octets
    assert Scts.of(scts.time) == scts


@pytest.mark.parametrize(
    "octets",
    [
        "00000000000000",  # month 0
        "2C1B0000000000",
        "FFFFFFFFFFFFFF",
        "1B112221540021",
        "62312221540021",  # month 13
        "62110421540021",  # day 40
        "62112242540021",  # hour 24
        "62112221060021",  # minute 60
        "62112221540621",  # second 60
        "32209232959500",  # 29 February 2023
        "621122215400FF",
        "621122215400A1",
    ],
)
def test_garbage_is_flagged_and_kept(octets: str) -> None:
    scts = Scts.decode(bytes.fromhex(octets))
    assert not scts.valid
    assert scts.time is None
    assert scts.raw.hex().upper() == octets


@pytest.mark.parametrize("count", [0, 6, 8])
def test_other_than_seven_octets(count: int) -> None:
    with pytest.raises(TpduDecodeError):
        Scts.decode(bytes(count))


def test_a_zone_between_quarters_keeps_the_instant() -> None:
    odd = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(minutes=-52)))
    back = Scts.of(odd).time
    assert back == odd
    assert back is not None
    assert back.utcoffset() == timedelta(minutes=-45)


@pytest.mark.parametrize(
    "time",
    [
        datetime(2026, 11, 22),
        datetime(1989, 12, 31, tzinfo=UTC),
        datetime(2090, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 22, tzinfo=timezone(timedelta(hours=20))),
    ],
)
def test_what_no_stamp_can_tell(time: datetime) -> None:
    with pytest.raises(TpduEncodeError) as caught:
        Scts.encode(time)
    assert caught.value.field == "scts"
