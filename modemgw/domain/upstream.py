"""An online gateway as a line: what is sent through it, and what its answers mean to us.

Owns the words. Does not own any provider's format (the `upstream` module beside its dialect) nor the way there
(modemgw/upstream). Times are Unix milliseconds; money is decimal text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modemgw.domain.states import State


class TryOutcome(StrEnum):
    """What one try to hand a message to an online gateway came to. The rule is that of a modem: never guessed."""

    ACCEPTED = "accepted"  # the gateway has it; an id or our reference names it
    DUPLICATE = "duplicate"  # it has this very message already: as accepted, and proof for an earlier unknown
    REFUSED_MESSAGE = "refused_message"  # this text or number, for good
    REFUSED_WAY = "refused_way"  # this text or number, for a reason that is this gateway's (sender, no tariff)
    REFUSED_ACCOUNT = "refused_account"  # login, money, address not allowed: nothing goes out until it is mended
    TEMPORARY = "temporary"  # it said so: busy, rate, queue full
    NOT_SENT = "not_sent"  # no octet of the request can have arrived
    UNKNOWN = "unknown"  # the request may have been taken; no readable answer


class AccountTrouble(StrEnum):
    """Why an account is refused: each ends in another way."""

    LOGIN = "login"  # ends by a person, or by a new configuration
    MONEY = "money"  # ends when the balance is above the cost again
    ADDRESS = "address"  # ours is not allowed there
    SENDER = "sender"  # the sender name is not registered
    CONFIG = "config"  # a wrong address, or something else of ours


@dataclass(frozen=True, slots=True)
class UpstreamAccount:
    """How we are known to a gateway, from `[[upstream]]`. Secrets are shown nowhere."""

    name: str  # of the line
    url: str  # as the configuration has it; its form is the kind's
    login: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    sender: str = ""
    callback_url: str | None = None  # where the gateway may tell fates and incoming texts; ends with a secret token
    options: Mapping[str, Any] = field(default_factory=dict)  # the kind's own keys


@dataclass(frozen=True, slots=True)
class UpstreamMessage:
    """What one try sends: a whole text, never a part of one."""

    ref: str  # ours, [A-Za-z0-9._-], at most 32; see UpstreamCodec.unique_refs
    to: str  # as in TP-DA: "+7916…" or national digits or a short code
    text: str
    flash: bool = False
    encoding: str = "gsm7"  # or ucs2: what we would send it in
    parts: int = 1  # as we would count them
    sender: str = ""  # of the message or of the upstream
    validity_s: int = 86_400  # what is left of it
    report: bool = True


@dataclass(frozen=True, slots=True)
class WireCall:
    """A request to be made: once, never repeated, following no redirect. `body` is complete."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What came back whole, within the limits of size and time. Names of headers in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What a gateway's answer to a send means.

    `ids` are the provider's, in the order of the segments where it gives one for each; they are what fates are asked
    by. `reason` is a sentence that may be shown; it has no secret and no text of the message in it.
    """

    outcome: TryOutcome
    reason: str = ""
    ids: tuple[str, ...] = ()
    code: str = ""  # the provider's own, for the history
    trouble: AccountTrouble | None = None  # with REFUSED_ACCOUNT
    parts: int | None = None  # as the provider counted them
    cost: str | None = None  # decimal text, as the provider said
    currency: str | None = None
    retry_after_s: float | None = None  # with TEMPORARY, where it said so


class Presence(StrEnum):
    """Whether a gateway knows our reference."""

    FOUND = "found"
    ABSENT = "absent"
    UNCLEAR = "unclear"  # no readable answer: ask again


@dataclass(frozen=True, slots=True)
class FindAnswer:
    """What a gateway says when it is asked for our reference."""

    presence: Presence
    ids: tuple[str, ...] = ()
    fate: Fate | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What a gateway says became of a message, or of a segment of one. A claim: states only move forwards."""

    id: str  # the provider's; empty where only `ref` is told
    state: State | None  # None: it has no word yet, or one that says nothing (a lost id after acceptance)
    ref: str = ""  # ours, where it is told
    text: str = ""  # the provider's word
    code: str = ""  # the provider's error code
    at: int | None = None  # when it happened, by the provider's clock
    aliases: tuple[str, ...] = ()  # other spellings of the id, tried in order where it is not known
    cost: str | None = None
    currency: str | None = None
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class UpstreamInbound:
    """A text that came in at a gateway. `id` is the provider's: the same is taken in once."""

    id: str
    sender: str
    recipient: str | None
    text: str
    received_at: int | None = None
    parts: int = 1


@dataclass(frozen=True, slots=True)
class BalanceAnswer:
    """What a gateway says of our money. `amount` is None where it could not be read, or was refused."""

    outcome: TryOutcome  # ACCEPTED, REFUSED_ACCOUNT, TEMPORARY, UNKNOWN
    amount: str | None = None
    currency: str | None = None
    reason: str = ""
    trouble: AccountTrouble | None = None
