"""The other half of a dialect: a provider's API as we speak it to the provider. Pure, without I/O and without clock.

A codec is one module `upstream.py` beside the dialect of the same name (or `dialects/<kind>_upstream.py` where there
is no dialect of ours). Its tables of codes are those of the dialect: a provider's table exists once. What does I/O is
modemgw/upstream: it makes each `WireCall` once and never repeats it.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from modemgw.dialects.json_body import JsonError, read_json, write_json
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.domain.upstream import (
    AccountTrouble,
    BalanceAnswer,
    Fate,
    FindAnswer,
    Presence,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamInbound,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider's call to us said, and what it is answered. `response` is sent after the COMMIT."""

    response: WireResponse
    fates: Sequence[Fate] = ()
    inbound: Sequence[UpstreamInbound] = ()


class NotGenuine(Exception):
    """A call to our callback address that is not the provider's: its signature is wrong. Nothing is believed."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a provider can do, and what it allows."""

    unique_refs: bool  # a repetition with the same reference is recognised: one reference a message, else one a try
    proves_absence: bool  # "not found" by our reference means that it never arrived
    asks_by_ref: bool  # `find` gives a request
    polls: bool  # `fates` gives requests
    pushes: bool  # it tells fates to an address of ours
    ids_a_poll: int = 1  # how many ids one request for fates may name
    poll_gap_s: float = 1.0  # between two requests for fates
    ids_live_s: int | None = None  # after that it does not know an id any more
    first_find_s: float = 5.0  # so long after an unclear answer it is not asked
    absent_after_s: float = 30.0  # "not found" is no proof before that: it may still be taking the message in
    max_parallel: int = 10
    max_text: int | None = None  # characters
    own_balance: bool = True  # `balance` gives a request
    polls_inbound: bool = False  # `inbox` gives a request


class UpstreamCodec(Protocol):
    """A kind of `[[upstream]]`. All methods are pure; they raise nothing: what cannot be read is UNKNOWN/UNCLEAR."""

    kind: str
    traits: Traits

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """(key, sentence) for what is wrong or missing in the configuration."""
        ...

    def cannot(self, message: UpstreamMessage) -> str | None:
        """Why this provider cannot send such a message (a flash text, a short code), or None."""
        ...

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall: ...

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer: ...

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """Asks whether the provider knows `message.ref`; None where it cannot be asked."""
        ...

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer: ...

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """Asks for the fate of (id, recipient)s, at most `traits.ids_a_poll`."""
        ...

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """None: no readable answer, ask again later. Ids of which nothing is known are left out."""
        ...

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """The probe of a breaker too: it must cost nothing and send nothing."""
        ...

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer: ...

    def inbox(self, account: UpstreamAccount, after: str, now: int) -> WireCall | None:
        """Asks for incoming texts after the cursor (empty: from now on); None where they cannot be asked for."""
        ...

    def read_inbox(
        self, account: UpstreamAccount, after: str, answer: WireAnswer
    ) -> tuple[Sequence[UpstreamInbound], str] | None:
        """(what came, the new cursor); None: no readable answer."""
        ...

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """A call of the provider to `url` (ours, as the provider knows it). Raises NotGenuine."""
        ...


class PlainCodec:
    """What a codec does that can send and nothing else: the rest is answered with "cannot be asked"."""

    kind = ""
    traits = Traits(unique_refs=False, proves_absence=False, asks_by_ref=False, polls=False, pushes=False)

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """None but keys that the kind does not know."""
        return unknown_keys(account, ())

    def cannot(self, message: UpstreamMessage) -> str | None:
        """A flash text and what is longer than the provider takes."""
        if message.flash:
            return "It sends no flash messages."
        if self.traits.max_text is not None and len(message.text) > self.traits.max_text:
            return f"It takes at most {self.traits.max_text} characters."
        return None

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """It cannot be asked."""
        return None

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """Never asked."""
        return unclear("It cannot be asked by our reference.")

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """It cannot be asked."""
        return None

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """Never asked."""
        return None

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """It cannot be asked; a breaker tries a connection."""
        return None

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """Never asked."""
        return balance_by_status(answer)

    def inbox(self, account: UpstreamAccount, after: str, now: int) -> WireCall | None:
        """It cannot be asked."""
        return None

    def read_inbox(
        self, account: UpstreamAccount, after: str, answer: WireAnswer
    ) -> tuple[Sequence[UpstreamInbound], str] | None:
        """Never asked."""
        return None

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """It tells nothing."""
        raise NotGenuine


