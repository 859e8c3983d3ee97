"""The Gateway protocol in memory: a dictionary for a store and no modems, for tests of the front doors."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

from modemgw.domain.account import Account
from modemgw.domain.inbox import InboxKind, InboxView
from modemgw.domain.line import LineState, ModemView, StorageView
from modemgw.domain.message import (
    Accepted,
    AttemptView,
    EventView,
    MessageView,
    OnDoubt,
    PartView,
    ReceiptView,
    Submission,
)
from modemgw.domain.numbers import normalise
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, EventQuery, InboxQuery, MessageQuery, Quoted, Record
from modemgw.domain.states import State
from modemgw.domain.trace import TraceView
from modemgw.domain.ussd import UssdAnswer, UssdFailed, UssdNoAnswer, UssdState
from modemgw.service.accounts import Accounts
from modemgw.service.desk import Desk
from modemgw.service.gateway import Figures, Gateway, Health
from modemgw.service.ussd import UssdDesk

NOW_MS = 1_800_000_000_000

SHOP = Account(
    id=1,
    login="shop",
    password="s3cret",
    api_key="key-of-shop",
    balance="100.50",
    price="1.40",
    country=None,
    ussd=True,
)
OTHER = Account(id=2, login="other", password="pärol", api_key="key-of-other")

MODEM = ModemView(
    name="a",
    port="/dev/ttyUSB0",
    state=LineState.READY,
    reason=None,
    imei="356938035643809",
    imsi="250010000000001",
    iccid="8970100000000000001",
    number="+79990000001",
    manufacturer="huawei",
    model="E3372",
    firmware="21.180",
    operator="MTS RUS",
    registration="home",
    signal_dbm=-71,
    smsc="+79168999100",
    storage=(StorageView("SM", 3, 30),),
    since=NOW_MS,
    sent=5,
    received=2,
    in_air=False,
)


def inbox_view(item_id: int) -> InboxView:
    """An incoming text."""
    return InboxView(
        id=item_id,
        line="a",
        sender="+79161234567",
        recipient="+79990000001",
        text=f"Ответ {item_id} 👍",
        kind=InboxKind.TEXT,
        data=None,
        received_at=NOW_MS,
        scts=NOW_MS - 5000,
        scts_offset_s=10_800,
        parts=2,
        missing=(2,),
        complete=False,
        ports=(2948, 9200),
        pdus=("0791",),
    )


class MemoryRecords:
    """Records in a dictionary; the store's own tests hold it to more."""

    def __init__(self) -> None:
        self._records: dict[tuple[int, str, str], Record] = {}
        self._ids = count(1)

    async def put_record(
        self, account_id: int, space: str, data: Mapping[str, Any], key: str | None, ttl_s: int | None, limit: int
    ) -> Record:
        known = self._records.get((account_id, space, key or ""))
        number = known.id if known is not None else next(self._ids)
        ends = None if ttl_s is None else NOW_MS + ttl_s * 1000
        record = Record(number, account_id, space, key or str(number), dict(data), NOW_MS, NOW_MS, ends)
        self._records[account_id, space, record.key] = record
        return record

    async def delete_record(self, account_id: int, space: str, key: str) -> bool:
        return self._records.pop((account_id, space, key), None) is not None

    async def extend_record(self, record_id: int, expires_at: int) -> None:
        for place, record in self._records.items():
            if record.id == record_id:
                self._records[place] = replace(record, expires_at=expires_at)

    async def record(self, account_id: int, space: str, key: str, now: int) -> Record | None:
        return self._records.get((account_id, space, key))

    async def records(self, account_id: int, space: str, after: int, limit: int, now: int) -> list[Record]:
        found = [r for (a, s, _), r in self._records.items() if (a, s) == (account_id, space) and r.id > after]
        return sorted(found, key=lambda record: record.id)[:limit]

    async def find_record(self, space: str, key: str, now: int) -> Record | None:
        return next((r for (_, s, k), r in self._records.items() if (s, k) == (space, key)), None)


