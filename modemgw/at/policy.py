"""What to do about an error of the modem or the network, as a table: whose error it is, and what helps.

Does nothing itself: `service.sending` does what `HANDLING` says of the part, `line.troubles` what an action asks of
the line.

Complete: every code from 0 to 65535 has a policy; those that no standard lists get that of their range (TS 24.011 8.4,
TS 23.040 9.2.3.22, TS 27.005 3.2.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from modemgw.at.errors import CmeError, CmsError, CommandFailed, cme_text, cms_text


class ErrorScope(StrEnum):
    """Whose error it is. One of MESSAGE never counts against a line."""

    MESSAGE = "message"
    SIM = "sim"
    NETWORK = "network"
    MODEM = "modem"
    CONFIG = "config"


class ErrorAction(StrEnum):
    """What is done about the part, or the line."""

    FAIL = "fail"  # for good; another try would give the same
    FAIL_COUNT = "fail_count"  # the part fails; several of these to different recipients in a row pause the SIM
    RETRY_BACKOFF = "retry_backoff"  # later, and later still, up to the validity; another SIM may try
    SWEEP_RETRY = "sweep_retry"  # empty the storage, then at once
    REINIT_RETRY_ONCE = "reinit_retry_once"  # set the modem up again, then once more
    STOP_LINE = "stop_line"  # the part goes back to the queue, the line stops and says why
    WAIT_RETRY = "wait_retry"  # the modem or the SIM is still starting
    COLLISION_RETRY = "collision_retry"  # twice after a pause, then the recovery ladder
    ACCEPTED_EARLIER = "accepted_earlier"  # the SMS centre has the message from an earlier attempt
    USE_CONFIGURED_SMSC = "use_configured_smsc"  # once more with the configured SMS centre in the PDU
    RADIO_RESET = "radio_reset"  # the radio is switched off and on, then once more
    FULL_RESET = "full_reset"  # the modem is restarted, then once more


class Fate(StrEnum):
    """What becomes of a part that was refused."""

    FAILS = "fails"  # for good
    HERE = "here"  # once more here and now, after short pauses; then it waits
    KEEPS = "keeps"  # its place in the queue: the modem is to blame, and is seen to; not for ever, then it waits
    WAITS = "waits"  # 15 s, 30 s, 60 s … up to its validity


@dataclass(frozen=True, slots=True)
class Handling:
    """What sending does about an action. Where the part does not fail for good the line is in trouble, and is told."""

    fate: Fate
    counts: bool = False  # in a row, to different recipients, it speaks of the SIM


#: An error *after* the payload is no proof: HERE and KEEPS are WAITS then, for a report must have time to come.
HANDLING: Mapping[ErrorAction, Handling] = {
    ErrorAction.FAIL: Handling(Fate.FAILS),
    ErrorAction.FAIL_COUNT: Handling(Fate.FAILS, counts=True),
    ErrorAction.ACCEPTED_EARLIER: Handling(Fate.FAILS),
    ErrorAction.RETRY_BACKOFF: Handling(Fate.WAITS),
    ErrorAction.WAIT_RETRY: Handling(Fate.HERE),
    ErrorAction.COLLISION_RETRY: Handling(Fate.HERE),
    ErrorAction.SWEEP_RETRY: Handling(Fate.KEEPS),
    ErrorAction.REINIT_RETRY_ONCE: Handling(Fate.KEEPS),
    ErrorAction.STOP_LINE: Handling(Fate.KEEPS),
    ErrorAction.USE_CONFIGURED_SMSC: Handling(Fate.KEEPS),
    ErrorAction.RADIO_RESET: Handling(Fate.KEEPS),
    ErrorAction.FULL_RESET: Handling(Fate.KEEPS),
}


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a part waits for its next try (seconds), and how often."""

    #: HERE: tries that follow after so long each; behind the payload, pauses of the line instead.
    here_s: tuple[float, ...] = (0.5, 3.0)
    #: KEEPS: so many times a message goes back to its place at once, before it waits like others.
    keeps: int = 3
    #: WAITS: twice as long each time, and up to a quarter more.
    first_s: float = 15.0
    most_s: float = 3_600.0
    #: After the payload no other copy goes out before the report of that one could have come.
    report_s: float = 15.0


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """Whose error it is, and what helps."""

    scope: ErrorScope
    action: ErrorAction
    text: str

    @property
    def handling(self) -> Handling:
        return HANDLING[self.action]


