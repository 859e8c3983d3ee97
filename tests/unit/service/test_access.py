"""Who may come in: credentials, networks, addresses that failed too often; and what a client is told."""

from __future__ import annotations

import asyncio

import pytest

from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.rules.guessing import BlockRule
from modemgw.service.access import Access, within
from modemgw.service.accounts import Accounts

SHOP = Account(1, "shop", password="s3cret", api_key="key-of-shop")
OFFICE = Account(2, "office", password="pass", allow=("192.168.0.0/16", "2001:db8::/32"))
EMPTY = Account(3, "empty", password="", api_key="key-of-empty")

MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access(Accounts([SHOP, OFFICE, EMPTY]), BlockRule(3, 60, 300), clock, clock.sleep)


async def tried(
    access: Access, login: str | None, password: str | None, remote: str | None = "1.2.3.4", key: str | None = None
) -> object:
    try:
        return (await access.authenticate(login=login, password=password, api_key=key, md5=True, remote=remote)).login
    except Refusal as refusal:
        return refusal.kind


@pytest.mark.parametrize(
    ("login", "password", "key", "remote", "expected"),
    [
        ("shop", "s3cret", None, "1.2.3.4", "shop"),
        (None, None, "key-of-shop", "1.2.3.4", "shop"),
        ("shop", "S3cret", None, "1.2.3.4", RefusalKind.UNAUTHORISED),
        ("empty", "", None, "1.2.3.4", RefusalKind.UNAUTHORISED),
        ("empty", None, None, "1.2.3.4", RefusalKind.UNAUTHORISED),
        ("empty", MD5_OF_NOTHING, None, "1.2.3.4", RefusalKind.UNAUTHORISED),
        ("nobody", "\0nobody\0", None, "1.2.3.4", RefusalKind.UNAUTHORISED),
        (None, None, "", "1.2.3.4", RefusalKind.UNAUTHORISED),
        ("office", "pass", None, "192.168.7.1", "office"),
        ("office", "pass", None, "2001:db8::1", "office"),
        ("office", "pass", None, "10.0.0.1", RefusalKind.ADDRESS_NOT_ALLOWED),
        ("office", "wrong", None, "10.0.0.1", RefusalKind.UNAUTHORISED),
        ("office", "pass", None, None, "office"),
    ],
)
async def test_the_door(access: Access, login: str, password: str, key: str, remote: str, expected: object) -> None:
    assert await tried(access, login, password, remote, key) == expected


async def test_failures_of_any_kind_block_the_address_for_all_that_is_wrong(access: Access, clock: Clock) -> None:
    assert await tried(access, "shop", "x") is RefusalKind.UNAUTHORISED
    assert await tried(access, None, None, key="x") is RefusalKind.UNAUTHORISED
    assert await tried(access, "nobody", "x") is RefusalKind.UNAUTHORISED
    assert await tried(access, "nobody", "y") is RefusalKind.ADDRESS_BLOCKED
    assert clock.now == 0
    assert await tried(access, "nobody", "z") is RefusalKind.ADDRESS_BLOCKED
    assert clock.now == 1  # it has waited for its turn


async def test_right_credentials_get_in_during_a_block(access: Access, clock: Clock) -> None:
    for number in range(20):
        await tried(access, "shop", str(number))
    begun = clock.now
    assert await tried(access, "shop", "s3cret") == "shop"
    assert await tried(access, None, None, key="key-of-shop") == "shop"
    assert clock.now - begun <= 2
    begun = clock.now
    for _ in range(100):  # they are known now
        assert await tried(access, "shop", "s3cret") == "shop"
    assert clock.now == begun
    assert await tried(access, "shop", "s3cret", "1.2.3.5") == "shop"


async def test_what_was_right_elsewhere_lets_nobody_guess_for_nothing(access: Access, clock: Clock) -> None:
    assert await tried(access, "shop", "s3cret", "9.9.9.9") == "shop"
    for number in range(4):
        await tried(access, "shop", str(number))
    begun = clock.now
    assert await tried(access, "shop", "s3cret") == "shop"
    assert clock.now > begun


async def test_too_many_at_a_time_are_told_so(clock: Clock) -> None:
    asleep: list[float] = []

    async def never(seconds: float) -> None:
        asleep.append(seconds)
        raise asyncio.CancelledError

    access = Access(Accounts([SHOP]), BlockRule(3, 60, 300), clock, never)
    for number in range(3):
        await tried(access, "shop", str(number))
    assert await tried(access, "shop", "3") is RefusalKind.ADDRESS_BLOCKED
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            await tried(access, "shop", "s3cret")
    assert asleep == [1, 2, 3]
    with pytest.raises(Refusal, match=r"Try again in 300 s, or with the right ones"):
        await access.authenticate(login="shop", password="s3cret", api_key=None, md5=False, remote="1.2.3.4")
    assert access.clear(address="1.2.3.4") == 1
    assert await tried(access, "shop", "s3cret") == "shop"


async def test_right_credentials_from_a_wrong_network_are_no_failure(access: Access) -> None:
    for _ in range(10):
        assert await tried(access, "office", "pass", "10.0.0.1") is RefusalKind.ADDRESS_NOT_ALLOWED


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.1.2.3/8",), "10.9.9.9", True),  # host bits are not minded
        (("10.1.2.3",), "10.1.2.4", False),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("::1",), "::1", True),
        (("::/0",), "10.1.2.3", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("0.0.0.0/0",), "unix:", False),
    ],
)
def test_networks(networks: tuple[str, ...], address: str, expected: bool) -> None:
    assert within(networks, address) is expected
