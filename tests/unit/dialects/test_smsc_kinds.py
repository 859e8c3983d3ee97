"""Kinds of message, the cut at part borders, WAP push, translit, numbers: what needs no server."""

from __future__ import annotations

import pytest

from modemgw.dialects.forms import Form
from modemgw.dialects.phones import international
from modemgw.dialects.smsc import wap
from modemgw.dialects.smsc.kinds import Kind, cut_to_parts, sender_of, with_text
from modemgw.dialects.smsc.settings import ACCOUNT_SETTINGS, SETTINGS, Options
from modemgw.dialects.smsc.wire import Params
from modemgw.dialects.translit import translit
from modemgw.domain.account import Account
from modemgw.domain.message import Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.sms import plan, plan_data
from modemgw.sms.udh import Udh

SHOP = Account(1, "shop")


def made(text: str, options: Options = Options(), **fields: str) -> Submission:
    params = Params(Form({"mes": text.encode(), **{name: value.encode() for name, value in fields.items()}}))
    return with_text(Submission(to="", extra={"sender": "SHOP"}), text, params, SHOP, options)


# -- WAP push ---------------------------------------------------------------------------------------------------

#: The example of the provider's own C# library: a service indication that its users send with bin=2.
MYSITE = "0605040B8423F0DC0601AE02056A0045C60C036D79736974652E72750001036D7973697465000101"


def test_a_push_is_what_the_provider_s_own_example_is() -> None:
    push = made("http://mysite.ru\nmysite", push="1")
    assert (bytes([len(push.udh)]) + push.udh + (push.data or b"")).hex().upper() == MYSITE
    assert (push.text, push.extra["type"], push.extra["mes"]) == (None, Kind.PUSH, "http://mysite.ru\nmysite")


@pytest.mark.parametrize(
    ("url", "token", "rest"),
    [
        ("http://a.ru", 0x0C, b"a.ru"),
        ("http://www.a.ru", 0x0D, b"a.ru"),
        ("https://a.ru", 0x0E, b"a.ru"),
        ("https://www.a.ru", 0x0F, b"a.ru"),
        ("ftp://a.ru", 0x0B, b"ftp://a.ru"),
        ("http://пример.рф", 0x0C, "пример.рф".encode()),
    ],
)
def test_beginnings_of_addresses_have_tokens(url: str, token: int, rest: bytes) -> None:
    octets = wap.service_indication(url, "Привет")
    assert octets[8:] == b"\x45\xc6" + bytes([token, 3]) + rest + b"\0\1\3" + "Привет".encode() + b"\0\1\1"


def test_a_push_without_a_title_and_one_that_takes_two_parts() -> None:
    assert wap.service_indication("http://a.ru", "").endswith(b"a.ru\0\1\1\1")
    header, _ = Udh.decode(bytes([len(wap.PORTS)]) + wap.PORTS)
    assert header.ports is not None
    assert (header.ports.destination, header.ports.originator) == (2948, 9200)
    assert plan_data(len(wap.service_indication("http://a.ru", "я" * 80)), header=header).parts == 2


@pytest.mark.parametrize("url", ["", " ", "http://a b", "http://" + "a" * 1000])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Refusal, match="push"):
        wap.service_indication(url, "x")


# -- maxsms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("a" * 161, 1, 160),
        ("a" * 160, 1, 160),
        ("a" * 400, 2, 306),
        ("a" * 400, 3, 400),
        ("я" * 71, 1, 70),
        ("я" * 200, 2, 134),
        ("a" * 159 + "€", 1, 159),  # two septets do not fit in one
        ("a" * 100 + "я", 1, 100),  # the beginning is in the default alphabet, and so is longer
        ("👍" * 36, 1, 35),
        ("a" * 69 + "👨‍👩‍👧", 1, 69),  # a family stays whole
        ("a" * 40_000, 255, 255 * 153),
        ("", 1, 0),
    ],
)
def test_the_longest_beginning_that_fits(text: str, most: int, kept: int) -> None:
    cut = cut_to_parts(text, most, national=False)
    assert cut == text[:kept]
    assert not cut or plan(cut).parts <= most


