"""What the older protocols have in common, and the 1C text protocol: `1c_b.php`, `1c_i.php`, everything in headers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.dialects.devino import tables
from modemgw.dialects.devino.ids import find_part
from modemgw.dialects.devino.settings import ACTIVE, NOT_ACTIVATED
from modemgw.dialects.devino.tables import Operation, Status
from modemgw.dialects.devino.times import iso
from modemgw.dialects.seam import Authenticate, GetBalance, Handler, Steps, WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Balance, Command


@dataclass(frozen=True, slots=True)
class OperationError(Exception):
    """A call that came to nothing."""

    status: Operation


def log_in(login: str, password: str, request: WireRequest) -> Generator[Command, Any, Account]:
    """Raises OperationError, Refusal. Which of the two was wrong is not told."""
    if not login:
        raise OperationError(Operation.INVALID_LOGIN)
    if not password:
        raise OperationError(Operation.INVALID_PASSWORD)
    account: Account = yield Authenticate(login=login, password=password, remote=request.remote)
    user = account.options.get("devino", {}).get("user", ACTIVE)
    if user != ACTIVE:
        raise OperationError(Operation.SMS_USER_NOT_ACTIVATED if user == NOT_ACTIVATED else Operation.SMS_USER_DISABLED)
    return account


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a part, and when (Unix ms)."""

    status: Status
    at: int


def message_state(account: Account, message_id: str) -> Generator[Command, Any, Told]:
    """Raises OperationError for an id that is none."""
    found = yield from find_part(account, message_id)
    if found is None:
        raise OperationError(Operation.INVALID_MESSAGE_ID)
    view, part = found
    return Told(tables.status_of(part), view.updated_at)


def lines_problem(modems: Sequence[ModemView], line: str | None) -> Operation | None:
    """Why nothing can be sent now, by the best of the lines that may send it; None if one can."""
    problems = {tables.LINES[modem.state] for modem in modems if line in {None, modem.name}}
    if None in problems:
        return None
    return Operation.GATEWAY_BUSY if Operation.GATEWAY_BUSY in problems else Operation.GATEWAY_OFFLINE


# -- the 1C text protocol -------------------------------------------------------------------------------------------


def _balance(headers: Mapping[str, str], account: Account) -> Generator[Command, Any, dict[str, str]]:
    money: Balance = yield GetBalance(account)
    return {"Balance": money.amount}


def _state(headers: Mapping[str, str], account: Account) -> Generator[Command, Any, dict[str, str]]:
    told = yield from message_state(account, headers.get("sms_id", ""))
    return {"SMS_Time": iso(told.at, " "), "SMS_Status": told.status.value}


def _script(serve: Callable[[Mapping[str, str], Account], Generator[Command, Any, dict[str, str]]]) -> Handler:
    def handle(request: WireRequest) -> Steps:
        headers = {name: _header(value) for name, value in request.headers.items() if name.startswith("sms_")}
        try:
            if "sms_user" not in headers or "sms_pass" not in headers:
                raise OperationError(Operation.INVALID_HEADER)
            account = yield from log_in(headers["sms_user"], headers["sms_pass"], request)
            fields = yield from serve(headers, account)
        except OperationError as error:
            return _lines({"Result": error.status.value})
        except Refusal as refusal:
            return _lines({"Result": tables.operation_of(refusal).value})
        return _lines({"Result": Operation.OK.value} | fields)

    return handle


def _lines(fields: Mapping[str, str]) -> WireResponse:
    """A line each, none behind the last: 1C counts them."""
    return WireResponse("\n".join(f"{name}: {value}" for name, value in fields.items()).encode())


def _header(value: str) -> str:
    """A header as text: UTF-8, or windows-1251 as 1C may have it."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace").strip()


balance_script = _script(_balance)
state_script = _script(_state)
