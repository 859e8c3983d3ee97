"""Who a message goes to: numbers as the provider reads them, lists, groups of contacts, the blacklist."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from modemgw.dialects.phones import international
from modemgw.dialects.seam import GetRecord, ListRecords
from modemgw.dialects.smsc.wire import Params
from modemgw.domain.account import Account
from modemgw.domain.numbers import visible
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command, Record

CONTACTS, GROUPS, BLACKLIST = "smsc.contact", "smsc.group", "smsc.black"

#: Under which the first message of a request keeps the numbers that were refused beside it: {number: [status, err]}.
REFUSED = "refused"

#: So many numbers are looked up in the blacklist one by one; for more the whole of it is read.
_ONE_BY_ONE = 3
_PAGE = 1000

_GROUP = re.compile(r"[Gg]([0-9]{1,18})", re.ASCII)
_LIST_ROW = re.compile(r"\s*((?:(?i:tel:)|[^:;])+)[:;](.*)", re.DOTALL)
_NUMBERS = re.compile(r"\+?[0-9][0-9+,]*", re.ASCII)


def pairs(params: Params) -> list[tuple[list[str], str]]:
    """Numbers with the text for them, from phones and mes or from list. Raises Refusal(BAD_PARAMETER)."""
    rows = params.text("list")
    if rows.strip():
        return [(_phones(row[0]), row[1]) for row in _list_rows(rows, multi_line=bool(params.flag("nl")))]
    return [(_phones(params.text("phones")), params.text("mes"))]


def _phones(value: str) -> list[str]:
    return [phone.strip() for phone in re.split(r"[,;\n]", value) if phone.strip()]


def _list_rows(value: str, *, multi_line: bool) -> list[tuple[str, str]]:
    lines = value.replace("\r\n", "\n").split("\n")
    if multi_line:
        joined: list[str] = []
        for line in lines:
            if joined and not _begins_row(line):
                joined[-1] += "\n" + line
            else:
                joined.append(line)
        lines = [line.rstrip("\n") for line in joined]
    rows = []
    for line in lines:
        if not line.strip():
            continue
        match = _LIST_ROW.fullmatch(line)
        if match is None:
            raise Refusal(RefusalKind.BAD_PARAMETER, "A line of list has no colon between numbers and text.")
        rows.append((match[1], match[2] if multi_line else match[2].replace("\\n", "\n")))
    return rows


def _begins_row(line: str) -> bool:
    """True for numbers with a colon or semicolon behind them."""
    match = _LIST_ROW.match(line)
    return match is not None and _NUMBERS.fullmatch(",".join(map(visible, match[1].split(",")))) is not None


def all_records(account: Account, space: str) -> Generator[Command, Any, list[Record]]:
    """All of a space, by ascending id."""
    found: list[Record] = []
    while True:
        page: Sequence[Record] = yield ListRecords(account, space, after=found[-1].id if found else 0, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def expand_groups(
    rows: Iterable[tuple[list[str], str]], account: Account
) -> Generator[Command, Any, list[tuple[list[str], str]]]:
    """The same with `G<n>` replaced by the numbers of the contacts in that group."""
    rows = list(rows)
    if not any(_GROUP.fullmatch(phone) for phones, _ in rows for phone in phones):
        return rows
    contacts = yield from all_records(account, CONTACTS)
    members: dict[int, list[str]] = {}
    for contact in contacts:
        for group in contact.data["groups"]:
            members.setdefault(group, []).append(contact.data["phone"])
    expanded = []
    for phones, text in rows:
        numbers: list[str] = []
        for phone in phones:
            match = _GROUP.fullmatch(phone)
            numbers += members.get(int(match[1]), []) if match else [phone]
        expanded.append((numbers, text))
    return expanded


def blacklisted(numbers: Iterable[str], account: Account) -> Generator[Command, Any, frozenset[str]]:
    """Those of the numbers (international, as `international` makes them) that are on the account's blacklist."""
    asked = {number.lstrip("+") for number in numbers}
    if len(asked) <= _ONE_BY_ONE:
        found = set()
        for number in sorted(asked):
            if (yield GetRecord(account, BLACKLIST, number)) is not None:
                found.add(number)
        return frozenset(found)
    listed = yield from all_records(account, BLACKLIST)
    return frozenset(asked & {record.key for record in listed})


def refused_key(phone: str) -> str:
    """A number as it is kept under REFUSED: as the client wrote it, whatever it is."""
    return phone.strip().removeprefix("+")


def digits(phone: str, account: Account) -> str:
    """The number without plus; empty for what is none."""
    try:
        return international(phone, account.country).removeprefix("+")
    except Refusal:
        return ""