class MemoryNetwork:
    """A network with one menu, *105#."""

    def __init__(self) -> None:
        self.open = False

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        if line != MODEM.name:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {line!r}.", field="name")
        if self.open != answering:
            raise Refusal(RefusalKind.CONFLICT, "A USSD dialogue is open, or none is.")
        if text == "*108#":
            raise UssdNoAnswer(f"The network did not answer within {timeout_s:g} s.")
        if text == "*109#":
            raise UssdFailed("The modem refused the request.")
        self.open = text == "*105#"
        state = UssdState.OPEN if self.open else UssdState.DONE
        return UssdAnswer(line, state, "1 Balance" if self.open else "Balance: 123.45 RUB", "plain", True, 15, "")

    async def cancel(self, line: str, *, by: str) -> UssdAnswer:
        if not self.open:
            raise Refusal(RefusalKind.CONFLICT, "There is no open USSD dialogue.")
        self.open = False
        return UssdAnswer(line, UssdState.CANCELLED, None)


class MemoryGateway(Gateway):
    """Accepts into a dictionary. `deliver` plays the network; `unavailable` makes every submit refuse."""

    def __init__(self) -> None:
        self.accounts = [SHOP, OTHER]
        self.network = MemoryNetwork()
        self.stored: dict[int, MessageView] = {}
        self.history: list[EventView] = []
        self.incoming: list[InboxView] = [inbox_view(n) for n in range(1, 6)]
        self.submissions: list[Submission] = []
        self.unavailable = False
        self.modem = MODEM
        self.trace = TraceView(MODEM.name, False)
        self.authentications = 0
        self._ids = count(1)
        self._refs: dict[tuple[str, str], int] = {}
        self._changed = asyncio.Condition()
        self.sections: dict[str, dict[str, Any]] = {}
        self._desk = Desk(MemoryRecords(), Accounts(self.accounts), lambda: NOW_MS, sections=self.sections)

    @property
    def desk(self) -> Desk:
        return self._desk

    @property
    def ussd(self) -> UssdDesk:
        return UssdDesk(self.network)

    async def refresh_balance(self, account: Account, name: str) -> ModemView:
        if name != MODEM.name:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")
        return replace(MODEM, balance="123.45", balance_currency="RUB", balance_at=NOW_MS)

    def check(self, account: Account, remote: str | None) -> None:
        self._desk.access.check(account, remote)

    async def authenticate(
        self,
        *,
        login: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        md5: bool = False,
        remote: str | None = None,
    ) -> Account:
        self.authentications += 1
        for account in self.accounts:
            if (
                api_key is not None
                and account.api_key
                and hmac.compare_digest(api_key.encode(), account.api_key.encode())
            ):
                return account
            if login == account.login and password is not None and account.password:
                given = password.encode()
                hashed = hashlib.md5(account.password.encode(), usedforsecurity=False).hexdigest().encode()
                if hmac.compare_digest(given, account.password.encode()) or (
                    md5 and hmac.compare_digest(given, hashed)
                ):
                    return account
        raise Refusal(RefusalKind.UNAUTHORISED, "The login, password or key is wrong.")

    def quote(self, account: Account, submission: Submission) -> Quoted:
        encoding, parts = self.plan(account, submission)
        return Quoted(encoding, parts, str(Decimal(account.price) * parts))

    def plan(self, account: Account, submission: Submission) -> tuple[str, int]:
        normalise(submission.to, account.country)
        if submission.line is not None and submission.line != "a":
            raise Refusal(RefusalKind.UNKNOWN_LINE, f"There is no modem {submission.line}.", field="modem")
        if submission.data is not None:
            return "data8", 1
        if not submission.text:
            raise Refusal(RefusalKind.EMPTY_TEXT, "The text is empty.", field="text")
        encoding = "gsm7" if submission.text.isascii() else "ucs2"
        single, part = (160, 153) if encoding == "gsm7" else (70, 67)
        size = len(submission.text)
        parts = 1 if size <= single else -(-size // part)
        if parts > account.max_parts:
            raise Refusal(RefusalKind.TEXT_TOO_LONG, f"The text takes {parts} parts.", field="text")
        return encoding, parts

    async def submit(self, account: Account, submission: Submission) -> Accepted:
        if self.unavailable:
            raise Refusal(RefusalKind.UNAVAILABLE, "The disk is full; nothing is accepted until there is room.")
        encoding, parts = self.plan(account, submission)
        if submission.client_ref is not None:
            known = self._refs.get((account.login, submission.client_ref))
            if known is not None:
                return Accepted(known, self.stored[known].state, encoding, parts, created=False)
        message_id = next(self._ids)
        if submission.client_ref is not None:
            self._refs[account.login, submission.client_ref] = message_id
        self.submissions.append(submission)
        self.stored[message_id] = MessageView(
            id=message_id,
            account=account.login,
            state=State.QUEUED,
            to=normalise(submission.to, account.country),
            text=submission.text,
            data=submission.data,
            encoding=encoding,
            part_count=parts,
            flash=submission.flash,
            priority=submission.priority,
            client_ref=submission.client_ref,
            line=submission.line,
            report=submission.report,
            on_doubt=submission.on_doubt or OnDoubt.HOLD,
            dialect=submission.dialect,
            extra=submission.extra,
            created_at=NOW_MS,
            updated_at=NOW_MS,
            send_at=submission.send_at,
            expires_at=None,
            due_at=None,
            error=None,
            error_code=None,
            st=None,
        )
        await self.record("queued", message_id)
        return Accepted(message_id, State.QUEUED, encoding, parts, created=True)

    async def submit_many(self, account: Account, submissions: Sequence[Submission]) -> list[Accepted | Refusal]:
        results: list[Accepted | Refusal] = []
        for submission in submissions:
            try:
                results.append(await self.submit(account, submission))
            except Refusal as refusal:
                results.append(refusal)
        return results

    async def record(self, kind: str, message_id: int | None = None, **data: object) -> None:
        """A new row of the history."""
        event = EventView(len(self.history) + 1, NOW_MS, kind, message_id, None, None, None, dict(data))
        self.history.append(event)
        async with self._changed:
            self._changed.notify_all()

    async def become(self, message_id: int, state: State, **changes: object) -> None:
        """The message is in this state from now on."""
        self.stored[message_id] = replace(self.stored[message_id], state=state, **changes)  # type: ignore[arg-type]
        await self.record(state.value, message_id)

    async def deliver(self, message_id: int) -> None:
        """Sent in one part and delivered."""
        attempt = AttemptView(1, "a", "250010000000001", NOW_MS, NOW_MS + 2000, "sent", 17, None)
        receipt = ReceiptView(1, 0, "delivered", "Received by the SME", NOW_MS + 4000, NOW_MS + 3000, False)
        part = PartView(
            1, State.DELIVERED, "a", 17, NOW_MS + 2000, NOW_MS + 3000, None, None, 0, (attempt,), (receipt,)
        )
        await self.become(message_id, State.DELIVERED, parts=(part,), st=0)

    async def message(self, account: Account, message_id: int) -> MessageView:
        view = self.stored.get(message_id)
        if view is None or view.account != account.login:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {message_id}.")
        return view

    async def find_message(
        self, account: Account, *, id: int | None = None, ref: str | None = None, to: str | None = None
    ) -> MessageView | None:
        for view in reversed(self.stored.values()):
            if (
                view.account != account.login
                or view.extra.get("deleted")
                or (to is not None and view.to.removeprefix("+") != to)
            ):
                continue
            if (id is not None and view.id == id) or (ref is not None and view.extra.get("ref") == ref):
                return view
        return None

    async def messages(self, asked: MessageQuery) -> list[MessageView]:
        found = [
            view
            for view in self.stored.values()
            if view.account == asked.account.login
            and view.id > asked.after
            and (asked.before is None or view.id < asked.before)
            and (asked.since is None or view.created_at >= asked.since)
            and (asked.until is None or view.created_at <= asked.until)
            and (asked.to is None or view.to.removeprefix("+") == asked.to)
            and (not asked.refs or view.extra.get("ref") in asked.refs)
            and asked.dialect in {None, view.dialect}
            and (asked.hidden or not view.extra.get("deleted"))
            and asked.state in {None, view.state}
        ]
        return (found[::-1] if asked.newest else found)[: asked.limit]

    async def mark(self, account: Account, message_id: int, extra: Mapping[str, object]) -> None:
        view = await self.message(account, message_id)
        self.stored[message_id] = replace(view, extra={**view.extra, **extra})

    async def balance(self, account: Account) -> Balance:
        return Balance(account.balance, account.currency)

    async def inbox(self, asked: InboxQuery) -> list[InboxView]:
        found = [
            item
            for item in self.incoming
            if item.id > asked.after
            and (asked.since is None or item.received_at >= asked.since)
            and (asked.until is None or item.received_at <= asked.until)
            and (asked.sender is None or item.sender.removeprefix("+") == asked.sender)
            and (asked.recipient is None or (item.recipient or "").removeprefix("+") == asked.recipient)
        ]
        return (found[::-1] if asked.newest else found)[: asked.limit]

    async def cancel(self, account: Account, message_id: int) -> MessageView:
        view = await self.message(account, message_id)
        if view.state is not State.QUEUED:
            raise Refusal(RefusalKind.CONFLICT, f"Message {message_id} is {view.state} already.")
        await self.become(message_id, State.CANCELLED)
        return self.stored[message_id]

    async def cancel_many(self, account: Account, login: str | None, line: str | None) -> int:
        waiting = [view.id for view in self.stored.values() if view.state is State.QUEUED and line in (None, view.line)]
        for message_id in waiting:
            await self.become(message_id, State.CANCELLED)
        return len(waiting)

    async def release(self, account: Account, ids: Sequence[int] | None, drop: bool) -> int:
        return len(ids or ())

    async def inbox_item(self, account: Account, inbox_id: int) -> InboxView:
        for item in self.incoming:
            if item.id == inbox_id:
                return item
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no incoming message {inbox_id}.")

    def modems(self) -> list[ModemView]:
        return [self.modem]

    async def pause_modem(self, account: Account, name: str) -> ModemView:
        return self._switch(account, name, paused=True)

    async def resume_modem(self, account: Account, name: str) -> ModemView:
        return self._switch(account, name, paused=False)

    async def trace_modem(self, account: Account, name: str, on: bool | None) -> TraceView:
        if name != self.modem.name:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")
        if on is not None:
            self.trace = TraceView(name, on, "/var/lib/modemgw/traces/a.trace" if on else None, 17, NOW_MS)
        return self.trace

    async def examine_modem(self, account: Account, name: str) -> list[tuple[str, tuple[str, ...], str | None]]:
        if name != self.modem.name:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")
        return [("AT+CNMI?", ("+CNMI: 2,1,0,1,0",), None), ("AT+CCLK?", (), "ERROR")]

    def _switch(self, account: Account, name: str, *, paused: bool) -> ModemView:
        if name != self.modem.name:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")
        state, reason = (LineState.PAUSED, f"Paused by {account.login}.") if paused else (LineState.READY, None)
        self.modem = replace(self.modem, state=state, reason=reason, paused=paused)
        return self.modem

    async def figures(self) -> Figures:
        counts: dict[str, int] = {}
        for event in self.history:
            counts[event.kind] = counts.get(event.kind, 0) + 1
        return Figures(counts, {"a": 4.2})

    async def events(self, asked: EventQuery) -> list[EventView]:
        if asked.message_id is not None:
            return [event for event in self.history if event.message_id == asked.message_id]
        return self.history[asked.after : asked.after + asked.limit]

    async def follow_events(self, account: Account, *, after: int | None = None) -> AsyncIterator[EventView]:
        at = len(self.history) if after is None else after
        while True:
            async with self._changed:
                while len(self.history) <= at:
                    await self._changed.wait()
            yield self.history[at]
            at += 1

    async def health(self) -> Health:
        store = "the disk is full" if self.unavailable else "ok"
        return Health(not self.unavailable, store, (("a", "ready"),), len(self.stored))
