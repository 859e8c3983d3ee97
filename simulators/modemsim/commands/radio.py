"""The network as the modem shows it: registration, operator, signal (TS 27.007 7, 8.5), and USSD (7.15)."""

from __future__ import annotations

from modemsim.errors import CmeError, error_of
from modemsim.line import Command
from modemsim.port import AtPort, Sleep, Work
from modemsim.radio import REGISTERED
from modemsim.registry import command
from modemsim.ussd import answer, result


@command("+CREG", "+CGREG", "+CEREG")
def registration(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    modes = modem.session.creg
    if cmd.op == "=?":
        return [f"{cmd.name}: (0-2)"]
    if cmd.op == "=":
        value = int(cmd.raw)
        if value not in (0, 1, 2):
            raise CmeError(50)
        modes[cmd.name] = value
        return None
    mode, stat = modes[cmd.name], modem.stat_of(cmd.name)
    return [f"{cmd.name}: {mode},{stat}{modem.cell if mode == 2 and stat in REGISTERED else ''}"]


@command("+COPS")
def operator(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    config = modem.network.config
    session = modem.session
    if cmd.op == "=?":
        return [f'+COPS: (2,"{config.operator}","{config.operator}","{config.plmn}",7),,(0-4),(0-2)']
    if cmd.op == "=":
        args = cmd.ints() if cmd.raw.count('"') == 0 else [int(cmd.raw.split(",")[0])]
        if args[0] not in (0, 1, 2, 3, 4):
            raise CmeError(50)
        if args[0] == 3 and len(args) > 1 and args[1] in (0, 1, 2):
            session.cops_format = args[1]
        elif args[0] == 2:
            modem.set_registration(0)
        elif args[0] in (0, 1, 4) and modem.stat == 0 and modem.cfun == 1:
            modem.register()
        return None
    if not modem.in_service:
        return ["+COPS: 0"]
    name = config.plmn if session.cops_format == 2 else config.operator
    return [f'+COPS: 0,{session.cops_format},"{name}",{modem.personality.radio.act}']


@command("+CSQ")
def signal(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return ["+CSQ: (0-31,99),(0-7,99)"]
    modem = port.modem
    return [f"+CSQ: {modem.rssi if modem.cfun == 1 else 99},99"]


@command("+CESQ")
def signal_lte(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return ["+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-34,255),(0-34,255),(0-97,255)"]
    rssi = port.modem.rssi
    lte = "255,255" if rssi == 99 else f"20,{min(97, rssi * 3)}"
    return [f"+CESQ: 99,99,255,255,{lte}"]


@command("+CUSD", wants_sim=True)
def ussd(port: AtPort, cmd: Command) -> list[str] | Work | None:
    modem = port.modem
    habits = modem.personality.ussd
    if cmd.op == "?":
        return ["+CUSD: 1"]
    if cmd.op == "=?":
        return ["+CUSD: (0-2)"]
    args = cmd.args()
    if args[0] == "2":
        modem.session.ussd_path = ""
        if habits.cancel:
            modem.timeline.after(0.05, modem.urc, habits.cancel)
        return None
    if len(args) < 2:
        return None
    if habits.charset and modem.session.cscs != habits.charset:
        raise CmeError(100)
    if len(args) > 2 and not habits.takes_dcs:
        raise CmeError(50)
    if len(args) < 3 and habits.wants_dcs:
        raise CmeError(50)
    if not modem.in_service:
        raise CmeError(30)
    trouble = modem.faults.take("ussd") if modem.faults else None
    if habits.error or (trouble and trouble["answer"] == "error"):
        raise error_of(habits.error or "CME 30")
    delay = max(0.05, modem.network.config.latency_s)
    if trouble:
        said = trouble["answer"]
        if said != "silent":
            modem.timeline.after(delay, modem.urc, f"+CUSD: {said}")
        return None
    if habits.when == "before":
        return _answer_before_ok(port, args[1], delay)
    modem.timeline.after(delay, answer, modem, args[1])
    return None


def _answer_before_ok(port: AtPort, sent: str, delay: float) -> Work:
    """The model holds its OK back until the network has answered."""
    yield Sleep(delay)
    line = result(port.modem, sent)
    return [line] if line is not None else None
