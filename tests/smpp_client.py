"""A raw SMPP client: octets and futures, no more. For tests that need to see or say what libraries do not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from modemgw.smpp.names import RESPONSE, Command, Tag
from modemgw.smpp.pdu import HEADER, Address, Bind, ShortMessage, encode_pdu


@dataclass(frozen=True)
class Pdu:
    """A PDU as it came."""

    command: int
    status: int
    sequence: int
    body: bytes

    @property
    def text(self) -> str:
        """The first field of the body."""
        return self.body.split(b"\0")[0].decode("latin-1")


class Client:
    """A connection; `deliveries` are the deliver_sm that came, each answered at once unless `mute`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.deliveries: list[ShortMessage] = []
        self.mute: bool = False
        self.deliver_status = 0
        self.unanswered: list[int] = []
        self.others: list[Pdu] = []
        self.closed = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._news = asyncio.Event()
        self._sequence = 0
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                length, command, status, sequence = HEADER.unpack(await self.reader.readexactly(16))
                pdu = Pdu(command, status, sequence, await self.reader.readexactly(length - 16))
                self._take(pdu)
                self._news.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
            self._news.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError("closed by the server"))
            self._waiting.clear()

    def _take(self, pdu: Pdu) -> None:
        if pdu.command == Command.DELIVER_SM:
            self.deliveries.append(ShortMessage.decode(pdu.body))
            if self.mute:
                self.unanswered.append(pdu.sequence)
            else:
                self.send(Command.DELIVER_SM | RESPONSE, b"\0", pdu.sequence, self.deliver_status)
        elif pdu.command == Command.ENQUIRE_LINK and not self.mute:
            self.send(Command.ENQUIRE_LINK | RESPONSE, b"", pdu.sequence)
        elif pdu.command == Command.UNBIND:
            self.send(Command.UNBIND | RESPONSE, b"", pdu.sequence)
        elif pdu.command & RESPONSE and pdu.sequence in self._waiting:
            future = self._waiting.pop(pdu.sequence)
            if not future.done():
                future.set_result(pdu)
        else:
            self.others.append(pdu)

    def send(self, command: int, body: bytes = b"", sequence: int | None = None, status: int = 0) -> int:
        """Write a PDU; its sequence number."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        self.writer.write(encode_pdu(command, status, sequence, body))
        return sequence

    def ask(self, command: int, body: bytes = b"") -> asyncio.Future[Pdu]:
        """Write a request; its response."""
        future: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._waiting[self.send(command, body)] = future
        return future

    async def bind(
        self, login: str = "shop", password: str = "secret", command: int = Command.BIND_TRANSCEIVER, **fields: object
    ) -> Pdu:
        return await self.ask(command, Bind(login, password, **fields).encode())  # type: ignore[arg-type]

    def submit(self, to: str, octets: bytes, **fields: object) -> asyncio.Future[Pdu]:
        """submit_sm to an international number."""
        message = ShortMessage(destination=Address(1, 1, to.lstrip("+")), short_message=octets, **fields)  # type: ignore[arg-type]
        return self.ask(Command.SUBMIT_SM, message.encode())

    async def until(self, count: int, limit_s: float = 10.0) -> list[ShortMessage]:
        """The deliveries once there are `count`."""
        async with asyncio.timeout(limit_s):
            while len(self.deliveries) < count:
                self._news.clear()
                await self._news.wait()
        return self.deliveries

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@contextlib.asynccontextmanager
async def connected(address: tuple[str, int], **options: object) -> AsyncIterator[Client]:
    """A client with a connection, closed at the end."""
    reader, writer = await asyncio.open_connection(*address, **options)  # type: ignore[arg-type]
    client = Client(reader, writer)
    try:
        yield client
    finally:
        await client.close()


def receipt_id(message: ShortMessage) -> str:
    """receipted_message_id."""
    return message.tlvs[Tag.RECEIPTED_MESSAGE_ID].rstrip(b"\0").decode()
