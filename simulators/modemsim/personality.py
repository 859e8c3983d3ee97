"""How a modem model behaves, as data read from `personalities/*.toml`.

Owns the meaning and check of the keys, no behaviour.

A file may say `extends = "generic"` (the default) and then holds only what differs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

from modemsim.errors import SimError


class PersonalityError(SimError):
    """No such personality, or its file is wrong."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What AT+CGMI, CGMM, CGMR and ATI say; `{imei}` in an ATI line stands for the IMEI."""

    manufacturer: str = "modemsim"
    model: str = "generic"
    revision: str = "1.0"
    tac: str = "35000000"
    ati: tuple[str, ...] = ()
    prefix_replies: bool = False  # "+CGMI: x" instead of "x"


@dataclass(frozen=True, slots=True)
class Memory:
    """Message memories and AT+CPMS."""

    read: tuple[str, ...] = ("SM", "ME", "SR")
    write: tuple[str, ...] = ("SM", "ME")
    receive: tuple[str, ...] = ("SM", "ME")
    default: tuple[str, ...] = ("SM", "SM", "SM")
    capacity: Mapping[str, int] = field(default_factory=dict)
    first_index: int = 1
    cpms_args: tuple[int, ...] = (1, 2, 3)  # how many arguments AT+CPMS= takes
    cmti_name: str = ""  # the memory that +CMTI names, when it is not the true one
    full_urc: str = ""  # sent when a message finds no room
    empty_slot: str = "321"  # AT+CMGR of an empty slot: "321" or "ok"
    cmgl_all: bool = True  # AT+CMGL=4 works in PDU mode (else CMS 303)


@dataclass(frozen=True, slots=True)
class Cnmi:
    """AT+CNMI: the values accepted, the setting at power-on, and what is odd about each."""

    mode: tuple[int, ...] = (0, 1, 2, 3)
    mt: tuple[int, ...] = (0, 1, 2, 3)
    bm: tuple[int, ...] = (0, 2)
    ds: tuple[int, ...] = (0, 1, 2)
    bfr: tuple[int, ...] = (0, 1)
    default: tuple[int, ...] = (0, 0, 0, 0, 0)
    class0: str = "store"  # a class 0 message under mt=1: "store" or "direct"
    report_memory: str = "SR"  # where reports under ds=2 go
    cdsi_name: str = "SR"  # the memory that +CDSI names
    cdsi_index: int = -1  # a fixed index that +CDSI names instead of the true one
    sr_readable: bool = True  # AT+CMGR reads a status report from memory SR
    sr_listable: bool = True  # AT+CMGL lists memory SR
    unacked: str = "disable"  # CSMS=1 and no CNMA in time: "disable" routing (27.005) or "wait"
    ack_timeout_s: float = 15.0
    csms1: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """The outer form of the dialogue."""

    echo: str = "settable"  # or "always"
    echo_ctrl_z: bool = False  # the end of a payload is echoed too
    prompt: str = "\r\n> "
    unknown: str = "ERROR"  # the answer to a command it does not have
    escape: str = "OK"  # the answer to ESC at the prompt
    cms_when_cmee0: str = "numeric"  # or "plain"
    send_failure: str = "error"  # or "ok": a failed send answers OK (Siemens, until AT^SM20=0,0)
    length_error: int = 304
    urc_while_busy: bool = True  # URCs come while a command runs (never in a payload)
    abort_on_byte: bool = False  # a byte while AT+CMGS waits for the network ends the command
    max_line: int = 1024


@dataclass(frozen=True, slots=True)
class Boot:
    """What happens at power-on and after AT+CFUN=1,1."""

    boot_s: float = 0.2  # until the first command is answered
    sim_s: float = 0.0  # and until the SIM is
    register_s: float = 0.1  # and until it is registered
    reset_port: str = "stays"  # or "vanishes"
    chatter: tuple[str, ...] = ()  # lines said at power-on
    late_chatter: tuple[str, ...] = ()  # lines said once the SIM is ready
    lost_bytes: int = 0  # input swallowed after power-on
    reset_commands: tuple[str, ...] = ()  # further commands that restart the modem


