"""Calls, as far as an SMS program meets them: they ring, show their number, are answered, rejected or missed.

Owns the calls of one modem and their record in the ledger; no sound.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemsim.timeline import Timer

if TYPE_CHECKING:
    from modemsim.engine import SimModem

ACTIVE, DIALING, INCOMING = 0, 2, 4  # <stat> of +CLCC (TS 27.007 7.18)


@dataclass(slots=True, eq=False)
class Call:
    """One call; `incoming` is <dir> of +CLCC."""

    number: str
    incoming: bool
    stat: int
    rings: int = 0


class Voice:
    """`calls` lists those under way."""

    def __init__(self, modem: SimModem) -> None:
        self._modem = modem
        self.calls: list[Call] = []
        self._timers: list[Timer] = []

    def power_on(self) -> None:
        """No call outlives the power."""
        for call in list(self.calls):
            self._over(call, "lost")

    def incoming(self, number: str, duration_s: float = 25.0) -> None:
        """Somebody calls, and lets it ring for so long; `number` "" is withheld."""
        modem = self._modem
        call = Call(number, True, INCOMING)
        if not modem.in_service or not modem.personality.calls.voice:
            self._note(call, "unreachable")
            return
        if self.calls:
            self._note(call, "busy")
            return
        self.calls.append(call)
        self._ring(call)
        self._timers.append(modem.timeline.after(duration_s, self._given_up, call))

    def dial(self, number: str) -> None:
        """ATD of a voice call."""
        self.calls.append(Call(number, False, DIALING))

    def answer(self) -> None:
        """ATA."""
        for call in self.calls:
            call.stat = ACTIVE

    def hang_up(self, how: str) -> None:
        """ATH or AT+CHUP; the one that the model does not mean by it changes nothing."""
        if how not in self._modem.personality.calls.hang_up:
            return
        for call in list(self.calls):
            self._over(call, "rejected" if call.stat == INCOMING else "ended")

    def _ring(self, call: Call) -> None:
        if call not in self.calls or call.stat != INCOMING:
            return
        modem = self._modem
        habits = modem.personality.calls
        call.rings += 1
        modem.urc("+CRING: VOICE" if modem.session.plain.get("+CRC") == "1" else "RING")
        if call.rings >= habits.clip_from and modem.session.plain.get("+CLIP", "0")[:1] == "1":
            if habits.clip_delay_s:
                self._timers.append(modem.timeline.after(habits.clip_delay_s, self._clip, call))
            else:
                self._clip(call)
        self._timers.append(modem.timeline.after(habits.ring_every_s, self._ring, call))

    def _clip(self, call: Call) -> None:
        if call in self.calls:
            shown = f'"{call.number}",145,"",,"",0' if call.number else '"",128,"",,"",1'
            self._modem.urc(f"+CLIP: {shown}")

    def _given_up(self, call: Call) -> None:
        """The caller puts the receiver down."""
        if call not in self.calls:
            return
        modem = self._modem
        missed = call.stat == INCOMING
        self._over(call, "missed" if missed else "answered")
        for line in modem.personality.calls.end:
            modem.urc(line)
        if missed and modem.personality.calls.missed:
            now = time.strftime("%I:%M%p", time.gmtime(modem.timeline.wall()))
            modem.urc(modem.personality.calls.missed.format(number=call.number, time=now))

    def _over(self, call: Call, how: str) -> None:
        self.calls.remove(call)
        self._note(call, how)
        if not self.calls:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()

    def _note(self, call: Call, how: str) -> None:
        modem = self._modem
        own, other = modem.number, call.number
        sender, recipient = (other, own) if call.incoming else (own, other)
        modem.network.ledger.add(
            "call", modem.timeline.wall(), tpdu=b"", modem=modem.name, sender=sender, recipient=recipient, note=how
        )
