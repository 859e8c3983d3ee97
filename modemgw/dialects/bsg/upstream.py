"""BSG.world (REST) as a gateway that we send through.

`url` is the base, `https://api.bsg.world/rest`. Its reference is ours and unique: a repetition with the same one is
told (error 23), and what it does not know after a while never arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from modemgw.dialects.bsg import tables
from modemgw.dialects.json_body import JsonError, read_json, whole
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    asked_to_wait,
    balance_by_status,
    by_status,
    decimal_of,
    json_call,
    json_of,
    plus,
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
    UpstreamInbound,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

_REFUSED, _WAY, _CONFIG = TryOutcome.REFUSED_MESSAGE, TryOutcome.REFUSED_WAY, AccountTrouble.CONFIG

#: Errors of sms/create as the sender sees them; what is not there, 5 among it, says nothing about the message.
ERRORS: Final[Mapping[int, tuple[TryOutcome, AccountTrouble | None]]] = {
    tables.BAD_KEY: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    tables.BLOCKED: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    tables.NOT_ENOUGH: (TryOutcome.REFUSED_ACCOUNT, _CONFIG),
    tables.BAD_REQUEST: (TryOutcome.REFUSED_ACCOUNT, _CONFIG),
    tables.BAD_TARIFF: (TryOutcome.REFUSED_ACCOUNT, _CONFIG),
    tables.BAD_PARAMETERS: (TryOutcome.REFUSED_ACCOUNT, _CONFIG),
    tables.NO_MONEY: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.MONEY),
    9: (TryOutcome.REFUSED_ACCOUNT, _CONFIG),  # inactive price grid
    tables.TOO_MANY: (TryOutcome.TEMPORARY, None),
    tables.BATCH: (TryOutcome.TEMPORARY, None),
    tables.BAD_MSISDN: (_REFUSED, None),
    tables.REFERENCE_USED: (TryOutcome.DUPLICATE, None),
    tables.BAD_PAYLOAD: (TryOutcome.REFUSED_ACCOUNT, _CONFIG),
    tables.BAD_ORIGINATOR: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.SENDER),
    tables.BAD_BODY: (_REFUSED, None),
    tables.BAD_REFERENCE: (_REFUSED, None),
    tables.BAD_VALIDITY: (_REFUSED, None),
    tables.MSISDN_TWICE: (_REFUSED, None),
    tables.ORIGINATOR_DENIED: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.SENDER),
    tables.DIRECTION_DENIED: (_WAY, None),
}

#: Words of a status as our states; those that are not there say nothing yet.
STATES: Final[Mapping[str, State]] = {
    "sent": State.SENT,
    "enroute": State.SENT,
    "delivered": State.DELIVERED,
    "expired": State.EXPIRED,
    "undeliverable": State.UNDELIVERABLE,
    "failed": State.UNDELIVERABLE,
    "rejected": State.UNDELIVERABLE,
    "deleted": State.CANCELLED,
}


class BsgCodec(PlainCodec):
    """Kind `bsg`."""

    kind = "bsg"
    traits = Traits(
        unique_refs=True,
        proves_absence=True,
        asks_by_ref=True,
        polls=True,
        pushes=True,
        ids_a_poll=100,
        poll_gap_s=1.0,
        first_find_s=30.0,
        max_parallel=10,
        max_text=765,
        polls_inbound=True,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """An address, the key, and the originator that each message needs."""
        return [*wanted(account, "url", "api_key", "sender"), *unknown_keys(account, ("tariff",))]

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """sms/create of one; validity in hours, from 1 to 72."""
        document: dict[str, Any] = {
            "destination": "phone",
            "msisdn": message.to.lstrip("+"),
            "originator": message.sender or account.sender,
            "body": message.text,
            "reference": message.ref,
            "validity": min(72, max(1, message.validity_s // 3600)),
        }
        if message.encoding == "ucs2":
            document["data_coding_ucs2"] = True
        if account.callback_url:
            document["callback_url"] = account.callback_url
        if "tariff" in account.options:
            document["tariff"] = account.options["tariff"]
        return json_call("POST", _at(account, "sms/create"), document, _key(account))

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """Flat, or the same inside `result`; errors stand in either."""
        body = json_of(answer)
        if not isinstance(body, dict):
            return by_status(answer)
        inner = body.get("result")
        item = {**body, **inner} if isinstance(inner, dict) else body
        code = whole(item.get("error"))
        if code is None:
            return by_status(answer)
        if code == tables.OK and answer.status == 200 and item.get("id") is not None:
            return SendAnswer(
                TryOutcome.ACCEPTED,
                ids=(str(item["id"]),),
                code=str(item["id"]),
                cost=decimal_of(item.get("price")),
                currency=_currency(item),
            )
        return _refused(code, item, answer, message)

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """sms/reference/{ref}."""
        return json_call("GET", _at(account, f"sms/reference/{message.ref}"), None, _key(account))

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """An SMS, or error 20."""
        body = json_of(answer)
        code = whole(body.get("error")) if isinstance(body, dict) else None
        if code == tables.NOT_FOUND:
            return FindAnswer(Presence.ABSENT, reason="It knows no message with our reference.")
        if not isinstance(body, dict) or code != tables.OK or body.get("id") is None:
            return unclear(f"It answered HTTP {answer.status} without an SMS.")
        return FindAnswer(Presence.FOUND, (str(body["id"]),), _fate(body))

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """sms/{id} of one, sms/getStatus of several."""
        if len(ids) == 1:
            return json_call("GET", _at(account, f"sms/{ids[0][0]}"), None, _key(account))
        return json_call("POST", _at(account, "sms/getStatus"), {"ids": [id for id, _ in ids]}, _key(account))

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """One SMS, or a list in `result`."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, dict):
            return None
        items = body.get("result") if "result" in body else [body]
        if not isinstance(items, list) or (whole(body.get("error")) or 0) not in (tables.OK, tables.NOT_FOUND):
            return None
        if whole(body.get("error")) is None and "result" not in body:
            return None
        asked = {id for id, _ in ids}
        return [_fate(item) for item in items if isinstance(item, dict) and str(item.get("id")) in asked]

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """common/balance."""
        return json_call("GET", _at(account, "common/balance"), None, _key(account))

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """`amount` as text; below zero up to `limit` may be spent."""
        body = json_of(answer)
        code = whole(body.get("error")) if isinstance(body, dict) else None
        if not isinstance(body, dict) or code is None:
            return balance_by_status(answer)
        amount = decimal_of(body.get("amount"))
        if code == tables.OK and amount is not None:
            return BalanceAnswer(TryOutcome.ACCEPTED, amount, _currency(body))
        outcome, trouble = ERRORS.get(code, (TryOutcome.UNKNOWN, None))
        reason = f"BSG error {code} ({body.get('errorDescription', '')})."
        return BalanceAnswer(outcome, reason=reason, trouble=trouble)

    def inbox(self, account: UpstreamAccount, after: str, now: int) -> WireCall | None:
        """sms/2wayIncoming of a span; the cursor is its end, with a minute of overlap."""
        until = datetime.fromtimestamp(now / 1000, UTC).replace(tzinfo=None, microsecond=0)
        start = until - timedelta(minutes=5)
        if after:
            start = datetime.fromisoformat(after) - timedelta(minutes=1)
        query = urlencode({"start_date": start.isoformat(" "), "end_date": until.isoformat(" ")})
        return json_call("GET", f"{_at(account, 'sms/2wayIncoming')}?{query}", None, _key(account))

    def read_inbox(
        self, account: UpstreamAccount, after: str, answer: WireAnswer
    ) -> tuple[Sequence[UpstreamInbound], str] | None:
        """A list under one of its names; an account without the service (35) has nothing."""
        body = json_of(answer)
        if answer.status != 200:
            return None
        if isinstance(body, dict):
            if whole(body.get("error")) == tables.NO_2WAY:
                return (), after
            lists = [value for value in body.values() if isinstance(value, list)]
            if len(lists) != 1:
                return None
            body = lists[0]
        if not isinstance(body, list):
            return None
        items = [_inbound(item) for item in body if isinstance(item, dict)]
        times = [item.received_at for item in items if item.received_at is not None]
        newest = datetime.fromtimestamp(max(times) / 1000, UTC).replace(tzinfo=None).isoformat() if times else after
        return items, max(after, newest)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """The status as JSON. It is not signed: only what we know already is believed."""
        try:
            body = read_json(request.body)
        except JsonError as error:
            raise NotGenuine from error
        if not isinstance(body, dict) or body.get("id") is None:
            raise NotGenuine
        if "status" in body:
            return Told(WireResponse(b"OK"), fates=(_fate(body),))
        return Told(WireResponse(b"OK"), inbound=(_inbound(body),))


