"""Lines (subscriptions) and the modems they sit in, as clients see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LineState(StrEnum):
    """What a line is doing, in one word."""

    ABSENT = "absent"  # the port is not there
    OPENING = "opening"
    STARTING = "starting"  # dialogue and set-up
    SEARCHING = "searching"  # not registered yet
    READY = "ready"
    PAUSED = "paused"  # by an error run or by hand; receiving goes on
    RECOVERING = "recovering"
    QUARANTINED = "quarantined"
    BLOCKED = "blocked"  # needs a person: PIN, PUK, no SIM
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StorageView:
    """Fill of one memory of the modem."""

    memory: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class ModemView:
    """A modem with the line in it."""

    name: str
    port: str
    state: LineState
    reason: str | None  # why it is not ready, in words
    imei: str | None
    imsi: str | None
    iccid: str | None
    number: str | None
    manufacturer: str | None
    model: str | None
    firmware: str | None
    operator: str | None
    registration: str | None
    signal_dbm: int | None
    smsc: str | None
    storage: tuple[StorageView, ...]
    since: int  # Unix ms, of the state
    sent: int  # parts since start
    received: int
    in_air: bool
    paused: bool = False  # by hand: nothing is sent until it is resumed
    balance: str | None = None  # of the SIM, as its operator said it: decimal text
    balance_currency: str | None = None  # ISO 4217, where known
    balance_at: int | None = None  # Unix ms
    reports: str | None = None  # how delivery reports reach it: direct, stored or none; None while not set up
    recoveries: tuple[tuple[str, int], ...] = ()  # rung of the ladder, times climbed since start


@dataclass(frozen=True, slots=True)
class LineView:
    """A way out as clients see it: a SIM card in a modem, or an online gateway."""

    name: str
    kind: str  # sim, or the kind of the gateway
    state: LineState
    reason: str | None  # why it is not ready, in words
    since: int  # Unix ms, of the state
    sent: int  # parts since start
    received: int
    used_today: int  # parts, by this machine's day
    in_air: bool
    paused: bool
    number: str | None  # of the SIM; of a gateway what it sends as
    operator: str | None
    balance: str | None = None  # decimal text
    balance_currency: str | None = None
    balance_at: int | None = None
    spent_today: str | None = None  # decimal text, of a gateway
    callback_url: str | None = None  # the address to enter at the gateway
    reports: str | None = None  # how delivery reports reach it: direct, stored, none; of a gateway told or asked


@dataclass(frozen=True, slots=True)
class LineBalance:
    """What a SIM has left. `amount` is decimal text, `currency` ISO 4217 if known, `at` Unix ms."""

    amount: str
    currency: str | None
    at: int
    low: bool = False
