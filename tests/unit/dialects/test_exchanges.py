"""Requests as clients write them and answers to the octet, of every dialect: tests/vectors/README.md has the form."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from yarl import URL

from modemgw.dialects import ALL, Dialect
from modemgw.domain.states import State
from tests.unit.dialects.adapters import all_adapters

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]
Exchange = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors"
ADAPTERS = {adapter.dialect.name: adapter for adapter in all_adapters()}

FILE_KEYS = {"together", "config", "account", "values", "headers", "answer_headers", "before", "exchange"}
KEYS = {"about", "request", "headers", "body", "json", "status", "answer", "answer_json", "like", "keep"}
KEYS |= {"texts", "stored", "state", "id", "received", "sender"}

#: What stays as it is in the address of a request: nothing of what a vector says is put right.
_AS_WRITTEN = "".join(map(chr, range(0x21, 0x7F)))


@dataclass
class Session:
    """One client on one gateway. `values` stand for `{name}` in requests and answers."""

    rig: DialectRig
    file: dict[str, Any]
    prefix: str = ""
    values: dict[str, str] = field(default_factory=dict)
    stored: int = 0

    def filled(self, text: str) -> str:
        for name, value in self.values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    async def play(self, exchange: Exchange) -> None:
        if "state" in exchange:
            await self.rig.force(exchange["id"], State(exchange["state"]))
        elif "received" in exchange:
            await self.rig.receive(exchange["received"], sender=exchange["sender"])
        else:
            await self._ask(exchange)

    async def _ask(self, exchange: Exchange) -> None:
        method, target = self.filled(exchange["request"]).split(" ", 1)
        body = self.filled(exchange.get("body", exchange.get("json", ""))).encode()
        headers = self.file.get("headers", {}) | exchange.get("headers", {})
        url = URL(self.rig.url + self.prefix + quote(target, safe=_AS_WRITTEN), encoded=True)
        async with self.rig.http.request(method, url, data=body or None, headers=headers) as response:
            raw = (await response.read()).decode("utf-8")
        place = f"{exchange.get('about', '')}: {exchange['request']}"
        for name, pattern in exchange.get("keep", {}).items():
            found = re.search(pattern, raw)
            assert found, (place, raw)
            self.values[name] = found[1]
        assert response.status == exchange.get("status", 200), (place, raw)
        for name, value in self.file.get("answer_headers", {}).items():
            assert response.headers.get(name) == value, place
        if "answer" in exchange:
            assert raw == self.filled(exchange["answer"]), place
        if "answer_json" in exchange:
            assert json.loads(raw) == json.loads(self.filled(exchange["answer_json"])), place
        if "like" in exchange:
            assert re.fullmatch(exchange["like"], raw), (place, raw)
        await self._look(exchange, place)

    async def _look(self, exchange: Exchange, place: str) -> None:
        messages = await self.rig.messages()
        new, self.stored = messages[self.stored :], len(messages)
        if "texts" in exchange:
            assert [message.text for message in new] == exchange["texts"], place
        if "stored" in exchange:
            assert len(new) == exchange["stored"], place


async def _session(serve_dialect: Serve, dialect: Dialect, file: dict[str, Any], prefix: str = "") -> Session:
    adapter = ADAPTERS[dialect.name]
    config, account = file.get("config", adapter.config), file.get("account", adapter.account)
    rig = await serve_dialect(dialect, config=config, account=account)
    session = Session(rig, file, prefix, dict(file.get("values", {})))
    for step in file.get("before", []):
        await session.play(step)
    return session


def _files() -> Iterator[tuple[Dialect, Path, dict[str, Any]]]:
    for dialect in ALL:
        for path in sorted((VECTORS / dialect.name).glob("*.toml")):
            yield dialect, path, tomllib.loads(path.read_text(encoding="utf-8"))


def _each() -> Iterator[Any]:
    for dialect, path, file in _files():
        if not file.get("together"):
            for n, exchange in enumerate(file["exchange"], 1):
                said = exchange.get("about") or exchange["request"][:60]
                yield pytest.param(dialect, file, exchange, id=f"{dialect.name} {path.stem} {n}: {said}")


@pytest.mark.parametrize(("dialect", "file", "exchange"), list(_each()))
async def test_an_exchange(serve_dialect: Serve, dialect: Dialect, file: dict[str, Any], exchange: Exchange) -> None:
    session = await _session(serve_dialect, dialect, file)
    await session.play(exchange)


@pytest.mark.parametrize("prefixed", [False, True], ids=["own paths", "below its name"])
@pytest.mark.parametrize(
    ("dialect", "file"),
    [
        pytest.param(dialect, file, id=f"{dialect.name} {path.stem}")
        for dialect, path, file in _files()
        if file.get("together")
    ],
)
async def test_a_session(serve_dialect: Serve, dialect: Dialect, file: dict[str, Any], prefixed: bool) -> None:
    session = await _session(serve_dialect, dialect, file, f"/{dialect.name}" if prefixed else "")
    for exchange in file["exchange"]:
        await session.play(exchange)


@pytest.mark.parametrize(
    ("path", "file"), [pytest.param(path, file, id=f"{d.name} {path.stem}") for d, path, file in _files()]
)
def test_nothing_in_a_file_is_passed_over(path: Path, file: dict[str, Any]) -> None:
    assert set(file) <= FILE_KEYS, f"{path.name}: not known: {set(file) - FILE_KEYS}"
    for exchange in [*file.get("before", []), *file["exchange"]]:
        assert set(exchange) <= KEYS, f"{path.name}: not known: {set(exchange) - KEYS} in {exchange}"
    for exchange in file["exchange"]:
        told = exchange.keys() & {"answer", "answer_json", "like", "state", "received"}
        assert told, f"{path.name}: {exchange['request']} has no answer, answer_json or like"
