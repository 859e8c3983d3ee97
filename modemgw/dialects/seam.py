"""The seam between a provider's API and the gateway. A dialect is a translator without I/O.

A dialect is a set of routes; each route's handler is a generator: it gets a `WireRequest`, yields `Command`s,
is sent their results (or has a `Refusal` thrown into it) and returns a `WireResponse`. The shell that runs it
(servers/http) owns sockets, limits and time. No rule about sending lives in a dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modemgw.dialects.settings import Table
from modemgw.domain.account import Account
from modemgw.domain.call import CallView
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView, Submission
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.requests import Command
from modemgw.domain.states import State


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An HTTP request as it came: nothing decoded beyond the percent signs' octets. `now` is Unix ms."""

    method: str
    path: str  # percent-decoded
    raw_query: bytes  # what follows the `?`, as sent
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    remote: str  # IP address of the peer
    now: int
    scheme: str = "http"  # or "https", as the client reached us


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What goes back. `content_type` is the whole header value, with the charset the body really has."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""  # of a refusal, a sentence for people: goes into the log and the header X-Modemgw-Reason


#: What a handler returns: it yields commands, is sent their results, and ends with the answer.
Steps = Generator[Command, Any, WireResponse]

#: The same of what has no answer.
ReplySteps = Generator[Command, Any, None]


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """-> Account. By login and password (plain, or its MD5 in hex where `md5` allows it), or by API key."""

    login: str | None = None
    password: str | None = None
    api_key: str | None = None
    md5: bool = False
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Submit(Command):
    """-> list[Accepted], one for each submission, in order, durable: all of them, or none and a Refusal is thrown.

    With `each`, -> list[Accepted | Refusal]: what is wrong with one message alone (its number, its text, a reference
    used before) is told in its place, and the rest is the promise. Money that is not enough for all and a store that
    cannot take them are thrown all the same. With `as_group`, messages without `extra["ref"]` carry the id of the
    first as theirs.
    """

    account: Account
    submissions: Sequence[Submission]
    each: bool = False
    as_group: bool = False


@dataclass(frozen=True, slots=True)
class Quote(Command):
    """-> list[Quoted | Refusal], one for each submission, in order; nothing is stored."""

    account: Account
    submissions: Sequence[Submission]


@dataclass(frozen=True, slots=True)
class FindMessage(Command):
    """-> MessageView | None. By our id, by client_ref, or by a dialect's own key kept in `extra["ref"]`."""

    account: Account
    id: int | None = None
    ref: str | None = None
    to: str | None = None  # digits; the message must have gone there


@dataclass(frozen=True, slots=True)
class CancelMessage(Command):
    """-> MessageView. Refusal(NOT_FOUND | CONFLICT)."""

    account: Account
    id: int


@dataclass(frozen=True, slots=True)
class MarkMessage(Command):
    """-> None. Merge keys into a message's `extra` ({"deleted": true} hides it from its dialect)."""

    account: Account
    id: int
    extra: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ListModems(Command):
    """-> list[ModemView]. All modems, so that a sender that names one can pick its line."""


@dataclass(frozen=True, slots=True)
class GetBalance(Command):
    """-> Balance."""

    account: Account


# -- what dialects keep: templates, contacts, groups, sessions, jobs, campaigns -----------------------------------


@dataclass(frozen=True, slots=True)
class PutRecord(Command):
    """-> Record, durable. Replaces the one with the same key; without a key a new one is made, its id as the key."""

    account: Account
    space: str
    data: Mapping[str, Any]
    key: str | None = None
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True)
class GetRecord(Command):
    """-> Record | None, by key; expired ones are not found."""

    account: Account
    space: str
    key: str


@dataclass(frozen=True, slots=True)
class ListRecords(Command):
    """-> list[Record], by ascending id, after the cursor."""

    account: Account
    space: str
    after: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class DeleteRecord(Command):
    """-> bool: there was one."""

    account: Account
    space: str
    key: str


