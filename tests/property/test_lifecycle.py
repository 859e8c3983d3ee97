"""The life of messages against a world that keeps its own ledger: whatever happens in whatever order, nothing is
lost, nothing is sent twice that must not be, and what the store says is what the world saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modemgw.domain.job import Job
from modemgw.domain.refusal import Refusal
from modemgw.domain.states import State, derive, may_become
from modemgw.rules.report_matching import tail
from modemgw.store import outbox, queries
from tests.unit.store.desk import HOUR, LONG, MINUTE, Desk
from tests.unit.store.pdus import report

WINDOW = 10 * MINUTE
LINES = ("a", "b")


@dataclass
class Copy:
    """A part that really went over the air, and what the centre will tell of it."""

    message: int
    seq: int
    line: str
    mr: int
    answered: bool  # our side read its +CMGS
    told: list[int] = field(default_factory=list)  # TP-ST of its reports so far


@dataclass
class Busy:
    """What a line is doing: it has `job`, and the attempt `attempt` for the part `seq` may be under way."""

    job: Job
    left: list[int]
    attempt: int | None = None
    seq: int = 0


class World(RuleBasedStateMachine):
    """Two lines, a network, one store. A rule is something that may happen at any time."""

    same_recipient = False

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.desk.con.execute("CREATE TEMP TABLE steps (old TEXT, new TEXT)")
        self.desk.con.execute(
            "CREATE TEMP TRIGGER parts_step AFTER UPDATE OF state ON parts WHEN old.state <> new.state "
            "BEGIN INSERT INTO steps VALUES (old.state, new.state); END"
        )
        self.accepted: dict[int, dict[str, Any]] = {}
        self.copies: list[Copy] = []
        self.attempts: list[tuple[int, int]] = []  # (message, seq) of every attempt
        self.doubts: dict[tuple[int, int], int] = {}  # attempts that were recorded as in doubt
        self.busy: dict[str, Busy | None] = dict.fromkeys(LINES)
        self.mr = dict.fromkeys(LINES, 0)
        self.late: dict[str, Copy | None] = dict.fromkeys(LINES)  # of the line's last attempt, not yet answered
        self.reports = 0

    def teardown(self) -> None:
        self.desk.close()

    # -- the doors

    @rule(
        parts=st.sampled_from([1, 1, 3]),
        rule_=st.sampled_from(["hold", "resend"]),
        validity_s=st.sampled_from([300, 3600, 259_200]),
        later=st.booleans(),
        line=st.sampled_from(["", "", "a"]),
        wanted=st.sampled_from([True, True, True, False]),
    )
    def accept(self, parts: int, rule_: str, validity_s: int, later: bool, line: str, wanted: bool) -> None:
        number = 1 if self.same_recipient else len(self.accepted) + 1
        more: dict[str, Any] = {"text": LONG, "encoding": "ucs2"} if parts == 3 else {}
        message = self.desk.accept(
            parts=parts,
            on_doubt=rule_,
            validity_s=validity_s,
            recipient=f"+7916{number:07d}",
            line=line,
            send_at=self.desk.now + HOUR if later else None,
            report=wanted,
            **more,
        )
        assert message not in self.accepted
        self.accepted[message] = {"parts": parts, "rule": rule_, "recipient": f"+7916{number:07d}"}

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(sorted(self.accepted)))
        before = self.desk.state(message)
        try:
            self.desk.do(outbox.cancel, 1, message)
        except Refusal:
            assert before not in ("queued", "cancelled")
        else:
            assert before in ("queued", "cancelled")
            assert self.desk.queue(message) == 0

    # -- a line

    @rule(line=st.sampled_from(LINES))
    def begin(self, line: str) -> None:
        """The next message, or the next part of the one it has."""
        busy = self.busy[line]
        if busy is None:
            held = {other.job.id for other in self.busy.values() if other is not None}
            ready = [job for name in ("", line) for job in queries.claim(self.desk.con, name, 50) if job.id not in held]
            if not ready:
                return
            head = min(ready, key=lambda job: (-job.priority, job.id))
            assert head.queued
            busy = self.busy[line] = Busy(head, list(head.queued))
        if busy.attempt is not None:
            return
        busy.seq = busy.left[0]
        job = busy.job
        busy.attempt = self.desk.begin(job.id, busy.seq, line, tail(job.recipient), busy.seq in job.resend)
        if busy.attempt is None:
            self._leave(line)
            return
        self.attempts.append((job.id, busy.seq))
        self.late[line] = None

    def _leave(self, line: str) -> None:
        """What the sender does with what is left of a message."""
        busy = self.busy[line]
        assert busy is not None
        self.busy[line] = None
        self.desk.do(lambda tx: outbox.resume_rest(tx, busy.job.id))

    def _air(self, line: str, busy: Busy, answered: bool) -> Copy:
        self.mr[line] = (self.mr[line] + 1) % 256
        copy = Copy(busy.job.id, busy.seq, line, self.mr[line], answered)
        self.copies.append(copy)
        return copy

    def _end(self, line: str, outcome: str, **more: Any) -> None:
        busy = self.busy[line]
        assert busy is not None
        assert busy.attempt is not None
        self.desk.end(busy.attempt, outcome, **more)
        busy.attempt = None

    @precondition(lambda self: any(b is not None and b.attempt is not None for b in self.busy.values()))
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["sent", "sent", "sent", "rejected", "refused", "later", "not_sent", "unknown"]),
        on_air=st.booleans(),
        early=st.booleans(),
    )
    def end(self, data: st.DataObject, outcome: str, on_air: bool, early: bool) -> None:
        line = data.draw(st.sampled_from([n for n, b in self.busy.items() if b is not None and b.attempt is not None]))
        busy = self.busy[line]
        assert busy is not None
        if outcome == "sent":
            copy = self._air(line, busy, True)
            if early:
                self._report(copy, 0)
            self._end(line, "sent", mr=copy.mr)
            busy.left.pop(0)
            if not busy.left:
                self.busy[line] = None
            return
        if outcome == "unknown":
            self.doubts[busy.job.id, busy.seq] = self.doubts.get((busy.job.id, busy.seq), 0) + 1
            if on_air:
                self.late[line] = self._air(line, busy, False)
            self._end(line, "unknown", error="Silence.", doubt_at=self.desk.now + WINDOW)
        elif outcome == "later":
            self._end(line, "refused", error="Busy.", due_at=self.desk.now + MINUTE)
        else:
            self._end(line, outcome, error="No.")
        if outcome != "refused":  # a quick retry keeps the message
            self.busy[line] = None

    @rule(line=st.sampled_from(LINES))
    def stop_between_parts(self, line: str) -> None:
        busy = self.busy[line]
        if busy is not None and busy.attempt is None:
            self._leave(line)

    @rule(line=st.sampled_from(LINES))
    def late_answer(self, line: str) -> None:
        copy = self.late[line]
        if copy is None:
            return
        self.late[line] = None
        copy.answered = True
        adopted = self.desk.do(outbox.adopt_late_cmgs, 1 + LINES.index(line), copy.mr)
        assert adopted in (None, (copy.message, copy.seq))
        if adopted is None:  # only if it was resolved already, or is on its way again
            assert self.desk.parts(copy.message)[copy.seq - 1] not in ("unknown", "queued")

    # -- the network

    def _report(self, copy: Copy, st_: int) -> None:
        copy.told.append(st_)
        self.reports += 1
        recipient = self.accepted[copy.message]["recipient"]
        wanted = self.desk.rows("SELECT report FROM messages WHERE id = ?", copy.message) == [1]
        if wanted:
            self.desk.take([report(copy.mr, recipient, st_, done=self.reports)], copy.line)

    @precondition(lambda self: self.copies)
    @rule(data=st.data(), st_=st.sampled_from([0, 0, 0, 0x22, 0x41, 0x46]))
    def tell(self, data: st.DataObject, st_: int) -> None:
        """A report of a copy: perhaps a repeated one, never two that contradict each other."""
        copy = data.draw(st.sampled_from(self.copies))
        final = [told for told in copy.told if told != 0x22]
        if not final or st_ == final[0]:
            self._report(copy, st_)

    # -- the clock, and the end of the process

    @rule(step=st.sampled_from([1000, MINUTE, WINDOW, HOUR, -HOUR]))
    def time_passes(self, step: int) -> None:
        self.desk.now += step

    @rule()
    def tick(self) -> None:
        """What the timers do."""
        self.desk.do(outbox.expire)
        self.desk.do(outbox.promote)
        self.desk.do(outbox.settle_doubt)

    @rule(on_air=st.booleans())
    def crash(self, on_air: bool) -> None:
        for line, busy in self.busy.items():
            if busy is not None and busy.attempt is not None:
                self.doubts[busy.job.id, busy.seq] = self.doubts.get((busy.job.id, busy.seq), 0) + 1
                if on_air:
                    self.late[line] = self._air(line, busy, False)
            self.busy[line] = None
        self.desk.do(lambda tx: outbox.recover(tx, WINDOW, 15_000))
        assert self.desk.rows("SELECT count(*) FROM attempts WHERE outcome = 'started'") == [0]

    # -- the laws

    @invariant()
    def no_step_leaves_the_table(self) -> None:
        for old, new in self.desk.con.execute("SELECT old, new FROM steps").fetchall():
            assert may_become(State(old), State(new)), (old, new)
        self.desk.con.execute("DELETE FROM steps")

    @invariant()
    def nothing_accepted_disappears(self) -> None:
        kept = dict(self.desk.con.execute("SELECT message_id, count(*) FROM parts GROUP BY 1").fetchall())
        assert kept == {message: what["parts"] for message, what in self.accepted.items()}

    @invariant()
    def the_state_of_a_message_is_that_of_its_parts(self) -> None:
        for message in self.accepted:
            assert self.desk.state(message) == derive(State(part) for part in self.desk.parts(message))

    @invariant()
    def what_waits_can_be_claimed_and_nothing_else(self) -> None:
        held = {busy.job.id for busy in self.busy.values() if busy is not None}
        for message in self.accepted:
            parts, queue = self.desk.parts(message), self.desk.queue(message)
            state, doubt_at, due_at = self.desk.rows(
                "SELECT state, doubt_at, due_at FROM messages WHERE id = ?", message
            )[0]
            if queue:
                assert "queued" in parts
                assert state in ("queued", "sending")
                assert not {"unknown", "sending"} & set(parts)
                assert (queue == 2) == (due_at is not None)
            elif "queued" in parts:
                # it will be looked at again: by its line, or when the doubt ends
                assert message in held or ("unknown" in parts and doubt_at is not None)
            if doubt_at is not None:
                assert state == "unknown"

    @invariant()
    def what_was_sent_is_not_sent_again(self) -> None:
        for message, what in self.accepted.items():
            for seq in range(1, what["parts"] + 1):
                copies = sum((copy.message, copy.seq) == (message, seq) for copy in self.copies)
                doubts = self.doubts.get((message, seq), 0)
                assert copies <= (1 if what["rule"] == "hold" else 1 + doubts), (message, seq)

    @invariant()
    def what_the_store_says_is_what_the_world_saw(self) -> None:
        for message in self.accepted:
            for seq, state in enumerate(self.desk.parts(message), 1):
                copies = [copy for copy in self.copies if (copy.message, copy.seq) == (message, seq)]
                told = {st_ for copy in copies for st_ in copy.told}
                if state in ("sent", "delivered", "undeliverable"):
                    assert copies, (message, seq, state)
                if state == "delivered":
                    assert 0 in told
                if state == "undeliverable":
                    assert 0x41 in told
                if state in ("rejected", "cancelled") or (state == "expired" and 0x46 not in told):
                    assert not copies, (message, seq, state)
                if any(copy.answered for copy in copies) and not self._held(message, seq):
                    assert state in ("sent", "delivered", "undeliverable", "expired"), (message, seq, state)

    def _held(self, message: int, seq: int) -> bool:
        """A second copy is on its way: the part is the attempt's until that ends."""
        return any(b is not None and (b.job.id, b.seq) == (message, seq) and b.attempt for b in self.busy.values())

    @invariant()
    def the_history_explains_every_state(self) -> None:
        for message in self.accepted:
            told = None
            for kind in self.desk.events(message):
                if kind == "part.sending":
                    told = "sending"
                elif kind.startswith("message.") and kind not in ("message.held", "message.resend"):
                    told = kind.removeprefix("message.")
            assert told == self.desk.state(message)

    @invariant()
    def attempts_are_all_there(self) -> None:
        assert self.desk.rows("SELECT count(*) FROM attempts") == [len(self.attempts)]


class OneRecipient(World):
    """Everything to one number: reports are told apart by reference and order alone."""

    same_recipient = True

    @initialize()
    def begin_with_something(self) -> None:
        for _ in range(3):
            self.accept(1, "hold", 259_200, False, "", True)


LIMITS = settings(
    max_examples=60,
    stateful_step_count=40,
    derandomize=True,  # the same walks every time; more of them, and others, when somebody looks for a fault
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

TestWorld = pytest.mark.timeout(120)(World.TestCase)
TestWorld.settings = LIMITS
TestOneRecipient = pytest.mark.timeout(120)(OneRecipient.TestCase)
TestOneRecipient.settings = LIMITS
