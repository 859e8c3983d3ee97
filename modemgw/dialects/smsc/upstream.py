"""SMSC.ru and its twins as a gateway that we send through: send.php, status.php, balance.php, get.php, their callbacks.

Codes are those of tables.py. `url` is the root of the site (`https://smsc.ru`). The provider answers errors with HTTP
200; another status, or a body that is no JSON, is the site's own trouble and says nothing about the message.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

from modemgw.dialects.forms import FormError, parse_form
from modemgw.dialects.json_body import whole
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.callbacks import SIGNATURES
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    balance_by_status,
    by_status,
    decimal_of,
    form_call,
    json_of,
    plus,
    unclear,
    unknown_keys,
    wanted,
)
from modemgw.domain.account import iso_currency
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

#: What each error of send.php means to the sender. 9 is an identical send within a minute, or too many at a time: the
#: words tell which, and where they do not the message may be there already.
SEND_ERRORS: Final[Mapping[int, tuple[TryOutcome, AccountTrouble | None]]] = {
    tables.PARAMETERS: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.CONFIG),
    tables.AUTHORISE: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    tables.NO_MONEY: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.MONEY),
    tables.BLOCKED: (TryOutcome.TEMPORARY, None),
    tables.BAD_DATE: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.CONFIG),
    tables.DENIED: (TryOutcome.REFUSED_MESSAGE, None),
    tables.BAD_NUMBER: (TryOutcome.REFUSED_MESSAGE, None),
    tables.NO_ROUTE: (TryOutcome.REFUSED_WAY, None),
    tables.DUPLICATE: (TryOutcome.TEMPORARY, None),
}

#: status.php's words as our states; what is not there says nothing (-3 after acceptance is no failure).
STATES: Final[Mapping[int, State]] = {
    0: State.SENT,
    1: State.DELIVERED,
    2: State.DELIVERED,  # read
    3: State.EXPIRED,
    4: State.DELIVERED,  # the link in it was followed
    20: State.UNDELIVERABLE,
    22: State.UNDELIVERABLE,
    23: State.UNDELIVERABLE,
    24: State.UNDELIVERABLE,
    25: State.UNDELIVERABLE,
    -2: State.CANCELLED,
}

#: The longest validity that send.php takes, 24 hours.
_MAX_VALID_S = 86_400


class SmscCodec(PlainCodec):
    """Kind `smsc`."""

    kind = "smsc"
    traits = Traits(
        unique_refs=False,  # the status is that of the last message with the phone and the id
        proves_absence=True,
        asks_by_ref=True,
        polls=True,
        pushes=True,
        ids_a_poll=100,
        poll_gap_s=60.0,  # one mass request a minute
        first_find_s=5.0,
        absent_after_s=120.0,
        max_parallel=5,
        max_text=1000,
        polls_inbound=True,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """A root address, and login with password or an API key."""
        found = [*wanted(account, "url"), *unknown_keys(account, ("callback_secret",))]
        if not account.api_key and not (account.login and account.password):
            found.append(("", "needs login and password, or api_key"))
        return found

    def cannot(self, message: UpstreamMessage) -> str | None:
        """Only what is too long: flash=1 is theirs too."""
        return None if len(message.text) <= 1000 else "SMSC takes at most 1000 characters."

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """send.php with our reference as `id`; nl=1 is no part of it: `phones` and `mes` are single."""
        fields = {
            **_login(account),
            "phones": message.to,
            "mes": message.text,
            "id": message.ref,
            "charset": "utf-8",
            "fmt": "3",
            "cost": "2",
            "valid": _valid(message.validity_s),
        }
        if message.sender:
            fields["sender"] = message.sender
        if message.flash:
            fields["flash"] = "1"
        return form_call(_at(account, "send.php"), fields)

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """By `id` or `error_code`; nothing else says anything."""
        body = json_of(answer) if answer.status == 200 else None
        if not isinstance(body, dict):
            return by_status(answer)
        code = whole(body.get("error_code"))
        if code is not None:
            return _refused(code, str(body.get("error", "")))
        if "id" not in body:
            return SendAnswer(TryOutcome.UNKNOWN, "Its answer has neither an id nor an error.")
        return SendAnswer(
            TryOutcome.ACCEPTED,
            ids=(f"{message.ref}",),
            code=str(body["id"]),
            parts=whole(body.get("cnt")),
            cost=decimal_of(body.get("cost")),
        )

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """status.php by phone and our reference."""
        return self._status(account, [(message.ref, message.to)], many=False)

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """Any status: it is there. -3: it is not."""
        body = json_of(answer)
        item = body[0] if isinstance(body, list) and body else body
        if answer.status != 200 or not isinstance(item, dict):
            return unclear(f"It answered HTTP {answer.status} without a status.")
        status = whole(item.get("status"))
        if status is None:
            return unclear(f"It answered: {item.get('error', 'nothing readable')}.")
        if status == tables.NOT_FOUND:
            return FindAnswer(Presence.ABSENT, reason="It knows no message with our reference.")
        return FindAnswer(Presence.FOUND, (message.ref,), _fate(item, message.ref))

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """status.php with lists: a trailing comma makes one of a single message."""
        return self._status(account, ids, many=True)

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """A list of statuses, each with its id."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, list):
            return None
        asked = {ref for ref, _ in ids}
        items = [item for item in body if isinstance(item, dict) and str(item.get("id")) in asked]
        return [_fate(item, str(item["id"])) for item in items]

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """balance.php with the currency."""
        return form_call(_at(account, "balance.php"), {**_login(account), "fmt": "3", "cur": "1"})

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """A number as text, or an error."""
        body = json_of(answer) if answer.status == 200 else None
        if not isinstance(body, dict):
            return balance_by_status(answer)
        code = whole(body.get("error_code"))
        if code is not None:
            said = _refused(code, str(body.get("error", "")))
            return BalanceAnswer(said.outcome, reason=said.reason, trouble=said.trouble)
        amount = decimal_of(body.get("balance"))
        if amount is None:
            return BalanceAnswer(TryOutcome.UNKNOWN, reason="Its answer has no balance.")
        currency = str(body.get("currency") or "RUB")
        return BalanceAnswer(TryOutcome.ACCEPTED, amount, iso_currency(currency))

    def inbox(self, account: UpstreamAccount, after: str, now: int) -> WireCall | None:
        """get.php: incoming messages after an id, of the last hour where there is none yet."""
        fields = {**_login(account), "get_answers": "1", "fmt": "3", "charset": "utf-8", "cnt": "100", "hour": "1"}
        return form_call(_at(account, "get.php"), fields | ({"after_id": after, "hour": "168"} if after else {}))

    def read_inbox(
        self, account: UpstreamAccount, after: str, answer: WireAnswer
    ) -> tuple[Sequence[UpstreamInbound], str] | None:
        """A list; error 3 says that there is nothing."""
        body = json_of(answer) if answer.status == 200 else None
        if isinstance(body, dict) and whole(body.get("error_code")) == tables.NO_RECORDS:
            return (), after
        if not isinstance(body, list):
            return None
        items = [item for item in body if isinstance(item, dict) and whole(item.get("id")) is not None]
        newest = max([whole(item["id"]) or 0 for item in items] + [whole(after) or 0])
        return [_inbound(item) for item in items], str(newest) if newest else after

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """A form of a status or of an incoming message; signed where the account has a `callback_secret`."""
        try:
            octets = parse_form(request).fields
        except FormError as error:
            raise NotGenuine from error
        _check(octets, str(account.options.get("callback_secret", "")))
        asked = octets.get("charset", b"").decode("ascii", "replace").lower()
        fields = {name: _text(value, asked) for name, value in octets.items()}
        response = WireResponse(b"OK")
        if "mes" in fields:
            return Told(
                response, inbound=(_inbound({**fields, "message": fields["mes"], "to_phone": fields.get("to")}),)
            )
        if "status" in fields and "id" in fields:
            return Told(response, fates=(_fate(fields, fields["id"]),))
        return Told(response)

    def _status(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], *, many: bool) -> WireCall:
        comma = "," if many else ""
        fields = {
            **_login(account),
            "phone": ",".join(to for _, to in ids) + comma,
            "id": ",".join(ref for ref, _ in ids) + comma,
            "fmt": "3",
            "all": "1",
            "charset": "utf-8",
        }
        return form_call(_at(account, "status.php"), fields)


