"""The SMTP shell (extra `smtp`): takes mail for send@<any host> and hands its text to SMSC.ru's dialect.

Owns sockets and limits. Anything else is refused while the mail is still with its sender: never an open relay.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from modemgw.dialects.smsc.mail import MailReply, accepts
from modemgw.errors import ModemgwError
from modemgw.installation import how_to_add
from modemgw.servers.front import Front, FrontLimits, Guest
from modemgw.servers.listen import listen

log = logging.getLogger(__name__)

#: What the provider takes.
MAX_BYTES = 102_400

#: A client that says nothing for so long is gone.
IDLE_S = 60.0

#: Connections at one time, and from one address. The oldest that has brought no mail yet makes room.
LIMITS = FrontLimits(total=100, per_address=20)

#: What one more is told, when all have brought mail.
FAREWELL = b"421 4.3.2 Too many connections, come again\r\n"

#: Carries out a mail: (octets, peer's address, Unix ms) -> the SMTP answer.
Answer = Callable[[bytes, str, int], Awaitable[MailReply]]


class SmtpMissingError(ModemgwError):
    """The extra is not installed."""


class SmtpServer:
    """A running SMTP server."""

    def __init__(self, front: Front, address: tuple[str, int], connections: set[Any]) -> None:
        self._front = front
        self._connections = connections
        self.address = address

    async def close(self) -> None:
        """Take no more mail."""
        await self._front.close()
        for connection in list(self._connections):
            connection.transport.close()


class _Mailbox:
    """aiosmtpd's hooks."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not accepts(address):
            return "550 5.7.1 Only mail for send@<this host> is taken; this is no relay"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        remote = session.peer[0] if isinstance(session.peer, tuple) else ""
        try:
            reply = await self._answer(bytes(envelope.original_content), remote, time.time_ns() // 1_000_000)
        except Exception:
            log.exception("A mail from %s could not be handled", remote)
            reply = MailReply(451, "4.3.0 The gateway has failed at this mail; it was not accepted")
        if 200 <= reply.status < 300:
            server.guest.trust()
        # one line, in the characters that SMTP has
        text = reply.text.encode("ascii", "replace").decode("ascii").replace("\r", " ").replace("\n", " ")
        return f"{reply.status} {text[:400]}"


async def start_smtp(address: str, answer: Answer, *, max_bytes: int = MAX_BYTES) -> SmtpServer:
    """Serve on `host:port`. Raises ListenError, and SmtpMissingError without the extra."""
    try:
        from aiosmtpd.smtp import SMTP
    except ImportError as error:
        raise SmtpMissingError(f"[smtp] needs the extra: {how_to_add('smtp')}") from error
    mailbox = _Mailbox(answer)
    loop = asyncio.get_running_loop()

    connections: set[Any] = set()

    class Connection(SMTP):
        guest: Guest

        def connection_made(self, transport: Any) -> None:
            connections.add(self)
            super().connection_made(transport)

        async def push(self, status: Any) -> None:
            """An answer; there is one to every command, and commands that were sent ahead are there already."""
            await super().push(status)
            await self.guest.turn()

        def connection_lost(self, error: Exception | None) -> None:
            connections.discard(self)
            self.guest.left()
            super().connection_lost(error)

    def connection(guest: Guest) -> asyncio.Protocol:
        made = Connection(
            mailbox,
            data_size_limit=max_bytes,
            enable_SMTPUTF8=True,
            decode_data=False,
            hostname="modemgw",
            ident="modemgw",
            timeout=IDLE_S,
            loop=loop,
        )
        made.guest = guest
        return made

    sock = listen(address)
    front = Front("SMTP", LIMITS, connection, farewell=FAREWELL)
    front.serve(sock)
    return SmtpServer(front, sock.getsockname()[:2], connections)
