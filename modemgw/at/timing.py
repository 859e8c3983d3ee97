"""How long the dialogue with a modem waits for what."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modemgw.at.commands import PROMPT_S, SUBMIT_OK_S, SUBMIT_S


@dataclass(frozen=True, slots=True)
class Timing:
    """The spans of the dialogue, in seconds."""

    prompt_s: float = PROMPT_S
    submit_s: float = SUBMIT_S
    submit_ok_s: float = SUBMIT_OK_S
    go_ahead_s: float = 30.0  # the journal's COMMIT; a prompt is kept open no longer
    quiet_s: float = 0.1  # a modem that says nothing for so long has said what it had to
    drain_limit_s: float = 2.0
    hold_s: float = 10.0  # of silence: then the second line of a URC comes no more
    string_s: float = 5.0  # of silence: then the quote of a USSD text comes no more
    burst_s: float = 1.0  # of silence: then a result inside an open USSD text was a result
    answering_s: float = 2.0  # a modem in the middle of an answer is waited for as long as it goes on
    answer_most: float = 10.0  # times the limit of a command that an answer may take on a slow port
    late_s: float = 30.0  # an error so long after the payload may be a timer's: TR1M is 35-45 s (TS 24.011 10)
    owed_s: float = 10.0  # while an answer is owed to an earlier send, ours may follow the first within this
    lone_ok_s: float = 3.0  # a `+CMGS` may yet follow an OK, of a modem that says OK of what failed
    stray_ok_s: float = 0.3  # an OK that may be another command's is followed by the true answer within this
    repeat_s: float = 0.2  # a result so soon after a result is the same one, said again
    settle_s: float = 0.03  # a modem that says its results twice has said them when it is quiet for so long
    resync_probe_s: tuple[float, float, float] = (2.0, 3.0, 5.0)
    resync_refused_s: float = 0.5  # after an ERROR: was it a late one, or does the modem not know the question?
    sim_busy_pause_s: float = 0.5  # between questions to a SIM that is starting
    not_ready_pause_s: float = 0.5  # between questions about messages to a modem that is not ready for them
    report_owed_s: float = 60.0  # then the way of reports is looked after; again after twice as long, and so on
    longest_s: float = math.inf  # no answer is waited for any longer, whatever it is
