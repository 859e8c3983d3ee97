"""What bytes mean that come back from a port, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from modemgw.at import commands
from modemgw.doctor.asking import CLOCK, Answers, Heard, Probe, _kind
from modemgw.doctor.checks_modem import check_answers, modem_time
from modemgw.doctor.findings import Verdict
from modemgw.doctor.wanted import Wanted


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        (b"", Heard.NOTHING),
        (b"\r\n\0\0", Heard.NOTHING),
        (b"\x1b\rAT\rAT\r", Heard.ECHO),
        (b"$GPGGA,12", Heard.NMEA),
        (b"login: ", Heard.WORDS),
        (b"\xf8\x80\x1e\xf8", Heard.NOISE),
        (b"\x7e\x13\x04\x00\x7e", Heard.NOISE),
    ],
)
def test_what_was_heard(heard: bytes, kind: Heard) -> None:
    assert _kind(heard) is kind


def answers(**said: str) -> Answers:
    found = Answers("/dev/x", Probe(Heard.MODEM, 0.01), 115_200)
    for command, line in said.items():
        found.said[getattr(commands, command).text if command != "CLOCK" else CLOCK.text] = (line,)
    return found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('+CCLK: "26/01/31,12:00:00+12"', datetime(2026, 1, 31, 9, 0, tzinfo=UTC)),
        ('+CCLK: "2026/01/31,12:00:00-20"', datetime(2026, 1, 31, 17, 0, tzinfo=UTC)),
        ('+CCLK: "80/01/06,00:00:12+00"', None),
        ('+CCLK: "04/01/01,00:00:12+00"', None),
        ('+CCLK: "26/13/41,12:00:00+12"', None),
        ('+CCLK: "26/01/31,12:00:00"', None),
        ("+CCLK: ", None),
    ],
)
def test_the_clock_of_a_modem(line: str, told: datetime | None) -> None:
    assert modem_time(answers(CLOCK=line)) == told


@pytest.mark.parametrize(
    ("off", "verdict"),
    [
        (timedelta(seconds=30), Verdict.OK),
        (timedelta(hours=3, seconds=20), Verdict.OK),  # local time, said to be UTC
        (timedelta(minutes=45), Verdict.OK),  # Nepal's
        (timedelta(minutes=20), Verdict.WARNING),
        (timedelta(days=2), Verdict.WARNING),
    ],
)
def test_how_far_clocks_may_differ(off: timedelta, verdict: Verdict) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    found = check_answers(answers(CLOCK='+CCLK: "26/06/01,12:00:00+00"'), Wanted("a", "/dev/x"), now + off)
    assert [f.verdict for f in found if f.key.startswith("clock.")] == [verdict]


def test_a_modem_with_another_imei() -> None:
    found = check_answers(
        answers(IMEI="864425040000018"), Wanted("a", "/dev/x", imei="111111111111111"), datetime.now(UTC)
    )
    assert next(f.key for f in found if f.verdict is Verdict.PROBLEM) == "modem.other"
