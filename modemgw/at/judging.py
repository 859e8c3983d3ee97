"""What a modem's result after the payload of AT+CMGS says of the message (TS 27.005 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from modemgw.at.parser import Final
from modemgw.at.policy import leaves_doubt
from modemgw.at.sending import SendInDoubt, SendRejected
from modemgw.at.timing import Timing


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, and what came before it."""

    final: Final
    answered: bool  # by a `+CMGS` line, readable or not
    reference: int | None
    strays: bool  # lines that nobody understood


def judged(answer: Answer, took_s: float, timing: Timing, *, ok_is_failure: bool) -> int:
    """The message's reference. Raises SendRejected, SendInDoubt. Success needs a reference; `OK` alone says nothing,
    but of a modem that says it of what failed."""
    error = answer.final.error
    if error is not None:
        if answer.answered:
            raise SendInDoubt(f"The modem gave a reference and then {error.result}.", answer.reference) from error
        if leaves_doubt(error, took_s > timing.late_s):
            raise SendInDoubt(
                f"The modem said {error.result} after {took_s:.0f} s, which leaves open whether the network has the "
                "message.",
                error=error,
            ) from error
        raise SendRejected(str(error), error)
    if answer.reference is not None:
        return answer.reference
    if answer.answered or answer.strays:
        raise SendInDoubt("The modem said OK, but its answer to AT+CMGS came garbled.")
    if ok_is_failure:
        raise SendRejected("The modem said OK without +CMGS, which it says of a message that was not sent.")
    raise SendInDoubt(f"The modem said OK, and no +CMGS within {timing.submit_s:g} s.", silent_ok=True)
