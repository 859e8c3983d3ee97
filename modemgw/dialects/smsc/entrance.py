"""Who asks, with which settings, and whether too often. Every command of the dialect comes in through here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from modemgw.dialects.seam import GetSettings, Hold, Steps, Throttle, WireRequest
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.settings import Options
from modemgw.dialects.smsc.wire import ApiError, Params, authenticate
from modemgw.domain.account import Account
from modemgw.domain.requests import Command

#: Parameters that do not make a request another one.
_INDIFFERENT = frozenset(
    {"login", "psw", "apikey", "id", "fmt", "charset", "cost", "err", "op", "pp", "userip", "imgcode"}
)

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that was let in. `now` is Unix ms."""

    account: Account
    options: Options
    now: int

    def throttle(self, what: str, limit: int, *words: str) -> Generator[Command, Any, None]:
        """At most `limit` a minute of this; raises ApiError 9. A limit of 0 is none."""
        if not self.options.limits or not limit:
            return
        key = "\0".join((f"smsc:{what}", self.account.login, *words))
        allowed: bool = yield Throttle(key, limit, MINUTE_S)
        if not allowed:
            raise ApiError(tables.DUPLICATE, reason=f"More than {limit} of these requests in a minute ({what}).")


#: Names under which the provider is reached. Who asks for one of them takes us for it: see `modemgw stand-in`.
_HOST = re.compile(r"(?:[a-z0-9-]+\.)*(?:smsc\.(?:ru|kz|ua|tj)|smscentre\.com)\.?(?::[0-9]+)?", re.IGNORECASE)


def standing_in(request: WireRequest) -> bool:
    """True for a client that has the provider's own address built in."""
    return _HOST.fullmatch(request.headers.get("host", "")) is not None


def enter(params: Params, request: WireRequest) -> Generator[Command, Any, Caller]:
    """Log in and take one of the places for requests at one time. Raises Refusal, ApiError 9."""
    account = yield from authenticate(params, request)
    section: Mapping[str, object] = yield GetSettings("smsc")
    limits = account.provider_limits(standing_in=standing_in(request))
    options = Options.of(section, account.options.get("smsc", {}), limits=limits)
    if options.limits and options.parallel_requests:
        allowed: bool = yield Hold(f"smsc:{account.login}", options.parallel_requests)
        if not allowed:
            reason = f"More than {options.parallel_requests} requests of one login at one time."
            raise ApiError(tables.DUPLICATE, reason=reason)
    return Caller(account, options, request.now)


def digest(params: Params, *more: str) -> str:
    """What tells identical requests: all parameters but those that do not matter."""
    sha = hashlib.sha256()
    for name, value in sorted(params.items()):
        if name not in _INDIFFERENT:
            sha.update(b"%d:%b=%d:%b;" % (len(name), name.encode(), len(value), value))
    for word in more:
        sha.update(word.encode())
    return sha.hexdigest()


#: One operation of a command such as templates.php: what it does for a caller.
Operation = Callable[[Params, Caller], Steps]


def operations(
    what: str, table: Mapping[str, Operation], *, unlimited: Collection[str] = ()
) -> Callable[[Params, WireRequest], Steps]:
    """A command that does what its first set flag says; without any it is error 1."""

    def serve(params: Params, request: WireRequest) -> Steps:
        caller = yield from enter(params, request)
        for name, operation in table.items():
            if params.flag(name):
                if name not in unlimited:
                    yield from caller.throttle(what, caller.options.identical_requests, digest(params))
                return (yield from operation(params, caller))
        raise ApiError(tables.PARAMETERS, reason=f"Give one of {', '.join(table)}.")

    return serve
