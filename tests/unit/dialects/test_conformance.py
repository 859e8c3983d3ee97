"""What every dialect must do, each through a client of its own (adapters/): send, status, balance, inbox, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemgw.dialects import ALL, Dialect
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State
from tests.unit.dialects.adapters import Adapter, all_adapters

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

ADAPTERS = all_adapters()
BULKS = [
    pytest.param(adapter, way, id=f"{adapter.dialect.name} {way}") for adapter in ADAPTERS for way in adapter.bulks
]


def _each(adapters: Sequence[Adapter]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("adapter", adapters, ids=[adapter.dialect.name for adapter in adapters])


EVERY = _each(ADAPTERS)

ROOT = Path(__file__).parents[3]
NUMBER = "79161234567"
TEXT = "Привет, мир: 50% & more"


async def _serve(serve_dialect: Serve, adapter: Adapter) -> DialectRig:
    return await serve_dialect(adapter.dialect, config=adapter.config, account=adapter.account)


# -- what a dialect must have: a sentence for each step that is missing


@pytest.mark.parametrize("dialect", ALL, ids=[dialect.name for dialect in ALL])
def test_a_dialect_is_whole(dialect: Dialect) -> None:
    name = dialect.name
    missing = []
    if absent := set(RefusalKind) - set(dialect.refusals):
        missing.append(f"`refusals` of its Dialect says nothing for {', '.join(sorted(absent))}")
    if dialect.states is not None and (unsaid := set(State) - set(dialect.states)):
        missing.append(f"`states` of its Dialect has no word for {', '.join(sorted(unsaid))}")
    if not any(adapter.dialect is dialect for adapter in ADAPTERS):
        missing.append(f"no module in tests/unit/dialects/adapters/ has an ADAPTER for {name}")
    if not list((ROOT / "tests" / "vectors" / name).glob("*.toml")):
        missing.append(f"tests/vectors/{name}/ has no exchanges; tests/vectors/README.md has their form")
    if not (ROOT / "docs" / "dialects" / f"{name}.md").is_file():
        missing.append(f"docs/dialects/{name}.md is missing")
    speaks = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Speaks today")[2].partition("\n## ")[0]
    if dialect.title not in speaks:
        missing.append(f"README.md does not name {dialect.title} below `Speaks today`")
    assert not missing, f"The dialect {name} is not whole:\n- " + "\n- ".join(missing)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=[adapter.dialect.name for adapter in ADAPTERS])
def test_an_adapter_is_whole(adapter: Adapter) -> None:
    for name in ("dialect", "bulks", "unavailable", "no_money", "bad_number"):
        assert name in vars(type(adapter)), f"The adapter of {adapter.dialect.name} does not say its `{name}`"
    assert adapter.dialect in ALL, f"{adapter.dialect.name} is not among ALL of modemgw/dialects/__init__.py"
    if adapter.dialect.states is not None:
        assert adapter.words is not None, f"The adapter of {adapter.dialect.name} does not say its `words` of states"
        assert set(adapter.words) == set(State)


@EVERY
@pytest.mark.parametrize("kind", RefusalKind)
async def test_every_refusal_has_its_word(
    serve_dialect: Serve, adapter: Adapter, kind: RefusalKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await _serve(serve_dialect, adapter)

    async def refuse(*args: object, **options: object) -> None:
        raise Refusal(kind, "No, because of \u201cthis\u201d\r\nX-Other: header")

    for name in ("submit", "submit_many"):
        monkeypatch.setattr(rig.core, name, refuse)
    sent = await adapter.send(rig, NUMBER, TEXT)
    assert (sent.id, sent.error is None) == ("", False)
    assert await rig.messages() == []


@EVERY
async def test_a_message_is_stored_as_it_was_given(serve_dialect: Serve, adapter: Adapter) -> None:
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, NUMBER, TEXT)
    assert sent.id
    assert sent.error is None
    (message,) = await rig.messages()
    assert (message.to, message.text, message.state) == (f"+{NUMBER}", TEXT, State.QUEUED)
    assert message.dialect == adapter.dialect.name


@_each([adapter for adapter in ADAPTERS if adapter.words is not None])
@pytest.mark.parametrize("state", State)
async def test_every_state_is_told(serve_dialect: Serve, adapter: Adapter, state: State) -> None:
    assert adapter.words is not None
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


@_each([adapter for adapter in ADAPTERS if adapter.wrong_password is not None])
async def test_a_wrong_password_is_refused(serve_dialect: Serve, adapter: Adapter) -> None:
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.send(rig, NUMBER, TEXT, password=False)
    assert (sent.id, sent.error) == ("", adapter.wrong_password)
    assert await rig.messages() == []


# -- several recipients in one request: one promise

#: With LONG 24 numbers take more than the money of the account, and more than the room on the disk.
MANY = [f"7916{n:07d}" for n in range(24)]
LONG = "Съешь ещё этих мягких французских булок, да выпей же чаю. " * 5


@pytest.mark.parametrize(("adapter", "way"), BULKS)
async def test_of_many_that_the_disk_does_not_hold_none_is_stored(
    serve_dialect: Serve, adapter: Adapter, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemgw.store.writer.BATCH_LIMIT", 4)
    rig = await _serve(serve_dialect, adapter)
    sent = await adapter.bulk(rig, way, MANY[:1], TEXT)  # the first of everything has its pages now
    assert (sent.error, list(sent.refused)) == (None, [])
    (first,) = await rig.messages()
    with rig.full_disk(pages=3):
        refused = await adapter.bulk(rig, way, MANY, LONG)
        assert refused.error == adapter.unavailable
        assert await rig.messages() == [first]
    sent = await adapter.bulk(rig, way, MANY, LONG)
    assert (sent.error, list(sent.refused)) == (None, [])
    assert [message.to for message in await rig.messages()] == [first.to, *(f"+{number}" for number in MANY)]


@pytest.mark.parametrize(("adapter", "way"), BULKS)
async def test_of_many_that_the_money_does_not_pay_for_none_is_stored(
    serve_dialect: Serve, adapter: Adapter, way: str
) -> None:
    account = 'balance_mode = "countdown"\n' + adapter.account
    rig = await serve_dialect(adapter.dialect, config=adapter.config, account=account)
    refused = await adapter.bulk(rig, way, MANY, LONG)  # 24 times 5 parts of 1.40 each; 100.50 are there
    assert refused.error == adapter.no_money
    assert await rig.messages() == []
    sent = await adapter.bulk(rig, way, MANY[:14], LONG)
    assert (sent.error, len(await rig.messages())) == (None, 14)


@pytest.mark.parametrize(("adapter", "way"), BULKS)
async def test_of_many_the_one_that_is_no_number_is_told_or_refuses_all(
    serve_dialect: Serve, adapter: Adapter, way: str
) -> None:
    rig = await _serve(serve_dialect, adapter)
    told = await adapter.bulk(rig, way, [MANY[0], "12ab", MANY[1]], TEXT)
    stored = [message.to for message in await rig.messages()]
    if told.error is not None:
        assert (told.error, stored) == (adapter.bad_number, [])
    else:
        assert (list(told.refused), stored) == (["12ab"], [f"+{MANY[0]}", f"+{MANY[1]}"])


DENIED = """
[[route]]
match = { prefix = "7999" }
deny = "Not to these."
[[route]]
ways = ["sim:*"]
"""


@pytest.mark.parametrize(("adapter", "way"), BULKS)
async def test_of_many_the_one_that_a_route_denies_is_told_or_refuses_all(
    serve_dialect: Serve, adapter: Adapter, way: str
) -> None:
    rig = await serve_dialect(adapter.dialect, config=adapter.config + DENIED, account=adapter.account)
    told = await adapter.bulk(rig, way, [MANY[0], "79991112233", MANY[1]], TEXT)
    stored = [message.to for message in await rig.messages()]
    if told.error is not None:
        assert stored == []
    else:
        assert (list(told.refused), stored) == (["79991112233"], [f"+{MANY[0]}", f"+{MANY[1]}"])


@pytest.mark.parametrize(("adapter", "way"), BULKS)
async def test_of_requests_that_come_at_once_each_is_paid_for_whole_or_refused(
    serve_dialect: Serve, adapter: Adapter, way: str
) -> None:
    account = 'balance_mode = "countdown"\n' + adapter.account
    rig = await serve_dialect(adapter.dialect, config=adapter.config, account=account)
    many = [[f"7916{n:03d}{at:04d}" for at in range(30)] for n in range(5)]  # 42.00 each; 100.50 are there
    told = await asyncio.gather(*(adapter.bulk(rig, way, numbers, "hello") for numbers in many))
    assert sorted(one.error is None for one in told) == [False, False, False, True, True]
    assert {one.error for one in told} == {None, adapter.no_money}
    paid = [number for numbers, one in zip(many, told, strict=True) if one.error is None for number in numbers]
    assert sorted(message.to for message in await rig.messages()) == sorted(f"+{number}" for number in paid)
