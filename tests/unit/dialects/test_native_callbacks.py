"""The native callback: its envelope and its signature, by the code that docs/callbacks.md gives to receivers."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemgw.dialects.native_callbacks import renderer
from modemgw.dialects.seam import Occurrence
from modemgw.domain.account import Account
from modemgw.domain.states import State
from modemgw.servers.http import views
from tests.unit.dialects.test_smsc_callbacks import AT, INBOX, MESSAGE

SHOP = Account(id=1, login="shop", callback_url="https://shop.example/cb", callback_secret="секрет")

render = renderer(lambda view: views.message(view, ()), views.inbox_item, views.call, views.rfc3339)


def told(event: Occurrence) -> Any:
    (request,) = render(event, SHOP)
    return json.loads(request.body)


def test_a_message_as_v1_has_it() -> None:
    body = told(Occurrence("status", 5, AT, message=MESSAGE, event="message.delivered"))
    expected = views.message(MESSAGE, ())
    del expected["events"]
    assert body == {
        "event_id": 5,
        "kind": "message.delivered",
        "at": "2016-10-18T12:34:12.000Z",
        "message": expected,
    }


def test_an_incoming_message_as_v1_has_it() -> None:
    body = told(Occurrence("inbox", 6, AT, inbox=INBOX, event="inbox.received"))
    assert body == {
        "event_id": 6,
        "kind": "inbox.received",
        "at": "2016-10-18T12:34:12.000Z",
        "inbox": views.inbox_item(INBOX),
    }


def test_it_goes_to_the_account_or_where_the_message_says() -> None:
    event = Occurrence("status", 5, AT, message=MESSAGE)
    assert render(event, SHOP)[0].url == "https://shop.example/cb"
    own = replace(event, own=True, message=replace(MESSAGE, extra={"callback": "https://shop.example/cb/7"}))
    assert render(own, SHOP)[0].url == "https://shop.example/cb/7"
    assert render(replace(event, own=True), SHOP) == ()
    assert render(event, replace(SHOP, callback_url=None)) == ()


def test_sending_is_not_told() -> None:
    assert render(Occurrence("status", 5, AT, message=replace(MESSAGE, state=State.SENDING)), SHOP) == ()


def test_the_headers() -> None:
    (request,) = render(Occurrence("status", 5, AT, message=MESSAGE, event="message.delivered"), SHOP)
    expected = hmac.new("секрет".encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers == {
        "Content-Type": "application/json",
        "X-Modemgw-Event": "message.delivered",
        "X-Modemgw-Timestamp": "1476794052",
        "X-Modemgw-Signature": f"sha256={expected}",
    }
    (request,) = render(Occurrence("status", 5, AT, message=MESSAGE), replace(SHOP, callback_secret=None))
    assert "X-Modemgw-Signature" not in request.headers


def test_the_receiver_of_the_documentation_verifies_it() -> None:
    text = (Path(__file__).parents[3] / "docs/callbacks.md").read_text(encoding="utf-8")
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    names: dict[str, Any] = {}
    exec(match[1], names)
    (request,) = render(Occurrence("status", 5, AT, message=MESSAGE), SHOP)
    header = request.headers["X-Modemgw-Signature"]
    assert names["genuine"](request.body, header, "секрет")
    assert not names["genuine"](request.body + b" ", header, "секрет")
    assert not names["genuine"](request.body, header, "other")


@pytest.mark.parametrize("text", ["\ud800", "\x00", "👍"])
def test_any_text_has_a_body(text: str) -> None:
    body = told(Occurrence("inbox", 6, AT, inbox=replace(INBOX, text=text)))
    assert isinstance(body["inbox"]["text"], str)
