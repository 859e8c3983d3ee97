"""senders.php: names of senders. The lines are senders too: one that is asked for by name or number sends."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from modemgw.dialects.seam import DeleteRecord, GetRecord, ListModems, PutRecord, Steps
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.entrance import Caller, operations
from modemgw.dialects.smsc.get import no_records
from modemgw.dialects.smsc.kinds import sender_of
from modemgw.dialects.smsc.recipients import all_records
from modemgw.dialects.smsc.wire import XML, ApiError, Params, answer_done, answer_id, answer_list, answer_markup
from modemgw.domain.line import ModemView
from modemgw.domain.requests import Command, Record

SENDERS = "smsc.sender"

#: Senders that are lines have no id of their own: they are not changed here.
_NO_ID = 0


def listing(params: Params, caller: Caller) -> Steps:
    """The lines by their numbers, or names where those are not known, and the names that were added."""
    modems: Sequence[ModemView] = yield ListModems()
    rows = [((modem.number or modem.name).removeprefix("+"), _NO_ID) for modem in modems]
    rows += [(one.data["sender"], one.id) for one in (yield from all_records(caller.account, SENDERS))]
    if not rows:
        raise no_records()
    if params.fmt == XML:
        lines = [f"<sender id={quoteattr(str(record_id))}>{escape(name)}</sender>" for name, record_id in rows]
        return answer_markup(params, "\n".join(["<senders>", *lines, "</senders>"]))
    return answer_list(params, [{"name": name, "id": record_id} for name, record_id in rows], item="sender")


def _sender(params: Params, caller: Caller) -> Generator[Command, Any, Record]:
    """The one named by sender or id; raises ApiError 3."""
    key = params.text("sender").strip()
    if key:
        found: Record | None = yield GetRecord(caller.account, SENDERS, key)
    else:
        wanted = params.text("id").strip()
        found = next((one for one in (yield from all_records(caller.account, SENDERS)) if str(one.id) == wanted), None)
    if found is None:
        raise no_records()
    return found


def add(params: Params, caller: Caller) -> Steps:
    """A new name; nobody has to approve it, as the network shows the number of the SIM all the same."""
    name = sender_of(params.text("sender"))
    if not name:
        raise ApiError(tables.PARAMETERS, reason="Give sender.")
    made: Record = yield PutRecord(
        caller.account, SENDERS, {"sender": name, "cmt": params.text("cmt")[:1000]}, key=name
    )
    return answer_id(params, made.id)


def change(params: Params, caller: Caller) -> Steps:
    """Another comment."""
    old = yield from _sender(params, caller)
    yield PutRecord(caller.account, SENDERS, {**old.data, "cmt": params.text("cmt")[:1000]}, key=old.key)
    return answer_done(params)


def delete(params: Params, caller: Caller) -> Steps:
    """It is gone."""
    old = yield from _sender(params, caller)
    yield DeleteRecord(caller.account, SENDERS, old.key)
    return answer_done(params)


def confirm(params: Params, caller: Caller) -> Steps:
    """send_code and check_code: a line's number needs no confirmation, any other cannot become a sender."""
    wanted = params.text("sender").strip().removeprefix("+")
    modems: Sequence[ModemView] = yield ListModems()
    if wanted and wanted in {(modem.number or "").removeprefix("+") for modem in modems}:
        return answer_done(params)
    raise ApiError(
        tables.NOT_DONE,
        description=tables.NOT_DONE_TEXT,
        reason="Only the numbers of the SIM cards are digital senders.",
    )


senders = operations(
    "senders",
    {"get": listing, "add": add, "chg": change, "del": delete, "send_code": confirm, "check_code": confirm},
)
