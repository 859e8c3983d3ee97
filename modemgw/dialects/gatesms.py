"""gatesms.ru, reconstructed from one client: /sender.php, `OK: <id>` or `ERROR: <n>`; docs/dialects/gatesms.md.

The provider publishes nothing. What no client shows (status, balance, incoming messages) is not made up here.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from modemgw.dialects.forms import FormError, parse_form, unescape
from modemgw.dialects.phones import international
from modemgw.dialects.seam import Authenticate, Dialect, Route, Steps, Submit, WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.message import Accepted, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command

PARAMETERS, LOGIN, FLAG, ADDRESS, BALANCE, FORBIDDEN = range(6)

#: What the provider's own class prints for them.
MEANINGS: Mapping[int, str] = {
    PARAMETERS: "error in parameters",
    LOGIN: "wrong login or password",
    FLAG: "error in the destination flag",
    ADDRESS: "error in the destination address",
    BALANCE: "balance below the needed level",
    FORBIDDEN: "forbidden",
}

#: Refusals as error numbers. There is none for "later": 5 is the one that blames no parameter.
ERRORS: Mapping[RefusalKind, int] = {
    RefusalKind.UNAUTHORISED: LOGIN,
    RefusalKind.ADDRESS_NOT_ALLOWED: FORBIDDEN,
    RefusalKind.ADDRESS_BLOCKED: FORBIDDEN,
    RefusalKind.FORBIDDEN: FORBIDDEN,
    RefusalKind.BAD_PARAMETER: PARAMETERS,
    RefusalKind.BAD_NUMBER: ADDRESS,
    RefusalKind.EMPTY_TEXT: PARAMETERS,
    RefusalKind.TEXT_TOO_LONG: PARAMETERS,
    RefusalKind.BAD_TIME: PARAMETERS,
    RefusalKind.UNKNOWN_LINE: FORBIDDEN,
    RefusalKind.CANNOT: FORBIDDEN,
    RefusalKind.DUPLICATE: FORBIDDEN,
    RefusalKind.NO_MONEY: BALANCE,
    RefusalKind.NOT_FOUND: PARAMETERS,
    RefusalKind.CONFLICT: PARAMETERS,
    RefusalKind.CLIENT_REF_USED: PARAMETERS,
    RefusalKind.UNAVAILABLE: FORBIDDEN,
}

#: "Flag of the destination"; only `s` was ever seen.
_FLAG = re.compile(rb"[A-Za-z0-9]{1,16}")
_UTF8 = frozenset({b"utf8", b"utf-8"})
MAX_RECIPIENTS = 1000


class _Failed(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def sender(request: WireRequest) -> Steps:
    """Send one text to one number, or to several with commas between them: all of them or none and an error."""
    try:
        message_id = yield from _send(request)
    except Refusal as refusal:
        return _answer(f"ERROR: {ERRORS[refusal.kind]}", str(refusal))
    except (_Failed, FormError) as failure:
        code = failure.code if isinstance(failure, _Failed) else PARAMETERS
        return _answer(f"ERROR: {code}", str(failure))
    return _answer(f"OK: {message_id}")


def _send(request: WireRequest) -> Generator[Command, Any, int]:
    fields = {**parse_form(request).fields, **_credentials(request.raw_query)}
    for name in ("lg", "pw", "to", "mg"):
        if not fields.get(name):
            raise _Failed(PARAMETERS, f"The parameter {name} is missing.")
    login, password = (_text(fields[name], b"", name) for name in ("lg", "pw"))
    account: Account = yield Authenticate(login=login, password=password, remote=request.remote)
    if not _FLAG.fullmatch(fields.get("fl", b"")):
        raise _Failed(FLAG, "fl is s, or other letters and digits.")
    text = _text(fields["mg"], fields.get("char", b""), "mg")
    numbers = [number for number in _text(fields["to"], b"", "to").split(",") if number.strip()]
    if not 1 <= len(numbers) <= MAX_RECIPIENTS:
        raise _Failed(ADDRESS, f"to has 1 to {MAX_RECIPIENTS} numbers.")
    submissions = [
        Submission(to=international(number, account.country), text=text, dialect="gatesms") for number in numbers
    ]
    accepted: Sequence[Accepted] = yield Submit(account, submissions)
    return accepted[0].id


def _credentials(raw_query: bytes) -> dict[str, bytes]:
    """lg and pw of the query with their pluses: the known client does not encode them."""
    pairs = (pair.partition(b"=") for pair in raw_query.split(b"&"))
    return {name.decode(): unescape(value) for name, _, value in pairs if name in {b"lg", b"pw"}}


def _text(raw: bytes, char: bytes, name: str) -> str:
    """UTF-8 if `char` says so or it can be nothing else, else windows-1251."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if char.strip().lower() in _UTF8:
            raise _Failed(PARAMETERS, f"{name} is not UTF-8.") from None
    try:
        return raw.decode("cp1251")
    except UnicodeDecodeError:
        raise _Failed(PARAMETERS, f"{name} is neither windows-1251 nor UTF-8.") from None


def _answer(text: str, reason: str = "") -> WireResponse:
    return WireResponse(text.encode(), reason=reason)


DIALECT = Dialect(
    name="gatesms",
    title="gatesms.ru",
    routes=(Route(("*",), "/sender.php", sender),),
    hosts=(
        "gatesms.ru",
        "www.gatesms.ru",
        "www2.gatesms.ru",
    ),
    refusals=ERRORS,
)
