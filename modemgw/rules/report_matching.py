"""Which part a status report belongs to (docs/architecture.md rule 4). Pure: candidates in, verdict out.

A report names the recipient, the message reference and nothing of ours: the reference has 8 bits, is given by
the modem and comes round again. So the key is line, recipient, reference and time; of two that fit the service
centre's time tells which, or they are "ambiguous".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modemgw.rules.centre_clock import Fit
from modemgw.sms import StatusMeaning, status_meaning

#: Digits of a number that are compared: national and international forms of one number share them.
TAIL_DIGITS = 8

#: How much later than the end of its validity a part's report is still taken for its own.
REPORT_SLACK_MS = 24 * 3_600_000

#: Attempts (of all lines, so an upper bound of those of one) between which a modem cannot have come round to the
#: same reference. Less than 256, for a modem may count its own repetitions.
WRAP_ATTEMPTS = 200


def tail(number: str) -> str:
    """What two spellings of one number have in common; short codes and names as they are."""
    digits = "".join(c for c in number if c.isdigit())
    if len(digits) >= TAIL_DIGITS and not any(c.isalpha() for c in number):
        return digits[-TAIL_DIGITS:]
    return number.strip().lstrip("+").lower()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A copy of a part that a report may be about: one attempt whose payload went out. Times in Unix ms."""

    message_id: int
    seq: int
    state: str  # of the part
    mr: int | None  # None: unknown, no answer was read, or the modem called it refused
    started_at: int
    sent_at: int  # when its result came, or was given up
    validity_ms: int
    st: int | None  # of a report about this copy that was matched before
    attempt: int  # ids grow by one with every attempt of any line
    last: bool  # no later attempt of the part was made
    doubtful: bool = False  # its result was no `+CMGS`: the payload may have left long after that


@dataclass(frozen=True, slots=True)
class Verdict:
    """The copies a report fits: none, one, or several and then ambiguous."""

    candidates: tuple[Candidate, ...]

    sole: bool = False  # no other copy has that reference, or one that nobody knows
    by_time: bool = False  # others have, and only this one was taken at that time

    @property
    def ambiguous(self) -> bool:
        return len(self.candidates) > 1


def choose(candidates: Sequence[Candidate], mr: int, at: int, fit: Callable[[Candidate], Fit] | None = None) -> Verdict:
    """Of the copies that went out through one line to one recipient, those a report with `mr`, read at `at`, fits.

    A copy that was sent with `mr` and waits for its last word comes first. One whose reference nobody read (its
    attempt is in doubt, or the modem called it refused) may have any but those given out around it. A copy that has
    had its last word gets another report only if no other waits: it is a repeated one, or, where a copy is in doubt
    besides, nobody can tell. `fit` says of a copy whether the report's service centre time can be its own: of several
    it chooses the one that fits, if the others certainly do not.
    """
    # no lower bound: a copy is here because it was sent before, whatever the clock has been set to since
    timely = [c for c in candidates if at <= c.sent_at + c.validity_ms + REPORT_SLACK_MS]
    known = [c for c in timely if c.mr == mr]
    doubtful = [c for c in timely if c.mr is None and all(abs(c.attempt - k.attempt) >= WRAP_ATTEMPTS for k in known)]
    if fit is not None and len(known) + len(doubtful) > 1:
        possible = [c for c in known + doubtful if fit(c) is not Fit.NO]
        if len(possible) == 1 and fit(possible[0]) is Fit.YES:
            return Verdict((possible[0],), by_time=True)
    waiting = [c for c in known if not had_last_word(c.st)]
    fits = (waiting or known) + doubtful
    sole = len(known) + len(doubtful) == 1
    if len({(c.message_id, c.seq) for c in fits}) == 1:
        # copies of one part: that it was delivered is certain of any, that it failed first of the earliest
        fits = [min(fits, key=lambda c: c.attempt)]
    return Verdict(tuple(fits), sole)


def had_last_word(st: int | None) -> bool:
    """A report has said what became of the copy; the centre does not go on trying."""
    return st is not None and status_meaning(st) is not StatusMeaning.TRYING
