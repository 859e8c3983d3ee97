"""A terminal as the standards have it: it gives commands one at a time (V.250 5), and sorts what comes into
replies and unsolicited lines, on whatever port those come.
"""

from __future__ import annotations

import re

from simrig import Rig

FINAL = re.compile(r"(OK|ERROR|COMMAND NOT SUPPORT|\+CM[ES] ERROR: .*)\Z")
TOLD = re.compile(r"\+(CMTI|CDSI|CMT|CDS|CUSD|CLIP|CRING)\b|RING\Z|NO CARRIER\Z")
FOLLOWED = re.compile(r"\+(CMT|CDS): ")  # the PDU stands in the line after it


class Terminal:
    """`run` gives (final result code, information lines); `told` collects unsolicited lines of all ports."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.told: list[str] = []
        self._lines: list[str] = []
        self._rest: dict[int, str] = {}

    def pass_time(self, seconds: float) -> None:
        """Let time pass and take in what is said."""
        self.rig.now += seconds
        self.rig.timeline.run(self.rig.now)
        for port, data in self.rig.modem.take_output():
            *whole, self._rest[port] = (self._rest.get(port, "") + data.decode("latin-1")).split("\r\n")
            lines = iter(line.strip("\r") for line in whole)
            for line in lines:
                if FOLLOWED.match(line):
                    pdu = next(lines, None)
                    if pdu is None:  # it is yet to come
                        self._rest[port] = f"{line}\r\n{self._rest[port]}"
                    else:
                        self.told.append(f"{line} {pdu}")
                elif TOLD.match(line):
                    self.told.append(line)
                elif line and port == 0:
                    self._lines.append(line)

    def write(self, text: str) -> None:
        self._lines.clear()
        self.rig.modem.feed(text.encode("latin-1"), self.rig.now)
        self.pass_time(0)

    def run(self, command: str, limit: float = 30.0) -> tuple[str, list[str]]:
        """A command line and its result; ("", []) when none comes within `limit` seconds."""
        self.write(f"{command}\r")
        return self.result(limit)

    def result(self, limit: float = 30.0) -> tuple[str, list[str]]:
        """Wait for the result of what was written."""
        step = 0.05
        while True:
            for at, line in enumerate(self._lines):
                if FINAL.match(line):
                    return line, [x for x in self._lines[:at] if not x.upper().startswith("AT")]
            if limit <= 0:
                return "", []
            step = min(step, limit)
            self.pass_time(step)
            limit -= step
            step = min(step * 1.5, 5.0)

    def prompt(self, command: str, limit: float = 30.0) -> bool:
        """A command that asks for a payload; whether its prompt came (TS 27.005 3.5.1)."""
        self.write(f"{command}\r")
        while limit > 0 and not any(FINAL.match(line) for line in self._lines):
            if self._rest.get(0, "").rpartition("\r")[2].lstrip("\n").startswith(">"):
                return True
            self.pass_time(0.1)
            limit -= 0.1
        return False

    def value(self, command: str, prefix: str) -> str:
        """What stands behind `prefix` in the reply; "" for none."""
        _final, lines = self.run(command)
        return next((line[len(prefix) :].strip() for line in lines if line.startswith(prefix)), "")

    def wait_told(self, prefix: str, limit: float = 30.0) -> str:
        """The first unsolicited line that begins so, taken; "" when none comes."""
        while True:
            found = next((line for line in self.told if line.startswith(prefix)), None)
            if found is not None:
                self.told.remove(found)
                return found
            if limit <= 0:
                return ""
            self.pass_time(0.5)
            limit -= 0.5

    def come_up(self, limit: float = 120.0) -> None:
        """Wait until it answers, has its SIM and messages, and is registered for some domain (TS 27.007 7.2)."""
        self.pass_time(0.05)  # a command that restarts it says OK first
        while limit > 0:
            if self.run("AT", 1)[0] == "OK" and self.run("AT+CSMS?", 1)[0] == "OK":
                stats = [self.value(f"AT+{c}?", f"+{c}:").split(",") for c in ("CREG", "CGREG", "CEREG")]
                if any(s[1] in ("1", "5", "6", "7", "11") for s in stats if len(s) > 1):
                    return
            self.pass_time(1)
            limit -= 1
        raise AssertionError("it does not come up")


def ranges(text: str) -> list[list[int]]:
    """The groups of a test reply (V.250 5.4.4.2.2): `(0-2),(0,1)` is [[0, 1, 2], [0, 1]]."""
    groups = []
    for group in re.findall(r"\(([^)]*)\)", text):
        values: list[int] = []
        for part in group.split(","):
            low, _, high = part.partition("-")
            values += range(int(low), int(high or low) + 1)
        groups.append(values)
    return groups
