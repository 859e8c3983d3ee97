"""V.250 and TS 27.007 basics: settings of the port, identity, AT+CFUN."""

from __future__ import annotations

from dataclasses import replace

from modemsim.commands.card import COUNTERS
from modemsim.errors import AtError, CmeError
from modemsim.line import Command
from modemsim.port import AtPort, PortSettings
from modemsim.registry import command, names


def _digit(cmd: Command, top: int) -> int:
    value = int(cmd.raw or 0)
    if value > top:
        raise AtError
    return value


@command("E")
def echo(port: AtPort, cmd: Command) -> None:
    on = bool(_digit(cmd, 1))
    if not on and port.modem.faults.take("echo_stuck"):
        return
    port.settings.echo = on


@command("V")
def verbose(port: AtPort, cmd: Command) -> None:
    port.settings.verbose = bool(_digit(cmd, 1))


@command("Q")
def quiet(port: AtPort, cmd: Command) -> None:
    port.settings.quiet = bool(_digit(cmd, 1))


@command("Z")
def reset_to_profile(port: AtPort, cmd: Command) -> None:
    _digit(cmd, 1)
    port.settings = replace(port.profile)


@command("&F")
def factory(port: AtPort, cmd: Command) -> None:
    port.settings = PortSettings()


@command("&W")
def store_profile(port: AtPort, cmd: Command) -> None:
    port.profile = replace(port.settings)


@command("&C", "&D", "&K", "&S", "X", "L", "M", "T", "P", "&V", "N")
def harmless(port: AtPort, cmd: Command) -> None:
    return None


def _register(port: AtPort, cmd: Command, name: str) -> list[str] | None:
    if cmd.op == "?":
        return [f"{getattr(port.settings, name):03d}"]
    if cmd.op == "=":
        setattr(port.settings, name, int(cmd.raw or 0) & 0x7F)
    return None


@command("S3", "S4", "S5")
def s_registers(port: AtPort, cmd: Command) -> list[str] | None:
    return _register(port, cmd, cmd.name.lower())


@command("S0", "S6", "S7", "S8", "S10")
def s_ignored(port: AtPort, cmd: Command) -> list[str] | None:
    return ["000"] if cmd.op == "?" else None


@command("I")
def identify(port: AtPort, cmd: Command) -> list[str]:
    modem = port.modem
    own = modem.personality.identity
    lines = own.ati or (own.manufacturer, own.model, own.revision)
    return [modem.fill(line) for line in lines]


def _identity(port: AtPort, cmd: Command, value: str) -> list[str] | None:
    if cmd.op == "=?":
        return None
    if port.modem.personality.identity.prefix_replies:
        value = f"{cmd.name}: {value}"
    return [value]


@command("+CGMI", "+GMI")
def manufacturer(port: AtPort, cmd: Command) -> list[str] | None:
    return _identity(port, cmd, port.modem.personality.identity.manufacturer)


@command("+CGMM", "+GMM")
def model(port: AtPort, cmd: Command) -> list[str] | None:
    return _identity(port, cmd, port.modem.personality.identity.model)


@command("+CGMR", "+GMR")
def revision(port: AtPort, cmd: Command) -> list[str] | None:
    return _identity(port, cmd, port.modem.personality.identity.revision)


@command("+CGSN", "+GSN")
def serial_number(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=" and cmd.raw == "1":
        return [f'+CGSN: "{port.modem.imei}"']
    return _identity(port, cmd, port.modem.imei)


@command("+GCAP")
def capabilities(port: AtPort, cmd: Command) -> list[str] | None:
    return None if cmd.op == "=?" else ["+GCAP: +CGSM,+DS,+ES"]


@command("+CLAC")
def list_commands(port: AtPort, cmd: Command) -> list[str] | None:
    personality = port.modem.personality
    known = {n for n in names() if len(n) > 2} | set(personality.accept) | set(personality.identity.iccid)
    return sorted(known - set(personality.refuse) - (set(COUNTERS) - {personality.pin_counter}))


@command("+CMEE")
def error_form(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "?":
        return [f"+CMEE: {port.settings.cmee}"]
    if cmd.op == "=?":
        return ["+CMEE: (0-2)"]
    value = int(cmd.raw or 0)
    if value not in (0, 1, 2):
        raise CmeError(50)
    port.settings.cmee = value
    return None


@command("+CFUN")
def functionality(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    if cmd.op == "?":
        return [f"+CFUN: {modem.cfun}"]
    if cmd.op == "=?":
        return ["+CFUN: (0,1,4),(0,1)"]
    args = cmd.ints()
    level = args[0] if args else None
    restart = len(args) > 1 and args[1] == 1
    if level not in (0, 1, 4):
        raise CmeError(50)
    if restart:
        # the OK is on its way before the modem goes
        modem.timeline.after(0.01, modem.reboot_from_command)
        return None
    modem.set_radio(level)
    return None


@command("+CPAS")
def activity(port: AtPort, cmd: Command) -> list[str]:
    if cmd.op == "=?":
        return ["+CPAS: (0,3,4)"]
    return [f"+CPAS: {4 if port.modem.voice.calls else 0}"]


@command("+CSCS")
def character_set(port: AtPort, cmd: Command) -> list[str] | None:
    session = port.modem.session
    if cmd.op == "=?":
        return ['+CSCS: ("IRA","GSM","UCS2","HEX")']
    if cmd.op == "?":
        return [f'+CSCS: "{session.cscs}"']
    wanted = cmd.args()[0].upper()
    if wanted not in ("IRA", "GSM", "UCS2", "HEX"):
        raise CmeError(50)
    session.cscs = wanted
    return None


@command("+CCLK")
def clock(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op != "?":
        return None
    import time

    quarters = port.modem.network.config.zone_quarters
    then = time.gmtime(port.modem.timeline.wall() + quarters * 900)
    return [f'+CCLK: "{time.strftime("%y/%m/%d,%H:%M:%S", then)}{quarters:+03d}"']


@command("^CURC")
def unsolicited(port: AtPort, cmd: Command) -> list[str] | None:
    session = port.modem.session
    if cmd.op == "?":
        return [f"^CURC: {int(session.curc)}"]
    if cmd.op == "=?":
        return ["^CURC: (0-2)"]
    session.curc = cmd.raw.strip()[:1] != "0"
    return None
