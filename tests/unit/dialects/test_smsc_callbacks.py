"""What SMSC.ru's handlers get, verified as their authors do: field by field, and signatures by other code."""

from __future__ import annotations

import binascii
import hashlib
import json
import subprocess
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes
from xml.etree import ElementTree

import pytest

from modemgw.dialects.seam import Occurrence
from modemgw.dialects.smsc.callbacks import render
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxKind, InboxView
from modemgw.domain.message import MessageView, OnDoubt
from modemgw.domain.states import State

AT = 1_476_794_052_000  # 18.10.2016 15:34:12 in Moscow
URL = "http://shop.example/handler.php"
TEXT = "Да, приеду & привезу 100% + чай <b>"

MESSAGE = MessageView(
    id=7,
    account="shop",
    state=State.DELIVERED,
    to="+79161234567",
    text="Hi",
    data=None,
    encoding="gsm7",
    part_count=2,
    flash=False,
    priority=0,
    client_ref=None,
    line=None,
    report=True,
    on_doubt=OnDoubt.HOLD,
    dialect="smsc",
    extra={"sender": "SHOP", "ref": "138"},
    created_at=AT - 9000,
    updated_at=AT,
    send_at=None,
    expires_at=None,
    due_at=None,
    error=None,
    error_code=None,
    st=0,
    cost="2.40",
)

INBOX = InboxView(
    id=12,
    line="a",
    sender="+79161234567",
    recipient="+79990000001",
    text=TEXT,
    kind=InboxKind.TEXT,
    data=None,
    received_at=AT,
    scts=AT - 2000,
    scts_offset_s=10_800,
    parts=1,
    missing=(),
    complete=True,
    ports=None,
    pdus=(),
)


def account(query: str = "", **options: Any) -> Account:
    return Account(id=1, login="shop", price="1.20", callback_url=URL + (f"?{query}" if query else ""), **options)


def status(shop: Account, **changes: Any) -> CallbackRequest:
    (request,) = render(Occurrence("status", 1, AT, message=replace(MESSAGE, **changes)), shop)
    return request


def inbound(shop: Account, **changes: Any) -> CallbackRequest:
    (request,) = render(Occurrence("inbox", 1, AT, inbox=replace(INBOX, **changes)), shop)
    return request


def octets(body: bytes) -> dict[str, bytes]:
    """A form as PHP's $_POST has it: octets, nothing decoded."""
    pairs = (pair.partition("=") for pair in body.decode("ascii").split("&"))
    return {name: unquote_to_bytes(value.replace("+", " ")) for name, _, value in pairs}


def test_a_status_is_a_form_byte_for_byte() -> None:
    request = status(account("md5=secret"))
    assert request.method == "POST"
    assert request.url == URL + "?md5=secret"
    assert request.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert request.body == (
        b"id=138&phone=79161234567&status=1&time=18.10.2016%2015%3A34%3A12&ts=1476794052&err=0&cnt=2&cost=2.40"
        b"&sender=SHOP&type=0&md5=" + hashlib.md5(b"138:79161234567:1:secret").hexdigest().encode()
    )


def test_a_status_is_json() -> None:
    request = status(account("fmt=3"))
    assert request.headers == {"Content-Type": "application/json"}
    assert json.loads(request.body) == {
        "id": 138,
        "phone": "79161234567",
        "status": 1,
        "time": "18.10.2016 15:34:12",
        "ts": 1476794052,
        "err": 0,
        "cnt": 2,
        "cost": "2.40",
        "sender": "SHOP",
        "type": 0,
    }


def test_a_status_is_xml() -> None:
    request = status(account("fmt=2"))
    assert request.headers == {"Content-Type": "text/xml; charset=windows-1251"}
    root = ElementTree.fromstring(request.body)
    assert {child.tag: child.text for child in root} == {
        "id": "138",
        "phone": "79161234567",
        "status": "1",
        "time": "18.10.2016 15:34:12",
        "ts": "1476794052",
        "err": "0",
        "cnt": "2",
        "cost": "2.40",
        "sender": "SHOP",
        "type": "0",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": State.SENT}, (0, 0)),
        ({"state": State.DELIVERED}, (1, 0)),
        ({"state": State.EXPIRED}, (3, 0)),
        ({"state": State.UNDELIVERABLE, "st": 0x41}, (20, 21)),
        ({"state": State.REJECTED, "error_code": 1}, (22, 1)),
        ({"state": State.CANCELLED}, (-2, 0)),
        ({"state": State.UNKNOWN}, (0, 245)),
    ],
)
def test_every_state_that_counts_is_told(changes: dict[str, Any], expected: tuple[int, int]) -> None:
    told = json.loads(status(account("fmt=3"), **changes).body)
    assert (told["status"], told["err"]) == expected


@pytest.mark.parametrize("changes", [{"state": State.QUEUED}, {"state": State.SENDING}, {"extra": {"deleted": True}}])
def test_what_still_waits_or_was_deleted_is_not_told(changes: dict[str, Any]) -> None:
    assert render(Occurrence("status", 1, AT, message=replace(MESSAGE, **changes)), account()) == ()


