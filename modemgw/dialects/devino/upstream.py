"""Devino Telecom (REST v2) as a gateway that we send through.

`url` is the base, `https://integrationapi.net/rest/v2`. It has no reference of ours: what is in doubt stays so. Fates
are asked for by the id of each segment, which lives 48 hours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from modemgw.dialects.forms import FormError, parse_form
from modemgw.dialects.json_body import whole
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
    form_call,
    json_of,
    plus,
    unknown_keys,
    wanted,
)
from modemgw.domain.states import State
from modemgw.domain.upstream import (
    AccountTrouble,
    BalanceAnswer,
    Fate,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamInbound,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

#: `Code` of an error. 8 and 9 are troubles of the provider in the middle of something: nobody knows.
ERRORS: Final[Mapping[int, tuple[TryOutcome, AccountTrouble | None]]] = {
    1: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.CONFIG),
    2: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.CONFIG),
    3: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    4: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    5: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.MONEY),
    6: (TryOutcome.REFUSED_MESSAGE, None),
    7: (TryOutcome.REFUSED_MESSAGE, None),
}

#: `State` of Sms/State; what is not there says nothing. 255 is an id that is not known (any more).
STATES: Final[Mapping[int, State]] = {
    -1: State.SENT,
    0: State.DELIVERED,
    10: State.UNDELIVERABLE,
    11: State.UNDELIVERABLE,
    41: State.UNDELIVERABLE,
    42: State.UNDELIVERABLE,
    46: State.EXPIRED,
    47: State.CANCELLED,
    48: State.UNDELIVERABLE,
    69: State.UNDELIVERABLE,
}

_DATE = re.compile(r"/Date\((-?\d{1,16})\)/")


class DevinoCodec(PlainCodec):
    """Kind `devino`."""

    kind = "devino"
    traits = Traits(
        unique_refs=False,
        proves_absence=False,
        asks_by_ref=False,
        polls=True,
        pushes=True,  # incoming texts alone
        poll_gap_s=0.2,
        ids_live_s=47 * 3600,
        max_parallel=10,
        max_text=2000,
        polls_inbound=True,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """An address, login, password, and the sender that each message needs."""
        return [*wanted(account, "url", "login", "password", "sender"), *unknown_keys(account, ())]

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """Sms/Send; validity in minutes, rounded down."""
        fields = {
            **_login(account),
            "DestinationAddress": message.to,
            "SourceAddress": message.sender or account.sender,
            "Data": message.text,
            "Validity": str(max(1, message.validity_s // 60)),
        }
        return form_call(_at(account, "Sms/Send"), fields)

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """A list of ids, one for each segment, or `{"Code", "Desc"}`."""
        body = json_of(answer)
        if isinstance(body, list) and answer.status == 200 and body and all(isinstance(item, str) for item in body):
            return SendAnswer(TryOutcome.ACCEPTED, ids=tuple(body), code=body[0], parts=len(body))
        if not isinstance(body, dict) or whole(body.get("Code")) is None:
            return by_status(answer)
        code = whole(body.get("Code")) or 0
        said = f"Devino error {code} ({body.get('Desc', '')})."
        if (wait := asked_to_wait(answer)) is not None:
            return SendAnswer(TryOutcome.TEMPORARY, said, code=str(code), retry_after_s=wait)
        outcome, trouble = ERRORS.get(code, (TryOutcome.UNKNOWN, None))
        return SendAnswer(outcome, said, code=str(code), trouble=trouble)

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """Sms/State of one segment."""
        return form_call(_at(account, "Sms/State"), {**_login(account), "messageId": ids[0][0]})

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """One state; 255 says nothing."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, dict) or whole(body.get("State")) is None:
            return None
        state = whole(body.get("State"))
        at = _time(body.get("ReportedDateUtc")) or _time(body.get("TimeStampUtc"))
        fate = Fate(
            ids[0][0],
            STATES.get(state) if state is not None else None,
            text=str(body.get("StateDescription") or ""),
            code=str(state),
            at=at,
            cost=decimal_of(body.get("Price")),
        )
        return (fate,)

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """User/Balance."""
        return form_call(_at(account, "User/Balance"), _login(account))

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """A bare number."""
        body = json_of(answer)
        if answer.status == 200 and isinstance(body, int | float) and not isinstance(body, bool):
            return BalanceAnswer(TryOutcome.ACCEPTED, decimal_of(body), "RUB")
        if isinstance(body, dict) and (code := whole(body.get("Code"))) is not None:
            outcome, trouble = ERRORS.get(code, (TryOutcome.UNKNOWN, None))
            return BalanceAnswer(outcome, reason=f"Devino error {code} ({body.get('Desc', '')}).", trouble=trouble)
        return balance_by_status(answer)

    def inbox(self, account: UpstreamAccount, after: str, now: int) -> WireCall | None:
        """Sms/In of a span; the cursor is the end of the last one, with a minute of overlap."""
        until = datetime.fromtimestamp(now / 1000, UTC).replace(tzinfo=None, microsecond=0)
        start = until - timedelta(minutes=5)
        if after:
            start = max(datetime.fromisoformat(after) - timedelta(minutes=1), until - timedelta(days=300))
        query = {**_login(account), "minDateUTC": start.isoformat(), "maxDateUTC": until.isoformat()}
        return WireCall("GET", f"{_at(account, 'Sms/In')}?{urlencode(query)}")

    def read_inbox(
        self, account: UpstreamAccount, after: str, answer: WireAnswer
    ) -> tuple[Sequence[UpstreamInbound], str] | None:
        """A list. The cursor moves to the newest of it."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, list):
            return None
        items = [_inbound(item) for item in body if isinstance(item, dict) and item.get("ID") is not None]
        times = [item.received_at for item in items if item.received_at is not None]
        if not times:
            return items, after
        newest = datetime.fromtimestamp(max(times) / 1000, UTC).replace(tzinfo=None, microsecond=0).isoformat()
        return items, max(after, newest)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """The push of an incoming text, by GET; answered without a reply."""
        try:
            fields = {name: value.decode("utf-8", "replace") for name, value in parse_form(request).fields.items()}
        except FormError as error:
            raise NotGenuine from error
        if "sourcePhone" not in fields:
            raise NotGenuine
        item = UpstreamInbound(
            id=fields.get("messageId", ""),
            sender=plus(fields["sourcePhone"]),
            recipient=plus(fields["number"]) if fields.get("number") else None,
            text=fields.get("text", ""),
            received_at=request.now,
        )
        return Told(WireResponse(b""), inbound=(item,))


def _at(account: UpstreamAccount, path: str) -> str:
    return f"{account.url.rstrip('/')}/{path}"


def _login(account: UpstreamAccount) -> dict[str, str]:
    return {"Login": account.login, "Password": account.password}


def _time(value: object) -> int | None:
    """`/Date(ms)/`; the smallest date of all stands for none."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    ms = None if found is None else int(found[1])
    return ms if ms is not None and 0 < ms < 32_503_680_000_000 else None


def _inbound(item: Mapping[str, Any]) -> UpstreamInbound:
    return UpstreamInbound(
        id=str(item["ID"]),
        sender=plus(str(item.get("SourceAddress", ""))),
        recipient=plus(str(item["DestinationAddress"])) if item.get("DestinationAddress") else None,
        text=str(item.get("Data", "")),
        received_at=_time(item.get("CreatedDateUtc")),
    )


CODEC = DevinoCodec()