@dataclass(frozen=True, slots=True)
class Radio:
    """The radio side of the model."""

    creg_stat: int = 1  # what +CREG says once it is registered
    cereg_stat: int = 1
    act: int = 7
    mr_wrap_sick: bool = False  # after mr 255 sends fail with CMS 1 until a reset
    collision_cms: int = 0  # a send that meets an incoming message fails with this
    send_error_after_s: float = 0.0
    chatter: tuple[str, ...] = ()  # URCs said every now and then
    chatter_every_s: float = 0.0
    ussd: str = "plain"  # or "packed", "ucs2": how +CUSD carries text


@dataclass(frozen=True, slots=True)
class Personality:
    """One modem model."""

    name: str
    title: str = ""
    ports: int = 1
    at_port: int = 0
    urc_port: int = 0
    pin_counter: str = "+CPINR"  # the command that tells the tries left: +CPINR, ^CPIN, +QPINC, +SPIC
    accept: tuple[str, ...] = ()  # commands answered OK with any argument
    refuse: tuple[str, ...] = ()  # commands of the simulator that this model lacks
    replies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identity: Identity = field(default_factory=Identity)
    memory: Memory = field(default_factory=Memory)
    cnmi: Cnmi = field(default_factory=Cnmi)
    form: Form = field(default_factory=Form)
    boot: Boot = field(default_factory=Boot)
    radio: Radio = field(default_factory=Radio)


def _directory() -> Any:
    return files(__package__) / "personalities"


def names() -> list[str]:
    """The personalities that come with modemsim."""
    return sorted(p.name.removesuffix(".toml") for p in _directory().iterdir() if p.name.endswith(".toml"))


@cache
def load(name: str) -> Personality:
    """A personality by name, or by the path of a TOML file; raises `PersonalityError`."""
    return from_mapping(_read(name), name)


def _read(name: str) -> dict[str, Any]:
    if name.endswith(".toml"):
        path: Any = Path(name)
    elif name in names():
        path = _directory() / f"{name}.toml"
    else:
        raise PersonalityError(
            f"There is no personality {name!r}. There are: {', '.join(names())}; or give the path of a .toml file."
        )
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise PersonalityError(f"The personality file {name} cannot be read: {e.strerror}.") from None
    except tomllib.TOMLDecodeError as e:
        raise PersonalityError(f"The personality file {name} is not valid TOML: {e}.") from None
    base = own.pop("extends", None if name == "generic" else "generic")
    return _merge(_read(base), own) if base else own


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def from_mapping(data: Mapping[str, Any], name: str) -> Personality:
    """Check and build; raises `PersonalityError` that names every unknown or wrong key."""
    wrong: list[str] = []
    made = _build(Personality, {**data, "name": Path(name).stem}, "", wrong)
    if wrong:
        raise PersonalityError(f"The personality {name} has wrong keys: {'; '.join(wrong)}.")
    assert isinstance(made, Personality)
    return made


def _build(kind: type, data: Mapping[str, Any], at: str, wrong: list[str]) -> Any:
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in data.items():
        where = f"{at}{key}"
        if key not in known:
            wrong.append(f"{where} is unknown")
            continue
        hint = hints[key]
        if is_dataclass(hint) and isinstance(hint, type):
            if isinstance(value, Mapping):
                values[key] = _build(hint, value, f"{where}.", wrong)
            else:
                wrong.append(f"{where} must be a table")
            continue
        values[key] = _value(hint, value, where, wrong)
    return kind(**values)


def _value(hint: Any, value: Any, where: str, wrong: list[str]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type):
        if type(value) is not hint:
            wrong.append(f"{where} must be of type {hint.__name__}")
        return value
    inner = get_args(hint)
    if isinstance(value, list):
        if not all(type(item) is inner[0] for item in value):
            wrong.append(f"{where} must be a list of {inner[0].__name__}")
        return tuple(value)
    if isinstance(value, Mapping) and len(inner) == 2:
        return {k: _value(inner[1], v, f"{where}.{k}", wrong) for k, v in value.items()}
    wrong.append(f"{where} has the wrong type")
    return value
