"""Runs the commands of dialects on the gateway, for servers of any protocol and for answers to callbacks.

Owns which command is which call. Knows no provider and no wire.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any, TypeVar

from modemgw.dialects import seam
from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command, InboxQuery, MessageQuery, Record, StatisticsQuery
from modemgw.service.core import Gateway

R = TypeVar("R")

log = logging.getLogger(__name__)

#: Characters of one secret.
MAX_SECRET = 4096


class CommandRunner:
    """`drive` runs a handler to its end; `run` runs one command."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def drive(
        self,
        steps: Generator[Command, Any, R],
        *,
        known: Callable[[Account], None] | None = None,
        refused: Callable[[Refusal], None] | None = None,
    ) -> R:
        """What the handler returns. Refusals go into it; what it held is given back, however it ends.

        `known` is called with the account once its credentials were found right, `refused` with every refusal.
        """
        with ExitStack() as holds:
            try:
                command = next(steps)
                while True:
                    try:
                        result = await self.run(command, holds)
                    except Refusal as refusal:
                        if refused is not None:
                            refused(refusal)
                        command = steps.throw(refusal)
                    else:
                        if known is not None and isinstance(command, seam.Authenticate | seam.FindSession) and result:
                            known(result if isinstance(result, Account) else result[0])
                        command = steps.send(result)
            except StopIteration as stop:
                answer: R = stop.value
                return answer
            finally:
                steps.close()

    async def run(self, command: Command, holds: ExitStack | None = None) -> Any:
        """The result of one command, or its Refusal. `holds` takes what `Hold` holds, until it is closed."""
        found = _HOW.get(type(command))
        if found is not None:
            return await found(self.gateway, command)
        gateway, desk = self.gateway, self.gateway.desk
        match command:
            case seam.Authenticate():
                return await gateway.authenticate(
                    login=command.login,
                    password=command.password,
                    api_key=command.api_key,
                    md5=command.md5,
                    remote=command.remote,
                )
            case seam.ListModems():
                return gateway.modems()
            case seam.Throttle():
                return desk.throttle(command.key, command.limit, command.window_s)
            case seam.Hold():
                return self._hold(command, holds)
            case seam.MakeSecret():
                return _secret(command)
            case seam.GetSettings():
                return desk.settings(command.dialect)
            case seam.UseAccount():
                return desk.account(command.login)
            case seam.Warn():
                return log.warning("%s", command.sentence)
            case seam.ListAccounts():
                return desk.accounts()
        raise TypeError(f"there is no way to run a {type(command).__name__}")

    def _hold(self, command: seam.Hold, holds: ExitStack | None) -> bool:
        if holds is None:
            raise TypeError("a Hold needs something that ends")
        give_back = self.gateway.desk.hold(command.key, command.limit)
        if give_back is None:
            return False
        holds.callback(give_back)
        return True


async def _submit(gateway: Gateway, command: seam.Submit) -> list[Any]:
    if len(command.submissions) == 1 and not command.each:
        return [await gateway.submit(command.account, command.submissions[0])]
    return list(
        await gateway.submit_many(command.account, command.submissions, each=command.each, as_group=command.as_group)
    )


async def _find_session(gateway: Gateway, command: seam.FindSession) -> tuple[Account, Record] | None:
    found = await gateway.desk.records.find_session(command)
    if found is not None:
        gateway.check(found[0], command.remote)
    return found


def _secret(command: seam.MakeSecret) -> str:
    if not 0 < command.length <= MAX_SECRET or len(command.alphabet) < 2:
        raise ValueError(f"a secret has 1 to {MAX_SECRET} characters of at least two")
    return "".join(secrets.choice(command.alphabet) for _ in range(command.length))


#: What takes no more than a call that is waited for.
_HOW: dict[type[Command], Callable[[Gateway, Any], Any]] = {
    seam.Submit: _submit,
    seam.Quote: lambda g, c: g.quote_many(c.account, c.submissions),
    seam.FindMessage: lambda g, c: g.find_message(c.account, id=c.id, ref=c.ref, to=c.to),
    MessageQuery: lambda g, c: g.messages(c),
    InboxQuery: lambda g, c: g.inbox(c),
    StatisticsQuery: lambda g, c: g.statistics(c),
    seam.CancelMessage: lambda g, c: g.cancel(c.account, c.id),
    seam.MarkMessage: lambda g, c: g.mark(c.account, c.id, c.extra),
    seam.GetBalance: lambda g, c: g.balance(c.account),
    seam.PutRecord: lambda g, c: g.desk.records.put(c),
    seam.GetRecord: lambda g, c: g.desk.records.get(c),
    seam.ListRecords: lambda g, c: g.desk.records.list(c),
    seam.DeleteRecord: lambda g, c: g.desk.records.delete(c),
    seam.FindSession: _find_session,
    seam.LookupNumber: lambda g, c: g.desk.lookup_number(c.number),
}
