"""Which part a status report belongs to (DESIGN rule 4). Pure: candidates in, verdict out.

A report names the recipient, the message reference and nothing of ours: the reference has 8 bits, is given by
the modem and comes round again. So the key is line, recipient, reference and time, and two that fit are "ambiguous".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """A part that a report may be about. Times in Unix ms."""

    message_id: int
    seq: int
    state: str
    mr: int | None  # None: unknown, no answer was read
    sent_at: int
    validity_ms: int
    st: int | None  # of a report that was matched before
    attempt: int  # id of its last attempt; ids grow by one with every attempt of any line
    earlier: bool = False  # an earlier copy that was in doubt is meant; its reference is unknown


@dataclass(frozen=True, slots=True)
class Verdict:
    """The parts a report fits: none, one, or several and then ambiguous."""

    candidates: tuple[Candidate, ...]

    @property
    def ambiguous(self) -> bool:
        return len(self.candidates) > 1


def choose(candidates: Sequence[Candidate], mr: int, at: int) -> Verdict:
    """Of the parts of one line to one recipient, those a report with `mr`, read at `at`, fits.

    A part that was sent with `mr` and waits for its last word comes first. One whose reference nobody read (its
    attempt is in doubt) may have any but those given out around it. A part that has had its last word gets another
    report only if no other waits: it is a repeated one, or, where a part is in doubt besides, nobody can tell.
    """
    # no lower bound: a part is here because it was sent before, whatever the clock has been set to since
    timely = [c for c in candidates if at <= c.sent_at + c.validity_ms + REPORT_SLACK_MS]
    known = [c for c in timely if c.mr == mr]
    doubtful = [c for c in timely if c.mr is None and all(abs(c.attempt - k.attempt) >= WRAP_ATTEMPTS for k in known)]
    waiting = [c for c in known if c.state == "sent"]
    return Verdict(tuple((waiting or known) + doubtful))