_Row = tuple[ErrorScope, ErrorAction]
_BAD_MESSAGE: _Row = (ErrorScope.MESSAGE, ErrorAction.FAIL)
_REFUSED: _Row = (ErrorScope.SIM, ErrorAction.FAIL_COUNT)
_PASSING: _Row = (ErrorScope.NETWORK, ErrorAction.RETRY_BACKOFF)
_FULL: _Row = (ErrorScope.MODEM, ErrorAction.SWEEP_RETRY)
_CONFUSED: _Row = (ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE)
_NO_SIM: _Row = (ErrorScope.SIM, ErrorAction.STOP_LINE)
_STARTING: _Row = (ErrorScope.SIM, ErrorAction.WAIT_RETRY)
_BUSY: _Row = (ErrorScope.MODEM, ErrorAction.WAIT_RETRY)
_FAULT: _Row = (ErrorScope.MODEM, ErrorAction.COLLISION_RETRY)
_DUPLICATE: _Row = (ErrorScope.MESSAGE, ErrorAction.ACCEPTED_EARLIER)
_NO_SMSC: _Row = (ErrorScope.CONFIG, ErrorAction.USE_CONFIGURED_SMSC)

# codes -> row; what is not named here falls to the ranges below
_CMS: tuple[tuple[tuple[int, ...], _Row], ...] = (
    ((1, 28, 30), _BAD_MESSAGE),  # no such subscriber
    ((8, 10, 21, 29, 50, 69), _REFUSED),  # barred, no credit, not subscribed
    ((17, 27, 38, 41, 42, 47, 111, 127), _PASSING),
    ((22,), _FULL),
    ((81, 95, 96, 97, 98, 99), _BAD_MESSAGE),
    ((192, 194), _PASSING),
    ((193,), _REFUSED),
    ((195, 196, 198, 199), _BAD_MESSAGE),
    ((197,), _DUPLICATE),
    ((208, 211), _FULL),
    ((209, 210), _FAULT),
    ((212,), _STARTING),
    ((213,), _BAD_MESSAGE),
    ((255,), _PASSING),
    ((262,), _NO_SIM),
    ((300, 320, 321), _FAULT),
    ((301, 302, 303, 340), _CONFUSED),
    ((304, 305), _BAD_MESSAGE),
    ((310, 311, 312, 313, 315, 316, 317, 318), _NO_SIM),
    ((314,), _STARTING),
    ((322,), _FULL),
    ((330,), _NO_SMSC),
    ((331, 332, 350), _PASSING),
    ((500, 512, 513, 514, 516, 521, 522, 527, 535, 540), _FAULT),
    ((515,), _BUSY),
    ((517, 519, 520, 531, 538, 549, 550, 551, 552, 553, 554), _BAD_MESSAGE),
    ((615, 616), _PASSING),
)
_CMS_RANGES: tuple[tuple[range, _Row], ...] = (
    (range(128), _PASSING),  # an RP cause that is not known counts as 41 (TS 24.011 8.4)
    (range(128, 192), _BAD_MESSAGE),  # TP-PID, TP-DCS and TP-command failures (TS 23.040 9.2.3.22)
    (range(192, 224), _PASSING),
    (range(224, 256), _BAD_MESSAGE),  # values of an application
    (range(256, 65536), _FAULT),
)
_CME: tuple[tuple[tuple[int, ...], _Row], ...] = (
    ((0, 1, 2, 23, 60, 100), _FAULT),
    ((3, 4, 21, 22, 48, 49, 51, 52, 57, 59, 61), _CONFUSED),
    ((5, 6, 7, 10, 11, 12, 13, 15, 16, 17, 18), _NO_SIM),
    ((14,), _STARTING),
    ((20,), _FULL),
    ((24, 25, 26, 27, 50, 56, 58), _BAD_MESSAGE),
    ((30, 31, 32, 53, 54, 55, 107, 111, 112, 113, 134, 148), _PASSING),
    ((40, 41, 42, 43, 44, 45, 46, 47, 103, 106), _NO_SIM),
    ((62, 132, 133), _REFUSED),
    ((515,), _BUSY),
)
_CME_RANGES: tuple[tuple[range, _Row], ...] = ((range(65536), _FAULT),)