def _at(account: UpstreamAccount, name: str) -> str:
    return f"{account.url.rstrip('/')}/sys/{name}"


def _login(account: UpstreamAccount) -> dict[str, str]:
    if account.api_key:
        return {"apikey": account.api_key}
    return {"login": account.login, "psw": account.password}


def _valid(seconds: int) -> str:
    """`hh:mm`, rounded down so that a late copy does not outlive the message, from one minute to a day."""
    minutes = max(1, min(seconds, _MAX_VALID_S) // 60)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _refused(code: int, text: str) -> SendAnswer:
    said = f"SMSC error {code} ({text or tables.DESCRIPTIONS.get(code, 'unknown')})."
    if code == tables.DUPLICATE and "duplicate" in text:
        # an identical text to this number was sent within the last minute: this very one, or another of equal words
        return SendAnswer(TryOutcome.UNKNOWN, said, code=str(code), retry_after_s=60.0)
    outcome, trouble = SEND_ERRORS.get(code, (TryOutcome.UNKNOWN, None))
    wait = 60.0 if outcome is TryOutcome.TEMPORARY else None
    return SendAnswer(outcome, said, code=str(code), trouble=trouble, retry_after_s=wait)


def _fate(item: Mapping[str, Any], ref: str) -> Fate:
    status = whole(item.get("status"))
    error = whole(item.get("err"))
    seconds = whole(item.get("last_timestamp", item.get("ts")))
    name = tables.STATUS_NAMES.get(status, "") if status is not None else ""
    return Fate(
        ref,
        None if status is None else STATES.get(status),
        ref=ref,
        text=str(item.get("status_name") or name),
        code="" if not error else f"{error} {tables.ERR_NAMES.get(error, '')}".strip(),
        at=None if seconds is None else seconds * 1000,
        cost=decimal_of(item.get("cost")),
        parts=whole(item.get("sms_cnt", item.get("cnt"))),
    )


def _inbound(item: Mapping[str, Any]) -> UpstreamInbound:
    return UpstreamInbound(
        id=str(item.get("id", "")),
        sender=plus(str(item.get("phone", ""))),
        recipient=plus(str(item["to_phone"])) if item.get("to_phone") else None,
        text=str(item.get("message", "")),
    )


def _text(octets: bytes, charset: str) -> str:
    """A field in the charset that the address asks for; without one, windows-1251 unless it is surely UTF-8."""
    if charset in ("koi8-r", "windows-1251"):
        return octets.decode(charset, "replace")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("utf-8" if charset == "utf-8" else "windows-1251", "replace")


def _check(fields: Mapping[str, bytes], secret: str) -> None:
    """The signature over `id:phone:status:secret` or `phone:mes:to:secret`, in the octets that came. Raises
    NotGenuine."""
    if not secret:
        return
    words = (
        fields.get(name, b"") for name in (("phone", "mes", "to") if "mes" in fields else ("id", "phone", "status"))
    )
    signed = b":".join((*words, secret.encode()))
    given = {name: fields[name].decode("ascii", "replace") for name in SIGNATURES if name in fields}
    if not given or not all(hmac.compare_digest(SIGNATURES[name](signed), value) for name, value in given.items()):
        raise NotGenuine


CODEC = SmscCodec()
