"""Who asks: sessions of version 1, login and password of version 2. Every call of /rest comes in through here."""

from __future__ import annotations

import hmac
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.dialects.devino import tables
from modemgw.dialects.devino.settings import ACTIVE
from modemgw.dialects.devino.wire import ApiError, Params, answer
from modemgw.dialects.seam import Authenticate, FindSession, ListAccounts, MakeSecret, PutRecord, Steps, WireRequest
from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command

SESSIONS = "devino.session"
SESSION_LENGTH, SESSION_S = 36, 120 * 60
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

#: What could be one, if not of ours: anything else is code 3.
_SESSION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Credentials:
    login: str
    password: str


def session_id(params: Params, request: WireRequest) -> Steps:
    """User/SessionId: a new session each time, as the 1C module asks for one before every call."""
    account = yield from log_in(params, request)
    key: str = yield MakeSecret(SESSION_LENGTH, _ALPHABET)
    yield PutRecord(account, SESSIONS, {}, key=key, ttl_s=SESSION_S)
    return answer(key)


def enter(params: Params, request: WireRequest) -> Generator[Command, Any, Account]:
    """The account, by its session or by login and password, whatever is given in either version. Raises ApiError."""
    session = params.text("sessionID").strip().strip('"')
    if session:
        return (yield from _of_session(session, request))
    if params.v2 or params.text("login"):
        return (yield from log_in(params, request))
    raise params.missing("sessionID")


def _of_session(session: str, request: WireRequest) -> Generator[Command, Any, Account]:
    if not _SESSION.fullmatch(session):
        raise ApiError(tables.BAD_SESSION, tables.BAD_SESSION_TEXT)
    found = yield FindSession(SESSIONS, session, remote=request.remote)
    if found is None:
        raise ApiError(tables.UNAUTHORISED, tables.EXPIRED_TEXT)
    account: Account = found[0]
    return may_enter(account)


def log_in(params: Params, request: WireRequest) -> Generator[Command, Any, Account]:
    """By login and password. Raises ApiError, Refusal."""
    for name in ("login", "password"):
        params.needed(name)
    given = yield from _reading(params)
    account: Account = yield Authenticate(login=given.login, password=given.password, remote=request.remote)
    return may_enter(account)


def _reading(params: Params) -> Generator[Command, Any, _Credentials]:
    """A plus that was not encoded is a plus or a space. Of the readings the one that is right is taken, so that the
    wrong one does not count as a failure."""
    login, password = params.value("login"), params.value("password")
    usual = _Credentials(login.text, password.text)
    if login.text == login.plus and password.text == password.plus:
        return usual
    other = _Credentials(login.plus, password.plus)
    accounts: Sequence[Account] = yield ListAccounts()
    for account in accounts:
        if account.login == other.login and _same(account.password, other.password):
            return other
    return usual


def may_enter(account: Account) -> Account:
    """The account, if it may use this dialect. Raises Refusal(FORBIDDEN)."""
    if account.options.get("devino", {}).get("user", ACTIVE) != ACTIVE:
        raise Refusal(RefusalKind.FORBIDDEN, "The settings of the account do not let it in through this API.")
    return account


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))