def unknown_keys(account: UpstreamAccount, known: Collection[str]) -> Sequence[tuple[str, str]]:
    """(key, sentence) for the keys of `[[upstream]]` that no kind, or not this one, has."""
    names = ", ".join(sorted(known)) or "none"
    return [
        (key, f"is not known to this kind; its own keys are: {names}") for key in account.options if key not in known
    ]


def wanted(account: UpstreamAccount, *keys: str) -> Sequence[tuple[str, str]]:
    """(key, sentence) for the common keys that a kind cannot do without."""
    return [(key, "is missing: this kind cannot do without it") for key in keys if not getattr(account, key)]


def form_call(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> WireCall:
    """A POST of urlencoded fields in UTF-8: it is never repeated by a client or a proxy, as a GET may be."""
    return WireCall(
        "POST",
        url,
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})},
        urlencode(fields).encode("ascii"),
    )


def json_call(method: str, url: str, document: object | None, headers: Mapping[str, str] | None = None) -> WireCall:
    """A request with a JSON document in UTF-8, or without a body."""
    if document is None:
        return WireCall(method, url, {"Accept": "application/json", **(headers or {})})
    head = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
    return WireCall(method, url, head, write_json(document))


def basic(account: UpstreamAccount) -> dict[str, str]:
    """Login and password as HTTP Basic (RFC 7617)."""
    pair = base64.b64encode(f"{account.login}:{account.password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {pair}"}


def json_of(answer: WireAnswer) -> Any:
    """The document of an answer; None where it is none. Providers mislabel it: only the octets count."""
    try:
        return read_json(answer.body)
    except JsonError:
        return None


#: HTTP statuses without a documented body (upstream outcomes of HTTP, docs/upstreams.md).
def by_status(answer: WireAnswer) -> SendAnswer:
    """What a status means where the body says nothing that is documented. 2xx and 5xx are UNKNOWN."""
    status, code = answer.status, str(answer.status)
    if status in (401, 403):
        return SendAnswer(
            TryOutcome.REFUSED_ACCOUNT, f"It answered HTTP {status}.", code=code, trouble=AccountTrouble.LOGIN
        )
    if status in (404, 405) or 300 <= status < 400:
        reason = f"It answered HTTP {status}: the address is not that of its API."
        return SendAnswer(TryOutcome.REFUSED_ACCOUNT, reason, code=code, trouble=AccountTrouble.CONFIG)
    if status in (429, 503) and (wait := retry_after_s(answer)) is not None:
        return SendAnswer(TryOutcome.TEMPORARY, f"It answered HTTP {status}.", code=code, retry_after_s=wait)
    if status in (413, 415, 422) or (400 <= status < 500 and status not in (408, 425, 429)):
        return SendAnswer(
            TryOutcome.REFUSED_ACCOUNT, f"It answered HTTP {status}.", code=code, trouble=AccountTrouble.CONFIG
        )
    what = answer.content_type or "no content type"
    return SendAnswer(
        TryOutcome.UNKNOWN, f"It answered HTTP {status} ({what}), which says nothing about the message.", code=code
    )


def retry_after_s(answer: WireAnswer, most: float = 3600.0) -> float | None:
    """Seconds of a Retry-After header; None without one (a date counts as a minute)."""
    value = answer.headers.get("retry-after")
    if value is None:
        return None
    return min(float(value), most) if value.strip().isascii() and value.strip().isdigit() else 60.0


def asked_to_wait(answer: WireAnswer) -> float | None:
    """Seconds, where a gateway of our own kind says "not now" in a provider's words that cannot say it: it adds both
    `Retry-After` and `X-Modemgw-Reason`."""
    return retry_after_s(answer) if "x-modemgw-reason" in answer.headers else None


def plus(number: str) -> str:
    """An international number with its `+`; names and short codes as they are."""
    return f"+{number}" if number.isascii() and number.isdigit() and len(number) > 6 else number


def decimal_of(value: object) -> str | None:
    """Money as decimal text; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value.strip() if isinstance(value, str) else str(value)
    digits = text.removeprefix("-")
    whole_part, _, fraction = digits.partition(".")
    fits = whole_part.isascii() and whole_part.isdigit() and len(whole_part) <= 12
    return text if fits and (not fraction or (fraction.isascii() and fraction.isdigit())) else None


def unclear(reason: str) -> FindAnswer:
    """An answer to `find` that says nothing."""
    return FindAnswer(Presence.UNCLEAR, reason=reason)


def balance_by_status(answer: WireAnswer) -> BalanceAnswer:
    """What a status means to somebody who asked for the balance."""
    said = by_status(answer)
    return BalanceAnswer(said.outcome, reason=said.reason, trouble=said.trouble)
