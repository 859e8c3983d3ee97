"""An SMPP session of our own to a provider: an ESME. Binds, keeps the link, submits within a window, takes deliver_sm.

Owns the connection, sequence numbers, timers and the way back after a loss. What the PDUs mean is smpp/outgoing. It is
a Link (link.py): a line sends through it as through requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from modemgw.dialects.seam import WireRequest
from modemgw.dialects.upstream import NotGenuine, Told, Traits
from modemgw.domain.upstream import (
    BalanceAnswer,
    Fate,
    FindAnswer,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamInbound,
    UpstreamMessage,
)
from modemgw.smpp.coding import read_content
from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import RESPONSE, Command, Status
from modemgw.smpp.outgoing import LongForm, fate_of, is_receipt, meaning, sender_of, submits
from modemgw.smpp.pdu import HEADER, HEADER_OCTETS, MAX_PDU, Bind, ShortMessage, encode_pdu
from modemgw.smpp.submission import sar_of
from modemgw.sms import Concat

log = logging.getLogger(__name__)

#: Pauses between tries to get a session.
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

#: Parts of an incoming text are waited for so long; then it is shown as it is.
PARTS_S = 300.0

#: Texts whose parts are waited for.
MAX_OPEN = 1_000

_LOGIN = frozenset({Status.ESME_RINVPASWD, Status.ESME_RINVSYSID})

#: How long an unbind is waited for at the end.
UNBIND_S = 2.0

Taken = Callable[[Sequence[Fate], Sequence[UpstreamInbound]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EsmeSettings:
    """One account at an SMSC. Times in seconds."""

    name: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    system_id: str
    password: str
    system_type: str = ""
    long: LongForm = "udh"
    window: int = 10
    enquire_s: float = 30.0
    connect_s: float = 5.0
    response_s: float = 30.0

    @classmethod
    def of(
        cls, account: UpstreamAccount, *, tls: ssl.SSLContext | None, connect_s: float, response_s: float
    ) -> EsmeSettings:
        """From `[[upstream]]`; `tls` replaces the system's certificates."""
        parts = urlsplit(account.url)
        secure = parts.scheme == "smpps"
        options = account.options
        return cls(
            name=account.name,
            host=parts.hostname or "",
            port=parts.port or (3550 if secure else 2775),
            tls=(tls or ssl.create_default_context()) if secure else None,
            system_id=account.login,
            password=account.password,
            system_type=str(options.get("system_type", "")),
            long=options.get("long", "udh"),
            window=int(options.get("window", 10)),
            enquire_s=float(options.get("enquire_s", 30.0)),
            connect_s=connect_s,
            response_s=response_s,
        )


class _Lost(Exception):
    """There is no session any more; what waits for an answer gets none."""


@dataclass(slots=True)
class _Open:
    """Parts of an incoming text."""

    concat: Concat
    sender: str
    recipient: str
    texts: dict[int, str]
    ends: asyncio.TimerHandle