_CMS_TABLE: Mapping[int, _Row] = {code: row for codes, row in _CMS for code in codes}
_CME_TABLE: Mapping[int, _Row] = {code: row for codes, row in _CME for code in codes}


class ExplainedError(CmsError):
    """A CmsError whose code means something else here: this maker's own (512 and above), or this modem's sickness."""

    def __init__(self, error: CmsError, policy: ErrorPolicy) -> None:
        super().__init__(error.code, policy.text, error.command)
        self.policy = policy


def explained(error: CommandFailed, meanings: Mapping[int, ErrorPolicy]) -> CommandFailed:
    """The error with the maker's meaning of its code, where `meanings` has one."""
    if isinstance(error, CmsError) and error.code is not None and error.code in meanings:
        return ExplainedError(error, meanings[error.code])
    return error


def policy_for(error: CommandFailed) -> ErrorPolicy:
    """The policy of what a send was refused with. Total: any error has one."""
    if isinstance(error, ExplainedError):
        return error.policy
    if isinstance(error, CmsError):
        if error.code is None:
            return ErrorPolicy(*_FAULT, error.text)
        return ErrorPolicy(*_row(error.code, _CMS_TABLE, _CMS_RANGES), cms_text(error.code))
    if isinstance(error, CmeError):
        if error.code is None:
            return ErrorPolicy(*_FAULT, error.text)
        return ErrorPolicy(*_row(error.code, _CME_TABLE, _CME_RANGES), cme_text(error.code))
    # a bare ERROR: the modem has forgotten AT+CMEE, so it has most likely forgotten the rest as well
    return ErrorPolicy(*_CONFUSED, "the modem gave no reason")


def policy_for_silent_ok() -> ErrorPolicy:
    """OK without `+CMGS:`. Where that is a failed send (Siemens, `AT^SM20=1`), setting up anew is what ends it."""
    return ErrorPolicy(*_CONFUSED, "the modem said OK without a message reference")


_NOBODY_KNOWS = frozenset({332})  # network timeout: whether the centre has the message is what it did not learn
_MADE_BY_MODEMS = frozenset({None, 41, 47, 300, 500, 513})  # RP causes or words that modems also say of themselves


def is_unclear(error: CommandFailed) -> bool:
    """The error does not say who refused the message, so that its word is worth little: a bare ERROR, any
    `+CME ERROR`, and the `+CMS ERROR` codes that modems say for want of a better one."""
    return error.code in _MADE_BY_MODEMS | _NOBODY_KNOWS if isinstance(error, CmsError) else True


def leaves_doubt(error: CommandFailed, late: bool) -> bool:
    """The error behind the payload says nothing of what became of the message: it is not called refused. `late`: it
    came so long after it that it may be a timer's."""
    if isinstance(error, CmsError) and error.code in _NOBODY_KNOWS:
        return True
    return late and is_unclear(error)


def _row(code: int, table: Mapping[int, _Row], ranges: tuple[tuple[range, _Row], ...]) -> _Row:
    row = table.get(code)
    if row is not None:
        return row
    return next((row for codes, row in ranges if code in codes), _FAULT)
