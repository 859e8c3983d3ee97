"""A store that cannot be read now: every dialect says so in its provider's word for "later", and none answers 500."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from modemgw.dialects import ALL
from modemgw.dialects.twilio.wire import account_sid
from modemgw.domain.refusal import StoreUnavailable
from tests.unit.dialects.adapters import all_adapters

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

SMSC = "login=shop&psw=s3cret&fmt=3"
DEVINO = "login=shop&password=s3cret"
DAYS = "minDateUTC=2027-01-01T00:00:00&maxDateUTC=2027-02-01T00:00:00&startDateTime=2027-01-01&endDateTime=2027-01-20"
XML = '<?xml version="1.0"?><request><security><login value="shop"/><password value="s3cret"/></security>{}</request>'
TWILIO = {"Authorization": "Basic " + b64encode(f"{account_sid('shop')}:s3cret".encode()).decode()}
ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
STATE = (
    "<GetMessageState><smsUser>shop</smsUser><password>s3cret</password><messageID>1000</messageID></GetMessageState>"
)
SENDER = f"/2010-04-01/Accounts/{account_sid('shop')}"

#: What reads, by dialect: method, path, body or headers, and what tells that it is unavailable. A row for each dialect.
READS: dict[str, list[tuple[str, str, Any, str]]] = {
    "smsc": [
        *(
            ("GET", f"/sys/{call}&{SMSC}", None, '"error_code": 9')
            for call in (
                "status.php?phone=79161234567&id=1",
                "status.php?phone=79161234567,79161234568&id=1",
                "status.php?phone=79161234567&id=1&del=1",
                "balance.php?x=1",
                "get.php?get_answers=1",
                "get.php?get_messages=1",
                "get.php?get_stat=1",
                "send.php?phones=79161234567&mes=x",
                "send.php?phones=G1&mes=x",
                "send.php?phones=79161234567&mes=x&cost=1",
                "jobs.php?get_all=1",
                "jobs.php?get=1&id=1",
                "jobs.php?cancel=1&id=1",
                "jobs.php?del=1&id=1",
                "templates.php?get=1&id=1",
                "phones.php?get=1",
                "phones.php?get_group=1",
                "senders.php?get=1",
            )
        ),
    ],
    "devino": [
        *(
            ("POST", f"/rest/{call}&{DEVINO}&{DAYS}", None, '"Code":8')
            for call in ("Sms/State?messageId=1000", "Sms/In?x=1", "Sms/Statistics?x=1", "v2/User/Balance?x=1")
        ),
        ("GET", "/1c_b.php", {"sms_user": "shop", "sms_pass": "s3cret"}, "Database_Offline"),
        ("GET", "/1c_i.php", {"sms_user": "shop", "sms_pass": "s3cret", "sms_id": "1000"}, "Database_Offline"),
        ("POST", "/WebService.asmx", ENVELOPE.format(STATE), "Database_Offline"),
    ],
    "bsg": [
        *(
            ("GET", f"/rest/{call}", {"X-API-KEY": "key-of-shop"}, '"error":5')
            for call in ("common/balance", "sms/1", "sms/reference/r", "sms/task/1", "sms/2wayIncoming", "hlr/1")
        ),
        ("GET", "/api/accounts/balance", {"Authorization": "Bearer " + "a" * 64}, '"code":503'),
    ],
    "gatesms": [],
    "fintek": [
        ("POST", "/api/v1", '{"route": "any", "status": {"key": "' + "0" * 32 + '"}}', '"unavailable"'),
    ],
    "smsgate": [
        *(
            ("POST", f"/xml/{page}", XML.format(inner), "временно недоступен")
            for page, inner in (
                ("", '<message type="sms"><text>x</text><abonent phone="79161234567"/></message>'),
                ("state.php", "<get_state><id_sms>1</id_sms></get_state>"),
                ("get_state.php", "<get_state/>"),
                ("balance.php", ""),
                ("incoming.php", '<time start="2020-01-01 00:00:00"/>'),
                ("list_scheduled.php", ""),
                ("scheduled.php", '<delete_schedule><schedule id_sms="1"/></delete_schedule>'),
            )
        ),
        *(
            ("GET", f"/sendsms.php?user=shop&pwd=s3cret&{more}", None, "временно недоступен")
            for more in ("balance=1", "smsid=1", "dadr=79161234567&text=x&sadr=SHOP")
        ),
        *(
            (
                "POST",
                "/sendsmsjson.php",
                '{"security": {"login": "shop", "password": "s3cret"}, ' + more + "}",
                "временно недоступен",
            )
            for more in ('"type": "state", "get_state": ["1"]', '"type": "balance"', '"type": "incoming"')
        ),
    ],
    "kannel": [],
    "twilio": [
        *(
            ("GET", f"{SENDER}/{resource}", TWILIO, '"code": 20503')
            for resource in ("Messages.json", "Messages/SM" + "0" * 31 + "1.json", "Balance.json")
        ),
        ("DELETE", f"{SENDER}/Messages/SM" + "0" * 31 + "1.json", TWILIO, '"code": 20503'),
    ],
}

ROWS = [pytest.param(name, *row, id=f"{name} {row[0]} {row[1][:60]}") for name, rows in READS.items() for row in rows]


def test_every_dialect_has_its_rows() -> None:
    for dialect in ALL:
        assert dialect.name in READS, (
            f"READS has nothing for {dialect.name}: its requests that read, and its word for unavailable (none: [])"
        )
    assert len(READS) == len(ALL)


@pytest.mark.parametrize(("name", "method", "path", "more", "word"), ROWS)
async def test_what_cannot_be_read_now_is_unavailable(
    serve_dialect: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    method: str,
    path: str,
    more: Any,
    word: str,
) -> None:
    adapter = next(adapter for adapter in all_adapters() if adapter.dialect.name == name)
    account = 'balance_mode = "countdown"\n' + adapter.account
    rig = await serve_dialect(adapter.dialect, config=adapter.config, account=account)

    async def unreadable(function: object) -> Any:
        raise StoreUnavailable("The database could not be read (OperationalError: disk I/O error).")

    monkeypatch.setattr(rig.store._readers, "read", unreadable)
    headers = more if (isinstance(more, dict) and method == "GET") or more is TWILIO else {}
    data = (
        more.encode() if isinstance(more, str) else urlencode(more) if isinstance(more, dict) and not headers else None
    )
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if isinstance(more, dict) and data else {}
    async with rig.http.request(method, path, data=data, headers={**headers, **kind}) as response:
        text = await response.text()
        assert response.content_type != "application/problem+json"
    assert word in text.replace('"error": 5', '"error":5').replace('"code": 503', '"code":503'), text
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []
