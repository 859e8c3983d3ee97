"""Tables without gaps: every state, refusal, CMS error and TP-ST has a status and an err, and the page shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.at.errors import CmsError
from modemgw.at.policy import ErrorAction, policy_for
from modemgw.dialects.smsc import COMMANDS, tables
from modemgw.dialects.smsc.settings import ACCOUNT_SETTINGS, SETTINGS
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State
from modemgw.sms import StatusMeaning, status_meaning

PAGE = (Path(__file__).parents[3] / "docs" / "dialects" / "smsc.md").read_text()


def test_states() -> None:
    assert set(tables.STATUSES) == set(State)
    assert set(tables.STATUSES.values()) | {tables.NOT_FOUND} <= set(tables.STATUS_NAMES)
    for state, status in tables.STATUSES.items():
        assert f"| `{state.value}` | {status}" in PAGE


def test_refusals() -> None:
    assert set(tables.ERRORS) == set(RefusalKind) == set(tables.REFUSED_NUMBERS)
    assert set(tables.ERRORS.values()) <= set(tables.DESCRIPTIONS)
    for kind, code in tables.ERRORS.items():
        assert f"| `{kind.value}` | {code} |" in PAGE


def test_every_cms_error() -> None:
    for code in [None, *range(1000), 65535]:
        status, error = tables.rejection(code)
        assert status in {20, 22, 25}
        assert error in tables.ERR_NAMES
        assert error, "a refusal is never told as no error"
    for code, (status, error) in tables.REJECTIONS.items():
        assert f"| {code} | {status} | {error} |" in PAGE


def test_only_what_is_refused_for_good_has_a_row() -> None:
    """A row for an error that is always tried again could still be reached when the validity ends, but not others."""
    for code in tables.REJECTIONS:
        assert policy_for(CmsError(code)).action is not ErrorAction.ACCEPTED_EARLIER


@pytest.mark.parametrize("st", range(256))
def test_every_tp_st(st: int) -> None:
    error = tables.report_error(st)
    assert error in tables.ERR_NAMES
    if status_meaning(st) in {StatusMeaning.FAILED, StatusMeaning.GAVE_UP}:
        assert error
    if st in tables.REPORTS:
        assert f"| 0x{st:02x} | {error} |" in PAGE


def test_ranges_join_without_a_gap() -> None:
    ranges = tables.REJECTION_RANGES
    assert [first for first, _, _ in ranges] == [0, *(last + 1 for _, last, _ in ranges[:-1])]
    assert ranges[-1][1] == 65535


def test_the_page_names_every_command_and_setting() -> None:
    for name in [*COMMANDS, "soap"]:
        assert f"`/sys/{name}.php`" in PAGE
    for name, setting in [*SETTINGS.items(), *ACCOUNT_SETTINGS.items()]:
        shown = str(setting.default).lower() if setting.type is bool else str(setting.default)
        assert f"| `{name}` | `{shown}` |" in PAGE
