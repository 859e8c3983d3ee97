"""sendsms.php (a query in, plain text out) and sendsmsjson.php (JSON both ways)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from typing import Any

from modemgw.dialects.forms import FormError, parse_form
from modemgw.dialects.json_body import JsonError, read_json
from modemgw.dialects.seam import Authenticate, GetSettings, Steps, Throttle, WireRequest, WireResponse
from modemgw.dialects.settings import with_defaults
from modemgw.dialects.smsgate import core, tables
from modemgw.dialects.smsgate.core import Wanted, Wrong
from modemgw.dialects.smsgate.settings import SETTINGS
from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command


def _text(text: str) -> WireResponse:
    return WireResponse(text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")


def sendsms(request: WireRequest) -> Steps:
    """/sendsms.php."""
    try:
        fields = {name: value.decode("utf-8", "replace") for name, value in parse_form(request).fields.items()}
    except FormError:
        return _text(tables.NO_DATA)
    try:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        account: Account
        if scheme.lower() == "bearer" and key:
            account = yield Authenticate(api_key=key.strip(), remote=request.remote)
        else:
            account = yield Authenticate(
                login=fields.get("user", ""), password=fields.get("pwd", ""), remote=request.remote
            )
        if fields.get("balance"):
            money, count = yield from core.balance(account)
            return _text(f"{money.amount} {money.currency}" + (f" Россия:{count}" if count else ""))
        if fields.get("smsid"):
            return (yield from _state(account, fields))
        return (yield from _send(account, fields, request.now))
    except Wrong as wrong:
        return _text(str(wrong))
    except Refusal as refusal:
        return _text(tables.ERRORS[refusal.kind])


def _state(account: Account, fields: dict[str, str]) -> Steps:
    rows = yield from core.states(account, [fields["smsid"]])
    if not rows:
        return _text("not_found")
    row = rows[0]
    if fields.get("detail") != "1":
        return _text(row.state)
    values = {
        "id_sms": row.id,
        "time_change_state": row.time,
        "state_sms": row.state,
        "num_parts": row.parts,
        "price": row.price,
    }
    # PHP's serialize(): lengths are of octets
    inner = "".join(f's:{len(n)}:"{n}";s:{len(v.encode())}:"{v}";' for n, v in values.items())
    return _text(f"a:{len(values)}:{{{inner}}}")


def _send(account: Account, fields: dict[str, str], now: int) -> Steps:
    phones = [phone for phone in fields.get("dadr", "").split(",") if phone.strip()]
    if not phones:
        return _text(tables.NO_PHONE)
    settings = with_defaults(SETTINGS, (yield GetSettings(core.NAME)))
    if settings["identical_sends"]:
        names = ("sadr", "dadr", "text", "translite", "validity_period")
        digest = hashlib.sha256("\0".join(fields.get(name, "") for name in names).encode()).hexdigest()
        if not (yield Throttle(f"smsgate:{account.id}:{digest}", settings["identical_sends"], 60.0)):
            return _text(tables.REPEATED)
    wanted = [
        Wanted(
            phone,
            fields.get("text", ""),
            fields.get("sadr", ""),
            validity=fields.get("validity_period", ""),
            translite=fields.get("translite") == "1",
        )
        for phone in phones
    ]
    # the answer is a row of ids: there is no place in it to say which number was bad
    outcomes = yield from core.send(account, wanted, now, each=False)
    return _text(",".join(str(one.accepted.id) for one in outcomes if one.accepted is not None))


# -- JSON --------------------------------------------------------------------------------------------------------------


def _json(value: Any) -> WireResponse:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return WireResponse(raw, content_type="application/json; charset=utf-8")


def sendsmsjson(request: WireRequest) -> Steps:
    """/sendsmsjson.php."""
    try:
        if not request.body.strip():
            raise Wrong(tables.NO_DATA)
        try:
            document = read_json(request.body)
        except JsonError:
            raise Wrong(tables.BAD_JSON) from None
        if not isinstance(document, dict):
            raise Wrong(tables.BAD_JSON)
        security = _object(document.get("security"))
        account: Account
        if token := _string(security.get("token")):
            account = yield Authenticate(api_key=token, remote=request.remote)
        else:
            login, password = _string(security.get("login")), _string(security.get("password"))
            account = yield Authenticate(login=login, password=password, remote=request.remote)
        return _json((yield from _answer(document, account, request.now)))
    except Wrong as wrong:
        text = str(wrong)
        return _json({"error": tables.BAD_JSON if text == tables.BAD_XML else text})
    except Refusal as refusal:
        bad = refusal.kind is RefusalKind.BAD_PARAMETER
        return _json({"error": tables.BAD_JSON if bad else tables.ERRORS[refusal.kind]})


def _answer(document: dict[str, Any], account: Account, now: int) -> Generator[Command, Any, dict[str, Any]]:
    kind = _string(document.get("type")) or "sms"
    if kind == "sms":
        outcomes = yield from core.send(account, _wanted(document), now, each=True)
        return {
            "sms": [
                {
                    "number_sms": one.wanted.number,
                    "id_sms": str(one.accepted.id),
                    "parts": str(one.accepted.parts),
                    "action": "send",
                }
                if one.accepted is not None
                else {"number_sms": one.wanted.number, "action": one.error}
                for one in outcomes
            ]
        }
    if kind == "state":
        rows = yield from core.states(account, [_string(id) for id in _list(document.get("get_state"))])
        return {
            "state": [
                {"id_sms": row.id, "time": row.time, "state": row.state, "num_parts": row.parts, "price": row.price}
                for row in rows
            ]
        }
    if kind == "balance":
        money, count = yield from core.balance(account)
        sms = [{"area": "Россия", "number": count, "price": account.price}] if count else []
        return {"money": {"currency": money.currency, "value": money.amount}, "sms": sms}
    if kind == "originator":
        names = yield from core.senders(account)
        rows_ = [{"originator": name, "state": "completed"} for name in names]
        return {"any_originator": "TRUE", "list_originator": rows_}
    if kind == "incoming":
        time = _object(document.get("time"))
        views = yield from core.incoming(account, _string(time.get("start")), _string(time.get("end")))
        return {
            "sms": [
                {
                    "id_sms": str(view.id),
                    "date_receive": core.shown_time(view.received_at, account),
                    "originator": (view.recipient or "").lstrip("+"),
                    "prefix": "",
                    "phone": view.sender.lstrip("+"),
                    "text": view.text or "",
                }
                for view in views
            ]
        }
    raise Wrong(tables.BAD_JSON)


def _wanted(document: dict[str, Any]) -> list[Wanted]:
    wanted = []
    for message in map(_object, _list(document.get("message"))):
        for abonent in map(_object, _list(message.get("abonent"))):
            phone, number, client_id, send_at, validity = (
                _string(abonent.get(name))
                for name in ("phone", "number_sms", "client_id_sms", "time_send", "validity_period")
            )
            text, sender = _string(message.get("text")), _string(message.get("sender"))
            translite = _string(message.get("translite")) == "1"
            kind = _string(message.get("type")) or "sms"
            wanted.append(Wanted(phone, text, sender, number, client_id, send_at, validity, translite, kind))
    if not wanted:
        raise Wrong(tables.BAD_JSON)
    return wanted


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Wrong(tables.BAD_JSON)
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
