"""Errors as the modem says them, and the table of what to do about each, row by row."""

from __future__ import annotations

import pytest

from modemgw.at.errors import CmeError, CmsError, CommandFailed, cme_text, cms_text, error_from_result
from modemgw.at.policy import HANDLING, ErrorPolicy, leaves_doubt, policy_for, policy_for_silent_ok
from modemgw.at.policy import ErrorAction as Action
from modemgw.at.policy import ErrorScope as Scope
from modemgw.errors import ModemgwError

RESULTS: list[tuple[str, type[CommandFailed], int | None]] = [
    ("+CMS ERROR: 38", CmsError, 38),
    ("+CMS ERROR:500", CmsError, 500),
    ("+CMS ERROR: network out of order", CmsError, 38),
    ("+CMS ERROR: SIM busy", CmsError, 314),
    ('+CMS ERROR: "Invalid PDU mode parameter"', CmsError, 304),
    ("+CMS ERROR: a word of its own", CmsError, None),
    ("+CME ERROR: 14", CmeError, 14),
    ("+CME ERROR: SIM not inserted", CmeError, 10),
    ("+CME ERROR: incorrect password", CmeError, 16),
    ("+CME ERROR: 999999", CmeError, None),
    ("ERROR", CommandFailed, None),
    ("COMMAND NOT SUPPORT", CommandFailed, None),
    ("+XYZ ERROR: 1", CommandFailed, None),
]


@pytest.mark.parametrize(("text", "kind", "code"), RESULTS)
def test_error_from_result(text: str, kind: type[CommandFailed], code: int | None) -> None:
    error = error_from_result(text, "AT+CMGS=20")
    assert type(error) is kind
    assert getattr(error, "code", None) == code
    assert isinstance(error, ModemgwError)
    assert str(error).startswith("The modem refused AT+CMGS=20: ")
    assert str(error_from_result(text)).startswith("The modem refused: ")


@pytest.mark.parametrize("code", [*range(700), 65535, None])
def test_every_code_has_a_text(code: int | None) -> None:
    assert cms_text(code)
    assert cme_text(code)


# the codes of each row
ROWS: list[tuple[tuple[int, ...], Scope, Action]] = [
    ((1, 28, 30, 195, 196, 304, 305, 549, 550, 551, 552, 553, 554, 517, 519, 520, 538), Scope.MESSAGE, Action.FAIL),
    ((8, 10, 29, 50, 69, 193, 21), Scope.SIM, Action.FAIL_COUNT),
    (
        (27, 38, 41, 42, 47, 111, 127, 192, 194, 331, 332, 615, 616, 17, 350),
        Scope.NETWORK,
        Action.RETRY_BACKOFF,
    ),
    ((208, 211, 322), Scope.MODEM, Action.SWEEP_RETRY),
    ((302, 303), Scope.MODEM, Action.REINIT_RETRY_ONCE),
    ((310, 311, 316, 317, 318, 262, 313, 315), Scope.SIM, Action.STOP_LINE),
    ((314,), Scope.SIM, Action.WAIT_RETRY),
    ((300, 320, 500, 512, 513, 514, 516, 521, 522, 527, 535), Scope.MODEM, Action.COLLISION_RETRY),
    ((515,), Scope.MODEM, Action.WAIT_RETRY),
    ((197,), Scope.MESSAGE, Action.ACCEPTED_EARLIER),
    ((330,), Scope.CONFIG, Action.USE_CONFIGURED_SMSC),
    # by range
    ((0, 2, 100, 126), Scope.NETWORK, Action.RETRY_BACKOFF),
    ((128, 143, 160, 191, 224, 254), Scope.MESSAGE, Action.FAIL),
    ((200, 207, 223, 255), Scope.NETWORK, Action.RETRY_BACKOFF),
    ((256, 499, 600, 9999, 65535, 70000), Scope.MODEM, Action.COLLISION_RETRY),
]
CASES = [(code, scope, action) for codes, scope, action in ROWS for code in codes]


@pytest.mark.parametrize(("code", "scope", "action"), CASES)
def test_policy_of_cms(code: int, scope: Scope, action: Action) -> None:
    policy = policy_for(CmsError(code))
    assert (policy.scope, policy.action) == (scope, action)
    assert policy.text == cms_text(code)


CME_ROWS: list[tuple[int | None, Scope, Action]] = [
    (14, Scope.SIM, Action.WAIT_RETRY),
    (515, Scope.MODEM, Action.WAIT_RETRY),
    (10, Scope.SIM, Action.STOP_LINE),
    (12, Scope.SIM, Action.STOP_LINE),
    (30, Scope.NETWORK, Action.RETRY_BACKOFF),
    (20, Scope.MODEM, Action.SWEEP_RETRY),
    (50, Scope.MESSAGE, Action.FAIL),
    (62, Scope.SIM, Action.FAIL_COUNT),
    (3, Scope.MODEM, Action.REINIT_RETRY_ONCE),
    (100, Scope.MODEM, Action.COLLISION_RETRY),
    (4711, Scope.MODEM, Action.COLLISION_RETRY),
    (None, Scope.MODEM, Action.COLLISION_RETRY),
]


@pytest.mark.parametrize(("code", "scope", "action"), CME_ROWS)
def test_policy_of_cme(code: int | None, scope: Scope, action: Action) -> None:
    policy = policy_for(CmeError(code, "" if code is not None else "a word"))
    assert (policy.scope, policy.action) == (scope, action)


def test_policy_of_what_has_no_code() -> None:
    assert policy_for(CommandFailed("ERROR")).action is Action.REINIT_RETRY_ONCE
    assert policy_for(CmsError(None, "so")) == ErrorPolicy(Scope.MODEM, Action.COLLISION_RETRY, "so")
    assert policy_for_silent_ok().action is Action.REINIT_RETRY_ONCE


@pytest.mark.parametrize("late", [False, True])
def test_what_leaves_open_whether_the_network_has_the_message(late: bool) -> None:
    """332 says so itself; of the others those that modems also say of themselves, when they come late."""
    for code in range(600):
        doubt = code == 332 or (late and code in (41, 47, 300, 500, 513))
        assert leaves_doubt(CmsError(code), late) is doubt, code
    for error in (CommandFailed("ERROR"), CmsError(None, "so"), CmeError(100), CmeError(30)):
        assert leaves_doubt(error, late) is late


def test_policy_is_complete_and_a_bad_number_never_counts_against_a_line() -> None:
    for code in range(65536):
        policy = policy_for(CmsError(code))
        assert policy.text
        if policy.action in (Action.FAIL, Action.ACCEPTED_EARLIER):
            assert policy.scope is Scope.MESSAGE


def test_every_action_says_what_becomes_of_the_part() -> None:
    assert set(HANDLING) == set(Action)
    assert {action for action, handling in HANDLING.items() if handling.counts} == {Action.FAIL_COUNT}