@dataclass(frozen=True, slots=True)
class FindSession(Command):
    """-> tuple[Account, Record] | None: whose record of this space and key it is. For session ids, which must be
    unguessable; `extend_s` puts off its end. With `remote` the account must be allowed to come from there, as with
    Authenticate (Refusal)."""

    space: str
    key: str
    extend_s: int | None = None
    remote: str | None = None


# -- limits, chance, knowledge --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Throttle(Command):
    """-> bool: allowed. Counts this call; at most `limit` of the same `key` in `window_s` (sliding). In memory."""

    key: str
    limit: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Hold(Command):
    """-> bool: allowed. At most `limit` requests with this key at one time; held until the request ends."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class MakeSecret(Command):
    """-> str: `length` characters of `alphabet`, from the operating system's source of secrets."""

    length: int
    alphabet: str


@dataclass(frozen=True, slots=True)
class LookupNumber(Command):
    """-> NumberFacts | None (unknown, or the extra `numbers` is not installed)."""

    number: str


@dataclass(frozen=True, slots=True)
class GetSettings(Command):
    """-> Mapping[str, Any]: the configuration's section of the dialect (`[fintek]`), {} if there is none."""

    dialect: str


@dataclass(frozen=True, slots=True)
class UseAccount(Command):
    """-> Account named by the configuration for a dialect without credentials. Refusal(UNAUTHORISED)."""

    login: str


@dataclass(frozen=True, slots=True)
class ListAccounts(Command):
    """-> list[Account], secrets and all: for a provider's own way of deriving keys. Never to be shown."""


@dataclass(frozen=True, slots=True)
class Warn(Command):
    """-> None. A WARNING in the service's log: a sentence without texts, numbers and secrets."""

    sentence: str


# -- callbacks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something a client may want to be told: `kind` is "status" (then `message`, with parts), "inbox" (then `inbox`)
    or "call" (then `call`; dialects whose provider knows no calls tell nothing). `own` is True when it is the message's
    own dialect that is asked (its `extra` says where to call), False when it is the account's `callback_format`. `at`
    is Unix ms."""

    kind: str
    event_id: int
    at: int
    message: MessageView | None = None
    inbox: InboxView | None = None
    own: bool = False
    secret: str = ""  # random hex, for providers that send a nonce
    event: str = ""  # the kind in the history: message.delivered, inbox.partial, …
    call: CallView | None = None


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """The answer (2xx) to a CallbackRequest, given to the dialect's `on_reply`."""

    account: Account
    request: CallbackRequest
    status: int
    headers: Mapping[str, str]
    body: bytes
    now: int


#: Pure: which requests an occurrence makes for an account.
CallbackRenderer = Callable[[Occurrence, Account], Sequence[CallbackRequest]]

#: Pure: headers that sign one try of a request: of an account, with the callback's id, at a time in Unix ms.
CallbackSigner = Callable[[CallbackRequest, Account, int, int], Mapping[str, str]]

#: What a client's answer asks for (a text to be sent back, …): commands as in a handler.
ReplyHandler = Callable[[CallbackReply], ReplySteps]


#: What a handler is: `response = yield from …`, `result = yield Command(...)`.
Handler = Callable[[WireRequest], Steps]


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the provider; methods in upper case. `path` may end in `*`: the rest goes to the handler with
    `WireRequest.path`. With `any_case` it fits in any case of letters."""

    methods: tuple[str, ...]
    path: str
    handler: Handler
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """A provider's API. Its routes are served at their own paths and again under `/<name>/`.

    `hosts` are the provider's own names that clients have built in, the main one first: `modemgw stand-in` serves
    under them.
    `refusals` is what it says for each kind of refusal, all of them; `states` its word for each state of a message,
    None where it never tells one. `settings` are the keys of the section `[<name>]` of the configuration,
    `account_settings` those of `[account.<name>]`.
    """

    name: str
    title: str
    routes: tuple[Route, ...]
    hosts: tuple[str, ...] = ()
    refusals: Mapping[RefusalKind, object] = field(default_factory=dict)
    states: Mapping[State, object] | None = None
    settings: Table = field(default_factory=dict)
    account_settings: Table = field(default_factory=dict)
    callbacks: CallbackRenderer | None = None
    on_reply: ReplyHandler | None = None
