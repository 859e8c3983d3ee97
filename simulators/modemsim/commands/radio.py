"""The network as the modem shows it: registration, operator, signal (TS 27.007 7, 8.5), and USSD (7.15)."""

from __future__ import annotations

from modemsim.commands import command
from modemsim.errors import CmeError
from modemsim.line import Command
from modemsim.port import AtPort


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
    where = ',"1A2B","01C3D4E5",7' if mode == 2 and modem.stat else ""
    return [f"{cmd.name}: {mode},{stat}{where}"]


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
    if not modem.reachable:
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
def ussd(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    if cmd.op == "?":
        return ["+CUSD: 1"]
    if cmd.op == "=?":
        return ["+CUSD: (0-2)"]
    args = cmd.args()
    if args[0] == "2":
        modem.session.ussd_open = False
        return None
    if len(args) < 2:
        return None
    if not modem.reachable:
        raise CmeError(30)
    from modemsim.ussd import answer

    modem.timeline.after(max(0.05, modem.network.config.latency_s), answer, modem, args[1])
    return None
