"""The door: what comes in, what is refused, with which kind and at which place."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modemgw.domain.account import Account
from modemgw.domain.message import MAX_VALIDITY_S, Encoding, OnDoubt, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.rules.admission import MAX_AHEAD_MS, MAX_CHARACTERS, admit

NOW = 1_700_000_000_000
SHOP = Account(1, "shop", password="x")


def submission(**changes: Any) -> Submission:
    return replace(Submission(to="+79161234567", text="hello"), **changes)


@pytest.mark.parametrize(
    ("account", "asked", "text", "encoding"),
    [
        (False, None, "“x”\u00a0…", "ucs2"),
        (False, True, '"x" ...', "gsm7"),
        (True, None, '"x" ...', "gsm7"),
        (True, False, "“x”\u00a0…", "ucs2"),
    ],
)
def test_look_alikes_are_made_plain_where_that_is_asked_for(
    account: bool, asked: bool | None, text: str, encoding: str
) -> None:
    message = admit(replace(SHOP, smart_encoding=account), submission(text="“x”\u00a0…", smart_encoding=asked), NOW)
    assert (message.text, message.encoding) == (text, encoding)
    kept = admit(replace(SHOP, smart_encoding=True), submission(text="“x”", encoding=Encoding.UCS2), NOW)
    assert kept.text == "“x”"


def test_defaults() -> None:
    message = admit(SHOP, submission(), NOW)
    assert (message.recipient, message.text, message.encoding, message.parts) == ("+79161234567", "hello", "gsm7", 1)
    assert (message.validity_s, message.on_doubt, message.line, message.report) == (259_200, "hold", "", True)
    assert (message.udh, message.extra, message.ref, message.send_at) == (None, None, None, None)


@pytest.mark.parametrize(
    ("changes", "encoding", "parts"),
    [
        ({"text": "x" * 160}, "gsm7", 1),
        ({"text": "x" * 161}, "gsm7", 2),
        ({"text": "[" * 80}, "gsm7", 1),
        ({"text": "[" * 81}, "gsm7", 2),
        ({"text": "я" * 70}, "ucs2", 1),
        ({"text": "я" * 71}, "ucs2", 2),
        ({"text": "x", "encoding": Encoding.UCS2}, "ucs2", 1),
        ({"text": "x" * 1530}, "gsm7", 10),
        ({"text": None, "data": b"x" * 140}, "data8", 1),
        ({"text": None, "data": b"x" * 141}, "data8", 2),
        ({"text": None, "data": b"x" * 134, "udh": b"\5\4\x0b\x84\x23\xf0"}, "data8", 2),
        ({"text": "", "pid": 0x40}, "gsm7", 1),
        ({"text": "ş" * 100, "national": True}, "gsm7", 1),
        ({"text": "ş" * 100, "national": False}, "ucs2", 2),
    ],
)
def test_encoding_and_parts(changes: dict[str, Any], encoding: str, parts: int) -> None:
    message = admit(SHOP, submission(**changes), NOW)
    assert (message.encoding, message.parts) == (encoding, parts)


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"to": "nobody"}, RefusalKind.BAD_NUMBER, "to"),
        ({"text": ""}, RefusalKind.EMPTY_TEXT, "text"),
        ({"text": None, "data": b""}, RefusalKind.EMPTY_TEXT, "data"),
        ({"text": None}, RefusalKind.BAD_PARAMETER, "text"),
        ({"data": b"x"}, RefusalKind.BAD_PARAMETER, "text"),
        ({"text": "x" * 1531}, RefusalKind.TEXT_TOO_LONG, "text"),
        ({"text": "x" * (153 * 255 + 1)}, RefusalKind.TEXT_TOO_LONG, "text"),
        ({"text": "x" * (MAX_CHARACTERS + 1)}, RefusalKind.TEXT_TOO_LONG, "text"),
        ({"text": "\ud800"}, RefusalKind.BAD_PARAMETER, "text"),
        ({"text": "я", "encoding": Encoding.GSM7}, RefusalKind.BAD_PARAMETER, "text"),
        ({"text": None, "data": b"x", "udh": b"\5\xff"}, RefusalKind.BAD_PARAMETER, "udh"),
        ({"text": None, "data": b"x", "udh": b"x" * 300}, RefusalKind.BAD_PARAMETER, "udh"),
        ({"text": None, "data": b"x" * 136, "udh": b"\0\3\1\2\1"}, RefusalKind.BAD_PARAMETER, "data"),
        ({"validity_s": 0}, RefusalKind.BAD_PARAMETER, "validity_s"),
        ({"validity_s": -1}, RefusalKind.BAD_PARAMETER, "validity_s"),
        ({"validity_s": MAX_VALIDITY_S + 1}, RefusalKind.BAD_PARAMETER, "validity_s"),
        ({"send_at": NOW + MAX_AHEAD_MS + 1}, RefusalKind.BAD_TIME, "send_at"),
        ({"send_at": -(1 << 70)}, RefusalKind.BAD_TIME, "send_at"),
        ({"priority": 101}, RefusalKind.BAD_PARAMETER, "priority"),
        ({"priority": -101}, RefusalKind.BAD_PARAMETER, "priority"),
        ({"client_ref": "half \udc00"}, RefusalKind.BAD_PARAMETER, "client_ref"),
        ({"line": "\ud800"}, RefusalKind.BAD_PARAMETER, "modem"),
        ({"extra": {"ref": "\ud800"}}, RefusalKind.BAD_PARAMETER, None),
    ],
)
def test_refusals(changes: dict[str, Any], kind: RefusalKind, field: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        admit(SHOP, submission(**changes), NOW)
    assert (refused.value.kind, refused.value.field) == (kind, field)
    assert str(refused.value).strip()


def test_what_the_account_says_and_what_the_message_says() -> None:
    account = replace(SHOP, on_doubt=OnDoubt.RESEND, validity_s=600, country="7", max_parts=2, national=True)
    message = admit(account, submission(to="8 916 123-45-67", text="ş" * 100), NOW)
    assert (message.on_doubt, message.validity_s, message.recipient, message.encoding) == (
        "resend",
        600,
        "+79161234567",
        "gsm7",
    )
    message = admit(account, submission(on_doubt=OnDoubt.HOLD, validity_s=60, national=False), NOW)
    assert (message.on_doubt, message.validity_s) == ("hold", 60)
    with pytest.raises(Refusal, match="3 SMS parts; this account may send 2"):
        admit(account, submission(text="x" * 400), NOW)


def test_what_a_dialect_keeps_with_the_message() -> None:
    message = admit(SHOP, submission(extra={"ref": 17, "имя": "я"}, dialect="smsc"), NOW)
    assert (message.ref, message.dialect) == ("17", "smsc")
    assert message.extra is not None
    assert json.loads(message.extra) == {"ref": 17, "имя": "я"}


@pytest.mark.parametrize("at", [NOW - 1, NOW, NOW + MAX_AHEAD_MS, 0])
def test_a_time_to_send(at: int) -> None:
    assert admit(SHOP, submission(send_at=at), NOW).send_at == at
