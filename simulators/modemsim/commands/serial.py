"""The settings of the serial line itself: rate, character frame, flow control (V.250 6.2.10 to 6.2.12).

Taken and told, without effect: a pty has neither, and on USB they mean nothing on real modems as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from modemsim.line import Command
from modemsim.port import AtPort
from modemsim.registry import command

RATES = (0, 300, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)  # 0: found by itself


@command("+IPR")
def rate(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return [f"+IPR: (),({','.join(map(str, RATES))})"]
    return _setting(port, cmd, "115200", [RATES])


@command("+ICF")
def frame(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return ["+ICF: (0-6),(0-3)"]
    return _setting(port, cmd, "3,3", [range(7), range(4)])


@command("+IFC")
def flow_control(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return ["+IFC: (0-3),(0-2)"]
    return _setting(port, cmd, "2,2", [range(4), range(3)])


def _setting(port: AtPort, cmd: Command, default: str, allowed: Sequence[Sequence[int]]) -> list[str] | None:
    """Tell or take it; what is left out stays. Raises `ValueError` for what V.250 does not allow."""
    plain = port.modem.session.plain
    now = plain.get(cmd.name, default)
    if cmd.op == "?":
        return [f"{cmd.name}: {now}"]
    values = cmd.ints()
    if cmd.op != "=" or not 0 < len(values) <= len(allowed):
        raise ValueError(cmd.raw)
    parts = now.split(",")
    for i, value in enumerate(values):
        if value is None:
            continue
        if value not in allowed[i]:
            raise ValueError(cmd.raw)
        parts[i] = str(value)
    plain[cmd.name] = ",".join(parts)
    return None