class EsmeLink:
    """See link.Link."""

    def __init__(self, settings: EsmeSettings) -> None:
        self.traits = Traits(
            unique_refs=False,
            proves_absence=False,
            asks_by_ref=False,
            polls=False,
            pushes=True,
            max_parallel=settings.window,
            own_balance=False,
        )
        self.down: str | None = ""  # not tried yet
        self.cut_off = False
        self._settings = settings
        self._writer: asyncio.StreamWriter | None = None
        self._sequence = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._window = asyncio.Semaphore(settings.window)
        self._reference = random.randrange(0x10000)  # noqa: S311 (parts that meet at a phone, no secret)
        self._open: dict[tuple[str, str, int, int], _Open] = {}
        self._ids = itertools.count(1)
        self._again = asyncio.Event()
        self._login_refused = False
        self._late: set[asyncio.Task[None]] = set()

    # -- what a line asks ----------------------------------------------------------------------------------------

    def cannot(self, message: UpstreamMessage) -> str | None:
        return None

    async def find(self, message: UpstreamMessage, now: int) -> FindAnswer | None:
        return None

    async def fates(self, ids: Sequence[tuple[str, str]], now: int) -> Sequence[Fate] | None:
        return None

    async def balance(self) -> BalanceAnswer | None:
        return None

    async def inbox(self, after: str, now: int) -> tuple[Sequence[UpstreamInbound], str] | None:
        return None

    def told(self, request: WireRequest, url: str) -> Told:
        raise NotGenuine

    async def probe(self) -> BalanceAnswer:
        """enquire_link."""
        try:
            await self._ask(Command.ENQUIRE_LINK)
        except (_Lost, TimeoutError):
            return BalanceAnswer(TryOutcome.UNKNOWN, reason=self.down or "It does not answer enquire_link.")
        return BalanceAnswer(TryOutcome.ACCEPTED)

    def retry(self) -> None:
        """Try to bind now."""
        self._again.set()

    async def close(self) -> None:
        """Nothing is left: `run` has closed the session."""

    async def send(self, message: UpstreamMessage, now: int) -> SendAnswer:
        """One submit_sm after the other; a later part is tried only when the one before it was taken."""
        self._reference = (self._reference + 1) & 0xFFFF
        ids: list[str] = []
        for piece in submits(message, long=self._settings.long, reference=self._reference):
            answer = await self._submit(piece)
            if answer.outcome is TryOutcome.ACCEPTED:
                ids += answer.ids
                continue
            if ids:  # part of it is out: nobody else may send the whole
                said = f"A part of the text was taken, and the next one was not: {answer.reason}"
                return SendAnswer(TryOutcome.UNKNOWN, said, tuple(ids), answer.code)
            return answer
        return SendAnswer(TryOutcome.ACCEPTED, ids=tuple(ids))

    async def _submit(self, piece: ShortMessage) -> SendAnswer:
        if self._writer is None:
            return SendAnswer(TryOutcome.NOT_SENT, self.down or "There is no session.")
        async with self._window:
            try:
                status, body = await self._ask(Command.SUBMIT_SM, piece.encode())
            except _Lost:
                return SendAnswer(TryOutcome.UNKNOWN, "The session was lost before it answered.")
            except TimeoutError:
                return SendAnswer(TryOutcome.UNKNOWN, f"It did not answer within {self._settings.response_s:g} s.")
        if status != Status.ESME_ROK:
            return meaning(status)
        name = body.split(b"\0")[0].decode("latin-1")
        return SendAnswer(TryOutcome.ACCEPTED, ids=(name,) if name else ())

    # -- the session ---------------------------------------------------------------------------------------------

    async def run(self, told: Taken, changed: Callable[[], None]) -> None:
        """Keep a session, until cancelled."""
        tries = 0
        while True:
            self._again.clear()
            reason, bound = await self._session(told, changed)
            tries = 0 if bound else tries + 1
            pause_s: float | None = BACKOFF_S[min(tries, len(BACKOFF_S) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311
            if self._login_refused:  # again and again would lock the account
                reason += f" Mend login or password, then `modemgw resume {self._settings.name}`."
                pause_s = None
            self.down = reason
            changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._again.wait()

    async def _session(self, told: Taken, changed: Callable[[], None]) -> tuple[str, bool]:
        """One session from its connection to its end: (why there is none, whether it was bound)."""
        settings, bound = self._settings, False
        try:
            async with asyncio.timeout(settings.connect_s):
                reader, writer = await asyncio.open_connection(settings.host, settings.port, ssl=settings.tls)
        except TimeoutError:
            self.cut_off = True
            return f"No connection to it within {settings.connect_s:g} s.", False
        except ssl.SSLError as error:
            return f"The TLS connection to it failed: {error.reason}.", False
        except OSError as error:
            self.cut_off = True
            return f"It cannot be reached: {error.strerror or error}.", False
        self.cut_off = False
        self._writer = writer
        reading = asyncio.create_task(self._read(reader, told), name=f"{settings.name} SMPP")
        try:
            status, _ = await self._ask(
                Command.BIND_TRANSCEIVER, Bind(settings.system_id, settings.password, settings.system_type).encode()
            )
            self._login_refused = status in _LOGIN
            if status != Status.ESME_ROK:
                return f"It refused to bind: {meaning(status).code}.", False
            bound, self.down = True, None
            changed()
            return await self._keep(reading), True
        except (_Lost, TimeoutError):
            return "It closed the session." if reading.done() else "It does not answer.", bound
        finally:
            await self._end(writer, reading, bound)

    async def _keep(self, reading: asyncio.Task[str]) -> str:
        """Ask now and then whether the link is there; why it ended."""
        while True:
            done, _ = await asyncio.wait((reading,), timeout=self._settings.enquire_s)
            if done:
                return reading.result()
            await self._ask(Command.ENQUIRE_LINK)

    async def _end(self, writer: asyncio.StreamWriter, reading: asyncio.Task[str], bound: bool) -> None:
        if bound and not reading.done():
            with contextlib.suppress(_Lost, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(UNBIND_S):
                    await self._ask(Command.UNBIND)
        self._writer = None
        self.down = self.down or "There is no session."
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_Lost())
        self._waiting.clear()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.transport.abort()

    async def _ask(self, command: Command, body: bytes = b"") -> tuple[int, bytes]:
        """(status, body) of the response. Raises _Lost, TimeoutError."""
        writer = self._writer
        if writer is None:
            raise _Lost
        sequence = next(self._sequence) & 0x7FFFFFFF
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = future
        try:
            writer.write(encode_pdu(command, 0, sequence, body))
            async with asyncio.timeout(self._settings.response_s):
                return await future
        finally:
            self._waiting.pop(sequence, None)

    async def _read(self, reader: asyncio.StreamReader, told: Taken) -> str:
        """Take PDUs until there are no more; why."""
        try:
            while True:
                length, command, status, sequence = HEADER.unpack(await reader.readexactly(HEADER_OCTETS))
                if not HEADER_OCTETS <= length <= MAX_PDU:
                    return f"It sent a PDU of {length} octets."
                body = await reader.readexactly(length - HEADER_OCTETS)
                if command & RESPONSE:
                    future = self._waiting.get(sequence)
                    if future is not None and not future.done():
                        future.set_result((status, body))
                elif command == Command.DELIVER_SM:
                    await self._delivered(sequence, body, told)
                elif command == Command.ENQUIRE_LINK:
                    self._respond(command, Status.ESME_ROK, sequence)
                elif command == Command.UNBIND:
                    self._respond(command, Status.ESME_ROK, sequence)
                    return "It ended the session."
                elif command != Command.ALERT_NOTIFICATION:
                    self._respond(Command.GENERIC_NACK, Status.ESME_RINVCMDID, sequence)
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            return "It closed the connection."
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_Lost())

    def _respond(self, command: int, status: Status, sequence: int, body: bytes = b"") -> None:
        if self._writer is not None:
            self._writer.write(encode_pdu(command | RESPONSE, status, sequence, body))

    # -- what comes in -------------------------------------------------------------------------------------------

    async def _delivered(self, sequence: int, body: bytes, told: Taken) -> None:
        """Answered when it is kept; what cannot be kept now is offered again by the other side."""
        try:
            message = ShortMessage.decode(body)
            if is_receipt(message):
                fate = fate_of(message)
                await told([fate] if fate is not None else [], [])
            else:
                text = self._incoming(message, told)
                await told([], [text] if text is not None else [])
        except PduRefused as refused:
            self._respond(Command.DELIVER_SM, refused.status, sequence, b"\0")
        except Exception as error:
            log.warning("%s: what it delivered could not be kept: %s", self._settings.name, error)
            self._respond(Command.DELIVER_SM, Status.ESME_RX_T_APPN, sequence, b"\0")
        else:
            self._respond(Command.DELIVER_SM, Status.ESME_ROK, sequence, b"\0")

    def _incoming(self, message: ShortMessage, told: Taken) -> UpstreamInbound | None:
        """A text; None for a part whose fellows are waited for. Raises PduRefused."""
        content = read_content(message.data_coding, message.esm_class, message.payload).decided()
        concat = content.concat or sar_of(message.tlvs)
        sender, recipient = sender_of(message.source), sender_of(message.destination)
        text = content.text
        if text is None:
            text = content.octets.hex()
        if concat is None or concat.total < 2:
            return self._whole(sender, recipient, text, 1)
        key = (sender, recipient, concat.reference, concat.total)
        found = self._open.get(key)
        if found is None:
            if len(self._open) >= MAX_OPEN:
                return self._whole(sender, recipient, text, 1)
            ends = asyncio.get_running_loop().call_later(PARTS_S, self._give_up, key, told)
            found = self._open[key] = _Open(concat, sender, recipient, {}, ends)
        found.texts[concat.sequence] = text
        return self._joined(key) if len(found.texts) == concat.total else None

    def _joined(self, key: tuple[str, str, int, int]) -> UpstreamInbound:
        found = self._open.pop(key)
        found.ends.cancel()
        text = "".join(found.texts[at] for at in sorted(found.texts))
        return self._whole(found.sender, found.recipient, text, found.concat.total)

    def _give_up(self, key: tuple[str, str, int, int], told: Taken) -> None:
        """Show what there is of a text whose parts did not all come."""
        found = self._open[key]
        log.warning("%s: a text of %d parts came with %d", self._settings.name, found.concat.total, len(found.texts))
        task = asyncio.ensure_future(told([], [self._joined(key)]))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _whole(self, sender: str, recipient: str, text: str, parts: int) -> UpstreamInbound:
        # SMPP gives incoming texts no id: each delivery is a text of its own
        name = f"{random.getrandbits(48):x}-{next(self._ids)}"
        return UpstreamInbound(name, sender, recipient or None, text, parts=parts)