@pytest.mark.parametrize(
    ("changes", "id", "type"),
    [
        ({"extra": {}}, 7, 0),
        ({"extra": {"ref": "A-1"}}, "A-1", 0),
        ({"extra": {"ref": "007"}}, "007", 0),
        ({"dialect": "native", "extra": {"ref": "138"}}, 7, 0),
        ({"flash": True}, 138, 1),
        ({"data": b"\0", "text": None}, 138, 2),
        ({"extra": {"type": 5}}, 7, 5),
    ],
)
def test_ids_and_types(changes: dict[str, Any], id: int | str, type: int) -> None:
    told = json.loads(status(account("fmt=3"), **changes).body)
    assert (told["id"], told["type"]) == (id, type)


def test_an_hlr_query_has_its_columns() -> None:
    told = json.loads(status(account("fmt=3"), extra={"type": 4}).body)
    assert told["type"] == 4
    assert {"imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet"} <= told.keys()


# -- incoming -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "codec"), [("", "cp1251"), ("windows-1251", "cp1251"), ("utf-8", "utf-8"), ("koi8-r", "koi8-r")]
)
def test_an_incoming_text_is_a_form_in_the_charset(charset: str, codec: str) -> None:
    request = inbound(account(f"charset={charset}&md5=s&sha1=s&crc32=s" if charset else "md5=s&sha1=s&crc32=s"))
    got = octets(request.body)
    assert got["mes"].decode(codec) == TEXT
    assert (got["id"], got["phone"], got["to"]) == (b"12", b"79161234567", b"79990000001")
    assert (got["time"], got["sent"]) == (b"18.10.2016 15:34:12", b"18.10.2016 15:34:10")
    signed = got["phone"] + b":" + got["mes"] + b":" + got["to"] + b":s"
    assert got["md5"].decode() == hashlib.new("md5", signed).hexdigest()
    assert got["sha1"].decode() == hashlib.new("sha1", signed).hexdigest()
    assert got["crc32"].decode() == f"{binascii.crc32(signed):08x}"


def test_characters_the_charset_lacks_are_question_marks_and_in_utf8_they_are_themselves() -> None:
    assert octets(inbound(account(), text="ok 👍").body)["mes"] == b"ok ?"
    assert parse_qs(inbound(account("charset=utf-8"), text="ok 👍").body.decode())["mes"] == ["ok 👍"]


@pytest.mark.parametrize("charset", ["", "utf-8", "koi8-r"])
def test_json_and_xml_give_the_text_and_are_signed_over_it_in_utf8(charset: str) -> None:
    signed = f"79161234567:{TEXT} 👍:79990000001:s".encode()
    shop = account(f"fmt=3&charset={charset}&md5=s")
    told = json.loads(inbound(shop, text=TEXT + " 👍").body)
    assert told["mes"] == TEXT + " 👍"
    assert told["md5"] == hashlib.md5(signed).hexdigest()
    shop = account(f"fmt=2&charset={charset}&md5=s")
    root = ElementTree.fromstring(inbound(shop, text=TEXT + " 👍\x00\x0b").body)
    assert root.findtext("mes") == TEXT + " 👍"


def test_a_message_without_text_shows_its_data() -> None:
    told = json.loads(inbound(account("fmt=3"), text=None, data=b"\x01\xab", recipient=None).body)
    assert (told["mes"], told["to"]) == ("01ab", "")


# -- secrets --------------------------------------------------------------------------------------------------


def test_the_accounts_secret_goes_before_the_one_in_the_url() -> None:
    signed = hashlib.md5(b"138:79161234567:1:own").hexdigest()
    assert json.loads(status(account("fmt=3&md5", callback_secret="own")).body)["md5"] == signed
    assert json.loads(status(account("fmt=3&md5=1", callback_secret="own")).body)["md5"] == signed


def test_a_secret_alone_signs_in_every_way() -> None:
    told = json.loads(status(account("fmt=3", callback_secret="own")).body)
    assert {"md5", "sha1", "crc32"} <= told.keys()


def test_without_a_secret_nothing_is_signed() -> None:
    assert not {"md5", "sha1", "crc32"} & json.loads(status(account("fmt=3")).body).keys()


def test_openssl_agrees_on_the_digests() -> None:
    told = json.loads(status(account("fmt=3&md5=s&sha1=s")).body)
    for name in ("md5", "sha1"):
        made = subprocess.run(
            ["openssl", "dgst", f"-{name}", "-r"], input=b"138:79161234567:1:s", capture_output=True, check=False
        )
        if made.returncode:
            pytest.skip("no openssl here")
        assert made.stdout.decode().split()[0] == told[name]


def test_a_shop_elsewhere_is_not_called_for_a_messages_own_url() -> None:
    assert render(Occurrence("status", 1, AT, message=MESSAGE, own=True), account()) == ()
    assert render(Occurrence("status", 1, AT, message=MESSAGE), Account(id=1, login="x")) == ()
