"""The rig that tests of dialects stand on brings a message into every state and lets messages come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from modemgw.dialects.smsc import DIALECT
from modemgw.domain.states import State
from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable[DialectRig]]

SEND = "/sys/send.php?login=shop&psw=s3cret&fmt=3&phones=79161234567&mes="


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("text", ["hi", "x" * 400])
@pytest.mark.parametrize("later", [False, True])
async def test_a_message_is_brought_into_any_state(serve_dialect: Serve, state: State, text: str, later: bool) -> None:
    rig = await serve_dialect(DIALECT)
    async with rig.http.get(SEND + text + ("&time=%2B60" if later else "")) as response:
        assert response.status == 200
    (message,) = await rig.messages()
    await rig.force(message.id, state)
    (message,) = await rig.messages()
    assert message.state is state


@pytest.mark.parametrize(
    ("state", "code", "column"),
    [(State.REJECTED, 38, "error_code"), (State.UNDELIVERABLE, 0x61, "st"), (State.EXPIRED, 0x46, "st")],
)
async def test_with_a_code(serve_dialect: Serve, state: State, code: int, column: str) -> None:
    rig = await serve_dialect(DIALECT)
    async with rig.http.get(SEND + "hi") as response:
        assert response.status == 200
    (message,) = await rig.messages()
    await rig.force(message.id, state, **{"cms" if column == "error_code" else "st": code})
    (message,) = await rig.messages()
    assert (message.state, getattr(message, column)) == (state, code)


async def test_messages_come_in(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    for text in ("да", "да", "ё" * 200):
        item = await rig.receive(text, line="b")
        assert (item.text, item.complete, item.recipient) == (text, True, "+79990000002")
