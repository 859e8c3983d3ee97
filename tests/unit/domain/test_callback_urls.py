"""Which URLs may be called: the table of what a client may make the gateway do in its network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemgw.domain.account import Account
from modemgw.domain.callback import MAX_URL, host_of, may_call, may_reach, shown, url_problem

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
        ("https://shop.example/cb/a..b/..c", True),
        ("https://shop.example/cb/7;v=1", True),
        ("https://shop.example/cb/%D0%BF%D1%83%D1%82%D1%8C", True),
        ("https://shop.example/cb/..;/admin", False),
        ("https://shop.example/cb/..;x=1/admin", False),
        ("https://shop.example/cb/%252e%252e/admin", False),
        ("https://shop.example/cb/%c0%ae%c0%ae/admin", False),
        ("https://shop.example/cb/%e0%80%ae./admin", False),
        ("https://shop.example/cb/\u2024\u2024/admin", False),
        ("https://shop.example/cb/%E2%80%A4%E2%80%A4/admin", False),
        ("https://shop.example/cb/\u2025/admin", False),
        ("https://shop.example/cb/\uff0e\uff0e/admin", False),
        ("https://shop.example/cb/..\uff0fadmin", False),
        ("https://shop.example/cb/..%5cadmin", False),
        ("https://shop.example/cb/..%00/admin", False),
        ("https://shop.example/cb/.%09./admin", False),
        ("https://shop.example/cb/..%20/admin", False),
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


INSIDE = [
    "0.0.0.0",
    "10.0.0.5",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.9.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.5",
    "64:ff9b::10.0.0.5",
    "2002:0a00:0005::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_of_private_networks_are_called_only_where_they_are_listed(address: str) -> None:
    assert not may_reach(address)
    assert not may_reach(address, ["203.0.113.0/24", "2001:db8::/32"])
    url = f"http://[{address}]:8080/v1" if ":" in address else f"http://{address}:8080/v1"
    assert not may_call(ANY, url)
    own = replace(ANY, callback_url=url)
    assert may_call(own, url + "/below")  # what the configuration names itself is trusted


def test_listed_networks_and_the_public_ones() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::93.184.216.34", "::ffff:93.184.216.34"):
        assert may_reach(address)
    assert may_reach("10.0.0.5", ["10.0.0.0/8"])
    assert may_reach("::ffff:10.0.0.5", ["10.0.0.5"])
    assert may_reach("::1", ["::1"])
    assert may_call(replace(ANY, callback_networks=("10.0.0.0/8",)), "http://10.0.0.5/x")
    assert not may_call(replace(ANY, callback_networks=("10.0.0.0/8",)), "http://192.168.0.1/x")
    assert not may_reach("shop.example")


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
