"""One HTTP connection: aiohttp's, with what strangers may cost bounded and their request lines read with kindness.

aiohttp's parser decides what a request is. What comes in is handed to it in pieces that end where a request line, a
head or a body ends, so that the next request line is known when it comes, whatever the network does. Where that
cannot be told (requests sent ahead of answers) everything goes to the parser as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

from modemgw.domain.account import Account
from modemgw.servers.front import Guest
from modemgw.servers.http.problems import SERVER_NAME, of_status
from modemgw.servers.http.request_line import escaped
from modemgw.servers.http.unfinished import UnfinishedRequests
from modemgw.servers.seldom import SeldomLog

if TYPE_CHECKING:
    from aiohttp.web_server import Server

log = logging.getLogger(__name__)
seldom = SeldomLog(log)

#: Octets of a request line: the longest GET of a dialect carries a list of numbers and a text.
MAX_LINE = 65_536

#: Octets of a header field, and fields of a head.
MAX_FIELD = 8_190
MAX_HEADERS = 64

#: Octets of a body that wait for whoever reads it, before no more is read from the network.
READ_AHEAD = 65_536

#: Seconds for which the rest of a refused body is read away, so that the client gets to see the refusal.
LINGERING_S = 2.0

_END_OF_HEAD = b"\r\n\r\n"


class _Stage(Enum):
    """What the next octet belongs to."""

    LINE = "a request line"
    HEAD = "header fields"
    BODY = "a body of a known length"
    CHUNKS = "a body that tells its end"
    OPAQUE = "nobody knows: everything goes to the parser"


class Connection(RequestHandler):
    """What the HTTP parser refuses is answered with a problem; bodies come as they were sent, never unpacked."""

    __slots__ = ("_guest", "_left", "_line", "_payload", "_stage", "_tail", "_unfinished")

    def __init__(
        self,
        guest: Guest,
        unfinished: UnfinishedRequests[Connection],
        manager: Server,
        *,
        loop: asyncio.AbstractEventLoop,
        access_log: logging.Logger | None,
        keepalive_timeout_s: float,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=access_log,  # type: ignore[arg-type]
            keepalive_timeout=keepalive_timeout_s,  # bounds how long a request's head may dribble in, too
            max_line_size=MAX_LINE,
            max_field_size=MAX_FIELD,
            max_headers=MAX_HEADERS,
            read_bufsize=READ_AHEAD,
            lingering_time=LINGERING_S,
            auto_decompress=False,
        )
        self._guest = guest
        self._unfinished = unfinished
        self._stage = _Stage.LINE
        self._line = bytearray()
        self._tail = b""
        self._left = 0
        self._payload: Any = None

    def trust(self, account: Account | None = None) -> None:
        """A request that came this way had right credentials: an account's, or those of an online gateway."""
        self._guest.trust(None if account is None else account.login)

    def abort(self) -> None:
        """Close without a word."""
        self._guest.abort()

    async def turn(self) -> None:
        """Return when the next of several requests that were sent ahead of their answers may be served."""
        if self._messages:
            await self._guest.turn()

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_lost(self, exc: BaseException | None) -> None:
        self._unfinished.done(self)
        self._guest.left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What came, or nothing: then the parser is to go on with what it has."""
        if not data:
            super().data_received(data)
        while data:
            data = _STEPS[self._stage](self, data)
        if self._messages and not hasattr(self._messages[-1][0], "headers"):  # what came is no request
            self._guest.discard()

    # -- each takes what belongs to its stage, and returns the rest --------------------------------------------------

    def _take_line(self, data: bytes) -> bytes:
        if not self._line and not data[:1].isalpha() and data[:1] not in b"\r\n":
            return self._become_opaque(data)  # TLS, most likely
        searched = len(self._line)
        self._line += data
        end = self._line.find(b"\n", searched)
        if end < 0 and len(self._line) <= MAX_LINE:
            self._wait(len(data))
            return b""
        held = bytes(self._line)
        self._line.clear()
        if end < 0:
            return self._become_opaque(held)
        line, rest = held[: end + 1], held[end + 1 :]
        if line.strip(b"\r\n"):  # empty lines between requests are no request's
            self._stage = _Stage.HEAD
            self._tail = line[-2:]
        super().data_received(escaped(line))
        return rest

    def _take_head(self, data: bytes) -> bytes:
        joined = self._tail + data
        end = joined.find(_END_OF_HEAD)
        if end < 0:
            self._tail = joined[-3:]
            self._wait(len(data))
            super().data_received(data)
            return b""
        cut = end + len(_END_OF_HEAD) - len(self._tail)
        begun = self._request_count
        super().data_received(data[:cut])
        self._begin_body(begun)
        return data[cut:]

    def _begin_body(self, begun: int) -> None:
        if self._request_count != begun + 1 or not self._messages or self._upgraded:
            self._stage = _Stage.OPAQUE
            return
        message, payload = self._messages[-1]
        headers = getattr(message, "headers", None)
        if headers is None:  # an error
            self._stage = _Stage.OPAQUE
        elif payload.is_eof():
            self._begin_line()
        elif getattr(message, "chunked", False):
            self._stage, self._payload, self._tail = _Stage.CHUNKS, payload, b""
        elif "Content-Length" in headers:
            self._stage, self._left = _Stage.BODY, int(headers["Content-Length"])
        else:
            self._stage = _Stage.OPAQUE

    def _begin_line(self) -> None:
        self._stage, self._payload, self._tail = _Stage.LINE, None, b""
        self._unfinished.done(self)

    def _take_body(self, data: bytes) -> bytes:
        part = data[: self._left]
        self._left -= len(part)
        if self._left:
            self._wait(len(part))
        else:
            self._begin_line()
        super().data_received(part)
        return data[len(part) :]

    def _take_chunks(self, data: bytes) -> bytes:
        begun, payload = self._request_count, self._payload
        self._tail = (self._tail + data)[-len(_END_OF_HEAD) :]
        self._wait(len(data))
        super().data_received(data)
        if self._request_count != begun and not payload.is_eof():  # the parser has given up on it
            payload.set_exception(web.RequestPayloadError("its chunks are malformed"))
        if payload.is_eof():
            if self._tail == _END_OF_HEAD and self._request_count == begun:
                self._begin_line()
            else:
                self._become_opaque(b"")
        return b""

    def _take_anything(self, data: bytes) -> bytes:
        begun = self._request_count
        super().data_received(data)
        if self._request_count != begun:  # one has come whole, or will be answered without its body
            self._unfinished.done(self)
        self._wait(len(data))
        return b""

    def _become_opaque(self, data: bytes) -> bytes:
        self._stage = _Stage.OPAQUE
        return data

    def _wait(self, octets: int) -> None:
        if self._unfinished.add(self, octets):
            seldom.warning("unfinished", "HTTP: too much of unfinished requests: closing the oldest of them")

    # -- errors -------------------------------------------------------------------------------------------------------

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The response to a request that never became one. The message of the parser is its first line only."""
        if isinstance(exc, ConnectionError):
            # the client has gone: nothing to tell anybody; the frames would keep its body until they are collected
            exc.__traceback__ = None
            raise ConnectionError("the client has gone") from None
        if status == 500:
            log.error("a request failed outside its handler", exc_info=exc)
            message = None
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the response is out already, the problem cannot be told")
        detail = message.strip().partition("\n")[0].rstrip(":.") + "." if message else None
        if status == 400:
            seldom.warning("parser", "HTTP %s: what came is not HTTP: %s", self._guest.address, detail)
        response = of_status(status, detail)
        response.headers[hdrs.SERVER] = SERVER_NAME
        response.force_close()
        return response


@web.middleware
async def in_turn(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Lets others have their turn between requests that were sent ahead of their answers."""
    if isinstance(request.protocol, Connection):
        await request.protocol.turn()
    return await handler(request)


_STEPS: dict[_Stage, Callable[[Connection, bytes], bytes]] = {
    _Stage.LINE: Connection._take_line,
    _Stage.HEAD: Connection._take_head,
    _Stage.BODY: Connection._take_body,
    _Stage.CHUNKS: Connection._take_chunks,
    _Stage.OPAQUE: Connection._take_anything,
}
