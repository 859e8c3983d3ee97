"""A line to send through in tests: a radio that says what it is told to, and a real store in a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from modemgw.at.errors import CmsError
from modemgw.at.policy import ErrorAction, Waits
from modemgw.domain.job import LineRecord, NewMessage
from modemgw.domain.message import MessageView
from modemgw.service import sending
from modemgw.service.dispatch import Dispatcher
from modemgw.service.ports import InDoubt, NotSent, Refused, SendOutcome, Sent
from modemgw.service.sending import LineSender, LineTrouble, SendingSettings
from modemgw.service.timers import Timers
from modemgw.sms import Direction, PduHex, SmsSubmit, decode_pdu
from modemgw.store.acceptance import Accept
from modemgw.store.database import Store
from modemgw.store.repository import Repository
from tests.unit.store.desk import START

Behaviour = Callable[["Air"], Awaitable[SendOutcome]] | SendOutcome


def cms(code: int, before_payload: bool = False) -> Refused:
    error = CmsError(code)
    return Refused(error, f"+CMS ERROR: {code}", before_payload)


#: A code for each action of the table.
CODES = {
    ErrorAction.FAIL: 28,
    ErrorAction.FAIL_COUNT: 21,
    ErrorAction.RETRY_BACKOFF: 38,
    ErrorAction.SWEEP_RETRY: 322,
    ErrorAction.REINIT_RETRY_ONCE: 302,
    ErrorAction.STOP_LINE: 310,
    ErrorAction.WAIT_RETRY: 314,
    ErrorAction.COLLISION_RETRY: 512,
    ErrorAction.ACCEPTED_EARLIER: 197,
    ErrorAction.USE_CONFIGURED_SMSC: 330,
}


class Air:
    """A radio: each send does the next of `script`, then sends for real with the next reference."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.went: list[SmsSubmit] = []  # on the air, in order
        self.mr = 0
        self.owed: list[bool] = []  # of each send: an answer to an earlier one may come first

    async def send(self, pdu: PduHex, go_ahead: Callable[[], Awaitable[bool]], *, owed: bool = False) -> SendOutcome:
        self.owed.append(owed)
        behaviour = self.script.pop(0) if self.script else None
        if callable(behaviour):
            self.go_ahead, self.pdu = go_ahead, pdu
            return await behaviour(self)
        if not await go_ahead():
            return NotSent("withdrawn", trouble=False)
        if behaviour is None or isinstance(behaviour, Sent | InDoubt):
            self.take(pdu)
        return behaviour or Sent(self.mr)

    def take(self, pdu: PduHex) -> int:
        tpdu = decode_pdu(pdu.hex, Direction.FROM_MS).tpdu
        assert isinstance(tpdu, SmsSubmit)
        self.went.append(tpdu)
        self.mr += 1
        return self.mr

    @property
    def texts(self) -> list[str | None]:
        return [tpdu.text for tpdu in self.went]


AT_ONCE = Waits(here_s=(0.0, 0.0))


class Rig:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.repository = Repository(store)
        self.restart()

    def restart(self) -> None:
        """As after a start of the process: memory is empty, the store is as it was."""
        self.dispatcher = Dispatcher(self.repository)
        self.timers = Timers(self.repository, self.dispatcher, self.clock, partial_after_ms=3_600_000)

    def clock(self) -> int:
        return self.now

    async def accept(self, message: NewMessage) -> int:
        accepted = await self.store.write(Accept(message))
        self.dispatcher.offer(accepted.id, message.priority, message.line)
        return accepted.id

    async def line(self, air: Air, name: str = "a", waits: Waits = AT_ONCE) -> LineSender:
        line_id = await self.repository.ensure_line(name, imsi=f"25001{name}", iccid=None, imei=None, number=None)
        record = LineRecord(line_id, name, f"25001{name}", None)
        return LineSender(
            record,
            air,
            self.repository,
            self.dispatcher,
            self.timers,
            self.clock,
            SendingSettings(pause_after=3, waits=waits),
        )

    async def view(self, message: int) -> MessageView:
        view = await self.repository.message(1, message)
        assert view is not None
        return view

    async def state(self, message: int) -> str:
        return str((await self.view(message)).state)

    async def parts(self, message: int) -> list[str]:
        return [str(part.state) for part in (await self.view(message)).parts]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "STORE_RETRY_S", 0.0)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rigs: list[Rig] = []
    store = await Store.open(tmp_path / "m.db", lambda: rigs[0].now if rigs else START)
    rigs.append(Rig(store))
    await rigs[0].repository.ensure_accounts(["shop"])
    yield rigs[0]
    await store.close()


class Running:
    """A sender as a task."""

    def __init__(self, sender: LineSender) -> None:
        self.sender = sender
        self.task = asyncio.ensure_future(sender.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.sender.flush()

    async def trouble(self) -> LineTrouble:
        with pytest.raises(LineTrouble) as caught:
            await asyncio.wait_for(self.task, 5)
        await self.sender.flush()
        return caught.value


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await look():
            await asyncio.sleep(0.001)


async def until_state(rig: Rig, message: int, *states: str) -> None:
    async def there() -> bool:
        return await rig.state(message) in states

    await until(there)
