"""Routes, the lanes that follow from them, and who may take what from them now."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.rules.routing import (
    Choice,
    Claim,
    Facts,
    Hours,
    Match,
    Route,
    Way,
    claims_of,
    default_route,
    is_lane,
    lane_of,
    lane_parts,
    next_lane,
    route_of,
    shadows,
    steps,
)

SIM_A, SIM_B = Way("a", "sim", True, used=5), Way("b", "sim", True, used=2)
SMSC, BSG = Way("smsc", "upstream", True), Way("bsg", "upstream", True)
ALL = (SIM_A, SIM_B, SMSC, BSG)
FACTS = Facts("shop", "79161234567", "RU", priority=10, minute=12 * 60)


def down(*names: str) -> list[Way]:
    return [replace(way, ready=way.name not in names) for way in ALL]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(accounts=("crm", "shop")), True),
        (Match(accounts=("crm",)), False),
        (Match(prefixes=("7916", "380")), True),
        (Match(prefixes=("7917",)), False),
        (Match(countries=("RU",)), True),
        (Match(countries=("KZ",)), False),
        (Match(priority_min=10), True),
        (Match(priority_min=11), False),
        (Match(priority_max=9), False),
        (Match(flash=False), True),
        (Match(flash=True), False),
        (Match(encodings=("ucs2",)), False),
        (Match(parts_max=1), True),
        (Match(parts_min=2), False),
        (Match(dialects=("smsc",)), False),
        (Match(hours=Hours(9 * 60, 21 * 60)), True),
        (Match(hours=Hours(21 * 60, 9 * 60)), False),
        (Match(hours=Hours(11 * 60, 12 * 60)), False),
        (Match(hours=Hours(12 * 60, 13 * 60)), True),
        (Match(accounts=("shop",), prefixes=("7",), countries=("RU",), priority_min=1), True),
        (Match(accounts=("shop",), prefixes=("7",), countries=("RU",), priority_min=50), False),
    ],
)
def test_conditions(match: Match, fits: bool) -> None:
    assert match.fits(FACTS) is fits


def test_the_first_that_fits_wins_and_else_the_default() -> None:
    default = default_route(["smsc"])
    otp = Route("otp", match=Match(priority_min=50))
    crm = Route("crm", match=Match(accounts=("crm",)))
    assert route_of([otp, crm], default, FACTS) is default
    assert route_of([otp, crm], default, replace(FACTS, priority=60, account="crm")) is otp
    assert default.tiers == (("sim:*",), ("smsc",))


@pytest.mark.parametrize(
    ("earlier", "later", "covers"),
    [
        (Match(), Match(accounts=("a",)), True),
        (Match(), Match(), True),
        (Match(accounts=("a",)), Match(), False),
        (Match(accounts=("a", "b")), Match(accounts=("b",), flash=True), True),
        (Match(prefixes=("7",)), Match(prefixes=("7916", "7917")), True),
        (Match(prefixes=("7916",)), Match(prefixes=("7",)), False),
        (Match(prefixes=("7",)), Match(prefixes=("7", "8")), False),
        (Match(priority_min=10), Match(priority_min=20), True),
        (Match(priority_min=20), Match(priority_min=10), False),
        (Match(flash=True), Match(), False),
        (Match(hours=Hours(0, 60)), Match(hours=Hours(0, 60)), True),
    ],
)
def test_what_an_earlier_route_leaves_nothing_of(earlier: Match, later: Match, covers: bool) -> None:
    first, second = Route("first", match=earlier), Route("second", match=later)
    assert shadows([first, second]) == ([(second, first)] if covers else [])


@given(st.text("abc.-_09", min_size=1).filter(lambda name: name[0].isalnum()), st.integers(0, 99))
def test_a_lane_tells_its_route_and_tier_and_is_no_line(route: str, tier: int) -> None:
    lane = lane_of(route, tier)
    assert lane_parts(lane) == (route, tier)
    assert is_lane(lane)
    assert not is_lane(route)


def test_the_lane_of_no_route_is_the_empty_one() -> None:
    assert lane_of("") == ""
    assert lane_parts("") == ("", 0)
    assert lane_parts(lane_of("", 1)) == ("", 1)


ROUTE = Route("r", tiers=(("sim:*",), ("smsc", "bsg")), max_wait_s=60)


def claims(line: str, ways: list[Way], route: Route = ROUTE) -> dict[str, int]:
    return {claim.lane: claim.wait_ms for claim in claims_of(line, [route], ways)}


def test_who_takes_from_which_lane() -> None:
    up = list(ALL)
    assert claims("a", up) == {"@r#0": 0}
    assert claims("smsc", up) == {"@r#1": 0}
    # no SIM is ready: the gateways take what has waited; what they could not send before, they take at once
    assert claims("smsc", down("a", "b")) == {"@r#0": 60_000, "@r#1": 0}
    assert claims("smsc", down("a")) == {"@r#1": 0}
    # no gateway is ready: the SIMs take back what has waited
    assert claims("b", down("smsc", "bsg")) == {"@r#0": 0, "@r#1": 60_000}
    assert claims("nobody", up) == {}


def test_a_tier_that_names_nobody_is_none() -> None:
    assert claims("smsc", [SMSC]) == {"@r#0": 0, "@r#1": 0}


def test_a_line_in_two_tiers_takes_by_the_nearer() -> None:
    route = Route("r", tiers=(("a",), ("smsc",), ("sim:*",)), max_wait_s=60)
    assert claims("a", list(ALL), route) == {"@r#0": 0, "@r#2": 0}
    assert claims("b", down("a", "smsc"), route) == {"@r#0": 60_000, "@r#1": 60_000, "@r#2": 0}


def test_rivals_stand_in_the_order_of_the_choice() -> None:
    def rivals(route: Route, ways: list[Way] | None = None) -> tuple[str, ...]:
        found: list[Claim] = claims_of("a", [route], ways or list(ALL))
        return found[0].rivals

    assert rivals(ROUTE) == ("b", "a")  # b has sent less today
    assert rivals(replace(ROUTE, choice=Choice.FILL)) == ("a", "b")
    assert rivals(replace(ROUTE, weights={"a": 10})) == ("a", "b")
    assert rivals(ROUTE, down("b")) == ("a",)


def test_where_a_message_waits_that_a_line_could_not_send() -> None:
    def after(lane: str, line: str, ways: list[Way], *failed: str) -> str:
        return next_lane(ROUTE, lane, line, ways, frozenset({line, *failed}))

    up = list(ALL)
    assert after("@r#0", "a", up) == "@r#0"  # b may try
    assert after("@r#0", "a", up, "b") == "@r#1"
    assert after("@r#0", "a", down("b")) == "@r#1"
    assert after("@r#1", "smsc", up) == "@r#1"  # bsg may
    assert after("@r#1", "smsc", down("bsg")) == "@r#0"  # and round again
    assert after("@r#0", "smsc", down("a", "b", "bsg")) == "@r#0"


def test_every_message_finds_a_line_while_one_is_ready() -> None:
    for ready in ALL:
        ways = [replace(way, ready=way is ready) for way in ALL]
        lanes = {claim.lane for claim in claims_of(ready.name, [ROUTE], ways)}
        assert lanes == {"@r#0", "@r#1"}


def test_the_steps_say_what_holds_each_way_back() -> None:
    told = [(step.line, step.may, step.reason) for step in steps(ROUTE, down("a", "smsc"))]
    assert told == [
        ("b", True, ""),
        ("a", False, "It is not ready."),
        ("bsg", False, "A line before it is ready; it takes what those cannot send."),
        ("smsc", False, "It is not ready."),
    ]
    gone = steps(Route("r", tiers=(("x",), ("smsc",))), [SMSC])
    assert [(step.line, step.reason) for step in gone] == [
        ("x", "There is no such line now."),
        ("smsc", "No line before it is ready: it takes what has waited for 60 s."),
    ]
