"""Modems that refuse everything after message reference 255 (Falcom): known by it, and cured by a reset.

Decides what a refusal means; the recovery ladder resets. What helped is remembered per IMEI and firmware.
"""

from __future__ import annotations

from modemgw.at.errors import CmsError, CommandFailed
from modemgw.at.policy import ErrorAction, ErrorPolicy, ErrorScope, ExplainedError
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Profile

LAST_MR = 255
_CODES = frozenset({1, 500})  # "unassigned number", "unknown error"

#: Key of the learned values: the cure, with "?" as long as no message has gone after it; "no": it is not sick.
KEY = "mr_wrap"
RADIO, FULL, NO = "radio", "full", "no"

_SENTENCE = "the modem refuses everything since message reference 255"
_AGAIN = ErrorPolicy(ErrorScope.MODEM, ErrorAction.COLLISION_RETRY, _SENTENCE)
_CURES = {
    RADIO: ErrorPolicy(ErrorScope.MODEM, ErrorAction.RADIO_RESET, _SENTENCE),
    FULL: ErrorPolicy(ErrorScope.MODEM, ErrorAction.FULL_RESET, _SENTENCE),
}


class MrWrap:
    """Fed with what became of each send through one modem."""

    def __init__(self, learned: Learned, profile: Profile | None = None) -> None:
        self._learned = learned
        self._known = profile is not None and profile.mr_wrap_reset
        self._cures: list[str] = []
        if profile is not None:
            ways = ((RADIO, profile.radio_reset), (FULL, profile.full_reset))
            self._cures = [cure for cure, commands in ways if commands]
        self._last: int | None = None
        self._refusals = 0

    def sent(self, mr: int) -> None:
        """A message went out."""
        tried = self._tried()
        if tried is not None:
            self._learned.put(KEY, tried)  # after that reset it went
        self._last, self._refusals = mr, 0

    def refused(self, error: CommandFailed) -> CommandFailed:
        """The error, with the meaning that it has right after message reference 255.

        The first is tried again, for the number may truly be unassigned; then the radio is reset, then the modem. What
        is refused after that as well was no sickness, and the modem is not suspected of it again.
        """
        if not isinstance(error, CmsError) or error.code not in _CODES or not self._cures:
            return error
        tried = self._tried()
        if self._last != LAST_MR:
            if tried is None:
                return error
            return self._reset(error, self._cures[self._cures.index(tried) + 1 :] if tried in self._cures else [])
        known = self._learned.text(KEY)
        if known == NO and not self._known:
            return error
        self._refusals += 1
        if self._refusals == 1 and not self._known:
            return ExplainedError(error, _AGAIN)
        return self._reset(error, [known] if known in self._cures else self._cures)

    def _reset(self, error: CmsError, cures: list[str]) -> CommandFailed:
        if not cures:
            self._learned.put(KEY, NO)
            return error
        if self._learned.text(KEY) != cures[0]:
            self._learned.put(KEY, cures[0] + "?")
        return ExplainedError(error, _CURES[cures[0]])

    def _tried(self) -> str | None:
        """The cure that was tried last, and not proved yet."""
        known = self._learned.text(KEY) or ""
        return known.removesuffix("?") if known.endswith("?") else None
