"""What helps against which trouble: every error of a modem has a remedy, and the particular ones have theirs."""

from __future__ import annotations

import pytest

from modemgw.at.errors import CmsError
from modemgw.at.policy import ErrorAction, ErrorScope, policy_for, policy_for_silent_ok
from modemgw.line.ladder import Rung
from modemgw.line.troubles import CLIMBS, Remedy, remedy_for


@pytest.mark.parametrize(
    ("scope", "action", "remedy"),
    [
        (ErrorScope.SIM, ErrorAction.FAIL_COUNT, Remedy.PAUSE),
        (ErrorScope.SIM, ErrorAction.STOP_LINE, Remedy.REINIT),
        (ErrorScope.MODEM, ErrorAction.SWEEP_RETRY, Remedy.MAKE_ROOM),
        (ErrorScope.CONFIG, ErrorAction.USE_CONFIGURED_SMSC, Remedy.SET_SMSC),
        (ErrorScope.NETWORK, ErrorAction.RADIO_RESET, Remedy.RADIO),
        (ErrorScope.NETWORK, ErrorAction.REINIT_RETRY_ONCE, Remedy.ASK_NETWORK),
        (ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE, Remedy.REOPEN),
        (ErrorScope.MODEM, ErrorAction.RETRY_BACKOFF, Remedy.RESYNC),
        (ErrorScope.MODEM, ErrorAction.FULL_RESET, Remedy.RESET),
    ],
)
def test_the_remedy_of_a_trouble(scope: ErrorScope, action: ErrorAction, remedy: Remedy) -> None:
    assert remedy_for(scope, action) is remedy


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(38, Remedy.ASK_NETWORK), (322, Remedy.MAKE_ROOM), (310, Remedy.REINIT), (330, Remedy.SET_SMSC)],
)
def test_the_remedy_of_an_error_of_a_modem(code: int, remedy: Remedy) -> None:
    policy = policy_for(CmsError(code))
    assert remedy_for(policy.scope, policy.action) is remedy


def test_only_what_needs_a_fresh_start_climbs() -> None:
    """And a modem that says OK of what failed is set up anew, not taken for deaf."""
    policy = policy_for_silent_ok()
    assert CLIMBS[remedy_for(policy.scope, policy.action)][0] <= Rung.REINIT
    assert set(CLIMBS) == {Remedy.REOPEN, Remedy.REINIT, Remedy.RADIO, Remedy.RESET}
    assert not CLIMBS[Remedy.REOPEN][1]
