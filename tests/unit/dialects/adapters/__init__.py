"""How the conformance test speaks each dialect: one module a dialect, with its `ADAPTER`. Found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modemgw.dialects.seam import Dialect, Occurrence
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.requests import InboxQuery
from modemgw.domain.states import State

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a send: the client's id of the message, or the provider's error."""

    id: str = ""
    error: Any = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """What came of a send to several: the provider's error of all of it, or the numbers that it says it refused."""

    error: Any = None
    refused: Sequence[str] = ()


class Adapter:
    """A client of one provider, in the account "shop". Every method fails on anything it cannot parse.

    What a provider does not have is None. One that only pushes reads what it pushes: see `pushed`.
    """

    dialect: Dialect
    config = ""  # more sections of the configuration
    account = ""  # more keys of the account
    bad_number: Any  # the error of a number that is none
    wrong_password: Any = None  # the error of a wrong password
    words: Mapping[State, Any] | None = None  # what `status` says of each state of ours
    bulks: Sequence[str]  # the ways to send to several at once, for `bulk`; none where the provider has none
    unavailable: Any  # the error of what cannot be stored now
    no_money: Any

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        """`password`: with the right one."""
        raise NotImplementedError

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        """One request to all of them, by one of `bulks`."""
        raise NotImplementedError

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> Any:
        """In the provider's word for it."""
        raise NotImplementedError

    async def balance(self, rig: DialectRig) -> str | None:
        """The amount."""
        return None

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]] | None:
        """Sender in digits and text of what came in, the oldest first."""
        return None


async def pushed(rig: DialectRig, dialect: Dialect, *, id: int | None = None) -> list[CallbackRequest]:
    """The calls that the dialect makes: of what came in, or with `id` of the message's own state as it is now."""
    account = await rig.account()
    assert dialect.callbacks is not None
    if id is None:
        views = await rig.core.inbox(InboxQuery(account))
        events = [Occurrence("inbox", view.id, rig.now, inbox=view, event="inbox.received") for view in views]
    else:
        view = await rig.core.message(account, id)
        events = [Occurrence("status", 1, rig.now, message=view, own=True, event=f"message.{view.state}")]
    return [request for event in events for request in dialect.callbacks(event, account)]


def all_adapters() -> list[Adapter]:
    """Of every module here."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").ADAPTER for name in names]
