"""Three ledgers compared: what the API accepted, what the network saw, what the store says. Pure; moves nothing.

Every text consists of its own token again and again, so that each part of it, on the air or in the inbox, tells
which message it belongs to.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modemgw.sms import Direction, SmsDeliver, SmsSubmit, TpduDecodeError, decode_tpdu

Json = dict[str, Any]

TOKEN = re.compile(r"[OI]\d{5}")

#: States in which the store says that the network has, or had, the part.
WENT = frozenset({"sent", "delivered", "undeliverable"})


def text_of(token: str, length: int, *, wide: bool = False) -> str:
    """A text of about `length` characters, made of its token; `wide` makes it UCS-2."""
    unit = f"{token}ж" if wide else f"{token} "
    return (unit * (length // len(unit) + 1))[: max(length, len(unit))].rstrip()


@dataclass(slots=True)
class Order:
    """A message as the client knows it."""

    token: str
    to: str
    text: str
    id: int | None = None  # None: no answer was read
    given_up: bool = False  # the client got no answer and asked no more


@dataclass(slots=True)
class Verdict:
    """What came out. The first row of `table` is what issue 3 asks for; `lies` are sentences, best none."""

    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    doubtful: int = 0
    inbound: int = 0
    inbound_lost: int = 0
    inbound_doubled: int = 0
    parts: int = 0
    on_air: int = 0
    resolved: int = 0
    given_up: int = 0
    states: Counter[str] = field(default_factory=Counter)
    lies: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.inbound_lost or self.inbound_doubled or self.lies)

    def table(self) -> str:
        """The figures, aligned, and the lies."""
        names = ("accepted", "lost", "doubled", "doubtful", "inbound", "inbound lost", "inbound doubled")
        values = (
            self.accepted,
            self.lost,
            self.doubled,
            self.doubtful,
            self.inbound,
            self.inbound_lost,
            self.inbound_doubled,
        )
        rows = [
            " | ".join(names),
            " | ".join(str(value).rjust(len(name)) for name, value in zip(names, values, strict=True)),
            f"parts {self.parts}, on the air {self.on_air}, ever in doubt and resolved {self.resolved}, "
            f"given up by the client {self.given_up}",
            "parts by state: " + ", ".join(f"{state} {n}" for state, n in sorted(self.states.items())),
        ]
        return "\n".join(rows + [f"LIE: {lie}" for lie in self.lies[:30]])


@dataclass(frozen=True, slots=True)
class OnAir:
    """A part that the network took."""

    token: str
    seq: int
    modem: str
    mr: int
    rd: bool


def on_air(entries: Iterable[Json]) -> list[OnAir]:
    """The network's `submit` entries as parts."""
    seen = []
    for entry in entries:
        if entry["kind"] != "submit":
            continue
        tpdu = decode_tpdu(bytes.fromhex(entry["tpdu"]), Direction.FROM_MS)
        assert isinstance(tpdu, SmsSubmit)
        token = TOKEN.search(tpdu.text or "")
        assert token, f"a text of nobody on the air: {tpdu.text!r}"
        concat = tpdu.udh.concat
        seen.append(OnAir(token[0], concat.sequence if concat else 1, entry["modem"], entry["mr"], tpdu.rd))
    return seen


def brought(entries: Iterable[Json]) -> dict[str, int]:
    """How often the network brought each message whole to a modem, by token: a message that was sent twice is
    two messages to who receives it."""
    parts: dict[str, Counter[int]] = defaultdict(Counter)
    totals: dict[str, int] = {}
    for entry in entries:
        if entry["kind"] != "delivered":
            continue
        try:
            tpdu = decode_tpdu(bytes.fromhex(entry["tpdu"]), Direction.TO_MS)
        except TpduDecodeError:
            continue
        if not isinstance(tpdu, SmsDeliver) or (token := TOKEN.search(tpdu.text or "")) is None:
            continue
        concat = tpdu.udh.concat
        parts[token[0]][concat.sequence if concat else 1] += 1
        totals[token[0]] = concat.total if concat else 1
    return {token: min(seen.values()) for token, seen in parts.items() if len(seen) == totals[token]}


