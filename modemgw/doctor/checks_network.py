"""What the answers of a modem mean for its network and for messages. Pure; the questions are `asking`'s."""

from __future__ import annotations

from collections.abc import Iterator

from modemgw.at import commands
from modemgw.at.responses import (
    fields,
    read_function,
    read_indications,
    read_memory_fill,
    read_operator,
    read_own_number,
    read_registration,
    read_signal,
    read_smsc,
    value_of,
)
from modemgw.doctor.asking import FUNCTION, Answers
from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.doctor.wanted import Wanted, read
from modemgw.line.diagnostics import URC_PORT_QUECTEL, URC_PORT_SIMCOM
from modemgw.modem.dialogue.driver import Registration
from modemgw.modem.dialogue.driver_registration import best_of

WEAK_DBM, HARDLY_DBM = -105, -109
FULL_SHARE = 0.8


def radio(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    function = read(answers, FUNCTION, read_function, "function")
    if function is None or function == 1:
        return
    what = {0: "at its minimum (AT+CFUN=0)", 4: "in flight mode (AT+CFUN=4)"}.get(function, f"at AT+CFUN={function}")
    yield Finding(
        "radio.off",
        Area.NETWORK,
        Verdict.WARNING,
        f"The radio is switched off: the modem is {what}. modemgw switches it on when it starts.",
        "start modemgw (modemgw run), or send AT+CFUN=1 to the modem; see what else switches it off",
        wanted.name,
    )


def best_registration(answers: Answers) -> Registration | None:
    """Of the domains asked, the one that will carry messages."""
    asked = [read(answers, command, read_registration, "registration") for command in commands.REGISTRATION_ASK]
    replies = [reply for reply in asked if reply is not None]
    return best_of(replies) if replies else None


def network(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    name = wanted.name
    signal = read(answers, commands.SIGNAL, read_signal, "signal")
    rssi = signal[0] if signal is not None else None
    dbm = None if rssi is None else -113 + 2 * rssi
    registration = best_registration(answers)
    operator = read(answers, commands.OPERATOR, read_operator, "operator")
    yield from signal_findings(dbm, registration.usable if registration else False, name, told=signal is not None)
    if registration is None:
        yield Finding(
            "network.unknown", Area.NETWORK, Verdict.NOTE, "It does not tell whether it is registered.", None, name
        )
        return
    asked = ", ".join(f"{source}: {stat}" for source, stat in registration.raw)
    yield from registration_findings(registration.stat, registration.text, operator, name, f" ({asked})")


def signal_findings(dbm: int | None, registered: bool, name: str, *, told: bool = True) -> Iterator[Finding]:
    """How strong the network is heard."""
    if dbm is None:
        if told and not registered:
            yield Finding(
                "network.no_signal",
                Area.NETWORK,
                Verdict.WARNING,
                "It hears no network at all (AT+CSQ: 99).",
                "fit the antenna, or move the modem to a window",
                name,
            )
        return
    if dbm > WEAK_DBM:
        yield ok("network.signal", Area.NETWORK, f"Signal {dbm} dBm.", name)
        return
    key = "network.weak_signal" if registered else "network.no_signal"
    how = "hardly any" if dbm <= HARDLY_DBM else "weak"
    yield Finding(
        key,
        Area.NETWORK,
        Verdict.WARNING,
        f"The signal is {how} ({dbm} dBm): messages will fail now and then."
        if registered
        else f"The signal is {how} ({dbm} dBm): too little to find a network.",
        "fit or move the antenna; above -95 dBm is good",
        name,
    )


_REGISTRATION: dict[int, tuple[str, str]] = {
    0: (
        "The modem is not registered and does not search for a network{asked}.",
        "send AT+COPS=0 to the modem (somebody has told it to stay away), or plug it in again",
    ),
    2: (
        "The modem searches for a network and has found none that takes it{asked}.",
        "check the antenna, whether this operator has a network of this kind (2G, 3G, 4G) here, and whether the SIM "
        "is active: try it in a phone",
    ),
    3: (
        "The network refuses this SIM (registration denied){asked}.",
        "ask the operator: the SIM is not active, not paid for, barred, or may not roam here; try it in a phone",
    ),
    4: ("The modem does not know whether it is registered{asked}.", "check the antenna and wait a minute"),
    8: (
        "The network allows this SIM emergency calls only{asked}.",
        "ask the operator whether the SIM is active and may be used in a modem; try it in a phone",
    ),
    11: (
        "The network lets this SIM in for emergency and restricted service only{asked}: it cannot send messages.",
        "ask the operator whether the SIM (and this modem's IMEI) is active and has the SMS service; try another "
        "SIM, or another network mode, and update the modem's firmware",
    ),
}


def registration_findings(stat: int, text: str, operator: str | None, name: str, asked: str) -> Iterator[Finding]:
    """The registration in words (TS 27.007 7.2)."""
    at = f" at {operator}" if operator else ""
    if stat in (1, 5):
        yield ok("network.registered", Area.NETWORK, f"{text[0].upper()}{text[1:]}{at}{asked}.", name)
    elif stat in (6, 7):
        yield Finding(
            "network.sms_only",
            Area.NETWORK,
            Verdict.NOTE,
            f"Registered for SMS only{at}{asked}: no calls and no data, which modemgw does not need.",
            None,
            name,
        )
    elif stat in (9, 10):
        yield ok("network.registered", Area.NETWORK, f"{text[0].upper()}{text[1:]}{at}{asked}.", name)
    else:
        seen, fix = _REGISTRATION.get(stat, ("The modem is not registered ({text}){asked}.", "try the SIM in a phone"))
        yield Finding(
            "network.no_registration", Area.NETWORK, Verdict.PROBLEM, seen.format(asked=asked, text=text), fix, name
        )


# ---------------------------------------------------------------- messages


def messages(answers: Answers, wanted: Wanted) -> Iterator[Finding]:
    name = wanted.name
    if commands.SMSC_ASK.text in answers.said or commands.SMSC_ASK.text in answers.refused:
        told = read(answers, commands.SMSC_ASK, read_smsc, "SMSC")
        yield from smsc_findings("" if told is None and answers.lines(commands.SMSC_ASK) else told, wanted.smsc, name)
    for fill in read(answers, commands.MEMORY_ASK, read_memory_fill, "memories") or []:
        if fill.name is not None:
            yield from storage_findings(fill.name, fill.used, fill.total, name, running=False)
    number = read(answers, commands.OWN_NUMBER, read_own_number, "own number") or wanted.number
    told = f"Its number is {number}." if number else "The SIM does not tell its number; number can be set."
    yield Finding("sim.number", Area.SIM, Verdict.OK if number else Verdict.NOTE, told, None, name)


def smsc_findings(smsc: str | None, configured: str | None, name: str) -> Iterator[Finding]:
    """The address of the SMS centre (TS 27.005 3.3.1). None: the modem does not tell it, which proves nothing."""
    if configured or smsc:
        source = "the configuration" if configured else "the SIM"
        yield ok("smsc.known", Area.MESSAGES, f"SMS centre {configured or smsc}, from {source}.", name)
    elif smsc is None:
        yield Finding(
            "smsc.untold",
            Area.MESSAGES,
            Verdict.NOTE,
            "The modem does not tell the address of the SMS centre (AT+CSCA? is refused); it may have one.",
            None,
            name,
        )
    else:
        yield Finding(
            "smsc.missing",
            Area.MESSAGES,
            Verdict.PROBLEM,
            "The SIM holds no address of an SMS centre: nothing can be sent (CMS error 330).",
            f'set smsc = "+…" for the modem {name} to your operator\'s SMS centre (modemgw does not write it to '
            "the SIM)",
            name,
        )


def storage_findings(memory: str, used: int, total: int, name: str, *, running: bool) -> Iterator[Finding]:
    """How full a memory is."""
    if total <= 0:
        return
    where = {"SM": "the SIM", "ME": "the modem"}.get(memory, memory)
    if used >= total:
        yield Finding(
            "storage.full",
            Area.MESSAGES,
            Verdict.PROBLEM,
            f"The memory {memory} of {where} is full ({used} of {total} messages): nothing more can come in.",
            "modemgw cannot empty it: see its log; delete messages in a phone"
            if running
            else "start modemgw (modemgw run): it takes the messages in and frees the memory",
            name,
        )
    elif used >= FULL_SHARE * total:
        yield Finding(
            "storage.filling",
            Area.MESSAGES,
            Verdict.WARNING,
            f"The memory {memory} of {where} is nearly full ({used} of {total} messages).",
            "see the log for why it is not emptied" if running else "start modemgw (modemgw run): it empties it",
            name,
        )
    else:
        yield ok("storage.fill", Area.MESSAGES, f"Memory {memory}: {used} of {total}.", name)


def announcing(answers: Answers, wanted: Wanted, *, serving: bool = False) -> Iterator[Finding]:
    name = wanted.name
    cnmi = read(answers, commands.INDICATIONS_ASK, read_indications, "indications")
    if cnmi is not None:
        shown = ",".join(map(str, cnmi))
        if len(cnmi) > 1 and cnmi[0] and cnmi[1]:
            yield ok("announce.on", Area.MESSAGES, f"It announces what arrives (AT+CNMI: {shown}).", name)
            if serving and not any(cnmi[3:4]):
                yield Finding(
                    "reports.none",
                    Area.MESSAGES,
                    Verdict.NOTE,
                    f"It hands over no delivery reports (AT+CNMI: {shown}): what goes out through it is called sent "
                    "and never delivered.",
                    None,
                    name,
                )
        elif serving:
            yield Finding(
                "announce.lost",
                Area.MESSAGES,
                Verdict.PROBLEM,
                f"The modem does not announce what arrives any more (AT+CNMI: {shown}): another program has reset it, "
                "or the modem has started anew in silence. modemgw finds it out and sets it up again; till then "
                "messages come in late.",
                "stop the other program (ModemManager, gammu, a second modemgw): sudo fuser -v /dev/ttyUSB* "
                "/dev/ttyACM*; sudo modemgw udev install --reload keeps ModemManager away",
                name,
            )
        else:
            yield Finding(
                "announce.off",
                Area.MESSAGES,
                Verdict.NOTE,
                f"It does not announce what arrives (AT+CNMI: {shown}); modemgw switches that on when it starts.",
                None,
                name,
            )
    quectel = [fields(value_of(line)) for line in answers.lines(URC_PORT_QUECTEL)]
    here = next((values[1] for values in quectel if len(values) > 1), None)
    if here not in (None, "usbat", "all") and not (here == "usbmodem" and wanted.role == "PPP"):
        yield Finding(
            "announce.other_port",
            Area.MESSAGES,
            Verdict.WARNING,
            f'What the modem says unasked (+CMTI …) goes to another port of it ("{here}"), not to this one: '
            "arriving messages are seen late.",
            'AT+QURCCFG="urcport","usbat" (modemgw sends it when it starts; see what sets it otherwise)',
            name,
        )
    simcom = [fields(value_of(line)) for line in answers.lines(URC_PORT_SIMCOM)]
    port = next((values[0] for values in simcom if values), None)
    if port not in (None, "0", "3") and not (port == "2" and wanted.role == "PPP"):
        where = {"1": "its UART", "2": "its modem port"}.get(str(port), f"port {port}")
        yield Finding(
            "announce.other_port",
            Area.MESSAGES,
            Verdict.WARNING,
            f"What the modem says unasked (+CMTI …) goes only to {where} (AT+CATR: {port}), maybe not to this one.",
            "AT+CATR=0 sends it to all ports",
            name,
        )
