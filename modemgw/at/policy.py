"""What to do about an error of the modem or the network, as a table: whose error it is, and what helps.

Does nothing itself.

Complete: every code from 0 to 65535 has a policy; those that no standard lists get that of their range (TS 24.011
8.4, TS 23.040
9.2.3.22, TS 27.005 3.2.5).
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
    REINIT_RETRY_ONCE = "reinit_retry_once"  # set the modem up anew, then once more
    STOP_LINE = "stop_line"  # the part goes back to the queue, the line stops and says why
    WAIT_RETRY = "wait_retry"  # the modem or the SIM is still starting
    COLLISION_RETRY = "collision_retry"  # twice after a pause, then the recovery ladder
    ACCEPTED_EARLIER = "accepted_earlier"  # the SMS centre has the message from an earlier attempt
    USE_CONFIGURED_SMSC = "use_configured_smsc"  # once more with the configured SMS centre in the PDU
    RADIO_RESET = "radio_reset"  # the radio is switched off and on, then once more
    FULL_RESET = "full_reset"  # the modem is started anew, then once more


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """`delay_s` before the next try (for RETRY_BACKOFF the first of doubling ones).

    `tries` further ones, None: up to the validity.
    """

    scope: ErrorScope
    action: ErrorAction
    text: str
    delay_s: float = 0.0
    tries: int | None = 0


REJECTIONS_THAT_PAUSE = 3  # FAIL_COUNT errors in a row, to different recipients, pause the SIM

_DELAYS: Mapping[ErrorAction, tuple[float, int | None]] = {
    ErrorAction.FAIL: (0.0, 0),
    ErrorAction.FAIL_COUNT: (0.0, 0),
    ErrorAction.RETRY_BACKOFF: (15.0, None),
    ErrorAction.SWEEP_RETRY: (0.0, 3),
    ErrorAction.REINIT_RETRY_ONCE: (0.0, 1),
    ErrorAction.STOP_LINE: (0.0, None),
    ErrorAction.WAIT_RETRY: (2.0, 5),
    ErrorAction.COLLISION_RETRY: (3.0, 2),
    ErrorAction.ACCEPTED_EARLIER: (0.0, 0),
    ErrorAction.USE_CONFIGURED_SMSC: (0.0, 1),
    ErrorAction.RADIO_RESET: (0.0, 1),
    ErrorAction.FULL_RESET: (0.0, 1),
}

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


def policy_of(scope: ErrorScope, action: ErrorAction, text: str) -> ErrorPolicy:
    """The policy with the delays and tries that its action has."""
    return _policy((scope, action), text)


def policy_for(error: CommandFailed) -> ErrorPolicy:
    """The policy of what a send was refused with. Total: any error has one."""
    if isinstance(error, ExplainedError):
        return error.policy
    if isinstance(error, CmsError):
        if error.code is None:
            return _policy(_FAULT, error.text)
        return _policy(_row(error.code, _CMS_TABLE, _CMS_RANGES), cms_text(error.code))
    if isinstance(error, CmeError):
        if error.code is None:
            return _policy(_FAULT, error.text)
        return _policy(_row(error.code, _CME_TABLE, _CME_RANGES), cme_text(error.code))
    # a bare ERROR: the modem has forgotten AT+CMEE, so it has most likely forgotten the rest as well
    return _policy(_CONFUSED, "the modem gave no reason")


def policy_for_silent_ok() -> ErrorPolicy:
    """OK without `+CMGS:`. Where that is a failed send (Siemens, `AT^SM20=1`), setting up anew is what ends it."""
    return _policy(_CONFUSED, "the modem said OK without a message reference")


#: An error so long after the payload may be a timer's: TR1M is 35-45 s (TS 24.011 10).
LATE_S = 30.0

_NOBODY_KNOWS = frozenset({332})  # network timeout: whether the centre has the message is what it did not learn
_MADE_BY_MODEMS = frozenset({None, 41, 47, 300, 500, 513})  # RP causes or words that modems also say of themselves


def is_unclear(error: CommandFailed) -> bool:
    """The error does not say who refused the message, so that its word is worth little: a bare ERROR, any
    `+CME ERROR`, and the `+CMS ERROR` codes that modems say for want of a better one."""
    return error.code in _MADE_BY_MODEMS | _NOBODY_KNOWS if isinstance(error, CmsError) else True


def leaves_doubt(error: CommandFailed, took_s: float) -> bool:
    """The error, `took_s` after the payload, says nothing of what became of the message: it is not called refused."""
    if isinstance(error, CmsError) and error.code in _NOBODY_KNOWS:
        return True
    return took_s > LATE_S and is_unclear(error)


def _row(code: int, table: Mapping[int, _Row], ranges: tuple[tuple[range, _Row], ...]) -> _Row:
    row = table.get(code)
    if row is not None:
        return row
    return next((row for codes, row in ranges if code in codes), _FAULT)


def _policy(row: _Row, text: str) -> ErrorPolicy:
    scope, action = row
    delay_s, tries = _DELAYS[action]
    return ErrorPolicy(scope, action, text, delay_s, tries)