def judge(
    database: Path,
    orders: Sequence[Order],
    entries: Sequence[Json],
    inbound: dict[str, str],
    *,
    on_doubt: str,
    modems: int,
    kills: Sequence[float] = (),
    plans: dict[str, str] | None = None,
) -> Verdict:
    """The verdict over a stopped service. `inbound` is what was injected, text by token; `kills` the times of
    the kills in Unix ms; `plans` what the network does with reports, by the first digits of a number."""
    verdict = Verdict()
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    try:
        if (problem := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            verdict.lies.append(f"the database is damaged: {problem}")
        _judge_sent(verdict, db, orders, on_air(entries), on_doubt, plans or {})
        _judge_doubts(verdict, db, modems, kills)
        texts = {order.token: order.text for order in orders} | inbound
        expected = dict.fromkeys(inbound, 1)
        expected |= {token: copies for token, copies in brought(entries).items() if token not in inbound}
        _judge_inbox(verdict, db, expected, texts)
    finally:
        db.close()
    return verdict


def _judge_sent(
    verdict: Verdict,
    db: sqlite3.Connection,
    orders: Sequence[Order],
    seen: Sequence[OnAir],
    on_doubt: str,
    plans: dict[str, str],
) -> None:
    air: dict[tuple[str, int], list[OnAir]] = defaultdict(list)
    for part in seen:
        air[part.token, part.seq].append(part)
    verdict.on_air = len(seen)
    rows = {row["client_ref"]: row for row in db.execute("SELECT * FROM messages")}
    unknown = db.execute("SELECT message_id, part FROM events WHERE kind = 'part.unknown'")
    doubts = Counter((row["message_id"], row["part"]) for row in unknown)
    known = {order.token for order in orders}
    for token, _ in air:
        if token not in known:
            verdict.lies.append(f"{token} was on the air and nobody ordered it")
    for order in orders:
        row = rows.get(order.token)
        if order.id is None:
            verdict.given_up += 1
            if row is None:
                if any(token == order.token for token, _ in air):
                    verdict.lies.append(f"{order.token} was on the air and is not in the store")
                continue
        else:
            verdict.accepted += 1
            if row is None or row["id"] != order.id:
                verdict.lost += 1
                verdict.lies.append(f"{order.token} was accepted as {order.id} and the store does not know it")
                continue
        assert row is not None
        _judge_message(verdict, db, order, row, air, doubts, on_doubt, plans)


def _judge_message(
    verdict: Verdict,
    db: sqlite3.Connection,
    order: Order,
    row: sqlite3.Row,
    air: dict[tuple[str, int], list[OnAir]],
    doubts: Counter[tuple[int, int]],
    on_doubt: str,
    plans: dict[str, str],
) -> None:
    parts = db.execute(
        "SELECT p.*, l.name FROM parts p LEFT JOIN lines l ON l.id = p.line_id WHERE message_id = ? ORDER BY seq",
        (row["id"],),
    ).fetchall()
    lost = doubled = doubtful = False
    # a part that is in doubt, or failed by its report, stops those that have not gone out
    stops = ("unknown", "undeliverable", "expired")
    cut_off = any(part["state"] in stops or doubts[row["id"], part["seq"]] for part in parts)
    for part in parts:
        verdict.parts += 1
        seq, state = part["seq"], part["state"]
        verdict.states[state] += 1
        took = air.get((order.token, seq), [])
        doubted = doubts[row["id"], seq]
        where = f"{order.token} part {seq} ({state}, on the air {len(took)} times, {doubted} times in doubt)"
        if len(took) > 1 + (doubted if on_doubt == "resend" else 0):
            doubled = True
            verdict.lies.append(f"{where} was doubled")
        elif len(took) > 1 and not any(copy.rd for copy in took[1:]):
            # a copy the client asked for must say that it may be one
            verdict.lies.append(f"{where} was sent again without TP-RD")
        if state in WENT:
            if not took:
                lost = True
                verdict.lies.append(f"{where} is called {state} and was never on the air")
            elif part["mr"] is not None and not any(
                (copy.modem.removeprefix("modem"), copy.mr) == (part["name"].removeprefix("m"), part["mr"])
                for copy in took
            ):
                verdict.lies.append(f"{where} has reference {part['mr']} on {part['name']}; the air says {took}")
            plan = next((plan for start, plan in plans.items() if order.to.startswith(start)), "delivered")
            if (state == "delivered" and plan in ("failed", "never")) or (
                state == "undeliverable" and plan != "failed"
            ):
                verdict.lies.append(f"{where} to {order.to}, whose reports say {plan!r}")
            verdict.resolved += bool(doubted)
        elif state == "unknown":
            doubtful = True
            verdict.doubtful += 1
            if not doubted:
                verdict.lies.append(f"{where}, and no attempt was")
        elif took:
            verdict.lies.append(f"{where} is called {state} and was on the air")
        elif state in ("queued", "sending"):
            lost = True
            verdict.lies.append(f"{where} still waits: {row['state']}, queue {row['queue']}, error {row['error']}")
        elif not (state == "cancelled" and cut_off):
            lost = True
            verdict.lies.append(f"{where} ended without a fault of its own: {part['error']}")
    verdict.lost += lost and not doubtful
    verdict.doubled += doubled


def _judge_doubts(verdict: Verdict, db: sqlite3.Connection, modems: int, kills: Sequence[float]) -> None:
    """A kill puts no more in doubt than the part that each modem had in the air."""
    if not kills:
        return
    found: Counter[tuple[int, int]] = Counter()
    for line, at in db.execute("SELECT line_id, started_at FROM attempts WHERE error LIKE 'The service stopped%'"):
        found[line, sum(at > kill for kill in kills)] += 1
    for (line, kill), count in found.items():
        if count > 1:
            verdict.lies.append(f"kill {kill} left {count} parts of line {line} in doubt")
    if sum(found.values()) > len(kills) * modems:
        verdict.lies.append(f"{sum(found.values())} parts were in doubt by {len(kills)} kills of {modems} modems")


def _judge_inbox(verdict: Verdict, db: sqlite3.Connection, expected: dict[str, int], texts: dict[str, str]) -> None:
    verdict.inbound = sum(expected.values())
    got: Counter[str] = Counter()
    for row in db.execute("SELECT text, complete, parts FROM inbox"):
        token = TOKEN.search(row["text"] or "")
        if token is None or token[0] not in expected:
            verdict.lies.append(f"the inbox has {row['text']!r}, which nobody sent")
            continue
        got[token[0]] += 1
        if not row["complete"] or row["text"] != texts[token[0]]:
            verdict.lies.append(f"{token[0]} is in the inbox as {row['text']!r}")
    missing = Counter(expected) - got
    again = got - Counter(expected)
    verdict.inbound_lost = missing.total()
    verdict.inbound_doubled = again.total()
    verdict.lies += [f"{token} was brought to a SIM and is not in the inbox" for token in list(missing)[:5]]
    verdict.lies += [f"{token} is {got[token]} times in the inbox" for token in list(again)[:5]]
