"""What the ports of a modem are called: `modem0`, `modem0.1` …, or as the kernel does, `ttyUSB0`, `ttyUSB1` ….

Owns the numbers that are taken; makes no symlink.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modemsim.errors import SimError
from modemsim.traits import Personality

STYLES = ("modem", "tty")


class Names:
    """Gives names to a device at each plugging-in."""

    def __init__(self, directory: Path, style: str, modems: int) -> None:
        if style not in STYLES:
            raise SimError(f"There is no style of names {style!r}. There are: {', '.join(STYLES)}.")
        self._directory = directory
        self._style = style
        self._next_modem = modems  # the number of a modem that comes back under a new name
        self._taken: dict[str, set[int]] = {}  # tty to numbers in use
        self._top: dict[str, int] = {}  # tty to the highest number ever given

    def first(self, place: int, personality: Personality) -> list[Path]:
        """The ports of the modem at this place, in the order of the personality's ports."""
        if self._style == "modem":
            return self._by_modem(place, personality)
        return self._by_kernel(personality, fresh=False)

    def again(self, personality: Personality, old: Sequence[Path], *, fresh: bool) -> list[Path]:
        """The ports after a replug: the lowest free numbers, or, with `fresh`, such as were never used."""
        if self._style == "modem":
            if not fresh:
                return list(old)
            self._next_modem += 1
            return self._by_modem(self._next_modem - 1, personality)
        return self._by_kernel(personality, fresh=fresh)

    def given(self, personality: Personality, names: Sequence[str]) -> list[Path]:
        """The ports under names that somebody wants; raises `SimError`."""
        if len(names) != personality.ports:
            raise SimError(f"The modem has {personality.ports} ports, and {len(names)} names are given.")
        if any(not n or "/" in n or n.startswith(".") for n in names) or len(set(names)) != len(names):
            raise SimError(f"{', '.join(names)}: a name is given to one port only, and holds no slash.")
        links = [self._directory / n for n in names]
        self._taken.setdefault(personality.usb.tty, set()).update(_numbers(personality, links))
        return links

    def free(self, personality: Personality, links: Sequence[Path]) -> None:
        """It is unplugged: its numbers may be given to the next."""
        self._taken.get(personality.usb.tty, set()).difference_update(_numbers(personality, links))

    def _by_modem(self, number: int, personality: Personality) -> list[Path]:
        return [self._directory / (f"modem{number}" + (f".{p}" if p else "")) for p in range(personality.ports)]

    def _by_kernel(self, personality: Personality, *, fresh: bool) -> list[Path]:
        """One number a port in the order of the interfaces, as usb-serial gives minors."""
        tty = personality.usb.tty
        taken = self._taken.setdefault(tty, set())
        number = self._top.get(tty, 0) if fresh else 0
        links: dict[int, Path] = {}
        for port in sorted(personality.port, key=lambda p: p.interface):
            while number in taken:
                number += 1
            taken.add(number)
            links[port.interface] = self._directory / f"{tty}{number}"
        self._top[tty] = max(self._top.get(tty, 0), number + 1)
        return [links[port.interface] for port in personality.port]


def _numbers(personality: Personality, links: Sequence[Path]) -> set[int]:
    tails = (link.name.removeprefix(personality.usb.tty) for link in links)
    return {int(tail) for tail in tails if tail.isdigit()}
