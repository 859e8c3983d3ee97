"""The body of a mail to send@…, as documented and as clients were seen to write it (smsc.md section 10)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.smsc.mail import MailError, MailReply, accepts, answer_mail, parse_body, text_of
from modemgw.domain.requests import Command

BODIES = [
    # official python 2.0, php
    (
        "demo:p@ss w:5:0101301200:0,1,ME:79991234567:test2",
        {
            "login": "demo",
            "psw": "p@ss w",
            "id": "5",
            "time": "0101301200",
            "translit": "0",
            "flash": "1",
            "sender": "ME",
            "phones": "79991234567",
            "mes": "test2",
        },
    ),
    # official perl 1.6: only translit and format, a colon in the text
    (
        "demo:pw:::,1:79991234567:test: 1",
        {"login": "demo", "psw": "pw", "flash": "1", "phones": "79991234567", "mes": "test: 1"},
    ),
    # meteor
    (
        "demo:pw:::1,,,:79991234567:hi",
        {"login": "demo", "psw": "pw", "translit": "1", "phones": "79991234567", "mes": "hi"},
    ),
    # time zone, all four options, a text of two lines
    (
        "demo:pw:7:0101301200,-2:0,0,Shop,0:79991234567,79991234568:one\ntwo: three",
        {
            "login": "demo",
            "psw": "pw",
            "id": "7",
            "time": "0101301200",
            "tz": "-2",
            "translit": "0",
            "sender": "Shop",
            "phones": "79991234567,79991234568",
            "mes": "one\ntwo: three",
        },
    ),
    # a list: no phones
    (
        "demo:pw:::,,,::79991234567:one\n79991234568:two",
        {"login": "demo", "psw": "pw", "list": "79991234567:one\n79991234568:two"},
    ),
    # an API key in the place of the password
    (":the-key::::79991234567:hi", {"apikey": "the-key", "phones": "79991234567", "mes": "hi"}),
    # the flag test: the price and nothing else
    (
        "demo:pw:::0,0,,1:79991234567:hi",
        {"login": "demo", "psw": "pw", "translit": "0", "cost": "1", "phones": "79991234567", "mes": "hi"},
    ),
    ("demo:pw:::,6:79991234567:", {"login": "demo", "psw": "pw", "ping": "1", "phones": "79991234567"}),
]


@pytest.mark.parametrize(("body", "fields"), BODIES)
def test_a_body_is_a_request(body: str, fields: dict[str, str]) -> None:
    assert parse_body(body) == fields


@pytest.mark.parametrize("body", ["", "hello", "a:b:c:d:e:f", "demo:pw:::0,99:7999:x"])
def test_what_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(MailError):
        parse_body(body)


MAILS = [
    ("Content-Type: text/plain; charset=utf-8\r\n\r\ndemo:pw::::7999:Привет\r\n".encode(), "demo:pw::::7999:Привет"),
    ("Subject: x\r\n\r\ndemo:pw::::7999:Привет".encode("koi8-r"), "demo:pw::::7999:Привет"),
    (
        "Content-Type: text/plain; charset=windows-1251\r\n\r\ndemo:pw::::7999:Привет".encode("cp1251"),
        "demo:pw::::7999:Привет",
    ),
    (
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hi</p><b>[text]demo:pw::::7999:<i>x</i>[/text]</b>",
        "demo:pw::::7999:x",
    ),
    (
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nZGVtbzpwdzo6Ojo3OTk5Ong=",
        "demo:pw::::7999:x",
    ),
    (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        b"demo:pw::::7999:plain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--b--\r\n",
        "demo:pw::::7999:plain",
    ),
    (b"Content-Type: text/plain; charset=no-such\r\n\r\ndemo:pw::::7999:x", "demo:pw::::7999:x"),
]


@pytest.mark.parametrize(("mail", "text"), MAILS)
def test_the_text_of_a_mail(mail: bytes, text: str) -> None:
    assert text_of(mail) == text


def test_a_mail_without_a_text_is_refused() -> None:
    with pytest.raises(MailError, match="text/plain"):
        text_of(b"Content-Type: image/png\r\n\r\nx")


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("send@send.smsc.ru", True),
        ("SEND@localhost", True),
        ("<send@x>", True),
        ("send", False),
        ("root@x", False),
        ("send@", False),
        ("sender@x", False),
    ],
)
def test_only_mail_for_send_is_taken(address: str, taken: bool) -> None:
    assert accepts(address) is taken


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (b"OK - 1 SMS, ID - 7", MailReply(250, "2.0.0 OK - 1 SMS, ID - 7")),
        (b"ERROR = 2 (authorise error)", MailReply(535, "5.7.8 ERROR = 2 (authorise error)")),
        (
            b"ERROR = 9 (duplicate request, wait a minute)",
            MailReply(450, "4.7.1 ERROR = 9 (duplicate request, wait a minute)"),
        ),
        (b"ERROR = 7 (invalid number), ID - 1", MailReply(550, "5.6.0 ERROR = 7 (invalid number), ID - 1")),
    ],
)
def test_the_answer_of_send_php_becomes_that_of_smtp(answer: bytes, reply: MailReply) -> None:
    seen: list[WireRequest] = []

    def send(request: WireRequest) -> Generator[Command, Any, WireResponse]:
        seen.append(request)
        return WireResponse(answer)
        yield Command()

    steps = answer_mail(b"\r\ndemo:pw::::7999:text", send, "127.0.0.1", 1)
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    assert stopped.value.value == reply
    assert seen[0].body == b"login=demo&psw=pw&phones=7999&mes=text&charset=utf-8&fmt=0"
