"""Calls, as far as an SMS program meets them: they ring, are shown and end (TS 27.007 6, 7)."""

from __future__ import annotations

from modemsim.errors import CmeError
from modemsim.line import Command
from modemsim.port import AtPort
from modemsim.registry import command


@command("D")
def dial(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    if not cmd.raw.endswith(";") or not modem.personality.calls.voice:
        raise CmeError(4)
    if not modem.in_service:
        raise CmeError(30)
    modem.voice.dial(cmd.raw[:-1].strip().lstrip("TPtp"))
    return None


@command("A")
def accept(port: AtPort, cmd: Command) -> None:
    port.modem.voice.answer()


@command("H", "+CHUP")
def hang_up(port: AtPort, cmd: Command) -> None:
    if cmd.op != "=?":
        port.modem.voice.hang_up(cmd.name)


@command("+CLCC")
def current_calls(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return None
    return [
        f'+CLCC: {i},{int(call.incoming)},{call.stat},0,0,"{call.number}",145'
        for i, call in enumerate(port.modem.voice.calls, 1)
    ]


@command("+CLIP", "+CRC", "+CNMP", "+CCWA", "+CLIR", "+COLP", "+CSSN", "+CMOD", "+CVHU", "+VTS", "+VTD")
def setting(port: AtPort, cmd: Command) -> list[str] | None:
    plain = port.modem.session.plain
    if cmd.op == "=":
        plain[cmd.name] = cmd.raw
    elif cmd.op == "?":
        return [f"{cmd.name}: {plain.get(cmd.name, '0')}"]
    elif cmd.op == "=?":
        return [f"{cmd.name}: (0-1)"]
    return None
