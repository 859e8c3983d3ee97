"""A real database with the writer's part played by hand: one operation, one transaction, a clock that is set.

What the tests of operations and queries stand on; the thread and its group commit have tests of their own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlite_utils import Database

from modemgw.domain.account import Account
from modemgw.domain.job import Job, LineRecord, NewMessage
from modemgw.domain.states import AttemptOutcome, State
from modemgw.rules.incoming import RawPdu, understand
from modemgw.store import acceptance, intake, lines, outbox, queries, schema
from modemgw.store.writer import Transaction

P = ParamSpec("P")
T = TypeVar("T")

#: The accounts of a desk.
SHOP, OTHER = Account(1, "shop"), Account(2, "other")

#: Where tests begin: 2023-11-14T22:13:20Z, in Unix ms.
START = 1_700_000_000_000

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

PLAIN = NewMessage(
    account_id=1,
    recipient="+79160000001",
    text="hello",
    data=None,
    udh=None,
    encoding="gsm7",
    locking=0,
    single=0,
    flash=False,
    pid=0,
    dcs=None,
    priority=0,
    line="",
    report=True,
    on_doubt="hold",
    client_ref=None,
    ref=None,
    dialect="native",
    extra=None,
    parts=1,
    send_at=None,
    validity_s=3 * 86_400,
)

#: A text of three UCS-2 parts.
LONG = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 3


def new(**changes: Any) -> NewMessage:
    """PLAIN with changes."""
    return replace(PLAIN, **changes)


def long(**changes: Any) -> NewMessage:
    """A message of three parts, with changes."""
    return replace(PLAIN, **{"text": LONG, "encoding": "ucs2", "parts": 3, **changes})


class Desk:
    """`do` is what the writer does with an operation. Two accounts (1 "shop", 2 "other"), two lines (1 "a", 2 "b")."""

    def __init__(self, path: str = ":memory:") -> None:
        self.now = START
        self.con = sqlite3.connect(path, isolation_level=None)
        self.con.execute("PRAGMA foreign_keys = ON")
        self.con.execute("PRAGMA synchronous = OFF")
        schema.apply(Database(self.con))
        self.do(lines.ensure_accounts, ["shop", "other"])
        for name in ("a", "b"):
            number = f"+7999000000{name == 'b':d}"
            self.do(lines.ensure_line, name, imsi=f"25001{name}", iccid=None, imei=None, number=number)

    def close(self) -> None:
        self.con.close()

    def do(self, op: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One operation in one transaction; one that raises leaves nothing behind."""
        self.con.execute("BEGIN IMMEDIATE")
        tx = Transaction(self.con, lambda: self.now)
        try:
            result = op(tx, *args, **kwargs)
            tx.flush_events()
        except BaseException:
            self.con.execute("ROLLBACK")
            raise
        self.con.execute("COMMIT")
        return result

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """All rows; of one column, its values."""
        rows = self.con.execute(sql, values).fetchall()
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    # -- out

    def accept(self, **changes: Any) -> int:
        return self.do(acceptance.Accept(new(**changes))).id

    def accept_long(self, **changes: Any) -> int:
        return self.do(acceptance.Accept(long(**changes))).id

    def begin(self, message: int, seq: int = 1, line: str = "a", tail: str = "60000001", resend: bool = False) -> Any:
        """The attempt's id, or None."""
        return self.do(outbox.begin_attempt, message, seq, line_of(line), tail, resend=resend, lane="")

    def end(self, attempt: int, outcome: str = "sent", **more: Any) -> State:
        return self.do(outbox.end_attempt, attempt, AttemptOutcome(outcome), **more)

    def send(self, message: int, seq: int = 1, outcome: str = "sent", line: str = "a", **more: Any) -> int:
        """A whole attempt: its id."""
        attempt = self.begin(message, seq, line)
        assert attempt is not None
        self.end(attempt, outcome, **more)
        return int(attempt)

    def doubt(self, message: int, seq: int = 1, line: str = "a", window: int = 10 * MINUTE) -> int:
        """An attempt of which nobody knows the end."""
        return self.send(message, seq, "unknown", line, error="No answer.", doubt_at=self.now + window)

    def state(self, message: int) -> str:
        return str(self.rows("SELECT state FROM messages WHERE id = ?", message)[0])

    def parts(self, message: int) -> list[str]:
        return self.rows("SELECT state FROM parts WHERE message_id = ? ORDER BY seq", message)

    def queue(self, message: int) -> int:
        """0 not waiting, 1 ready, 2 later."""
        return int(self.rows("SELECT queue FROM messages WHERE id = ?", message)[0])

    def job(self, message: int) -> Job | None:
        return queries.job(self.con, message)

    def events(self, message: int) -> list[str]:
        return self.rows("SELECT kind FROM events WHERE message_id = ? ORDER BY id", message)

    # -- in

    def take(self, pdus: Sequence[str], line: str = "a") -> int:
        """How many of the PDUs (hex) were new."""
        incoming = [understand(RawPdu(pdu)) for pdu in pdus]
        return self.do(intake.take_in, line_of(line), incoming)


def line_id(name: str) -> int:
    """The id of one of the desk's lines."""
    return {"a": 1, "b": 2}[name]


def line_of(name: str) -> LineRecord:
    """One of the desk's lines."""
    return LineRecord(line_id(name), name, f"25001{name}", "+79990000000")
