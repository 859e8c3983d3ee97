"""What the echo of a modem tells. One that was off and is back tells of a restart that the modem kept to itself: all
settings are forgotten, and in text mode a PDU would go out as somebody's text. Owns no dialogue."""

from __future__ import annotations

from enum import Enum

RESTARTED = "The modem echoes again: it has started anew and forgotten its settings."


class _State(Enum):
    UNKNOWN = 0
    PROVING = 1  # ATE0 was accepted; the next command shows
    OFF = 2
    STAYS = 3  # it cannot be switched off
    BACK = 4


class EchoWatch:
    """The state of the echo, as the channel sees commands end and echoes come."""

    def __init__(self) -> None:
        self._state = _State.UNKNOWN

    @property
    def back(self) -> bool:
        """It was off, and is on again."""
        return self._state is _State.BACK

    def switched_off(self) -> None:
        """ATE0 was accepted."""
        self._state = _State.PROVING

    def command_over(self) -> None:
        """A command has been answered."""
        if self._state is _State.PROVING:
            self._state = _State.OFF

    def heard(self) -> bool:
        """An echo; True if it is the first one of an echo that was off."""
        if self._state is _State.PROVING:
            self._state = _State.STAYS
        elif self._state is _State.OFF:
            self._state = _State.BACK
            return True
        return False
