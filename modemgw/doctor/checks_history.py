"""What the database tells of the service: a queue that does not move, callbacks that fail, troubles since yesterday."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from modemgw.doctor.checks_store import StoreFacts, span
from modemgw.doctor.findings import Area, Finding, Verdict, ok

#: A message that may go out and waits for longer is stuck.
STUCK_S = 600


def check_waiting(facts: StoreFacts, now_ms: int, lines: str | None, *, running: bool) -> Iterator[Finding]:
    """A queue that does not move, and callbacks that nobody takes. `lines` says what the lines are doing."""
    queue = facts.queue
    if queue is not None and queue.oldest_at is not None:
        waits_s = (now_ms - queue.oldest_at) / 1000
        if waits_s > STUCK_S or not running:
            why = f" Its last try: {queue.error.rstrip('.')}." if queue.error else ""
            states = f" {lines}" if lines else ""
            yield Finding(
                "queue.stuck",
                Area.MESSAGES,
                Verdict.PROBLEM,
                f"{_messages(queue.waiting)} to be sent, the oldest (number {queue.oldest_id}) since "
                f"{span(waits_s)}.{why}{states}",
                f"modemgw explain {queue.oldest_id} tells what it waits for" if running else "start it: modemgw run",
            )
        else:
            yield ok("queue.moves", Area.MESSAGES, f"{_messages(queue.waiting)} to be sent.")
    bad = facts.failed_callbacks + facts.waiting_callbacks
    if bad and facts.callback_error:
        host = (facts.callback_url or "").partition("://")[2].partition("/")[0].rpartition("@")[2]
        yield Finding(
            "callbacks.failing",
            Area.SERVICE,
            Verdict.PROBLEM if facts.failed_callbacks else Verdict.WARNING,
            f"Callbacks to {host or 'the account'} fail ({facts.failed_callbacks} given up since yesterday, "
            f"{facts.waiting_callbacks} tried again and again): {facts.callback_error.rstrip('.')}.",
            "see to the receiver (modemgw callbacks --state waiting), then modemgw callbacks replay --all-failed",
        )


def check_held(facts: StoreFacts, lines: Collection[str]) -> Iterator[Finding]:
    """Messages that wait for a person, or for a line that is none of `lines` (empty: whatever is found)."""
    if facts.held:
        yield Finding(
            "queue.held",
            Area.MESSAGES,
            Verdict.WARNING,
            f"{_messages(facts.held)} for your decision: the database was brought back from a copy, and they may have "
            "been sent since.",
            "modemgw db release sends them, modemgw db release --drop leaves them as they are",
        )
    for login, count in facts.gone:
        yield Finding(
            "queue.account_gone",
            Area.MESSAGES,
            Verdict.WARNING,
            f"{_messages(count)} of the account {login}, which is not configured any more.",
            f"put the account back, or modemgw cancel --account {login}",
        )
    for line, count in facts.elsewhere:
        if lines and line not in lines:
            yield Finding(
                "queue.line_gone",
                Area.MESSAGES,
                Verdict.WARNING,
                f"{_messages(count)} for the line {line}, which is not configured any more.",
                f"put a [[modem]] of that name back, or modemgw cancel --line {line}",
            )


def check_history(facts: StoreFacts) -> Iterator[Finding]:
    """What the lines went through since yesterday and may go through again, though all is well just now."""
    for event in facts.happened:
        times = "once" if event.count == 1 else f"{event.count} times"
        if event.kind == "line.recovering":
            yield Finding(
                "announce.reset",
                Area.MESSAGES,
                Verdict.PROBLEM,
                f"Another program resets the modem's AT+CNMI: since yesterday it had forgotten {times} to announce "
                "what arrives, and was set up anew.",
                "stop the other program (ModemManager, gammu, a second modemgw) on this modem's other ports: "
                "sudo fuser -v /dev/ttyUSB* /dev/ttyACM*; sudo modemgw udev install --reload keeps ModemManager away. "
                "If there is none, the modem reboots by itself: look at its power",
                event.line,
            )
        elif event.kind == "line.power":
            yield Finding(
                "modem.supply",
                Area.MODEM,
                Verdict.WARNING,
                f"The modem complained {times} of its power since yesterday: {event.words.rstrip('.')}.",
                "give it a supply that bears peaks of 2 A (a powered hub, a thicker cable)",
                event.line,
            )
        else:
            yield Finding(
                "line.deaf",
                Area.MESSAGES,
                Verdict.WARNING,
                f"It did not hear what it had sent to itself, {times} since yesterday: {event.words.rstrip('.')}.",
                "see to the antenna; ask the operator whether the SIM may receive; try modemgw doctor --loopback",
                event.line,
            )


def _messages(count: int) -> str:
    return "1 message waits" if count == 1 else f"{count} messages wait"
