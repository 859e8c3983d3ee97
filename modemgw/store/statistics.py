"""What an account sent, counted in SQL: a day's figures, and not the messages themselves, leave the database."""

from __future__ import annotations

import sqlite3

from modemgw.domain.requests import DayFigures, StatisticsQuery
from modemgw.domain.states import State
from modemgw.rules.pricing import money

DAY_MS = 86_400_000

_LAST = (1 << 63) - 1

_NEXT = "SELECT min(created_at) FROM messages WHERE account_id = ? AND created_at BETWEEN ? AND ?"

#: Of messages in one part, the message's state is the part's. A day at a time: few groups, and nothing to sort.
_DAY = (
    "SELECT coalesce(p.state, m.state) AS state, count(*), sum(iif(p.seq IS NULL OR p.seq = 1, m.cost, 0)) "
    "FROM messages m LEFT JOIN parts p ON m.parts > 1 AND p.message_id = m.id "
    "WHERE m.account_id = ? AND m.hidden = 0 AND m.created_at BETWEEN ? AND ? GROUP BY 1"
)


def statistics(con: sqlite3.Connection, asked: StatisticsQuery) -> list[DayFigures]:
    """See StatisticsQuery."""
    since, until = max(0, asked.since or 0), _LAST if asked.until is None else min(asked.until, _LAST)
    figures: list[DayFigures] = []
    while since <= until:
        (first,) = con.execute(_NEXT, (asked.account.id, since, until)).fetchone()
        if first is None:
            break
        begins_at = first - (first + asked.offset_s * 1000) % DAY_MS
        next_day = begins_at + DAY_MS
        rows = con.execute(_DAY, (asked.account.id, max(since, begins_at), min(until, next_day - 1))).fetchall()
        if rows:
            parts = {State(state): count for state, count, _ in rows}
            figures.append(DayFigures(begins_at, parts, money(sum(cost for _, _, cost in rows))))
        since = next_day
    return figures
