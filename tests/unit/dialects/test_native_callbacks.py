"""The native callback: its envelope and its signature, by the code that docs/callbacks.md gives to receivers."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemgw.dialects.native_callbacks import is_genuine, renderer, sign, signature
from modemgw.dialects.seam import Occurrence
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest
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
    assert request.headers == {
        "Content-Type": "application/json",
        "X-Modemgw-Event": "message.delivered",
        "X-Modemgw-Timestamp": "1476794052",
    }


def test_a_try_is_signed_with_its_id_and_its_time() -> None:
    request = CallbackRequest("https://shop.example/cb", "s", body=b'{"test": 2432232314}')
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = sign(request, replace(SHOP, callback_secret=secret), 17, 1_614_265_330_123)
    signed = b'17.1614265330.{"test": 2432232314}'
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert headers == {
        "Webhook-Id": "17",
        "Webhook-Timestamp": "1614265330",
        "Webhook-Signature": "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode(),
        "X-Modemgw-Signature": "sha256=" + hmac.digest(secret.encode(), request.body, "sha256").hex(),
    }
    assert sign(request, replace(SHOP, callback_secret=None), 17, 1_614_265_330_123) == {
        "Webhook-Id": "17",
        "Webhook-Timestamp": "1614265330",
    }


def test_the_vector_of_standard_webhooks() -> None:
    # the example of the specification's own libraries: id, time, payload, secret, signature
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def documented() -> Callable[[Mapping[str, str], bytes, str], bool]:
    """The receiver that docs/callbacks.md gives."""
    text = (Path(__file__).parents[3] / "docs/callbacks.md").read_text(encoding="utf-8")
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    names: dict[str, Any] = {}
    exec(match[1], names)
    genuine: Callable[[Mapping[str, str], bytes, str], bool] = names["genuine"]
    return genuine


def ours(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """What another gateway of ours does."""
    lower = {name.lower(): value for name, value in headers.items()}
    return is_genuine(secret, lower, body, time.time_ns() // 1_000_000)


@pytest.mark.parametrize("genuine", [documented(), ours], ids=["docs", "modemgw"])
def test_a_receiver_tells_ours_from_what_was_repeated_or_forged(
    genuine: Callable[[Mapping[str, str], bytes, str], bool],
) -> None:
    now = time.time_ns() // 1_000_000
    (request,) = render(Occurrence("status", 5, AT, message=MESSAGE), SHOP)
    body = request.body
    good = {**request.headers, **sign(request, SHOP, 17, now)}
    assert genuine(good, body, "секрет")
    assert not genuine(good, body + b" ", "секрет")
    assert not genuine(good, body, "other")
    assert not genuine({**good, "Webhook-Id": "18"}, body, "секрет")
    assert not genuine({**good, "Webhook-Timestamp": str(now // 1000 + 1)}, body, "секрет")
    assert not genuine({**request.headers, **sign(request, SHOP, 17, now - 400_000)}, body, "секрет")
    assert not genuine({**good, "Webhook-Timestamp": "x"}, body, "секрет")
    assert not genuine({**good, "Webhook-Signature": ""}, body, "секрет")
    assert not genuine(request.headers, body, "секрет")
    changing = sign(request, replace(SHOP, callback_secret="new", callback_secret_old="секрет"), 17, now)
    assert genuine(changing, body, "секрет")
    assert genuine(changing, body, "new")


@pytest.mark.parametrize("text", ["\ud800", "\x00", "👍"])
def test_any_text_has_a_body(text: str) -> None:
    body = told(Occurrence("inbox", 6, AT, inbox=replace(INBOX, text=text)))
    assert isinstance(body["inbox"]["text"], str)
