"""The XML of /xml/*.php: documents in, documents out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element

from modemgw.dialects.markup import attribute, escape, parse_xml
from modemgw.dialects.seam import (
    Authenticate,
    CancelMessage,
    FindMessage,
    GetRecord,
    LookupNumber,
    PutRecord,
    Steps,
    WireRequest,
    WireResponse,
)
from modemgw.dialects.smsgate import core, tables
from modemgw.dialects.smsgate.core import Outcome, StateRow, Wanted, Wrong
from modemgw.domain.account import Account
from modemgw.domain.callback import may_call
from modemgw.domain.message import MessageView, row_id
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command, MessageQuery, NumberFacts
from modemgw.domain.states import State

Inner: TypeAlias = Generator[Command, Any, str]
Page: TypeAlias = Callable[[Element, Account, int], Inner]

PAGE_SIZE = 100


def endpoint(page: Page) -> Callable[[WireRequest], Steps]:
    """A handler that checks the document and who sent it; any error is `<response><error>`."""

    def handle(request: WireRequest) -> Steps:
        try:
            if not request.body.strip():
                raise Wrong(tables.NO_DATA)
            root = parse_xml(request.body.strip())
            if root is None or root.tag != "request":
                raise Wrong(tables.BAD_XML)
            account = yield from _enter(root, request)
            return _answer((yield from page(root, account, request.now)))
        except Wrong as wrong:
            return _answer(f"<error>{escape(str(wrong))}</error>")
        except Refusal as refusal:
            return _answer(f"<error>{escape(tables.ERRORS[refusal.kind])}</error>")

    return handle


def _enter(root: Element, request: WireRequest) -> Generator[Command, Any, Account]:
    values = {name: _attribute(root.find(f"security/{name}"), "value") for name in ("login", "password", "token")}
    if values["token"]:
        token: Account = yield Authenticate(api_key=values["token"], remote=request.remote)
        return token
    account: Account = yield Authenticate(login=values["login"], password=values["password"], remote=request.remote)
    return account


def _answer(inner: str) -> WireResponse:
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<response>{inner}</response>'
    return WireResponse(text.encode("utf-8", "replace"), content_type="text/xml; charset=utf-8")


def _attribute(element: Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext())


def send(root: Element, account: Account, now: int) -> Inner:
    """/xml/: every abonent of every message."""
    wanted = [
        Wanted(
            phone=abonent.get("phone", ""),
            text=_text(message.find("text")),
            sender=_text(message.find("sender")),
            number=abonent.get("number_sms", ""),
            client_id=abonent.get("client_id_sms", ""),
            send_at=abonent.get("time_send", ""),
            validity=abonent.get("validity_period", ""),
            translite=_text(message.find("translite")).strip() == "1",
            kind=message.get("type", "sms"),
        )
        for message in root.findall("message")
        for abonent in message.findall("abonent")
    ]
    if not wanted:
        raise Wrong(tables.BAD_XML)
    outcomes = yield from core.send(account, wanted, now, each=True)
    return "".join(_information(outcome) for outcome in outcomes)


def _information(outcome: Outcome) -> str:
    number = f"number_sms={attribute(outcome.wanted.number)}"
    if outcome.accepted is None:
        return f"<information {number}>{escape(outcome.error)}</information>"
    return f'<information {number} id_sms="{outcome.accepted.id}" parts="{outcome.accepted.parts}">send</information>'


def state(root: Element, account: Account, now: int) -> Inner:
    """/xml/state.php."""
    ids = [_text(element) for element in root.findall("get_state/id_sms")]
    rows = yield from core.states(account, ids)
    return "".join(state_element(row) for row in rows)


def state_element(row: StateRow) -> str:
    """One `<state>`."""
    return f'<state id_sms="{row.id}" time="{row.time}" num_parts="{row.parts}" price="{row.price}">{row.state}</state>'


def push_url(root: Element, account: Account, now: int) -> Inner:
    """/xml/get_state.php: where states are pushed to, set or told."""
    element = root.find("get_state")
    if element is None:
        raise Wrong(tables.BAD_XML)
    if element.get("type") == "set":
        url = _text(element).strip()
        if not may_call(account, url):
            raise Wrong("URL не разрешён настройками аккаунта")
        yield PutRecord(account, core.PUSH_SPACE, {"url": url}, key=core.PUSH_KEY)
        return f"<get_state>{escape(url)}</get_state>"
    record = yield GetRecord(account, core.PUSH_SPACE, core.PUSH_KEY)
    return f"<get_state>{escape(record.data['url'] if record is not None else '')}</get_state>"


def balance(root: Element, account: Account, now: int) -> Inner:
    """/xml/balance.php."""
    money, count = yield from core.balance(account)
    area = f'<sms area="Россия">{count}</sms>' if count else ""
    return f'<money currency="{money.currency}">{money.amount}</money>{area}'


def originator(root: Element, account: Account, now: int) -> Inner:
    """/xml/originator.php: the lines; any other name is kept, too."""
    names = yield from core.senders(account)
    rows = "".join(f'<originator state="completed">{escape(name)}</originator>' for name in names)
    return f"<any_originator>TRUE</any_originator><list_originator>{rows}</list_originator>"


def incoming(root: Element, account: Account, now: int) -> Inner:
    """/xml/incoming.php."""
    time = root.find("time")
    views = yield from core.incoming(account, _attribute(time, "start"), _attribute(time, "end"))
    return "".join(
        f'<sms id_sms="{view.id}" date_receive="{core.shown_time(view.received_at, account)}"'
        f' originator={attribute((view.recipient or "").lstrip("+"))} prefix=""'
        f" phone={attribute(view.sender.lstrip('+'))}>{escape(view.text or '')}</sms>"
        for view in views
    )


def numbers(root: Element, account: Account, now: int) -> Inner:
    """/xml/def.php: what is known of numbers."""
    rows = []
    for element in root.findall(".//phone")[: core.MAX_STATES]:
        phone = _text(element).strip()
        facts: NumberFacts | None = yield LookupNumber(phone)
        operator, region, zone = "", "", ""
        if facts is not None:
            operator, region = facts.operator, facts.region
            zone = str((facts.utc_offsets_s[0] - 10_800) // 3600) if facts.utc_offsets_s else ""
        rows.append(
            f"<phone operator={attribute(operator)} region={attribute(region)}"
            f' time_zone="{zone}">{escape(phone)}</phone>'
        )
    return "".join(rows)


def time(root: Element, account: Account, now: int) -> Inner:
    """/xml/time.php."""
    return f"<time>{core.shown_time(now, account)}</time>"
    yield


def list_scheduled(root: Element, account: Account, now: int) -> Inner:
    """/xml/list_scheduled.php: what waits for its time, the newest first, a hundred a page."""
    asked = _attribute(root.find("scheduled"), "page")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    views: list[MessageView] = yield MessageQuery(account, limit=1000, newest=True, dialect=core.NAME)
    waiting = [view for view in views if view.state is State.QUEUED and (view.send_at or 0) > now]
    shown = waiting[max(page - 1, 0) * PAGE_SIZE :][:PAGE_SIZE]
    return "".join(
        f'<scheduled id_sms="{view.id}" phone={attribute(view.to.lstrip("+"))}'
        f' time_send="{core.shown_time(view.send_at or 0, account)}">{escape(view.text or "")}</scheduled>'
        for view in shown
    )


def delete_scheduled(root: Element, account: Account, now: int) -> Inner:
    """/xml/scheduled.php: withdraw what waits for its time."""
    rows = []
    for element in root.findall("delete_schedule/schedule")[: core.MAX_STATES]:
        id, word = element.get("id_sms", "").strip(), "not_found"
        if (number := row_id(id)) is not None:
            view: MessageView | None = yield FindMessage(account, id=number)
            if view is not None and view.state is State.QUEUED:
                try:
                    yield CancelMessage(account, view.id)
                    word = "delete"
                except Refusal as refusal:
                    if refusal.kind not in {RefusalKind.CONFLICT, RefusalKind.NOT_FOUND}:
                        raise
        rows.append(f"<scheduled id_sms={attribute(id)}>{word}</scheduled>")
    return "".join(rows)


def unknown(root: Element, account: Account, now: int) -> Inner:
    """What the platform has and this gateway has not: bases, stop-lists, templates, statistics."""
    raise Wrong(tables.BAD_XML)
    yield


PAGES: Mapping[str, Page] = {
    "": send,
    "index.php": send,
    "state.php": state,
    "get_state.php": push_url,
    "balance.php": balance,
    "originator.php": originator,
    "incoming.php": incoming,
    "def.php": numbers,
    "time.php": time,
    "list_scheduled.php": list_scheduled,
    "scheduled.php": delete_scheduled,
}
