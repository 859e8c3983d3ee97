"""What a use case asks of the store is a function on a transaction or a connection; a role is a set of them.

    class Outbox(Role):
        cancel = write(outbox.cancel)       # def cancel(tx, account_id, message_id) -> None
        claim = read(queries.claim)         # def claim(con, line, limit) -> list[Job]

    await repository.cancel(account_id, message_id)

The contract of each stands with the function. Writes are durable when they return, writes and reads may raise
StoreUnavailable (a Refusal); `keep` is for what has happened in the world: it is tried again until the disk takes it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from modemgw.store.writer import Transaction

if TYPE_CHECKING:
    from modemgw.store.database import Store  # which looks after rows of some roles itself

P = ParamSpec("P")
T = TypeVar("T")

_Op = Callable[Concatenate[Transaction, P], T]


class Role:
    """A part of the store, for those that need no other."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def problem(self) -> str | None:
        """Why the store cannot be written, or None."""
        return self.store.problem

    @property
    def hang(self) -> str | None:
        """That a write has waited for long, in a sentence, or None."""
        return self.store.hang


def write(op: _Op[P, T], *, lazy: bool = False) -> Callable[Concatenate[Role, P], asyncio.Future[T]]:
    """Has `op` done by the writer; see Writer.submit for `lazy`."""
    return _bound(op, must=False, lazy=lazy)


def keep(op: _Op[P, T]) -> Callable[Concatenate[Role, P], asyncio.Future[T]]:
    """Has `op` done by the writer, whatever the disk says now. It shares the COMMIT of what comes next."""
    return _bound(op, must=True, lazy=True)


def _bound(op: _Op[P, T], *, must: bool, lazy: bool) -> Callable[Concatenate[Role, P], asyncio.Future[T]]:
    def method(role: Role, /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        return role.store.submit(lambda tx: op(tx, *args, **kwargs), must=must, lazy=lazy)

    method.__doc__ = op.__doc__
    return method


def read(query: Callable[Concatenate[sqlite3.Connection, P], T]) -> Callable[Concatenate[Role, P], Awaitable[T]]:
    """Has `query` done by a reader."""

    def method(role: Role, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return role.store.read(query, *args, **kwargs)

    method.__doc__ = query.__doc__
    return method
