"""Puts the HTTP server together: the native API, the dialects, health and documentation in one aiohttp application.

Owns the wiring and the start and stop of the listener. Handlers are in the other modules of this room.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.log import access_logger

from modemgw.config import HttpSettings
from modemgw.dialects import ALL
from modemgw.dialects.seam import Dialect
from modemgw.servers.http.access import Keyring
from modemgw.servers.http.callbacks_api import CallbacksApi
from modemgw.servers.http.dialects import DialectShell
from modemgw.servers.http.events import EventsApi
from modemgw.servers.http.examine_api import ExamineApi
from modemgw.servers.http.health import HealthApi
from modemgw.servers.http.modems_api import ModemsApi
from modemgw.servers.http.native import NativeApi, Operation
from modemgw.servers.http.openapi import DocsApi
from modemgw.servers.http.peer import Peers
from modemgw.servers.http.problems import SERVER_NAME, ProblemRequestHandler, as_problems
from modemgw.servers.http.trace_api import TraceApi
from modemgw.servers.listen import listen, url_of
from modemgw.service.commands import CommandRunner
from modemgw.service.gateway import Gateway

OPERATIONS = web.AppKey("operations", list[Operation])
SETTINGS = web.AppKey("settings", HttpSettings)

#: Octets of one request line or header field; the longest GET of a dialect carries a list of numbers.
MAX_LINE = 65_536
MAX_HEADERS = 100

#: Seconds for which the rest of a refused body is read away, so that the client gets to see the refusal.
LINGERING_S = 2.0


def make_app(
    gateway: Gateway,
    settings: HttpSettings | None = None,
    dialects: Sequence[Dialect] = ALL,
    *,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The application. Hand it to `start_http`, or to aiohttp's test client. `clock` is the dialects' time, Unix s."""
    settings = settings or HttpSettings()
    app = web.Application(middlewares=[as_problems], client_max_size=settings.max_body_bytes)
    keyring = Keyring(gateway, Peers(settings.trusted_proxies))
    events = EventsApi(gateway, keyring)
    operations = [
        *NativeApi(gateway, settings, keyring).operations(),
        *events.operations(),
        *CallbacksApi(gateway, settings, keyring).operations(),
        *TraceApi(gateway, keyring).operations(),
        *ExamineApi(gateway, keyring).operations(),
        *ModemsApi(gateway, settings, keyring).operations(),
        *HealthApi(gateway).operations(),
    ]
    docs = DocsApi(operations, dialects)
    operations += docs.operations()
    for operation in operations:
        if operation.method == "GET":
            app.router.add_get(operation.path, operation.handler)  # HEAD as well
        else:
            app.router.add_route(operation.method, operation.path, operation.handler)
    reserved = {operation.path: f"modemgw itself ({operation.path})" for operation in operations}
    shell = DialectShell(CommandRunner(gateway), settings, clock=clock, reserved=reserved)
    for dialect in dialects:
        shell.register(dialect)
    shell.mount(app.router)
    app.on_shutdown.append(events.close)
    app.on_response_prepare.append(_sign)
    app[OPERATIONS] = operations
    app[SETTINGS] = settings
    return app


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    """Who answers, and not which versions of which libraries."""
    response.headers[hdrs.SERVER] = SERVER_NAME


class HttpServer:
    """A running HTTP server; `url` is where clients on this machine reach it."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server, sock: socket.socket) -> None:
        self._runner = runner
        self._server = server
        self.url = url_of(sock)

    async def close(self) -> None:
        """Take no more connections, let requests under way finish, end event streams, close."""
        self._server.close()
        await self._runner.cleanup()


async def start_http(app: web.Application, address: str, *, shutdown_timeout_s: float = 5.0) -> HttpServer:
    """Serve the application on `host:port`. Raises ListenError with a sentence."""
    settings = app[SETTINGS]
    sock = listen(address)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_timeout_s)
    try:
        await runner.setup()
        manager = runner.server
        assert manager is not None
        loop = asyncio.get_running_loop()
        access_log = access_logger if settings.access_log else None

        def connection() -> ProblemRequestHandler:
            # keepalive_timeout also bounds how long a request's head may dribble in
            return ProblemRequestHandler(
                manager,
                loop=loop,
                access_log=access_log,  # type: ignore[arg-type]
                keepalive_timeout=settings.keepalive_timeout_s,
                max_line_size=MAX_LINE,
                max_field_size=MAX_LINE,
                max_headers=MAX_HEADERS,
                lingering_time=LINGERING_S,
            )

        server = await loop.create_server(connection, sock=sock)
    except BaseException:
        sock.close()
        await runner.cleanup()
        raise
    return HttpServer(runner, server, sock)
