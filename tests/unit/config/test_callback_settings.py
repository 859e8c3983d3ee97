"""What the configuration may say of callbacks, and that docs/callbacks.md tells all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemgw.config import ConfigError, parse
from modemgw.dialects import CALLBACK_FORMATS
from modemgw.domain.callback import CallbackState
from modemgw.servers.http.callbacks_api import CallbackBody
from modemgw.store.callbacks import KINDS

DOC = (Path(__file__).parents[3] / "docs/callbacks.md").read_text(encoding="utf-8")

SHOP = '[[account]]\nlogin = "shop"\npassword = "secret"\n'


def test_the_defaults() -> None:
    account = parse(SHOP + 'callback_url = "http://shop.example/"\n').accounts[0].account(1)
    assert (account.callback_format, account.callback_any_url) == ("smsc", False)
    assert parse(SHOP).callbacks.give_up_s == 3 * 86_400


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('callback_format = "soap"', "account[0].callback_format: there is no such format; there are: native"),
        ('callback_url = "http://shop.example/a b"', "account[0].callback_url: has spaces, control characters"),
        ('callback_url = "http://shop.example:99999/"', "account[0].callback_url: is not a URL"),
        ('callback_url = "ftp://shop.example/"', "account[0].callback_url: must start with http:// or https://"),
        ('callback_secret = "s"', "account[0]: `callback_secret` is of no use without `callback_url`"),
        (
            'callback_url = "http://shop.example/"\ncallback_secret_old = "s"',
            "account[0]: `callback_secret_old` signs beside `callback_secret`, which is missing",
        ),
        (
            'callback_url = "http://shop.example/"\ncallback_networks = ["10.0.0.0/8"]',
            "account[0]: `callback_networks` is of no use without `callback_any_url`",
        ),
        (
            'callback_any_url = true\ncallback_networks = ["shop.lan"]',
            "account[0].callback_networks[0]: ",
        ),
    ],
)
def test_what_is_wrong_is_told(line: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SHOP + line + "\n")
    assert complaint in str(caught.value)


@pytest.mark.parametrize("name", CALLBACK_FORMATS)
def test_every_format_may_be_chosen(name: str) -> None:
    config = parse(SHOP + f'callback_any_url = true\ncallback_secret = "s"\ncallback_format = "{name}"\n')
    assert config.accounts[0].account(1).callback_format == name


def test_the_page_has_every_event_state_and_field() -> None:
    first_cells = " ".join(re.findall(r"^\| (`.*?) \|", DOC, re.MULTILINE))
    for name in (*KINDS, *CallbackBody.model_fields):
        assert f"`{name}`" in first_cells, name
    for state in CallbackState:
        assert f"`{state}`" in DOC


def test_its_examples_are_valid() -> None:
    for example in re.findall(r"```toml\n(.*?)```", DOC, re.DOTALL):
        parse(example)
