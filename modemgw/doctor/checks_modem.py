"""What the answers of a modem mean: does it speak, what is it, its SIM, its clock. Pure; the questions are `asking`'s.

Asked while no service runs: what modemgw sets at its start (indications, PDU mode, the radio) is worth a note, no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

from modemgw.at import commands
from modemgw.at.responses import (
    fields,
    read_function,
    read_iccid,
    read_imei,
    read_imsi,
    read_name,
    read_pin_state,
    read_pin_tries,
    value_of,
)
from modemgw.doctor.asking import FUNCTION, SLOW_S, TRIES, Answers, Heard
from modemgw.doctor.checks_network import announcing, messages, network, radio
from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.doctor.wanted import Wanted, read
from modemgw.line.diagnostics import CLOCK, NO_ANSWER, SLOT_QUECTEL, SLOT_SIMCOM, SUPPLY
from modemgw.modem.dialogue.driver import SimReason
from modemgw.modem.dialogue.init_sim import LEAST_TRIES, sim_reason

CLOCK_OFF = timedelta(minutes=5)
#: Clocks of modems that were never told the time stand before this.
NEVER_SET = datetime(2022, 1, 1, tzinfo=UTC)
LOW_MV = 3_500


def check_answers(answers: Answers, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    """Everything that the answers tell; what cannot be true for want of a SIM or a radio is not looked at."""
    yield from _spoke(answers, wanted)
    if answers.probe.heard is not Heard.MODEM:
        return
    name = wanted.name
    if answers.trouble and answers.probe.after_s <= SLOW_S:
        yield Finding(
            "modem.stalls",
            Area.MODEM,
            Verdict.WARNING,
            f"It answers, but not always. {answers.trouble}",
            "unplug the modem and plug it in; if it comes back, try another cable, hub or power supply",
            name,
        )
    yield from _identity(answers, wanted)
    yield from _supply(answers, wanted)
    sim = list(_sim(answers, wanted))
    yield from sim
    yield from _clock(answers, wanted, now)
    if any(f.verdict is Verdict.PROBLEM for f in sim):
        return
    locked = any(f.key in ("sim.pin_waits", "sim.busy") for f in sim)
    switched = list(radio(answers, wanted))
    yield from switched
    if not locked and not any(f.verdict is Verdict.WARNING for f in switched):
        yield from network(answers, wanted)
    if not locked:
        yield from messages(answers, wanted)
    yield from announcing(answers, wanted)


def check_serving(answers: Answers, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    """The same of a line that works: what the service has set should stand."""
    yield from _left_open(answers, wanted)
    yield from _supply(answers, wanted)
    yield from _clock(answers, wanted, now)
    yield from radio(answers, wanted)
    yield from announcing(answers, wanted, serving=True)


def not_asked(name: str, reason: str) -> Finding:
    """A line that the service could not ask now."""
    seen = f"modemgw could not ask the modem: {reason.rstrip('.') or 'the line is not ready'}."
    return Finding("line.not_asked", Area.MODEM, Verdict.WARNING, seen, "run modemgw doctor again in a minute", name)


def _left_open(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    """A line that is called ready, and whose modem does not answer."""
    question = next((text for text, error in answers.refused.items() if error == NO_ANSWER), None)
    if question is not None:
        yield Finding(
            "modem.silent",
            Area.MODEM,
            Verdict.PROBLEM,
            f"The modem left {question} unanswered, though its line is in use: it hangs, or another program reads its "
            f"answers from {wanted.port}.",
            f"sudo fuser -v {wanted.port} names the programs that have the port open: stop the others; if there is "
            "none, unplug the modem and plug it in",
            wanted.name,
        )


# ---------------------------------------------------------------- does it speak


def _spoke(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    name, port, probe = wanted.name, wanted.port, answers.probe
    if answers.right_speed is not None:
        yield Finding(
            "modem.speed",
            Area.MODEM,
            Verdict.PROBLEM,
            f"It answers at {answers.right_speed} baud, not at {wanted.baudrate}.",
            f"set baudrate = {answers.right_speed} for this modem in the configuration",
            name,
        )
    elif probe.heard is Heard.MODEM and probe.after_s > SLOW_S:
        yield Finding(
            "modem.slow",
            Area.MODEM,
            Verdict.WARNING,
            f"It speaks AT at {port}, but took {probe.after_s:.1f} s to answer the first AT.",
            "see whether another program uses the modem, and whether its power supply is strong enough (2 A peaks)",
            name,
        )
    elif probe.heard is Heard.MODEM:
        yield ok("modem.answers", Area.MODEM, f"It answers AT at {port}.", name)
    else:
        yield _SILENCE[probe.heard](answers, wanted)


def _silent(answers: Answers, wanted: Wanted) -> Finding:
    speeds = "" if "://" in wanted.port else ", at no usual speed"
    lost = f" {answers.trouble}" if answers.trouble else ""
    return Finding(
        "modem.silent",
        Area.MODEM,
        Verdict.PROBLEM,
        f"Nothing answers AT at {wanted.port}{speeds}.{lost}",
        "check that this is the modem's AT port (modemgw doctor without --port lists them) and that the modem is "
        "switched on; unplug it and plug it in",
        wanted.name,
    )


def _echo(answers: Answers, wanted: Wanted) -> Finding:
    return Finding(
        "modem.echo",
        Area.MODEM,
        Verdict.PROBLEM,
        f"{wanted.port} gives back what is written to it and nothing else: there is a loop (TX to RX) and no modem.",
        "take the loopback plug off or connect the modem's TX and RX to the right lines; it may also be the wrong port",
        wanted.name,
    )


def _nmea(answers: Answers, wanted: Wanted) -> Finding:
    return Finding(
        "port.role",
        Area.PORTS,
        Verdict.PROBLEM,
        f"{wanted.port} is the port of a GPS receiver (it says {_shown(answers.probe.sample)}), not an AT port.",
        "name another port of this device; modemgw doctor without --port lists them",
        wanted.name,
    )


def _words(answers: Answers, wanted: Wanted) -> Finding:
    return Finding(
        "modem.no_modem",
        Area.MODEM,
        Verdict.PROBLEM,
        f"What is at {wanted.port} does not speak AT: it says {_shown(answers.probe.sample)}. It is no modem, "
        "or not its AT port.",
        "name the modem's AT port in the configuration; modemgw doctor without --port lists the ports",
        wanted.name,
    )


def _noise(answers: Answers, wanted: Wanted) -> Finding:
    return Finding(
        "modem.noise",
        Area.MODEM,
        Verdict.PROBLEM,
        f"What comes from {wanted.port} has no meaning ({answers.probe.sample[:8].hex(' ')} …), at no usual speed: "
        "a diagnostics port, an unusual speed or a bad cable.",
        "name the modem's AT port, or set its speed (baudrate) in the configuration",
        wanted.name,
    )


_SILENCE: dict[Heard, Callable[[Answers, Wanted], Finding]] = {
    Heard.NOTHING: _silent,
    Heard.ECHO: _echo,
    Heard.NMEA: _nmea,
    Heard.WORDS: _words,
    Heard.NOISE: _noise,
}


def _shown(sample: bytes) -> str:
    words = " ".join(re.sub(r"[^ -~]+", " ", sample.decode("latin-1")).split())
    return f'"{words[:60]}"'


# ---------------------------------------------------------------- the device


def _identity(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    parts = [
        read(answers, command, read_name, "name")
        for command in (commands.MANUFACTURER, commands.MODEL, commands.FIRMWARE)
    ]
    imei = read(answers, commands.IMEI, read_imei, "IMEI")
    known = " ".join(part for part in parts if part) or "a modem that does not say what it is"
    yield ok("modem.identity", Area.MODEM, f"{known}, IMEI {imei or 'not told'}.", wanted.name)
    if wanted.imei and imei and imei[:14] != wanted.imei[:14]:
        yield Finding(
            "modem.other",
            Area.MODEM,
            Verdict.PROBLEM,
            f"The modem at {wanted.port} has the IMEI {imei}, not {wanted.imei}.",
            f'set imei = "{imei}" for this modem, or plug in the other one',
            wanted.name,
        )


def _supply(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    """+CBC: <bcs>,<bcl>,<mV> (TS 27.007 8.4 and the makers' third field)."""
    for line in answers.lines(SUPPLY):
        values = fields(value_of(line))
        number = re.sub(r"[Vv]$", "", values[-1]) if values else ""
        try:
            millivolts = float(number) * (1000 if "." in number else 1)
        except ValueError:
            continue
        if 2_500 <= millivolts < LOW_MV:
            yield Finding(
                "modem.supply",
                Area.MODEM,
                Verdict.WARNING,
                f"Its supply is down at {millivolts / 1000:.2f} V; it will switch itself off while it sends.",
                "give it a supply that bears peaks of 2 A (a powered hub, a thicker cable)",
                wanted.name,
            )


# ---------------------------------------------------------------- SIM


def _sim(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    name = wanted.name
    error = answers.errors.get(commands.PIN_ASK.text)
    state = read(answers, commands.PIN_ASK, read_pin_state, "PIN state")
    reason = sim_reason(error) if error is not None else None
    if state == "READY" or (state is not None and state.endswith("2")):
        yield ok("sim.ready", Area.SIM, "The SIM is ready.", name)
    elif state == "SIM PIN" or reason is SimReason.PIN_REQUIRED:
        yield _pin(answers, wanted)
    elif (state is not None and "PUK" in state) or reason is SimReason.PUK_REQUIRED:
        yield Finding(
            "sim.puk",
            Area.SIM,
            Verdict.PROBLEM,
            "The SIM is blocked: the PIN was wrong too often and it asks for its PUK.",
            "put the SIM into a phone and enter the PUK there (modemgw never does), then set pin for this modem",
            name,
        )
    elif (state is not None and state.startswith("PH-")) or reason is SimReason.LOCKED:
        yield Finding(
            "sim.locked",
            Area.SIM,
            Verdict.PROBLEM,
            f"The modem is locked to another network or SIM ({state or error}).",
            "use a SIM of the operator it was sold by, or have it unlocked by its seller",
            name,
        )
    elif reason is SimReason.BUSY:
        yield Finding(
            "sim.busy",
            Area.SIM,
            Verdict.WARNING,
            "The SIM is busy: it does not say yet whether it is ready.",
            "wait half a minute and run modemgw doctor again; if it stays so, take the SIM out and insert it again",
            name,
        )
    elif read(answers, FUNCTION, read_function, "function") not in (None, 1):
        yield Finding(
            "sim.radio_off",
            Area.SIM,
            Verdict.NOTE,
            "With its radio off this modem does not tell of the SIM.",
            None,
            name,
        )
    elif reason is SimReason.FAILURE:
        yield Finding(
            "sim.failure",
            Area.SIM,
            Verdict.PROBLEM,
            "The modem cannot read the SIM.",
            "take it out, clean its contacts and insert it again; try the SIM in a phone",
            name,
        )
    elif reason is SimReason.NOT_INSERTED or _no_card(answers):
        sure = (
            "No SIM is in the modem."
            if reason is SimReason.NOT_INSERTED
            else ("The modem does not know of a SIM: none is in it, or it is not seated.")
        )
        yield Finding(
            "sim.missing",
            Area.SIM,
            Verdict.PROBLEM,
            sure,
            "insert a SIM, the right way round, and plug the modem in again: some see it only at power-on",
            name,
        )
    elif answers.trouble is None:
        yield Finding(
            "sim.unknown",
            Area.SIM,
            Verdict.NOTE,
            f"The modem does not tell the state of the SIM ({error.result if error else 'no answer'}).",
            None,
            name,
        )


def _pin(answers: Answers, wanted: Wanted) -> Finding:
    name = wanted.name
    left = next((n for n in (read(answers, c, read_pin_tries, "tries") for c in TRIES) if n is not None), None)
    tries = f" Tries left: {left}." if left is not None else ""
    if not wanted.pin:
        return Finding(
            "sim.pin_required",
            Area.SIM,
            Verdict.PROBLEM,
            f"The SIM asks for its PIN and none is configured.{tries}",
            f'set pin = "…" for the modem {name} in the configuration, or switch the PIN off in a phone',
            name,
        )
    if wanted.pin_refused is not None and wanted.pin_refused(_sim_name(answers, wanted)):
        return Finding(
            "sim.pin_refused",
            Area.SIM,
            Verdict.PROBLEM,
            f"The SIM asks for its PIN, and it has refused the configured one before; it is not tried again.{tries}",
            f"correct pin of the modem {name} in the configuration",
            name,
        )
    if left is not None and left < LEAST_TRIES:
        return Finding(
            "sim.pin_last_try",
            Area.SIM,
            Verdict.PROBLEM,
            f"The SIM asks for its PIN and has {left} tries left: modemgw does not risk the last one.",
            "put the SIM into a phone, enter the right PIN there, and correct pin in the configuration",
            name,
        )
    return Finding(
        "sim.pin_waits",
        Area.SIM,
        Verdict.NOTE,
        f"The SIM asks for its PIN; one is configured, and modemgw enters it when it starts.{tries}",
        None,
        name,
    )


def _sim_name(answers: Answers, wanted: Wanted) -> str:
    """What a refused PIN is remembered by: ICCID, else IMEI, else the port (as init_sim does)."""
    for command in commands.ICCID_FORMS:
        found = read(answers, command, read_iccid, "ICCID")
        if found:
            return found
    return read(answers, commands.IMEI, read_imei, "IMEI") or wanted.port


def _no_card(answers: Answers) -> bool:
    """A plain ERROR to AT+CPIN? says nothing; the maker's own question, or the silence about IMSI and ICCID, does."""
    for command, absent in ((SLOT_SIMCOM, "0"), (SLOT_QUECTEL, "0")):
        for line in answers.lines(command):
            values = fields(value_of(line))
            if len(values) > 1:
                return values[1] == absent
    return commands.PIN_ASK.text in answers.errors and not (
        read(answers, commands.IMSI, read_imsi, "IMSI")
        or any(read(answers, c, read_iccid, "ICCID") for c in commands.ICCID_FORMS)
    )


# ---------------------------------------------------------------- clock

_TIME = re.compile(r'"?(\d{2,4})/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)?')


def modem_time(answers: Answers) -> datetime | None:
    """`+CCLK: "yy/MM/dd,hh:mm:ss±zz"` (TS 27.007 8.15), zz in quarters of an hour; None where it was never set."""
    for line in answers.lines(CLOCK):
        found = _TIME.search(line)
        if found is None:
            continue
        year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
        if found[7] is None:
            return None
        try:
            zone = timezone(timedelta(minutes=15 * int(found[7])))
            century = 0 if year > 99 else 2000 if year < 70 else 1900
            when = datetime(century + year, month, day, hour, minute, second, tzinfo=zone)
        except ValueError:
            return None
        return when if when >= NEVER_SET else None
    return None


def _clock(answers: Answers, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    then = modem_time(answers)
    if then is None:
        return
    off = now - then
    local = now.astimezone(then.tzinfo)
    # some modems give local time with a zone of 0, or the zone twice: hours and quarters are the zone's
    rest = abs(off) % timedelta(minutes=15)
    zone_only = abs(off) <= timedelta(hours=15) and min(rest, timedelta(minutes=15) - rest) <= timedelta(minutes=1)
    if abs(off) <= CLOCK_OFF or zone_only:
        yield ok("clock.modem", Area.MACHINE, "The machine's clock agrees with the network's time.", wanted.name)
        return
    yield Finding(
        "clock.off",
        Area.MACHINE,
        Verdict.WARNING,
        f"This machine's clock says {local:%Y-%m-%d %H:%M}, the modem's (set by the network) {then:%Y-%m-%d %H:%M}: "
        "validity, reports and waiting times go by the machine's.",
        "set the clock: sudo timedatectl set-ntp true (or install chrony); date tells the time",
        wanted.name,
    )
