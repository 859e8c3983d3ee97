"""The SIM: identity, PIN, PUK, counters (TS 27.007 8.3)."""

from __future__ import annotations

from modemsim.errors import AtError, CmeError, UnknownCommandError
from modemsim.line import Command
from modemsim.port import AtPort
from modemsim.registry import command

EF_ICCID = 0x2FE2


@command("+CIMI", wants_sim=True)
def imsi(port: AtPort, cmd: Command) -> list[str] | None:
    return None if cmd.op == "=?" else [port.modem.sim.imsi]


@command("+CRSM", wants_sim=False)
def restricted_access(port: AtPort, cmd: Command) -> list[str] | None:
    """READ BINARY of EF_ICCID (27.007 8.18); every other file is "not found"."""
    if cmd.op == "=?":
        return None
    sim = port.modem.sim
    if port.modem.no_sim:
        raise CmeError(10)
    args = cmd.ints()
    if args[:2] != [176, EF_ICCID]:
        return ["+CRSM: 106,130"]
    digits = sim.iccid + "F" * (20 - len(sim.iccid))
    swapped = "".join(digits[i + 1] + digits[i] for i in range(0, 20, 2))
    return [f'+CRSM: 144,0,"{swapped}"']


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
    if modem.no_sim:
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


# the command that tells the tries left: its form (27.007 5.4) and its answer
COUNTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "+CPINR": {
        "": (
            "+CPINR: SIM PIN,{pin},3",
            "+CPINR: SIM PUK,{puk},10",
            "+CPINR: SIM PIN2,3,3",
            "+CPINR: SIM PUK2,10,10",
        )
    },
    "^CPIN": {"?": ("^CPIN: {state},{times},{puk},{pin},10,3",)},
    "+QPINC": {"?": ('+QPINC: "SC",{pin},{puk}', '+QPINC: "P2",3,10'), "=?": ('+QPINC: ("SC","P2")',)},
    "+SPIC": {"": ("+SPIC: {pin},{puk},3,10",), "=?": ()},
    "^SPIC": {"": ("^SPIC: {tries}",)},
    "#PCT": {"": ("#PCT: {tries}",), "=?": ()},
    "+UPINCNT": {"": ("+UPINCNT: {pin},3,{puk},10",)},
    "+CPNNUM": {"": ("PIN1={pin}; PUK1={puk}; PIN2=3; PUK2=10",)},
    "+EPINC": {"?": ("+EPINC: {pin},3,{puk},10",)},
    "+CPINC": {"?": ("+CPINC: {pin},3,{puk},10",)},
    "*EPIN": {"?": ("*EPIN: {pin},{puk},3,10",)},
    "$NWPINR": {"?": ("$NWPINR: PIN1, {pin}",)},
    "+ZPINPUK": {"=?": ("+ZPINPUK: {pin},{puk}",)},
}


@command(*COUNTERS)
def tries_left(port: AtPort, cmd: Command) -> list[str] | None:
    """Each maker has its own way to ask for the tries left, and lacks the others."""
    if port.modem.personality.pin_counter != cmd.name:
        raise UnknownCommandError
    sim = port.modem.sim
    forms = COUNTERS[cmd.name]
    lines = forms.get("" if cmd.op == "=" else cmd.op)
    if lines is None and cmd.op == "=":
        lines = forms.get("?")
    if lines is None:
        if cmd.op == "=?":
            return None
        raise AtError
    left = sim.puk_tries if sim.state == "SIM PUK" else sim.pin_tries
    words = {"pin": sim.pin_tries, "puk": sim.puk_tries, "state": sim.state, "tries": left}
    words["times"] = "" if sim.state == "READY" else left
    rows = [line.format(**words) for line in lines]
    wanted = cmd.args()[0].rstrip("*") if cmd.op == "=" and cmd.raw else ""
    if cmd.name == "+CPINR" and wanted and not cmd.args()[0].endswith("*"):
        return [r for r in rows if f": {wanted}," in r]
    return [r for r in rows if wanted in r] if cmd.name in ("+CPINR", "+QPINC") else rows


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
