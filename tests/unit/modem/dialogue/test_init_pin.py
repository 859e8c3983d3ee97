"""The PIN of a SIM: once, and never when it could be the last try or nobody can say."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from modemgw.modem.dialogue.driver import DriverSettings, SimProblem, SimReason
from modemgw.modem.dialogue.init_sim import ANY_PIN, RefusedPins
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import Turns, rig
from tests.unit.modem.peer import OK, Answer, said

_short_limits = driver_rig._short_limits

SIM = "8970199000000000007"
ASKED: dict[str, Answer] = {r"AT\+CPIN\?": said("+CPIN: SIM PIN", "OK")}
WRONG: dict[str, Answer] = {r"AT\+CPIN=.*": said("+CME ERROR: 16")}


async def attempt(script: dict[str, Answer], pin: str, pins: RefusedPins) -> tuple[SimReason | None, int]:
    """What became of it, and how often a PIN went to the modem."""
    async with rig(script) as r:
        reason = None
        try:
            await r.driver.initialise(DriverSettings(pin=pin, pin_memory=pins, sim_wait_s=0.2))
        except SimProblem as exc:
            reason = exc.reason
        return reason, r.count(r"AT\+CPIN=.*")


async def test_after_a_failure_no_other_pin_is_tried_while_nobody_counts(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    assert await attempt({**ASKED, **WRONG}, "1111", RefusedPins(path)) == (SimReason.PIN_WRONG, 1)
    assert await attempt({**ASKED, **WRONG}, "2222", RefusedPins(path)) == (SimReason.PIN_NOT_TRIED, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_after_a_failure_another_pin_is_tried_where_the_counter_allows_it(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    counted: dict[str, Answer] = {**ASKED, r'AT\+CPINR="SIM PIN"': said("+CPINR: SIM PIN,2,3", "OK")}
    assert await attempt({**counted, **WRONG}, "1111", RefusedPins(path)) == (SimReason.PIN_WRONG, 1)
    unlocked: dict[str, Answer] = {
        **counted,
        r"AT\+CPIN=.*": OK,
        r"AT\+CPIN\?": Turns(said("+CPIN: SIM PIN", "OK"), said("+CPIN: READY", "OK")),
    }
    assert await attempt(unlocked, "2222", RefusedPins(path)) == (None, 1)
    assert not RefusedPins(path).was_refused(SIM, ANY_PIN)


async def test_a_process_that_died_over_a_pin_counts_as_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    RefusedPins(path).remember(SIM, ANY_PIN)
    assert await attempt({**ASKED, r"AT\+CPIN=.*": OK}, "1111", RefusedPins(path)) == (SimReason.PIN_NOT_TRIED, 0)


async def test_the_last_try_is_a_persons() -> None:
    counted: dict[str, Answer] = {**ASKED, **WRONG, r'AT\+CPINR="SIM PIN"': said("+CPINR: SIM PIN,1,3", "OK")}
    assert await attempt(counted, "1111", RefusedPins()) == (SimReason.PIN_NOT_TRIED, 0)


async def test_a_sim_that_was_too_busy_to_look_at_it_did_not_refuse_it() -> None:
    pins = RefusedPins()
    busy: dict[str, Answer] = {**ASKED, r"AT\+CPIN=.*": said("+CME ERROR: 14")}
    assert await attempt(busy, "1111", pins) == (SimReason.BUSY, 1)
    assert not pins.was_refused(SIM, "1111")
    assert await attempt({**ASKED, **WRONG}, "1111", pins) == (SimReason.PIN_WRONG, 1)


COUNTERS = [
    ("AT#PCT", "#PCT: 1"),
    ("AT*EPIN?", "*EPIN: 1,10,3,10"),
    ("AT+CPINC", "+CPINC: 1,3,10,10"),
    ("AT+UPINCNT", "+UPINCNT: 1,3,10,10"),
    ("AT+SPIC", "+SPIC: 1,10,0,10"),
    ("AT^SPIC", "^SPIC: 1"),
    ('AT+QPINC="SC"', '+QPINC: "SC",1,10'),
    ("AT^CPIN?", "^CPIN: SIM PIN,1,10,1,10,3"),
    ("AT+ZPINPUK=?", "+ZPINPUK: 1,10"),
]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("command", "answer"), COUNTERS)
async def test_each_makers_counter_is_read(command: str, answer: str, known: bool) -> None:
    """By the profile, and where the profile is the wrong one."""
    script: dict[str, Answer] = {**ASKED, **WRONG, re.escape(command): said(answer, "OK")}
    profile = Profile(name="own", pin_counter=(command,)) if known else None
    async with rig(script, profile=profile) as r:
        with pytest.raises(SimProblem, match="Tries left: 1"):
            await r.driver.initialise(DriverSettings(pin="1111"))
        assert r.count(r"AT\+CPIN=.*") == 0
        assert r.count(r"AT\+CPINR.*") == (0 if known else 2)
