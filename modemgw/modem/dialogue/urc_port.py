"""Which of a modem's ports its announcements come out of, where a command chooses it.

A command that is accepted proves nothing: that an announcement arrives does. Decides; the driver runs the commands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import PORT_KINDS

#: Key of the learned values: a table from the kind of our port to the command.
KEY = "urc_port"

#: Times each command is tried before the question is let be: looking through the memories finds all messages too.
ROUNDS = 2


class UrcPort:
    """The commands that send announcements to our port: `commands` when it is set up, `probes` as well if none come."""

    def __init__(
        self, offers: Mapping[str, Sequence[str]], kind: str | None, learned: Learned, probes: Sequence[str] = ()
    ) -> None:
        self._learned = learned
        self._kind = kind or "unknown"
        kinds = [k for k in dict.fromkeys((kind, *PORT_KINDS)) if k in offers]
        ordered = [command for k in kinds for command in offers[k or ""]]
        known = learned.table(KEY).get(self._kind)
        known = known if isinstance(known, str) and (known in ordered or known in probes) else None
        self.commands = list(dict.fromkeys([*([known] if known else []), *ordered]))
        rest = dict.fromkeys([*self.commands, *probes])
        self._rest = deque(rest)  # turned so that the one to try next is in front
        self._left = ROUNDS * len(rest)
        self._current: str | None = None
        self._heard = False
        self._unannounced = 0

    def accepted(self, command: str) -> None:
        """The modem took a command."""
        self._current = command
        if command not in self._rest:
            return
        while self._rest[-1] != command:
            self._rest.rotate(-1)

    def heard(self) -> None:
        """An announcement came: whatever was set last is right."""
        self._unannounced = 0
        if not self._heard:
            self._heard = True
            if self._current is not None:
                self._learned.put(KEY, {**self._learned.table(KEY), self._kind: self._current})

    def unannounced(self, count: int) -> None:
        """So many messages that arrived since the set-up were found without having been announced."""
        if not self._heard:
            self._unannounced += count

    def deaf(self) -> bool:
        """Messages come unannounced, and there is nothing left to try; told once for each that came so."""
        if not self._unannounced or self._heard or self._left > 0:
            return False
        self._unannounced = 0
        return True

    def others(self) -> list[str]:
        """The commands to try now till one is accepted, none: leave it.

        To be asked a while after `unannounced`: an announcement may be under way.
        """
        if not self._unannounced or self._heard or self._left <= 0:
            return []
        self._unannounced = 0
        table = self._learned.table(KEY)
        if table.pop(self._kind, None) is not None:
            self._learned.put(KEY, table)
        found = [command for command in self._rest if command != self._current]
        self._left -= 1
        return found
