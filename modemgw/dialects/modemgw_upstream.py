"""Another modemgw as a gateway that we send through, by its native API.

`url` is the root. Our reference is its `client_ref`: the same one again sends nothing twice, so that asking is sending
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from modemgw.dialects.json_body import JsonError, read_json, whole
from modemgw.dialects.native_callbacks import is_genuine
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    balance_by_status,
    basic,
    by_status,
    decimal_of,
    json_call,
    json_of,
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
    UpstreamInbound,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

#: States over there that are news here. UNKNOWN is in doubt there and stays SENT here until it is resolved.
_NEWS = frozenset({State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED, State.REJECTED, State.CANCELLED})

#: Problems of a request that are ours and not the message's.
_OURS = {
    "unauthorised": AccountTrouble.LOGIN,
    "address_not_allowed": AccountTrouble.ADDRESS,
    "forbidden": AccountTrouble.LOGIN,
    "no_money": AccountTrouble.MONEY,
    "bad_parameter": AccountTrouble.CONFIG,
    "unknown_line": AccountTrouble.CONFIG,
}


class ModemgwCodec(PlainCodec):
    """Kind `modemgw`."""

    kind = "modemgw"
    traits = Traits(
        unique_refs=True,
        proves_absence=False,  # asking is sending again: there is no "absent"
        asks_by_ref=True,
        polls=True,
        pushes=True,
        poll_gap_s=0.05,
        first_find_s=1.0,
        max_parallel=50,
        polls_inbound=True,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """An address, and an API key or login and password."""
        found = [*wanted(account, "url"), *unknown_keys(account, ("callback_secret",))]
        if not account.api_key and not (account.login and account.password):
            found.append(("", "needs api_key, or login and password"))
        return found

    def cannot(self, message: UpstreamMessage) -> str | None:
        """Nothing."""
        return None

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """POST /v1/messages."""
        document: dict[str, Any] = {
            "to": message.to,
            "text": message.text,
            "client_ref": message.ref,
            "validity_s": max(1, message.validity_s),
            "report": message.report,
        }
        if message.flash:
            document["flash"] = True
        if message.encoding == "ucs2":
            document["encoding"] = "ucs2"
        return json_call("POST", _at(account, "messages"), document, _credentials(account))

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """202 took it, 200 had it; else a problem of RFC 9457, by its type."""
        body = json_of(answer)
        if not isinstance(body, dict):
            return by_status(answer)
        if answer.status in (200, 202) and whole(body.get("id")) is not None:
            outcome = TryOutcome.ACCEPTED if answer.status == 202 else TryOutcome.DUPLICATE
            return SendAnswer(
                outcome,
                "" if answer.status == 202 else "It had the message already.",
                ids=(str(body["id"]),),
                code=str(body.get("state", "")),
                parts=whole(body.get("parts")),
                cost=decimal_of(body.get("cost")),
            )
        problem = str(body.get("type", "")).rpartition("#")[2]
        said = f"modemgw answered HTTP {answer.status}: {body.get('detail') or body.get('title') or problem}"
        if answer.status in (429, 503) and problem:
            wait = retry_after_s(answer) or 10.0
            return SendAnswer(TryOutcome.TEMPORARY, said, code=problem, retry_after_s=wait)
        if problem in _OURS and answer.status < 500:
            return SendAnswer(TryOutcome.REFUSED_ACCOUNT, said, code=problem, trouble=_OURS[problem])
        if problem == "cannot":
            return SendAnswer(TryOutcome.REFUSED_WAY, said, code=problem)
        if problem and 400 <= answer.status < 500 and answer.status not in (401, 403, 404, 405, 408, 425):
            return SendAnswer(TryOutcome.REFUSED_MESSAGE, said, code=problem)
        return by_status(answer)

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """The same request: what it has, it does not send again."""
        return self.send(account, message, now)

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """It has it now, whether it had it before or not."""
        said = self.sent(account, message, answer)
        if said.outcome in (TryOutcome.ACCEPTED, TryOutcome.DUPLICATE):
            return FindAnswer(Presence.FOUND, said.ids)
        return unclear(said.reason)

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """GET /v1/messages/{id}."""
        return json_call("GET", _at(account, f"messages/{ids[0][0]}"), None, _credentials(account))

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """One message."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, dict) or str(body.get("id")) != ids[0][0]:
            return None
        return (_fate(body),)

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """GET /v1/modems: it lives, and the key is right. Its SIMs' money is not ours to count."""
        return json_call("GET", _at(account, "modems"), None, _credentials(account))

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """A list is a yes."""
        body = json_of(answer)
        if answer.status == 200 and isinstance(body, dict) and isinstance(body.get("items"), list):
            return BalanceAnswer(TryOutcome.ACCEPTED)
        return balance_by_status(answer)

    def inbox(self, account: UpstreamAccount, after: str, now: int) -> WireCall | None:
        """GET /v1/inbox after the cursor; without one only what is there is looked at."""
        query = urlencode({"after": after or "0", "limit": "100"})
        return json_call("GET", f"{_at(account, 'inbox')}?{query}", None, _credentials(account))

    def read_inbox(
        self, account: UpstreamAccount, after: str, answer: WireAnswer
    ) -> tuple[Sequence[UpstreamInbound], str] | None:
        """A page; what is no text stays there."""
        body = json_of(answer)
        items = body.get("items") if isinstance(body, dict) and answer.status == 200 else None
        if not isinstance(items, list):
            return None
        known = [item for item in items if isinstance(item, dict) and whole(item.get("id")) is not None]
        newest = max([whole(item["id"]) or 0 for item in known] + [whole(after) or 0])
        return [_inbound(item) for item in known if item.get("text") is not None], str(newest)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """A callback in the native format, signed where the account has a `callback_secret`."""
        _check(account, request)
        try:
            body = read_json(request.body)
        except JsonError as error:
            raise NotGenuine from error
        response = WireResponse(b"")
        if isinstance(body, dict) and isinstance(body.get("message"), dict):
            return Told(response, fates=(_fate(body["message"]),))
        if isinstance(body, dict) and isinstance(body.get("inbox"), dict):
            inbox = body["inbox"]
            return Told(response, inbound=(_inbound(inbox),) if inbox.get("text") is not None else ())
        return Told(response)


