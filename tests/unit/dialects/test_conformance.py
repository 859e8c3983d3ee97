"""What every dialect must do, each through a client of its own (adapters/): send, status, balance, inbox, refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from modemgw.domain.states import State
from tests.unit.dialects.adapters import Adapter, all_adapters

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

ADAPTERS = all_adapters()
EVERY = pytest.mark.parametrize("adapter", ADAPTERS, ids=[adapter.dialect.name for adapter in ADAPTERS])

NUMBER = "79161234567"
TEXT = "Привет, мир: 50% & more"


async def _serve(serve_dialect: Serve, adapter: Adapter) -> DialectRig:
    return await serve_dialect(adapter.dialect, config=adapter.config, account=adapter.account)


@EVERY
async def test_a_message_is_stored_as_it_was_given(serve_dialect: Serve, adapter: Adapter) -> None:
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, NUMBER, TEXT)
    assert sent.id
    assert sent.error is None
    (message,) = await rig.messages()
    assert (message.to, message.text, message.state) == (f"+{NUMBER}", TEXT, State.QUEUED)
    assert message.dialect == adapter.dialect.name


@EVERY
@pytest.mark.parametrize("state", State)
async def test_every_state_is_told(serve_dialect: Serve, adapter: Adapter, state: State) -> None:
    if adapter.words is None:
        pytest.skip("no statuses there")
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, NUMBER, TEXT)
    (message,) = await rig.messages()
    await rig.force(message.id, state)
    (message,) = await rig.messages()
    assert message.state is state
    assert await adapter.status(rig, sent, NUMBER) == adapter.words[state]


@EVERY
async def test_balance(serve_dialect: Serve, adapter: Adapter) -> None:
    rig = await _serve(serve_dialect, adapter)
    amount = await adapter.balance(rig)
    assert amount is None or Decimal(amount) == Decimal("100.50")


@EVERY
async def test_what_comes_in_is_read(serve_dialect: Serve, adapter: Adapter) -> None:
    rig = await _serve(serve_dialect, adapter)
    await rig.receive("Да, приеду", sender="+79161234567")
    await rig.receive("stop", sender="+79031112233")
    rig.advance(2)
    told = await adapter.inbox(rig)
    assert told is None or told == [("79161234567", "Да, приеду"), ("79031112233", "stop")]


@EVERY
async def test_a_bad_number_is_refused(serve_dialect: Serve, adapter: Adapter) -> None:
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, "12ab", TEXT)
    assert (sent.id, sent.error) == ("", adapter.bad_number)
    assert await rig.messages() == []


@EVERY
@pytest.mark.parametrize(
    "written", ["\u202a+7\u00a0916\u00a01234567\u202c", "tel:+79161234567", "\uff0b79161234567\u200e"]
)
async def test_a_number_is_what_is_seen_of_it(serve_dialect: Serve, adapter: Adapter, written: str) -> None:
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, written, TEXT)
    assert (bool(sent.id), sent.error) == (True, None)
    assert [message.to for message in await rig.messages()] == [f"+{NUMBER}"]


@EVERY
async def test_a_wrong_password_is_refused(serve_dialect: Serve, adapter: Adapter) -> None:
    if adapter.wrong_password is None:
        pytest.skip("no passwords there")
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, NUMBER, TEXT, password=False)
    assert (sent.id, sent.error) == ("", adapter.wrong_password)
    assert await rig.messages() == []
