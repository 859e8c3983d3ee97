"""What leaves the machine in a bundle, value by value."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.doctor.redact import REMOVED, Scrubber, secrets_in

SALT = b"0123456789abcdef"


@pytest.fixture
def scrubber() -> Scrubber:
    return Scrubber(SALT, ["shop", "s3cret", "1234"])


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("to +79161112233 now", r"to #7\d{10} now"),
        ("to +7 (916) 111-22-33 now", r"to #7\d{10} now"),
        ("a79161112233b", r"a#7\d{10}b"),
        ("IMEI 356938030000013", r"IMEI 35693803\d{7}"),
        ("+CCID: 89701990000000000017", r"\+CCID: 897019\d{14}"),
        ("Paused by shop.", r"Paused by <secret>\."),
        ("PIN 1234, not 12345", r"PIN <secret>, not 12345"),
        ("http://u:p@h.example/x?key=1", r"http://<removed>@h\.example/x\?<removed>"),
        ("0041006200630064", r"#?\d+"),
        ("004100620063006F", r"<hex>"),
        ("2026-01-31 09:00:00,123 +03:00", r"2026-01-31 09:00:00,123 \+03:00"),
        ("call from 8 (916) 123-45-67", r"call from #89\d{9}"),
        ("8-916-123-45-67 and 916 123 45 67", r"#89\d{9} and #91\d{8}"),
        ("at 2026-11-22 04:00, 100 200 30 of 40 50", "at 2026-11-22 04:00, 100 200 30 of 40 50"),
        ("/home/ivan/modemgw.toml: x", r"/home/<user>/modemgw\.toml: x"),
        ("+CREG: 0,1", r"\+CREG: 0,1"),
        ("CMS ERROR 500 after 30.5 s", r"CMS ERROR 500 after 30\.5 s"),
    ],
)
def test_texts(scrubber: Scrubber, text: str, pattern: str) -> None:
    assert re.fullmatch(pattern, scrubber.text(text)), scrubber.text(text)


@pytest.mark.parametrize(
    ("value", "kind", "left"),
    [
        ({"text": "hello"}, "inbox.received", {"text": REMOVED}),
        ({"text": "searching"}, "line.registration", {"text": "searching"}),
        ({"text": None, "state": "ready"}, "", {"text": None, "state": "ready"}),
        ({"data": {"text": "x", "mr": 5}}, "", {"data": {"text": REMOVED, "mr": 5}}),
        ({"sender": "Bank"}, "", {"sender": REMOVED}),
        ({"imsi": "250990000000001"}, "", {"imsi": "25099"}),
        ({"code": 38}, "part.refused", {"code": 38}),
        ({"code": "*100*1234#"}, "ussd", {"code": REMOVED}),
    ],
)
def test_values(scrubber: Scrubber, value: dict[str, Any], kind: str, left: dict[str, Any]) -> None:
    got = scrubber.value(value, kind)
    if "imsi" in value:
        assert got["imsi"].startswith(left["imsi"])
        assert got["imsi"] != value["imsi"]
    else:
        assert got == left


def test_settings_keep_figures_and_lose_words(scrubber: Scrubber) -> None:
    document = {
        "http": {"listen": "127.0.0.1:8080", "max_body_bytes": 5},
        "modem": [{"name": "a", "pin": "1234", "number": "+79161112233", "power_cycle": ["secret", "words"]}],
        "account": [{"login": "shop", "password": "s3cret", "national": True, "callback_url": "http://x"}],
    }
    left = scrubber.settings(document)
    assert left["http"] == document["http"]
    assert left["modem"][0]["pin"] == REMOVED
    assert left["modem"][0]["power_cycle"] == [REMOVED, REMOVED]
    assert left["modem"][0]["number"].startswith("#7")
    assert left["account"][0] == {"login": REMOVED, "password": REMOVED, "national": True, "callback_url": REMOVED}
    assert secrets_in(document) == {"1234", "shop", "s3cret", "http://x"}


def test_secrets_that_lack_their_quotes(scrubber: Scrubber) -> None:
    document = {"modem": [{"pin": 4711, "number": 79161112233, "baudrate": 9600}], "account": [{"password": 99887766}]}
    left = scrubber.settings(document)
    assert left["modem"][0]["pin"] == left["account"][0]["password"] == REMOVED
    assert left["modem"][0]["number"].startswith("#7")
    assert "9161112233" not in left["modem"][0]["number"]
    assert left["modem"][0]["baudrate"] == 9600
    assert secrets_in(document) == {"4711", "99887766"}


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True), st.text(alphabet="xyz ,.:;'\"()", max_size=8))
def test_no_number_survives_and_equal_ones_stay_equal(number: str, around: str) -> None:
    scrubber = Scrubber(SALT)
    told = scrubber.text(f"{around}{number}{around}")
    assert number not in told
    assert scrubber.number(number) in told
    assert scrubber.number(number) == scrubber.number(number.lstrip("+"))


def test_debugging_is_left_out_of_the_log(scrubber: Scrubber) -> None:
    assert scrubber.log_line("2026-01-01 10:00:00,000 DEBUG modemgw.modem: 'hello'") is None
    assert scrubber.log_line("ValueError: a text") is None
    assert scrubber.log_line("2026-01-01 10:00:00,000 WARNING x: 'a text' of shop") == (
        f"2026-01-01 10:00:00,000 WARNING x: '{REMOVED}' of <secret>"
    )
