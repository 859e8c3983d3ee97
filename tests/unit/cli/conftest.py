"""The real command against a real HTTP server, each in its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from modemgw.cli.main import group
from modemgw.servers.http import make_app, start_http
from tests.dialect_rig import DialectRig, gateway_rig

T = TypeVar("T")


class Service:
    """A server in a thread of its own, so that the blocking client can talk to it."""

    def __init__(self, directory: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service")
        self._thread.start()
        self._stack = AsyncExitStack()
        self.rig: DialectRig = self.run(self._stack.enter_async_context(gateway_rig(directory)))
        self.gateway = self.rig.core
        self._server = self.run(start_http(make_app(self.gateway), "127.0.0.1:0", shutdown_timeout_s=1.0))
        self.url = self._server.url

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine run in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def close(self) -> None:
        self.run(self._server.close())
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


Invoke = Callable[..., Result]


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service"))
    yield running
    running.close()


@pytest.fixture
def anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no configuration and no environment of modemgw."""
    monkeypatch.chdir(tmp_path)
    for name in ("MODEMGW_URL", "MODEMGW_API_KEY", "MODEMGW_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("modemgw.places.DEFAULT_PLACES", ("modemgw.toml",))
    return tmp_path


@pytest.fixture
def invoke(service: Service, anywhere: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """The command line with address and key of the service in the environment."""
    monkeypatch.setenv("MODEMGW_URL", service.url)
    monkeypatch.setenv("MODEMGW_API_KEY", "key-of-shop")
    return lambda *arguments, **options: CliRunner().invoke(group, list(arguments), **options)
