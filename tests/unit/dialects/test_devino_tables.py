"""Tables without gaps: every state, refusal, CMS error, TP-ST and line state has its codes, and the page shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.dialects.devino import CALLS, tables, times
from modemgw.dialects.devino.settings import ACCOUNT_SETTINGS, SETTINGS
from modemgw.dialects.devino.tables import Operation, Status
from modemgw.domain.line import LineState
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

PAGE = (Path(__file__).parents[3] / "docs" / "dialects" / "devino.md").read_text()


def test_states() -> None:
    assert set(tables.STATES) == set(tables.COUNTED) == set(State)
    assert set(tables.STATES.values()) <= set(tables.STATE_NAMES)
    for state, code in tables.STATES.items():
        status = Status.DELIVERED_TO_GATEWAY if state is State.SENDING else tables.STATUSES[code]
        assert (
            f"| `{state.value}` | {code} | {tables.STATE_NAMES[code]} | {tables.COUNTED[state]} | {status.value} |"
            in PAGE
        )


def test_refusals() -> None:
    assert set(tables.ERRORS) == set(tables.OPERATIONS) == set(RefusalKind)
    assert set(tables.ERRORS.values()) | {3, 9} == set(tables.HTTP) == set(range(1, 10))
    for kind, code in tables.ERRORS.items():
        assert f"| `{kind.value}` | {code} | {tables.HTTP[code]} | {tables.OPERATIONS[kind].value} |" in PAGE


def test_the_older_vocabulary_is_complete() -> None:
    told = {*tables.OPERATIONS.values(), *tables.LINES.values(), *(status for _, status in tables.UNAVAILABLE)}
    by_settings = {Operation.OK, Operation.INVALID_PASSWORD, Operation.SMS_USER_NOT_ACTIVATED}
    assert {status for status in told if status is not None} | by_settings == set(Operation)
    assert set(tables.STATUSES.values()) | {Status.DELIVERED_TO_GATEWAY} == set(Status)
    assert set(tables.LINES) == set(LineState)
    assert set(tables.STATUSES) == set(tables.STATE_NAMES) - {-98, 255}
    for status in Operation:
        assert f"| `{status.value}` |" in PAGE
    for state, problem in tables.LINES.items():
        if problem is not None:
            assert f"`{state.value}`" in PAGE


def test_every_cms_error() -> None:
    for code in [None, *range(1000), 65535]:
        assert tables.rejection(code) in tables.STATE_NAMES
        assert tables.rejection(code) > 0, "a refusal is never told as under way or delivered"
    for cms, state in tables.REJECTIONS.items():
        assert f"| {cms} | {state} |" in PAGE
    for first, last, state in tables.REJECTION_RANGES:
        assert f"| {first} to {last} | {state} |" in PAGE
    ranges = tables.REJECTION_RANGES
    assert [first for first, _, _ in ranges] == [0, *(last + 1 for _, last, _ in ranges[:-1])]


def test_reports() -> None:
    for st, state in tables.REPORTS.items():
        assert st & 0x40
        assert state in tables.STATE_NAMES
        assert f"| 0x{st:02x} | {state} |" in PAGE


def test_the_page_names_every_call_and_setting() -> None:
    for name in CALLS:
        assert f"`/rest/{name}`" in PAGE
    for name, setting in [*SETTINGS.items(), *ACCOUNT_SETTINGS.items()]:
        assert f"| `{name}` | `{setting.default}` |" in PAGE


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2011-01-28T16:00:00", 1296230400000),
        ("2011-01-28T16:00:00.000", 1296230400000),
        ("2011-01-28T16:00:00Z", 1296230400000),
        ("2011-01-28T19:00:00+03:00", 1296230400000),
        ("2011-01-28 16:00", 1296230400000),
        ("28.01.2011 16:00:00", 1296230400000),
        ("20110128160000", 1296230400000),
        ("2011-01-28", 1296172800000),
        ("2011-02-30", None),
        ("2011-01-28T16:00:00+99:00", None),
        ("0001-01-01T00:00:00+14:00", -62135647200000),
        ("", None),
        ("now", None),
        ("9" * 5000, None),
    ],
)
def test_times(written: str, at: int | None) -> None:
    assert times.read_time(written) == at