def _at(account: UpstreamAccount, path: str) -> str:
    return f"{account.url.rstrip('/')}/v1/{path}"


def _credentials(account: UpstreamAccount) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.api_key}"} if account.api_key else basic(account)


def _fate(body: Mapping[str, Any]) -> Fate:
    word = str(body.get("state", ""))
    state = State(word) if word in State.__members__.values() else None
    if state is State.REJECTED:
        state = State.UNDELIVERABLE
    return Fate(
        str(body.get("id", "")),
        state if state in _NEWS else None,
        ref=str(body.get("client_ref") or ""),
        text=str(body.get("error") or word),
        code=word,
        at=_time(body.get("updated_at")),
        cost=decimal_of(body.get("cost")),
        parts=whole(body.get("part_count")),
    )


def _inbound(item: Mapping[str, Any]) -> UpstreamInbound:
    return UpstreamInbound(
        id=str(item.get("id", "")),
        sender=str(item.get("from", "")),
        recipient=str(item["to"]) if item.get("to") else None,
        text=str(item.get("text", "")),
        received_at=_time(item.get("received_at")),
        parts=whole(item.get("parts")) or 1,
    )


def _time(value: object) -> int | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return int(at.timestamp() * 1000) if at is not None and at.tzinfo is not None and at.year > 1970 else None


def _check(account: UpstreamAccount, request: WireRequest) -> None:
    secret = str(account.options.get("callback_secret", ""))
    if secret and not is_genuine(secret, request.headers, request.body, request.now):
        raise NotGenuine


CODEC = ModemgwCodec()
