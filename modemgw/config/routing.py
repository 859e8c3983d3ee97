"""`[[route]]` and `[routing]`: which way messages take. Owns the keys and their checks, not the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from modemgw.config.types import Name, Section
from modemgw.domain.states import State
from modemgw.rules.routing import Choice, Hours, Match, OnRefused, Route, shadows

_WAY = re.compile(r"(?:sim|upstream):(?:\*|[A-Za-z0-9][A-Za-z0-9._-]{0,31})|[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _digits(value: object) -> object:
    """Prefixes: digits, the `+` that people write before them forgiven."""
    values = _listed(value)
    return (
        [item.removeprefix("+") if isinstance(item, str) else item for item in values]
        if isinstance(values, list)
        else values
    )


Texts = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=1000)]
Prefix = Annotated[str, Field(pattern=r"^[0-9]{1,15}$")]
Prefixes = Annotated[list[Prefix], BeforeValidator(_digits), Field(min_length=1, max_length=1000)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Countries = Annotated[list[Country], BeforeValidator(_listed), Field(min_length=1, max_length=300)]
Encodings = Annotated[list[Literal["gsm7", "ucs2", "data8"]], BeforeValidator(_listed), Field(min_length=1)]


class MatchSettings(Section):
    """`match` of a route: all that is given must hold."""

    account: Texts | None = None
    prefix: Prefixes | None = None
    country: Countries | None = None
    priority_min: int | None = Field(default=None, ge=-100, le=100)
    priority_max: int | None = Field(default=None, ge=-100, le=100)
    flash: bool | None = None
    encoding: Encodings | None = None
    parts_min: int | None = Field(default=None, ge=1, le=255)
    parts_max: int | None = Field(default=None, ge=1, le=255)
    dialect: Texts | None = None
    time: str | None = None

    @field_validator("time")
    @classmethod
    def _time(cls, value: str | None) -> str | None:
        if value is not None and _TIME.fullmatch(value) is None:
            raise PydanticCustomError("time", 'must be a span of the day such as "09:00-21:00"')
        return value

    def match(self) -> Match:
        """As the rules have it."""
        return Match(
            accounts=tuple(self.account or ()),
            prefixes=tuple(self.prefix or ()),
            countries=tuple(self.country or ()),
            priority_min=self.priority_min,
            priority_max=self.priority_max,
            flash=self.flash,
            encodings=tuple(self.encoding or ()),
            parts_min=self.parts_min,
            parts_max=self.parts_max,
            dialects=tuple(self.dialect or ()),
            hours=None if self.time is None else hours_of(self.time),
        )


def hours_of(text: str) -> Hours:
    """`09:00-21:00` as minutes of the day; `24:00` is the end of it."""
    found = _TIME.fullmatch(text)
    assert found is not None
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    return Hours(start, min(end, 24 * 60))


class RoutingSettings(Section):
    """`[routing]`: what holds for routes that do not say otherwise, and for what no route fits."""

    choice: Choice = Field(default=Choice.SPREAD, strict=False)
    max_wait_s: float = Field(default=60, ge=0, le=86_400)


class RouteSettings(Section):
    """`[[route]]`: which ways what fits takes, in tiers."""

    name: Name | None = None
    match: MatchSettings = MatchSettings()
    ways: list[str | list[str]] = Field(default=[], max_length=100)
    weights: dict[str, float] = Field(default={})
    choice: Choice | None = Field(default=None, strict=False)
    max_wait_s: float | None = Field(default=None, ge=0, le=86_400)
    on_refused: OnRefused = Field(default=OnRefused.STOP, strict=False)
    resend_on: list[Literal["undeliverable", "expired"]] = Field(default=[])
    deny: str | None = Field(default=None, min_length=1, max_length=200)

    @field_validator("ways")
    @classmethod
    def _ways(cls, value: list[str | list[str]]) -> list[str | list[str]]:
        for way in _flat(value):
            if _WAY.fullmatch(way) is None:
                raise PydanticCustomError(
                    "way", '"{way}" is no way: a name of a line, "sim:*" or "upstream:*"', {"way": way}
                )
        if any(isinstance(tier, list) and not tier for tier in value):
            raise PydanticCustomError("way", "a tier names nobody")
        return value

    @field_validator("weights")
    @classmethod
    def _weights(cls, value: dict[str, float]) -> dict[str, float]:
        for name, weight in value.items():
            if not 0 < weight <= 1000:
                raise PydanticCustomError(
                    "weight", "the weight of {name} must be above 0, at most 1000", {"name": name}
                )
        return value

    @property
    def tiers(self) -> tuple[tuple[str, ...], ...]:
        """The ways, each tier a tuple."""
        return tuple((tier,) if isinstance(tier, str) else tuple(tier) for tier in self.ways)

    def route(self, number: int, routing: RoutingSettings) -> Route:
        """As the rules have it; a route without a name has its number, from 1."""
        return Route(
            name=self.name or f"route-{number}",
            tiers=self.tiers,
            match=self.match.match(),
            weights=dict(self.weights),
            choice=self.choice or routing.choice,
            max_wait_s=routing.max_wait_s if self.max_wait_s is None else self.max_wait_s,
            on_refused=self.on_refused,
            resend_on=frozenset(State(state) for state in self.resend_on),
            deny=self.deny,
        )


def _flat(ways: list[str | list[str]]) -> list[str]:
    return [way for tier in ways for way in ([tier] if isinstance(tier, str) else tier)]


Problem = tuple[tuple[int | str, ...], str]


@dataclass(frozen=True, slots=True)
class Known:
    """What routes may name. `sims` None: any modem that is found may be one."""

    sims: frozenset[str] | None
    upstreams: frozenset[str]
    accounts: frozenset[str]

    def lacks(self, way: str) -> bool:
        """True if a way names a line that there cannot be."""
        kind, colon, name = way.rpartition(":")
        if name == "*" or (name in self.upstreams and kind != "sim"):
            return False
        if colon and kind == "upstream":
            return True
        return self.sims is not None and name not in self.sims


def route_problems(routes: list[RouteSettings], routing: RoutingSettings, known: Known) -> Iterator[Problem]:
    """(place, sentence) for what is wrong between routes and the rest of the file."""
    made = [route.route(number, routing) for number, route in enumerate(routes, 1)]
    seen: dict[str, int] = {}
    for index, (settings, route) in enumerate(zip(routes, made, strict=True)):
        if route.name in seen:
            yield ("route", index, "name"), f'"{route.name}" is already that of route[{seen[route.name]}]'
        seen.setdefault(route.name, index)
        yield from _one_route(index, settings, route, known)
    for route, earlier in shadows(made):
        why = f'can never be reached: the route "{earlier.name}" before it takes everything that it fits'
        yield ("route", seen[route.name]), why


def _one_route(index: int, settings: RouteSettings, route: Route, known: Known) -> Iterator[Problem]:
    if settings.deny is None and not settings.ways:
        yield ("route", index), "needs ways, or deny with a reason"
    if settings.deny is not None and settings.ways:
        yield ("route", index, "deny"), "a route that refuses has no ways"
    if (why := route.match.impossible) is not None:
        yield ("route", index, "match"), f"can never fit: {why}"
    for way in filter(known.lacks, _flat(settings.ways)):
        names = ", ".join(sorted(known.upstreams | (known.sims or frozenset()))) or "none"
        yield ("route", index, "ways"), f'there is no line "{way}"; there are: {names}'
    for account in settings.match.account or ():
        if known.accounts and account not in known.accounts:
            yield ("route", index, "match", "account"), f'there is no account "{account}"'
