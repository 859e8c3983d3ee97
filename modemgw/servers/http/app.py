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
from modemgw.servers.front import Front, FrontLimits, Guest
from modemgw.servers.http.access import Keyring
from modemgw.servers.http.access_api import AccessApi
from modemgw.servers.http.callbacks_api import CallbacksApi
from modemgw.servers.http.connection import Connection, in_turn
from modemgw.servers.http.dialects import DialectShell
from modemgw.servers.http.doorstep import Doorstep
from modemgw.servers.http.events_api import EventsApi
from modemgw.servers.http.examine_api import ExamineApi
from modemgw.servers.http.health_api import HealthApi
from modemgw.servers.http.holds_api import HoldsApi
from modemgw.servers.http.lines_api import LinesApi
from modemgw.servers.http.messages_api import MessagesApi
from modemgw.servers.http.modems_api import ModemsApi
from modemgw.servers.http.openapi import DocsApi
from modemgw.servers.http.operations import Operation, serve
from modemgw.servers.http.peer import Peers
from modemgw.servers.http.problems import SERVER_NAME, as_problems, of_status
from modemgw.servers.http.trace_api import TraceApi
from modemgw.servers.http.unfinished import UnfinishedRequests
from modemgw.servers.http.ussd_api import UssdApi
from modemgw.servers.listen import listen, url_of
from modemgw.servers.tls import certificate, listeners
from modemgw.service.commands import CommandRunner
from modemgw.service.core import Gateway

OPERATIONS = web.AppKey("operations", list[Operation])
SETTINGS = web.AppKey("settings", HttpSettings)


def make_app(
    gateway: Gateway,
    settings: HttpSettings | None = None,
    dialects: Sequence[Dialect] = ALL,
    *,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The application. Hand it to `start_http`, or to aiohttp's test client. `clock` is the dialects' time, Unix s."""
    settings = settings or HttpSettings()
    shell = DialectShell(CommandRunner(gateway), settings, clock=clock)
    doorstep = Doorstep(settings.hosts, settings.public_url)
    app = web.Application(
        middlewares=[in_turn, as_problems, doorstep.middleware(shell.wording)], client_max_size=settings.max_body_bytes
    )
    keyring = Keyring(gateway, Peers(settings.trusted_proxies))
    events = EventsApi(gateway)
    lines = LinesApi(gateway, settings)
    health = HealthApi(gateway)
    operations = [
        *MessagesApi(gateway).operations(),
        *events.operations(),
        *CallbacksApi(gateway).operations(),
        *HoldsApi(gateway).operations(),
        *ModemsApi(gateway).operations(),
        *TraceApi(gateway).operations(),
        *ExamineApi(gateway).operations(),
        *UssdApi(gateway).operations(),
        *AccessApi(gateway).operations(),
        *lines.operations(),
        *health.operations(),
    ]
    docs = DocsApi(operations, dialects)
    operations += docs.operations()
    for operation in operations:
        handler = serve(operation, keyring, settings.read_timeout_s)
        if operation.method == "GET":
            app.router.add_get(operation.path, handler)  # HEAD as well
        else:
            app.router.add_route(operation.method, operation.path, handler)
    app.router.add_route("*", "/upstream/{token}", lines.called)
    shell.reserve({operation.path: f"modemgw itself ({operation.path})" for operation in operations})
    for dialect in dialects:
        shell.register(dialect)
    shell.mount(app.router)
    app.on_shutdown.append(events.close)
    app.on_shutdown.append(health.close)
    app.on_response_prepare.append(_sign)
    app[OPERATIONS] = operations
    app[SETTINGS] = settings
    return app


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    """Who answers, and not which versions of which libraries."""
    response.headers.setdefault(hdrs.SERVER, SERVER_NAME)  # a dialect may have its provider's own


class HttpServer:
    """A running HTTP server; `url` is where clients on this machine reach it, without TLS where it has both."""

    def __init__(self, runner: web.AppRunner, front: Front, url: str, addresses: list[tuple[str, int]]) -> None:
        self._runner = runner
        self._front = front
        self.url = url
        self.addresses = addresses

    async def close(self) -> None:
        """Take no more connections, let requests under way finish, end event streams, close."""
        await self._front.close()
        await self._runner.cleanup()


async def start_http(app: web.Application, address: str, *, shutdown_timeout_s: float = 5.0) -> HttpServer:
    """Serve the application on `host:port`. Raises ListenError with a sentence."""
    settings = app[SETTINGS]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_timeout_s)
    # in full, so that a request line or a body of the largest size can always come
    limit = max(settings.max_unfinished_bytes, 2 * settings.max_body_bytes)
    unfinished: UnfinishedRequests[Connection] = UnfinishedRequests(limit)

    def connection(guest: Guest) -> Connection:
        assert runner.server is not None
        return Connection(
            guest,
            unfinished,
            runner.server,
            loop=asyncio.get_running_loop(),
            access_log=access_logger if settings.access_log else None,
            keepalive_timeout_s=settings.keepalive_timeout_s,
        )

    limits = FrontLimits(settings.max_connections, settings.max_per_address, tuple(settings.trusted_proxies))
    front = Front("HTTP", limits, connection, farewell=_FAREWELL)
    sockets: list[socket.socket] = []
    try:
        tls = certificate(settings.tls_cert, settings.tls_key, "[http]")
        await runner.setup()
        for place, secure in listeners(address, settings.tls_listen, tls):
            sockets.append(listen(place))
            front.serve(sockets[-1], secure)
    except BaseException:
        await front.close()
        await runner.cleanup()
        raise
    url = url_of(sockets[0], "https" if tls is not None and settings.tls_listen is None else "http")
    return HttpServer(runner, front, url, [sock.getsockname()[:2] for sock in sockets])


def _farewell() -> bytes:
    """What one connection too many is told."""
    response = of_status(503, "Too many connections are open.")
    assert isinstance(response.body, bytes)
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {response.content_type}\r\n"
        f"Content-Length: {len(response.body)}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + response.body


_FAREWELL = _farewell()
