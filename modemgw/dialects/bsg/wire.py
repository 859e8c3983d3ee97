"""How BSG.world reads a request and writes an answer: keys, JSON under any Content-Type, the error envelope."""

from __future__ import annotations

import hmac
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from modemgw.dialects.bsg import tables
from modemgw.dialects.forms import FormError, parse_form
from modemgw.dialects.json_body import JsonError, read_json, write_json
from modemgw.dialects.seam import Authenticate, ListAccounts, WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.requests import Command

Answer: TypeAlias = Generator[Command, Any, Mapping[str, Any]]

TEST = "test_"


class ApiError(Exception):
    """An error of the provider; `str()` is the reason for people."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. With a test key nothing is sent, and answers are made up."""

    account: Account
    test: bool
    now: int


def enter(key: str, request: WireRequest) -> Generator[Command, Any, Caller]:
    """The account of a key. `test_…` is the test key of the account whose key is `live_…`, or the same without it."""
    given, test = key.strip(), key.strip().startswith(TEST)
    if test:
        bare = given.removeprefix(TEST)
        accounts: Sequence[Account] = yield ListAccounts()
        for real in (f"live_{bare}", bare):
            if any(account.api_key and hmac.compare_digest(_raw(real), _raw(account.api_key)) for account in accounts):
                given = real
                break
    account: Account = yield Authenticate(api_key=given, remote=request.remote)
    return Caller(account, test, request.now)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def document_of(request: WireRequest) -> Any:
    """The body: JSON whatever it is called, else a form as an object of texts. Raises ApiError(BAD_PAYLOAD)."""
    try:
        return read_json(request.body)
    except JsonError as error:
        try:
            fields = parse_form(request).fields
        except FormError:
            raise ApiError(tables.BAD_PAYLOAD, str(error)) from error
        known = {name: value.decode("utf-8", "replace") for name, value in fields.items()}
        if "msisdn" not in known:
            raise ApiError(tables.BAD_PAYLOAD, str(error)) from error
        return known


def described(code: int) -> dict[str, Any]:
    """`error` and `errorDescription`."""
    return {"error": code, "errorDescription": tables.DESCRIPTIONS[code]}


def answer(body: Any, status: int = 200, reason: str = "") -> WireResponse:
    """JSON. HTTP 200 also for errors: SDKs raise on anything else before they look."""
    return WireResponse(write_json(body), status, "application/json; charset=utf-8", reason=reason)


def clock(at: int | None) -> str | None:
    """Unix ms as the provider writes times, in UTC."""
    return None if at is None else datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str) -> int:
    """ISO 8601 or `yyyy-mm-dd hh:mm:ss` as Unix ms; UTC where it names no zone. Raises ValueError."""
    at = datetime.fromisoformat(text.strip())
    try:
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except OverflowError as error:
        raise ValueError("that time is out of reach") from error


def amount(cost: str) -> float:
    """Money as a JSON number."""
    return round(float(cost), 7)
