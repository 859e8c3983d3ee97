"""What bytes mean that come back from a port, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modemgw.at import commands
from modemgw.doctor.asking import Answers, Heard, Probe, _kind, probe
from modemgw.doctor.checks_modem import check_answers, modem_time
from modemgw.doctor.findings import Verdict
from modemgw.doctor.wanted import Wanted
from modemgw.line.diagnostics import CLOCK
from modemgw.modem.ports.transport import open_transport
from tests.unit.modem.peer import Answer, Peer


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


async def asked(peer: Peer, *patience_s: float) -> Heard:
    transport = await open_transport(peer.url)
    try:
        return (await probe(transport, patience_s)).heard
    finally:
        transport.close()


@pytest.mark.parametrize(
    "result", [b"\r\nOK\r\n", b"\r\nok\r\n", b"\r\n OK\r\n", b"\r\nOK \r\n", b"\rOK\r", b"0\r", b"\r\nERROR\r\n"]
)
async def test_results_of_every_kind_are_a_modems(result: bytes) -> None:
    async with Peer({"AT": b"\r\n^RSSI: 20\r\n" + result}) as peer:
        assert await asked(peer, 1.0, 1.0) is Heard.MODEM


async def test_a_modem_that_keeps_its_results_to_itself_is_one_and_is_made_to_speak() -> None:
    script: dict[str, Answer] = {"AT": None, r"AT\+CMEE\?": b"\r\n+CMEE: 0\r\n", "ATQ0V1": b"\r\nOK\r\n"}
    async with Peer(script) as peer:
        assert await asked(peer, 0.05, 0.05) is Heard.MODEM
        assert peer.heard[-1] == b"ATQ0V1"


async def test_a_port_that_says_nothing_stays_one() -> None:
    async with Peer({".*": None}) as peer:
        assert await asked(peer, 0.05, 0.05) is Heard.NOTHING
