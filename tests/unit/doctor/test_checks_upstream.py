"""What the doctor says of online gateways."""

from __future__ import annotations

import pytest

from modemgw.config import parse
from modemgw.doctor.checks_upstream import check_upstreams
from modemgw.doctor.findings import Verdict
from tests.fake_provider import FakeProvider, upstream
from tests.integration.test_two_gateways import free_port

ACCOUNT = '[[account]]\nlogin = "shop"\npassword = "x"\n'


async def keys(text: str) -> list[tuple[str, Verdict]]:
    config = parse(ACCOUNT + text)
    return [(f.key, f.verdict) for f in await check_upstreams(config.upstreams, config.http.public_url)]


async def test_one_that_answers_and_one_that_does_not() -> None:
    async with FakeProvider().serving() as provider:
        text = "callback = false\n"
        found = await keys(
            upstream("here", provider.url, text) + upstream("gone", f"http://127.0.0.1:{free_port()}", text)
        )
    assert found == [("upstream.reached", Verdict.OK), ("upstream.unreachable", Verdict.PROBLEM)]


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, {"balance": "12.50"}, ("upstream.login", Verdict.OK)),
        (200, {"balance": "2.50"}, ("upstream.low_balance", Verdict.WARNING)),
        (401, {}, ("upstream.refused", Verdict.PROBLEM)),
    ],
)
async def test_what_it_says_of_the_account(status: int, body: dict[str, str], found: tuple[str, Verdict]) -> None:
    provider = FakeProvider(balance=(status, body))
    async with provider.serving():
        table = f'balance = {{ url = "{provider.url}/balance", amount = "json:/balance" }}\n'
        more = f'{table}low_balance = "5.00"\ncallback = false\n'
        assert await keys(upstream("gw", provider.url, more)) == [found]


async def test_no_address_of_ours_is_a_note() -> None:
    async with FakeProvider().serving() as provider:
        assert ("upstream.no_address", Verdict.NOTE) in await keys(upstream("gw", provider.url))
