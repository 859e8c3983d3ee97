"""Any gateway with an HTTP API, described in the configuration: the template of docs/upstreams.md.

Rules are looked at in this order, and the first that fits decides: accepted, duplicate, refused_message,
refused_account, temporary. What none fits is UNKNOWN: it is not guessed that a text did not go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from modemgw.dialects.http_rules import (
    MACROS,
    Rule,
    RuleError,
    encoder_of,
    fill,
    fill_json,
    fits,
    header_value,
    macros_in,
    pick_of,
    pointed,
    rule_of,
    text_of,
    url_value,
)
from modemgw.dialects.json_body import JsonError, read_json, write_json
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    balance_by_status,
    decimal_of,
    retry_after_s,
    unclear,
    unknown_keys,
    wanted,
)
from modemgw.domain.states import State
from modemgw.domain.upstream import (
    AccountTrouble,
    BalanceAnswer,
    Fate,
    FindAnswer,
    Presence,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

#: The rules of a send, in their order.
OUTCOMES: Final[Mapping[str, TryOutcome]] = {
    "accepted": TryOutcome.ACCEPTED,
    "duplicate": TryOutcome.DUPLICATE,
    "refused_message": TryOutcome.REFUSED_MESSAGE,
    "refused_account": TryOutcome.REFUSED_ACCOUNT,
    "temporary": TryOutcome.TEMPORARY,
}

KEYS: Final = frozenset(
    {"method", "headers", "query", "body", "encoding", "id", "parts", "cost", "find", "balance", "status"}
) | frozenset(OUTCOMES)

#: Keys of the tables `find`, `balance`, `status`.
_FIND_KEYS = frozenset({"url", "method", "headers", "found", "absent", "id"})
_BALANCE_KEYS = frozenset({"url", "method", "headers", "amount", "currency"})
_STATUS_KEYS = frozenset({"ref", "id", "state", "states"})

_METHODS = ("GET", "POST", "PUT")
_ENCODINGS = ("json", "form", "raw")
_STATES = {state.value: state for state in (State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED)}


class HttpCodec(PlainCodec):
    """Kind `http`."""

    kind = "http"
    traits = Traits(
        unique_refs=False,
        proves_absence=False,  # [[upstream]] proves_absence says otherwise
        asks_by_ref=True,
        polls=False,
        pushes=True,
        max_parallel=5,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """An address, a rule for `accepted`, and everything readable."""
        options = account.options
        found = [*wanted(account, "url"), *unknown_keys(account, KEYS)]
        if not options.get("accepted"):
            found.append(("accepted", "is missing: without it no answer would ever be a yes"))
        found += _bad_rules(options, OUTCOMES, "")
        for name in macros_in([account.url, *(options.get(key) for key in ("headers", "query", "body"))]):
            if name not in MACROS:
                found.append(("body", f"{{{name}}} is no macro; there are: {_listed(MACROS)}"))
        if str(options.get("method", "POST")).upper() not in _METHODS:
            found.append(("method", f"must be one of {', '.join(_METHODS)}"))
        if options.get("encoding", "json") not in _ENCODINGS:
            found.append(("encoding", f"must be one of {', '.join(_ENCODINGS)}"))
        found += [
            problem for key in ("id", "parts", "cost") if key in options for problem in _bad_pick(options, key, key)
        ]
        return [*found, *_bad_tables(options)]

    def cannot(self, message: UpstreamMessage) -> str | None:
        """Flash: a template says nothing of it."""
        return "Its template sends no flash messages." if message.flash else None

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """The request of the template."""
        values = _values(account, message)
        options = account.options
        headers = _headers(options.get("headers"), values)
        url = fill(account.url, values, url_value)
        if isinstance(options.get("query"), dict):
            query = {key: fill(str(value), values, lambda text: text) for key, value in options["query"].items()}
            url += ("&" if urlsplit(url).query else "?") + urlencode(query)
        body, kind = _body(options, values, headers)
        if kind and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = kind
        return WireCall(str(options.get("method", "POST")).upper(), url, headers, body)

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """The first rule that fits."""
        options = account.options
        for key, outcome in OUTCOMES.items():
            if any(fits(rule, answer) for rule in _rules(options.get(key))):
                return _judged(outcome, options, message, answer)
        kind = answer.content_type or "no content type"
        return SendAnswer(
            TryOutcome.UNKNOWN,
            f"It answered HTTP {answer.status} ({kind}), and no rule of the template fits.",
            code=str(answer.status),
        )

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """Where the template has `find`."""
        table = account.options.get("find")
        return None if not isinstance(table, dict) else _asking(table, _values(account, message))

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """By its rules; what none fits is unclear."""
        table = account.options.get("find")
        if not isinstance(table, dict):
            return unclear("The template has no find.")
        if any(fits(rule, answer) for rule in _rules(table.get("found"))):
            known = pick_of(table["id"]).of(answer) if "id" in table else None
            return FindAnswer(Presence.FOUND, (known or message.ref,))
        if any(fits(rule, answer) for rule in _rules(table.get("absent"))):
            return FindAnswer(Presence.ABSENT, reason="Its answer fits the template's rule for absent.")
        return unclear(f"It answered HTTP {answer.status}, and no rule of find fits.")

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """Where the template has `balance`."""
        table = account.options.get("balance")
        return None if not isinstance(table, dict) else _asking(table, {"from": account.sender})

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """`amount` says where it stands."""
        table = account.options.get("balance")
        amount = decimal_of(pick_of(table["amount"]).of(answer)) if isinstance(table, dict) else None
        if answer.status == 200 and amount is not None and isinstance(table, dict):
            return BalanceAnswer(TryOutcome.ACCEPTED, amount, table.get("currency"))
        return balance_by_status(answer)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """Where the template has `status`: our reference or its id, and a word for the state."""
        table = account.options.get("status")
        if not isinstance(table, dict):
            raise NotGenuine
        fields = _fields(request)
        ref, id, word = (_field(fields, table.get(key)) for key in ("ref", "id", "state"))
        if word is None or (ref is None and id is None):
            raise NotGenuine
        state = _STATES.get(str(table.get("states", {}).get(word, word)).lower())
        fate = Fate(id or "", state, ref or "", word[:200], word[:40], request.now)
        return Told(WireResponse(b"OK"), fates=(fate,))


def _judged(
    outcome: TryOutcome, options: Mapping[str, Any], message: UpstreamMessage, answer: WireAnswer
) -> SendAnswer:
    if outcome in (TryOutcome.ACCEPTED, TryOutcome.DUPLICATE):
        known = _picked(options, "id", answer)
        parts = _picked(options, "parts", answer)
        return SendAnswer(
            outcome,
            "" if outcome is TryOutcome.ACCEPTED else "It has the message already.",
            (known or message.ref,),
            str(answer.status),
            parts=int(parts) if parts is not None and parts.isascii() and parts.isdigit() else None,
            cost=decimal_of(_picked(options, "cost", answer)),
        )
    said = f"It answered HTTP {answer.status}, which the template calls {outcome.value}."
    trouble = AccountTrouble.MONEY if outcome is TryOutcome.REFUSED_ACCOUNT and answer.status == 402 else None
    if outcome is TryOutcome.REFUSED_ACCOUNT and trouble is None:
        trouble = AccountTrouble.LOGIN
    wait = (retry_after_s(answer) or 10.0) if outcome is TryOutcome.TEMPORARY else None
    return SendAnswer(outcome, said, code=str(answer.status), trouble=trouble, retry_after_s=wait)


def _picked(options: Mapping[str, Any], key: str, answer: WireAnswer) -> str | None:
    return pick_of(options[key]).of(answer) if key in options else None


def _rules(value: Any) -> list[Rule]:
    return [rule_of(text) for text in ([value] if isinstance(value, str) else value or [])]


def _values(account: UpstreamAccount, message: UpstreamMessage) -> dict[str, str]:
    digits = message.to.lstrip("+")
    callback = f"{account.callback_url}?ref={url_value(message.ref)}" if account.callback_url else ""
    return {
        "to": message.to,
        "to_plus": message.to if message.to.startswith("+") or len(digits) < 7 else f"+{digits}",
        "to_digits": digits,
        "text": message.text,
        "ref": message.ref,
        "from": message.sender or account.sender,
        "callback": callback,
        "validity_s": str(max(1, message.validity_s)),
    }


def _headers(table: Any, values: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(table, dict):
        return {}
    return {str(name): fill(str(value), values, header_value) for name, value in table.items()}


def _body(options: Mapping[str, Any], values: Mapping[str, str], headers: Mapping[str, str]) -> tuple[bytes, str]:
    """The octets, and their type."""
    body, encoding = options.get("body"), options.get("encoding", "json")
    if body is None:
        return b"", ""
    if isinstance(body, str):
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "text/plain")
        return fill(body, values, encoder_of(kind)).encode("utf-8", "replace"), "text/plain; charset=utf-8"
    if encoding == "form" and isinstance(body, dict):
        fields = {key: fill(str(value), values, lambda text: text) for key, value in body.items()}
        return urlencode(fields).encode("ascii"), "application/x-www-form-urlencoded; charset=utf-8"
    return write_json(fill_json(body, values)), "application/json"


def _asking(table: Mapping[str, Any], values: Mapping[str, str]) -> WireCall:
    url = fill(str(table.get("url", "")), values, url_value)
    return WireCall(str(table.get("method", "GET")).upper(), url, _headers(table.get("headers"), values))


def _fields(request: WireRequest) -> dict[str, Any]:
    """`query`, `form` and `json` of a call to us."""
    form: dict[str, list[str]] = {}
    document: Any = None
    if request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    elif request.body:
        try:
            document = read_json(request.body)
        except JsonError:
            document = None
    query = parse_qs(request.raw_query.decode("utf-8", "replace"), keep_blank_values=True)
    return {"query": query, "form": form, "json": document}


def _field(fields: Mapping[str, Any], place: Any) -> str | None:
    kind, _, name = str(place or "").partition(":")
    if kind in ("query", "form"):
        return next(iter(fields[kind].get(name, ())), None)
    return text_of(pointed(fields["json"], name)) if kind == "json" else None


# -- what is wrong with a template ------------------------------------------------------------------------------------


Problems = Iterator[tuple[str, str]]


def _bad_rules(table: Mapping[str, Any], keys: Iterable[str], prefix: str) -> Problems:
    for key in keys:
        value = table.get(key)
        if value is None:
            continue
        if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            yield f"{prefix}{key}", "must be a rule, or a list of rules"
            continue
        try:
            _rules(value)
        except RuleError as error:
            yield f"{prefix}{key}", str(error)


def _bad_pick(table: Mapping[str, Any], key: str, place: str) -> Problems:
    try:
        pick_of(str(table[key]))
    except RuleError as error:
        yield place, str(error)


def _bad_tables(options: Mapping[str, Any]) -> Problems:
    for name, known in (("find", _FIND_KEYS), ("balance", _BALANCE_KEYS), ("status", _STATUS_KEYS)):
        table = options.get(name)
        if table is None:
            continue
        if not isinstance(table, dict):
            yield name, "must be a table"
            continue
        yield from (
            (f"{name}.{key}", f"is not known; there are: {_listed(known)}") for key in table if key not in known
        )
        if name != "status" and not table.get("url"):
            yield f"{name}.url", "is missing"
        for key in ("id", "amount"):
            if name != "status" and key in table:
                yield from _bad_pick(table, key, f"{name}.{key}")
    find = options.get("find")
    if isinstance(find, dict):
        yield from _bad_rules(find, ("found", "absent"), "find.")
        if not find.get("found"):
            yield "find.found", "is missing: without it nothing would ever be found"
    balance = options.get("balance")
    if isinstance(balance, dict) and "amount" not in balance:
        yield "balance.amount", "is missing: where the amount stands, such as json:/balance"
    status = options.get("status")
    if isinstance(status, dict):
        yield from _bad_status(status)


def _bad_status(table: Mapping[str, Any]) -> Problems:
    for key in ("ref", "id", "state"):
        if key in table and str(table[key]).partition(":")[0] not in ("query", "form", "json"):
            yield f"status.{key}", "must be query:name, form:name or json:/path"
    if "state" not in table or ("ref" not in table and "id" not in table):
        yield "status", "needs state, and ref or id"
    states = table.get("states", {})
    if not isinstance(states, dict) or any(str(value).lower() not in _STATES for value in states.values()):
        yield "status.states", f"must be a table of their words to {_listed(_STATES)}"


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))


CODEC = HttpCodec()
