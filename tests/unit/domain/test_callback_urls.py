"""Which URLs may be called: the table of what a client may make the gateway do in its network."""

from __future__ import annotations

import pytest

from modemgw.domain.account import Account
from modemgw.domain.callback import MAX_URL, host_of, may_call, shown, url_problem

OWN = Account(id=1, login="shop", callback_url="https://shop.example/cb?md5=x")
ANY = Account(id=1, login="shop", callback_any_url=True)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://shop.example/cb", True),
        ("https://shop.example/cb?id=1", True),
        ("https://shop.example/cb/", True),
        ("https://shop.example/cb/dlr?id=%EF", True),
        ("https://SHOP.example:443/cb", True),
        ("https://shop.example/cb.evil", False),
        ("https://shop.example/cbx", False),
        ("https://shop.example/", False),
        ("https://shop.example", False),
        ("https://shop.example/cb/../admin", False),
        ("https://shop.example/cb/%2e%2e/admin", False),
        ("https://shop.example/cb/..%2fadmin", False),
        ("https://shop.example/CB", False),
        ("http://shop.example/cb", False),
        ("https://shop.example:8443/cb", False),
        ("https://shop.example.evil.example/cb", False),
        ("https://shop.example@evil.example/cb", False),
        ("https://evil@shop.example/cb", False),
        ("https://evil.example/https://shop.example/cb", False),
        ("https://evil.example\\@shop.example/cb", False),
        ("https://127.0.0.1/cb", False),
        ("//shop.example/cb", False),
        ("", False),
    ],
)
def test_below_the_accounts_own(url: str, allowed: bool) -> None:
    assert may_call(OWN, url) is allowed


def test_any_and_none() -> None:
    assert may_call(ANY, "http://elsewhere.example/x")
    assert not may_call(ANY, "ftp://elsewhere.example/x")
    assert not may_call(Account(id=1, login="shop"), "http://shop.example/")


def test_a_url_without_path_allows_the_host() -> None:
    account = Account(id=1, login="shop", callback_url="http://shop.example")
    assert may_call(account, "http://shop.example/anything")
    assert may_call(account, "http://shop.example")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://shop.example/", None),
        ("http://[::1]:8080/", None),
        ("http://магазин.рф/путь", None),
        ("http://user:pw@shop.example/", None),
        ("ftp://shop.example/", "does not begin with http:// or https://"),
        ("shop.example", "does not begin with http:// or https://"),
        ("http:///x", "names no host"),
        ("http://:80/x", "names no host"),
        ("http://shop.example:0/x", "names no host"),
        ("http://[::1/", "is not a URL"),
        ("http://shop.example:99999/", "is not a URL"),
        ("http://shop.example/a b", "has spaces, control characters or backslashes in it"),
        ("http://shop.example/\r\nX: y", "has spaces, control characters or backslashes in it"),
        ("http://shop.example\\@x/", "has spaces, control characters or backslashes in it"),
        ("http://shop.example/" + "x" * MAX_URL, "is longer than 4096 characters"),
    ],
)
def test_what_can_never_be_called(url: str, problem: str | None) -> None:
    assert url_problem(url) == problem


def test_hosts_and_what_is_shown() -> None:
    assert host_of("https://SHOP.example/x") == "shop.example:443"
    assert host_of("http://shop.example:8080/x") == "shop.example:8080"
    assert shown("https://user:pw@shop.example:1/x?md5=secret#f") == "https://shop.example:1/x"
