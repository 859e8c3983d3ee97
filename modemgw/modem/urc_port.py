"""Which of a modem's ports its announcements come out of (quirks P15), where a command chooses it.

A command that is accepted proves nothing: that an announcement arrives does. Decides; the driver runs the commands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modemgw.modem.learned import Learned
from modemgw.modem.profile import PORT_KINDS

#: Key of the learned values: a table from the kind of our port to the command.
KEY = "urc_port"

#: Times each command is tried before the question is let be: looking through the memories finds all messages too.
ROUNDS = 2


class UrcPort:
    """The commands that send announcements to our port, in the order to try."""

    def __init__(self, offers: Mapping[str, Sequence[str]], kind: str | None, learned: Learned) -> None:
        self._learned = learned
        self._kind = kind or "unknown"
        kinds = [k for k in (kind, *PORT_KINDS) if k in offers]
        known = self._known()
        ordered = [command for k in dict.fromkeys(kinds) for command in offers[k or ""]]
        self.commands = list(dict.fromkeys([*([known] if known in ordered else []), *ordered]))
        self.current: str | None = None
        self._left = ROUNDS * len(self.commands)
        self._heard = False
        self._unannounced = 0

    def heard(self) -> None:
        """An announcement came: whatever was set last is right."""
        self._unannounced = 0
        if not self._heard:
            self._heard = True
            if self.current is not None:
                self._learned.put(KEY, {**self._learned.table(KEY), self._kind: self.current})

    def unannounced(self, count: int) -> None:
        """So many messages that arrived since the set-up were found without having been announced."""
        if not self._heard:
            self._unannounced += count

    def next(self) -> str | None:
        """The command to try now, None: leave it. To be asked a while after `unannounced`: they may be under way."""
        if not self._unannounced or self._heard or len(self.commands) < 2 or self._left <= 0:
            return None
        self._unannounced = 0
        self._left -= 1
        if self._known() is not None:
            self._learned.put(KEY, {k: v for k, v in self._learned.table(KEY).items() if k != self._kind})
        at = self.commands.index(self.current) if self.current in self.commands else -1
        return self.commands[(at + 1) % len(self.commands)]

    def _known(self) -> str | None:
        return self._learned.table(KEY).get(self._kind)
