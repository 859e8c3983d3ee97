"""From the history to the queue of callbacks: which events are told to whom, worded by the dialects.

Owns the choice, the rule of allowed URLs and the check of what a dialect made. Sends nothing (callbacks.py).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from modemgw.dialects.seam import CallbackRenderer, Occurrence
from modemgw.domain.account import Account
from modemgw.domain.callback import (
    CallbackRequest,
    FeedItem,
    NewCallback,
    Note,
    host_of,
    may_call,
    shown,
    stream_name,
    url_problem,
)
from modemgw.domain.events import EventKind
from modemgw.domain.message import MessageView
from modemgw.domain.states import State
from modemgw.store.callbacks import CallbackQueue

log = logging.getLogger(__name__)

#: Events looked at in one go, hence the most whose requests are written in one operation.
PAGE = 200

#: Events that were of no interest to anybody, after which the cursor is written all the same.
CURSOR_EVERY = 1_000

_METHODS = frozenset({"GET", "POST", "PUT"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]{0,4000}")

#: Headers that are the connection's, not the dialect's.
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"})

#: Messages whose refused URL was told already: told once a message, not once a state.
_REMEMBERED = 1_000


@dataclass(slots=True)
class _Batch:
    new: list[NewCallback]
    notes: list[Note]


class CallbackFeed:
    """Follows the history. `start` once, then `step` whenever something was committed."""

    def __init__(
        self,
        store: CallbackQueue,
        accounts: Sequence[Account],
        renderers: Mapping[str, CallbackRenderer],
        secret: Callable[[], str],
    ) -> None:
        self._store = store
        self._accounts = {account.id: account for account in accounts}
        self._renderers = renderers
        self._secret = secret
        #: Those that have a URL, or may give one with a message. Without any there is nothing to follow.
        self.calling = [a.id for a in accounts if a.callback_url or a.callback_any_url]
        self._since: Mapping[int, int] = {}
        self._cursor = 0
        self._written = 0
        self._noted: dict[int, None] = {}

    async def start(self) -> None:
        """Find where the last run ended. Raises ModemgwError."""
        urls = {id: _usable(account.callback_url) for id, account in self._accounts.items()}
        begin = await self._store.begin(urls, self.calling)
        self._cursor = self._written = begin.cursor
        self._since = begin.since

    async def step(self) -> tuple[int, bool]:
        """Look at the events since the last call: how many requests were queued, and whether there is more."""
        page = await self._store.page(self._cursor, self.calling, PAGE)
        batch = _Batch([], [])
        for item in page.items:
            self._render(item, batch)
        if batch.new or batch.notes or page.cursor - self._written >= CURSOR_EVERY:
            await self._store.feed(self._cursor, page.cursor, batch.new, batch.notes)
            self._written = page.cursor
        self._cursor = page.cursor
        return len(batch.new), page.more

    async def stop(self) -> None:
        """Write down how far we are."""
        if self._cursor > self._written:
            await self._store.feed(self._cursor, self._cursor, [], [])
            self._written = self._cursor

    # -- who is told --------------------------------------------------------------------------------------

    def _render(self, item: FeedItem, batch: _Batch) -> None:
        if item.inbox is not None or item.call is not None:
            event = Occurrence(
                kind="inbox" if item.inbox is not None else "call",
                event=item.kind,
                event_id=item.event_id,
                at=item.at,
                inbox=item.inbox,
                call=item.call,
                secret=self._secret(),
            )
            for account in self._accounts.values():
                if account.callback_url and self._wants(account, item):
                    self._ask(account, account.callback_format, event, batch)
            return
        account_of = self._accounts.get(item.account_id or 0)
        if item.message is None or account_of is None or not self._wants(account_of, item):
            return
        event = Occurrence(
            kind="status",
            event=item.kind,
            event_id=item.event_id,
            at=item.at,
            message=_as_of(item, item.message),
            secret=self._secret(),
        )
        if account_of.callback_url:
            self._ask(account_of, account_of.callback_format, event, batch)
        if item.message.extra.get("callback"):
            self._ask(account_of, item.message.dialect, replace(event, own=True), batch)

    def _wants(self, account: Account, item: FeedItem) -> bool:
        return item.event_id > self._since.get(account.id, 0)

    def _ask(self, account: Account, dialect: str, event: Occurrence, batch: _Batch) -> None:
        """Have the dialect word it, and take what may be sent."""
        renderer = self._renderers.get(dialect)
        if renderer is None:
            self._refuse(account, event, None, f"The dialect {dialect} has no callbacks.", batch)
            return
        try:
            requests = renderer(event, account)
        except Exception as error:
            # one event that cannot be told must not keep all others from being told
            log.exception("The dialect %s could not word a callback for event %d", dialect, event.event_id)
            self._refuse(account, event, None, f"Internal error: {type(error).__name__}.", batch)
            return
        for request in requests:
            problem = _problem(request, account, event)
            if problem is not None:
                self._refuse(account, event, request, problem, batch)
                continue
            batch.new.append(
                NewCallback(
                    account_id=account.id,
                    dialect=dialect,
                    stream=stream_name(account.id, dialect, event.own, request.stream),
                    host=host_of(request.url),
                    follows=not event.own and request.url == account.callback_url,
                    request=request,
                    event_id=event.event_id,
                    message_id=event.message.id if event.message else None,
                    inbox_id=event.inbox.id if event.inbox else None,
                )
            )

    def _refuse(
        self, account: Account, event: Occurrence, request: CallbackRequest | None, reason: str, batch: _Batch
    ) -> None:
        message_id = event.message.id if event.message else None
        if message_id is not None:
            if message_id in self._noted:
                return
            self._noted[message_id] = None
            if len(self._noted) > _REMEMBERED:
                del self._noted[next(iter(self._noted))]
        data: dict[str, object] = {"reason": reason}
        if request is not None and url_problem(request.url) is None:
            data["url"] = shown(request.url)
        batch.notes.append(
            Note(EventKind.CALLBACK_IGNORED, account.id, message_id, event.inbox.id if event.inbox else None, data)
        )


def _usable(url: str | None) -> str | None:
    return url if url is not None and url_problem(url) is None else None


def _as_of(item: FeedItem, message: MessageView) -> MessageView:
    """The message in the state the event speaks of, should it have gone on since."""
    state = State(item.kind.removeprefix("message."))
    if state is message.state:
        return replace(message, updated_at=item.at)
    return replace(message, state=state, updated_at=item.at, error=None, error_code=None, st=None)


def _problem(request: CallbackRequest, account: Account, event: Occurrence) -> str | None:
    """Why a request is not sent, as a sentence; None if it is."""
    reason = url_problem(request.url)
    if reason is not None:
        return f"The URL {reason}."
    if event.own and not may_call(account, request.url):
        if account.callback_any_url:
            return "The URL is in a private network: list that in the account's callback_networks to have it called."
        return "The account may not name URLs: it needs callback_any_url, or a URL below its callback_url."
    if request.method not in _METHODS:
        return f"The method {request.method[:20]} is not used for callbacks."
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS or not _HEADER_VALUE.fullmatch(value):
            return f"The header {name[:40]!r} cannot be sent."
    return None
