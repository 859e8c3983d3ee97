"""The SIM: identity, PIN, PUK, counters (TS 27.007 8.3)."""

from __future__ import annotations

from modemsim.commands import command
from modemsim.errors import AtError, CmeError, UnknownCommandError
from modemsim.line import Command
from modemsim.port import AtPort


@command("+CIMI", wants_sim=True)
def imsi(port: AtPort, cmd: Command) -> list[str] | None:
    return None if cmd.op == "=?" else [port.modem.sim.imsi]


@command("+CCID", "^ICCID", "+ICCID", "+QCCID", "+ZGETICCID", wants_sim=False)
def iccid(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return None
    if port.modem.sim.removed:
        raise CmeError(10)
    return [f"{cmd.name}: {port.modem.sim.iccid}"]


@command("+CNUM", wants_sim=True)
def own_number(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return None
    number = port.modem.sim.number
    return [f'+CNUM: ,"{number}",{145 if number.startswith("+") else 129}']


@command("+CPIN")
def pin(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    sim = modem.sim
    if cmd.op == "=?":
        return None
    if sim.removed:
        raise CmeError(10)
    if not modem.sim_ready:
        raise CmeError(14)
    if cmd.op == "?":
        return [f"+CPIN: {sim.state}"]
    args = cmd.args()
    if cmd.op != "=" or not args:
        raise CmeError(50)
    if sim.state == "READY":
        raise CmeError(3)
    if sim.state == "SIM PUK":
        if len(args) < 2:
            raise CmeError(12)
        if not sim.enter_puk(args[0], args[1]):
            raise CmeError(16 if sim.puk_tries else 13)
    elif not sim.enter_pin(args[0]):
        raise CmeError(16 if sim.pin_tries else 12)
    modem.register()
    return None


@command("+CPINR")
def tries_27007(port: AtPort, cmd: Command) -> list[str] | None:
    _only(port, "+CPINR")
    sim = port.modem.sim
    if cmd.op == "=?":
        return None
    rows = {
        "SIM PIN": (sim.pin_tries, 3),
        "SIM PUK": (sim.puk_tries, 10),
        "SIM PIN2": (3, 3),
        "SIM PUK2": (10, 10),
    }
    wanted = cmd.args()[0] if cmd.op == "=" and cmd.raw else ""
    return [
        f"+CPINR: {name},{left},{top}"
        for name, (left, top) in rows.items()
        if not wanted or name == wanted or (wanted.endswith("*") and name.startswith(wanted[:-1]))
    ]


@command("^CPIN")
def tries_huawei(port: AtPort, cmd: Command) -> list[str] | None:
    _only(port, "^CPIN")
    sim = port.modem.sim
    if cmd.op != "?":
        raise AtError
    times = {"SIM PIN": str(sim.pin_tries), "SIM PUK": str(sim.puk_tries)}.get(sim.state, "")
    return [f"^CPIN: {sim.state},{times},{sim.puk_tries},{sim.pin_tries},10,3"]


@command("+QPINC")
def tries_quectel(port: AtPort, cmd: Command) -> list[str] | None:
    _only(port, "+QPINC")
    sim = port.modem.sim
    rows = [f'+QPINC: "SC",{sim.pin_tries},{sim.puk_tries}', '+QPINC: "P2",3,10']
    if cmd.op == "=?":
        return ['+QPINC: ("SC","P2")']
    return rows if cmd.op == "?" else [r for r in rows if cmd.args()[0] in r]


@command("+SPIC", "^SPIC")
def tries_simcom(port: AtPort, cmd: Command) -> list[str] | None:
    _only(port, cmd.name)
    sim = port.modem.sim
    if cmd.name == "^SPIC":
        return [f"^SPIC: {sim.puk_tries if sim.state == 'SIM PUK' else sim.pin_tries}"]
    return None if cmd.op == "=?" else [f"+SPIC: {sim.pin_tries},{sim.puk_tries},3,10"]


def _only(port: AtPort, name: str) -> None:
    """Each maker has its own way to ask for the tries left, and lacks the others."""
    if port.modem.personality.pin_counter != name:
        raise UnknownCommandError


@command("+CLCK", wants_sim=True)
def facility_lock(port: AtPort, cmd: Command) -> list[str] | None:
    sim = port.modem.sim
    if cmd.op == "=?":
        return ['+CLCK: ("SC")']
    args = cmd.args()
    if args[0] != "SC":
        raise CmeError(4)
    if args[1] == "2":
        return [f"+CLCK: {int(bool(sim.pin))}"]
    if len(args) < 3 or (sim.pin and args[2] != sim.pin):
        raise CmeError(16)
    sim.pin = args[2] if args[1] == "1" else ""
    return None