def _at(account: UpstreamAccount, path: str) -> str:
    return f"{account.url.rstrip('/')}/{path}"


def _key(account: UpstreamAccount) -> dict[str, str]:
    return {"X-API-KEY": account.api_key}


def _refused(code: int, item: Mapping[str, Any], answer: WireAnswer, message: UpstreamMessage) -> SendAnswer:
    said = f"BSG error {code} ({item.get('errorDescription') or tables.DESCRIPTIONS.get(code, '')})."
    if (wait := asked_to_wait(answer)) is not None:
        return SendAnswer(TryOutcome.TEMPORARY, said, code=str(code), retry_after_s=wait)
    outcome, trouble = ERRORS.get(code, (TryOutcome.UNKNOWN, None))
    ids = (str(item["id"]),) if outcome is TryOutcome.DUPLICATE and item.get("id") is not None else ()
    retry = 10.0 if outcome is TryOutcome.TEMPORARY else None
    return SendAnswer(outcome, said, ids, str(code), trouble, retry_after_s=retry)


def _fate(item: Mapping[str, Any]) -> Fate:
    word = str(item.get("status", "")).lower()
    return Fate(
        str(item.get("id", "")),
        STATES.get(word),
        ref=str(item.get("reference") or item.get("external_id") or ""),
        text=word,
        at=_time(item.get("time_dr")),
        cost=decimal_of(item.get("price")),
        currency=_currency(item),
    )


def _inbound(item: Mapping[str, Any]) -> UpstreamInbound:
    """Both sets of names. `phone` is the subscriber; where only `sender` and `recipient` are, `sender` is."""
    at = item.get("time_received") or item.get("date")
    subscriber = item.get("phone") or item.get("sender") or ""
    ours = item.get("sender") if item.get("phone") else item.get("recipient")
    text = item.get("text") if item.get("text") is not None else item.get("message", "")
    return UpstreamInbound(
        id=str(item.get("id") or f"{subscriber} {at}"),
        sender=plus(str(subscriber)),
        recipient=plus(str(ours)) if ours else None,
        text=str(text),
        received_at=_time(at),
    )


def _time(value: object) -> int | None:
    """`YYYY-MM-DD HH:MM:SS`, UTC."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None or at.year < 2000:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _currency(item: Mapping[str, Any]) -> str | None:
    value = item.get("currency")
    return value if isinstance(value, str) and len(value) == 3 else None


CODEC = BsgCodec()
