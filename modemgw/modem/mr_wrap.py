"""Modems that refuse everything after message reference 255 (quirks P9, Falcom): known by it, and cured by their radio.

Decides what a refusal means; the recovery ladder resets. The sickness is remembered per IMEI and firmware.
"""

from __future__ import annotations

from modemgw.at.errors import CmsError, CommandFailed
from modemgw.at.policy import ErrorAction, ErrorScope, ExplainedError, policy_of
from modemgw.modem.learned import Learned

LAST_MR = 255
_CODES = frozenset({1, 500})  # "unassigned number", "unknown error"

#: Key of the learned values: "suspected" till the next send, then "proved" or "no".
KEY = "mr_wrap"

_AGAIN = policy_of(
    ErrorScope.MODEM, ErrorAction.COLLISION_RETRY, "the modem refuses what follows message reference 255"
)
_RESET = policy_of(
    ErrorScope.MODEM, ErrorAction.RADIO_RESET, "the modem refuses everything since message reference 255"
)


class MrWrap:
    """Fed with what became of each send. `known`: the profile says that this family has it."""

    def __init__(self, learned: Learned, *, known: bool = False, can_reset: bool = False) -> None:
        self._learned = learned
        self._known = known
        self._can_reset = can_reset
        self._last: int | None = None
        self._refusals = 0

    def sent(self, mr: int) -> None:
        """A message went out."""
        if self._learned.get(KEY) == "suspected":
            self._learned.put(KEY, "proved")  # after the reset it went
        self._last, self._refusals = mr, 0

    def refused(self, error: CommandFailed) -> CommandFailed:
        """The error, with the meaning that it has right after message reference 255.

        The first is tried again, for the number may truly be unassigned; the second resets the radio. What is refused
        after that as well was no sickness of the modem's, and it is not suspected of it again.
        """
        if not isinstance(error, CmsError) or error.code not in _CODES or not self._can_reset:
            return error
        if self._last != LAST_MR:
            if self._learned.get(KEY) == "suspected":
                self._learned.put(KEY, "no")
            return error
        if self._learned.get(KEY) == "no" and not self._known:
            return error
        self._refusals += 1
        if self._refusals == 1:
            return ExplainedError(error, _AGAIN)
        if self._learned.get(KEY) != "proved":
            self._learned.put(KEY, "suspected")
        return ExplainedError(error, _RESET)
