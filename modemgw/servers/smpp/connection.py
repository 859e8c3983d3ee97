"""One connection: the pure session between a socket and the use cases. Owns what becomes of each request."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Coroutine, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modemgw.domain.account import Account
from modemgw.domain.esme import NewPiece
from modemgw.domain.message import Accepted, MessageView, Submission, row_id
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State
from modemgw.errors import ModemgwError
from modemgw.servers.front import Guest
from modemgw.servers.smpp.reports import query_result
from modemgw.smpp.errors import PduRefused, status_of
from modemgw.smpp.names import Command, Status
from modemgw.smpp.pdu import Cancel, Query, Replace, ShortMessage, cstring
from modemgw.smpp.session import (
    BindAsked,
    DeliverAnswered,
    DeliverOverdue,
    Ended,
    Event,
    RequestAsked,
    Session,
    SubmitAsked,
)
from modemgw.smpp.submission import (
    KEY,
    Piece,
    join_pieces,
    piece_to_json,
    read_replacement,
    read_submit,
)

if TYPE_CHECKING:
    from modemgw.servers.smpp.server import SmppServer

log = logging.getLogger(__name__)

#: Octets that may wait for a client to read them before nothing more is read from it.
MAX_UNREAD = 262_144

#: How long a client may read nothing, and how long a login that is wrong takes.
STUCK_S, WRONG_LOGIN_S = 60.0, 1.0

#: What a bind is answered with; all else is ESME_RBINDFAIL.
_REFUSED_AT_BIND = {
    RefusalKind.UNAUTHORISED: Status.ESME_RINVPASWD,
    RefusalKind.UNAVAILABLE: Status.ESME_RSYSERR,
}

#: What a failed request is answered with, where the kind of the refusal has no better word.
_FAILED = {
    Command.QUERY_SM: Status.ESME_RQUERYFAIL,
    Command.CANCEL_SM: Status.ESME_RCANCELFAIL,
    Command.REPLACE_SM: Status.ESME_RREPLACEFAIL,
}


class Connection(asyncio.Protocol):
    """A client's connection, from accept to close."""

    def __init__(self, server: SmppServer, guest: Guest) -> None:
        self._server = server
        self.guest = guest
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._flushing = False
        self._stuck_since: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.session = Session(server.limits, self._loop.time())
        self.account: Account | None = None
        self.remote = ""
        self._conventions = server.conventions

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=MAX_UNREAD)
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if peer else ""
        if not self._server.admit(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._stuck_since is not None:
            self._transport.pause_reading()  # this piece had waited for its turn
        self._handle(self.session.receive(data, self._loop.time()))
        self._flush()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._stuck_since = self._loop.time()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._stuck_since = None
        self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()
        self._server.forget(self)

    # -- the server's side ----------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Once a second."""
        now = self._loop.time()
        if self.session.closed and self._stuck_since is None:
            self._stuck_since = now  # closing waits for the client to read the rest
        if self._stuck_since is not None and now - self._stuck_since >= STUCK_S:
            log.warning("SMPP %s reads nothing: closed", self.remote)
            self._transport.abort()
            return
        self._handle(self.session.tick(now))
        self._flush()

    def unbind(self) -> None:
        """Say goodbye."""
        self.session.unbind()
        self._flush()

    def abort(self) -> None:
        """Close without a word."""
        self._transport.abort()

    # -- deliveries.Receiver ----------------------------------------------------------------------------------------

    @property
    def deliver_room(self) -> int:
        return self.session.deliver_room if self._stuck_since is None else 0

    @property
    def speaks_tlvs(self) -> bool:
        return self.session.speaks_tlvs

    @property
    def iso(self) -> bool:
        return self._conventions.iso

    def deliver(self, token: Hashable, messages: list[ShortMessage]) -> None:
        self.session.deliver(token, messages, self._loop.time())
        self._flush_soon()

    # -- events -----------------------------------------------------------------------------------------------------

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, SubmitAsked):
                self._submit(event)
            elif isinstance(event, BindAsked):
                self._start(self._bind(event))
            elif isinstance(event, RequestAsked):
                self._start(self._request(event))
            elif isinstance(event, DeliverAnswered):
                self._server.answered(self, event.token, event.status)
            elif isinstance(event, DeliverOverdue):
                self._server.overdue(self, event.tokens)
            elif isinstance(event, Ended):
                log.info("SMPP %s (%s): %s", self.remote, self.account.login if self.account else "-", event.reason)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bind(self, asked: BindAsked) -> None:
        try:
            account = await self._authenticate(asked)
            await self._server.bound(self, account, asked)
        except Refusal as refusal:
            await asyncio.sleep(WRONG_LOGIN_S)
            log.warning("SMPP bind from %s as %r refused: %s", self.remote, asked.bind.system_id, refusal)
            status = _REFUSED_AT_BIND.get(refusal.kind, Status.ESME_RBINDFAIL)
            self._handle(self.session.refuse_bind(asked, status))
        self._flush()

    async def _authenticate(self, asked: BindAsked) -> Account:
        bind = asked.bind
        login, password = (_as_written(text) for text in (bind.system_id, bind.password))
        account = await self._server.service.authenticate(login, password, self.remote)
        self._conventions = replace(
            self._conventions,
            iso=bind.system_type.strip().upper() == "ISO",
            gsm7=account.smpp_coding_1 == "gsm7",
            latin1=account.smpp_coding_4 == "latin1",
        )
        return account

    def _submit(self, asked: SubmitAsked) -> None:
        account = self.account
        assert account is not None
        server = self._server
        if not server.may_submit(account):
            self._respond(asked, Status.ESME_RTHROTTLED)
            return
        key: bytes | None = None
        try:
            what = read_submit(asked.message, self._conventions, server.clock())
            if asked.message.replace_if_present_flag and not isinstance(what, Piece):
                self._start(self._submit_or_replace(asked, account, what))
                return
            key = server.duplicates.check(account, asked.message, what)
            if isinstance(what, Piece):
                self._start(self._keep(asked, account, what, key))
            else:
                server.service.gateway.submit_soon(account, what, functools.partial(self._accepted, asked, key))
        except PduRefused as refused:
            log.debug("SMPP %s: %s", account.login, refused)
            self._respond(asked, refused.status)
        except Refusal as refusal:
            server.duplicates.forget(key)
            duplicate = refusal.kind is RefusalKind.DUPLICATE
            log.log(logging.INFO if duplicate else logging.DEBUG, "SMPP %s: %s", account.login, refusal)
            self._respond(asked, status_of(refusal.kind))

    def _accepted(self, asked: SubmitAsked, key: bytes | None, result: Accepted | Refusal) -> None:
        """After the COMMIT, or instead of it."""
        if isinstance(result, Refusal):
            self._server.duplicates.forget(key)
            log.debug("SMPP: %s", result)
            self._respond(asked, status_of(result.kind))
        else:
            self._respond(asked, Status.ESME_ROK, b"%d\0" % result.id)

    async def _keep(self, asked: SubmitAsked, account: Account, piece: Piece, key: bytes | None) -> None:
        """A part of a long message: durable under an id of its own, sent when all have come."""
        data = piece_to_json(piece)
        new = NewPiece(
            account.id,
            piece.key,
            piece.concat.sequence,
            piece.concat.total,
            data["octets"],
            self._server.dump(data),
        )
        conventions = self._conventions
        with _answering(self, asked, Status.ESME_RSUBMITFAIL) as answer:
            self._server.check_recipient(account, piece.submission)
            answer.message_id = await self._server.service.keep_piece(
                account, new, lambda pieces: join_pieces(pieces, conventions)
            )
        if answer.message_id is None:
            self._server.duplicates.forget(key)

    async def _submit_or_replace(self, asked: SubmitAsked, account: Account, submission: Submission) -> None:
        """replace_if_present_flag: a waiting message of the same service_type, sender and recipient gives way."""
        service = self._server.service
        with _answering(self, asked, Status.ESME_RSUBMITFAIL) as answer:
            earlier = await service.find_waiting(account, str(submission.extra.get("ref")))
            if earlier is not None:
                try:
                    await service.replace(account, earlier.id, submission)
                    answer.message_id = earlier.id
                    return
                except Refusal as refusal:
                    if refusal.kind is not RefusalKind.CONFLICT:
                        raise
            done: asyncio.Future[Accepted | Refusal] = self._loop.create_future()
            service.gateway.submit_soon(account, submission, functools.partial(_settle, done))
            result = await done
            if isinstance(result, Refusal):
                raise result
            answer.message_id = result.id

    async def _request(self, asked: RequestAsked) -> None:
        account = self.account
        assert account is not None
        request = asked.request
        with _answering(self, asked, _FAILED[Command(asked.command)]) as answer:
            message_id = row_id(request.message_id)
            if message_id is None:
                raise PduRefused(Status.ESME_RINVMSGID, f"{request.message_id!r} is not a message_id of ours")
            found = await self._server.service.find(account, message_id)
            if isinstance(request, Query):
                state, error, final_at = query_result(found)
                answer.body = cstring(request.message_id) + cstring(self._server.date(final_at), 17)
                answer.body += bytes((state, error))
                return
            if not isinstance(found, MessageView):
                raise Refusal(RefusalKind.CONFLICT, "Its other parts have not come yet.")
            if isinstance(request, Cancel):
                await self._server.service.gateway.cancel(account, found.id)
            else:
                await self._replace(account, found, request)

    async def _replace(self, account: Account, found: MessageView, request: Replace) -> None:
        kept = found.extra.get(KEY)
        if found.state is not State.QUEUED or not isinstance(kept, dict):
            raise Refusal(RefusalKind.CONFLICT, f"Message {found.id} is {found.state}.")
        submission = read_replacement(request, kept, found.encoding == "ucs2", self._conventions, self._server.clock())
        await self._server.service.replace(account, found.id, replace(submission, to=found.to))

    # -- out ----------------------------------------------------------------------------------------------------------

    def _respond(self, asked: SubmitAsked | RequestAsked, status: Status, body: bytes = b"") -> None:
        self.session.respond(asked.command, asked.sequence, status, body)
        self._flush_soon()

    def respond(self, asked: SubmitAsked | RequestAsked, status: Status, body: bytes) -> None:
        """Answer a request."""
        self._respond(asked, status, body)

    def _flush_soon(self) -> None:
        """Answers that one COMMIT brings go out in one write."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = self.session.take_output()
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if self.session.closed and not self._transport.is_closing():
            self._transport.close()


#: What is no answer to a request that submits nothing: it has a command_status of its own.
_OF_A_SUBMIT = frozenset({Status.ESME_RSUBMITFAIL, Status.ESME_RMSGQFUL})


class _answering:  # noqa: N801 (reads like a statement)
    """Answers a request however the block ends: ESME_ROK, or what the refusal says."""

    def __init__(self, connection: Connection, asked: SubmitAsked | RequestAsked, failed: Status) -> None:
        self._connection = connection
        self._asked = asked
        self._failed = failed
        self.message_id: int | None = None
        self.body = b""

    def __enter__(self) -> _answering:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        status, body = Status.ESME_ROK, self.body
        if error is None:
            if self.message_id is not None:
                body = b"%d\0" % self.message_id
        elif isinstance(error, PduRefused):
            status, body = error.status, b""
        elif isinstance(error, Refusal):
            status = status_of(error.kind)
            if status in _OF_A_SUBMIT:
                status = self._failed if self._failed is not Status.ESME_RSUBMITFAIL else status
            body = b""
        else:
            status, body = Status.ESME_RSYSERR, b""
        self._connection.respond(self._asked, status, body)
        if error is not None and isinstance(error, ModemgwError):
            log.debug("SMPP request %#x: %s", self._asked.command, error)
            return True
        return False


def _settle(future: asyncio.Future[Accepted | Refusal], result: Accepted | Refusal) -> None:
    if not future.done():
        future.set_result(result)


def _as_written(text: str) -> str:
    """A C-octet string is Latin-1 here; logins and passwords that are UTF-8 are read as such."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text
