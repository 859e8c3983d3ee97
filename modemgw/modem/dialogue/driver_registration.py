"""The registration of a modem put together from +CREG, +CEREG and +CGREG, asked for or told.

Owns no other state of the modem.
"""

from __future__ import annotations

from collections.abc import Iterable

from modemgw.at import commands
from modemgw.at.errors import AtResponseError, CommandFailed
from modemgw.at.responses import RegistrationReply, first, read_registration
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.driver import Registration

# Which state counts when the domains differ: usable ones, then searching, then the rest; emergency only and unknown
# last.
_RANK = {1: 0, 5: 1, 6: 2, 7: 3, 9: 4, 10: 5, 2: 6, 3: 7, 0: 8, 11: 9, 8: 10, 4: 11}
# Of equal states: circuit switched carries messages for certain, packet switched may not.
_ORDER = {"+CREG": 0, "+CEREG": 1, "+C5GREG": 2, "+CGREG": 3}


class RegistrationWatch:
    """The last known state of each domain."""

    def __init__(self) -> None:
        self._known: dict[str, RegistrationReply] = {}
        self._refused: set[str] = set()

    def forget(self) -> None:
        """The modem has started anew."""
        self._known.clear()
        self._refused.clear()

    def told(self, text: str) -> Registration:
        """Takes a URC in. Raises AtResponseError."""
        reply = read_registration(text, unsolicited=True)
        self._known[reply.source] = reply
        return self.state

    async def ask(self, channel: Channel) -> Registration:
        """Ask until a domain is found that will carry messages (LTE modems say 0 in +CREG and 1 in +CEREG)."""
        for command in commands.REGISTRATION_ASK:
            if command.text in self._refused:
                continue
            try:
                response = await channel.run(command)
                reply = first(response.lines, read_registration, "registration")
            except CommandFailed:
                self._refused.add(command.text)
                continue
            except AtResponseError:
                continue
            self._known[reply.source] = reply
            if Registration(reply.stat).usable:
                break
        return self.state

    @property
    def state(self) -> Registration:
        """The best of what is known; stat 4 where nothing is."""
        return best_of(self._known.values())


def best_of(replies: Iterable[RegistrationReply]) -> Registration:
    """The registration that counts of those of all domains; stat 4 where there is none."""
    known = sorted(replies, key=lambda reply: reply.source)
    if not known:
        return Registration(4)
    best = min(known, key=lambda r: (_RANK.get(r.stat, 12), _ORDER.get(r.source, 9)))
    raw = tuple((reply.source, reply.stat) for reply in known)
    return Registration(best.stat, best.technology, best.area, best.cell, best.source, raw)