def test_maxsms_cuts_after_translit_and_comment() -> None:
    assert made("я" * 100 + "\n~~~\nnote", maxsms="1", translit="1").text == "ja" * 80
    assert made("x", maxsms="0").text == "x"


# -- kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "flag"), [("", "ping"), ("hello", "ping"), ("__PING__", "")])
def test_a_ping_is_a_silent_message_with_a_report(text: str, flag: str) -> None:
    ping = made(text, **({flag: "1"} if flag else {}))
    assert (ping.text, ping.pid, ping.report, ping.extra["type"]) == ("", 0x40, True, Kind.PING)


def test_hlr_by_setting() -> None:
    for text, flag in (("", {"hlr": "1"}), ("__HLR__", {})):
        with pytest.raises(Refusal) as caught:
            made(text, **flag)
        assert caught.value.kind is RefusalKind.CANNOT
        hlr = made(text, Options(hlr="ping"), **flag)
        assert (hlr.text, hlr.pid, hlr.extra["type"]) == ("", 0x40, Kind.HLR)


@pytest.mark.parametrize(
    "text", ["__CALL__: x", "__VIBER__: x", "__SOC__: x", "__MAIL__: x", "__TGM__: 1", "__BOT__: x"]
)
def test_prefixes_of_what_no_sim_can(text: str) -> None:
    with pytest.raises(Refusal, match="SIM"):
        made(text)


def test_a_sender_before_the_text_by_setting() -> None:
    assert made("text").text == "text"
    assert made("text", Options(sender="prefix")).text == "SHOP: text"
    assert made("__PING__", Options(sender="prefix")).text == ""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("", ""), (".", ""), ("SMSC.ru", "SMSC.ru"), (" My Shop ", "My Shop"), ("+79990000001", "+79990000001")],
)
def test_senders(asked: str, expected: str) -> None:
    assert sender_of(asked) == expected


@pytest.mark.parametrize("asked", ["elevenchars+", "1234567890123456", "Магазин", "a\nb"])
def test_senders_that_are_none(asked: str) -> None:
    with pytest.raises(Refusal) as caught:
        sender_of(asked)
    assert caught.value.kind is RefusalKind.FORBIDDEN


# -- settings, numbers, letters -----------------------------------------------------------------------------------


def test_settings_are_the_options() -> None:
    assert set(SETTINGS) | set(ACCOUNT_SETTINGS) == set(Options.__dataclass_fields__)
    assert Options.of({}, {}) == Options()
    assert Options.of({"balance_requests": 3}, {"hlr": "ping", "tz": 2}) == Options(
        balance_requests=3, hlr="ping", tz=2
    )
    assert not Options.of({"limits": False}, {"limits": True}).limits
    assert not Options.of({"limits": True}, {"limits": False}).limits


@pytest.mark.parametrize(
    ("phone", "country", "expected"),
    [
        ("79991234567", None, "+79991234567"),
        ("+79991234567", None, "+79991234567"),
        ("89991234567", None, "+79991234567"),
        ("9991234567", None, "+79991234567"),
        ("8 (999) 123-45-67", "7", "+79991234567"),
        ("380501234567", None, "+380501234567"),
        ("0501234567", "380", "+380501234567"),
        ("89991234567", "380", "+89991234567"),
        ("2929", None, "2929"),
    ],
)
def test_numbers(phone: str, country: str | None, expected: str) -> None:
    assert international(phone, country) == expected


@pytest.mark.parametrize("phone", ["", "abc", "0501234567", "1234567890123456"])
def test_numbers_that_are_none(phone: str) -> None:
    with pytest.raises(Refusal) as caught:
        international(phone, None)
    assert caught.value.kind is RefusalKind.BAD_NUMBER


def test_translit() -> None:
    assert translit("Щука и Ёж", 1) == "Schuka i Jozh"
    assert translit("транслит", 2) == "mpaHc/Ium"
    assert translit("Ёж", 0) == "Ёж"
