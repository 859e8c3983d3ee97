"""jobs.php: mailings, at once, later, or again and again.

Each occurrence is stored as messages with a time of their own, so a restart loses none of them. An endless repetition
is laid out some way ahead, and further at every call of jobs.php.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from modemgw.dialects.forms import Form
from modemgw.dialects.seam import (
    CancelMessage,
    DeleteRecord,
    FindMessage,
    GetRecord,
    MarkMessage,
    PutRecord,
    Steps,
    Submit,
)
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.answer import Entry
from modemgw.dialects.smsc.entrance import Caller, digest, operations
from modemgw.dialects.smsc.get import no_records
from modemgw.dialects.smsc.recipients import all_records
from modemgw.dialects.smsc.send import own_id_of, prepare
from modemgw.dialects.smsc.templates import template_of
from modemgw.dialects.smsc.times import day_start, moscow_time
from modemgw.dialects.smsc.wire import ApiError, Params, answer_done, answer_id, answer_item, answer_list
from modemgw.domain.account import Account
from modemgw.domain.message import Accepted, MessageView, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command, MessageQuery, Record
from modemgw.domain.states import State

JOBS = "smsc.job"

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

#: `rpt`: what it repeats by, as milliseconds or months. The provider's page names the values 0 to 7 only.
PERIODS_MS: Mapping[int, int] = {1: HOUR_MS, 2: DAY_MS, 3: 7 * DAY_MS, 4: 14 * DAY_MS}
PERIODS_MONTHS: Mapping[int, int] = {5: 1, 6: 3, 7: 12}

#: How far a repetition is laid out: no further than the store takes messages, and no more of them than this.
AHEAD_MS = 360 * DAY_MS
MAX_MESSAGES = 2000

_PAGE = 1000

_KEPT = ("phones", "list", "mes", "sender", "time", "tz", "name")


def occurrence(first_ms: int, rpt: int, n: int) -> int:
    """When the `n`-th repetition is, Unix ms; months keep the day where they have it (UTC)."""
    if rpt in PERIODS_MS:
        return first_ms + n * PERIODS_MS[rpt]
    first = datetime.fromtimestamp(first_ms // 1000, UTC)
    months = first.month - 1 + n * PERIODS_MONTHS[rpt]
    year, month = first.year + months // 12, months % 12 + 1
    for day in range(first.day, 27, -1):
        try:
            return int(first.replace(year=year, month=month, day=day).timestamp()) * 1000 + first_ms % 1000
        except ValueError:
            continue
    return int(first.replace(year=year, month=month).timestamp()) * 1000 + first_ms % 1000


def add(params: Params, caller: Caller) -> Steps:
    """A new mailing; `id` in the answer is that of the mailing, `cnt` the SMS of one occurrence."""
    rpt = params.number("rpt", 0, 0, 7)
    times = params.number("rptn", 0, 0, 10_000)
    if params.text("tpl").strip():
        params = yield from _with_template(params, caller)
    own_id = own_id_of(params.text("id"))
    yield from caller.throttle("send", caller.options.identical_sends, digest(params))
    entries = yield from prepare(params, caller, own_id)
    base = next(entry.submission.send_at for entry in entries if entry.submission is not None)
    data: dict[str, Any] = {name: params.text(name) for name in _KEPT}
    data |= {
        "rpt": rpt,
        "rptn": times,
        "first": base if base is not None else caller.now,
        "ref": None if own_id is None else str(own_id),
        "laid": 0,
        "cancelled": False,
        "cnt": sum(entry.parts for entry in entries),
        "messages": [],
    }
    if rpt:
        data["submissions"] = [_packed(item, data["first"]) for item in _good(entries)]
    # its id comes before its messages do; until they are there it is none, whatever fails in between
    made: Record = yield PutRecord(caller.account, JOBS, {**data, "making": True})
    yield from _lay_out(replace(made, data=data), caller, _good(entries))
    return answer_id(params, made.id, cnt=data["cnt"])


def _with_template(params: Params, caller: Caller) -> Generator[Command, Any, Params]:
    """The parameters with the text of the template, if there is none of their own."""
    template = yield from template_of(params, "tpl", caller)
    fields = dict(params.items())
    if not params.text("mes"):
        # the charset of the request holds for its other parameters too, so the text is written in it
        fields["mes"] = params.encode(template.data["msg"])
    if not params.text("sender"):
        fields["sender"] = params.encode(template.data["sender"])
    return Params(Form(fields), rest=params.rest)


def _good(entries: Sequence[Entry]) -> list[Submission]:
    return [entry.submission for entry in entries if entry.submission is not None and entry.refusal is None]


def _packed(item: Submission, first: int) -> dict[str, Any]:
    """A submission as JSON, its time as the distance to the first of the mailing."""
    return {
        "to": item.to,
        "text": item.text,
        "data": item.data.hex() if item.data is not None else None,
        "udh": item.udh.hex(),
        "flash": item.flash,
        "pid": item.pid,
        "dcs": item.dcs,
        "validity_s": item.validity_s,
        "line": item.line,
        "extra": item.extra,
        "after": item.send_at - first if item.send_at is not None else 0,
    }


def _unpacked(packed: Mapping[str, Any], base: int) -> Submission:
    return Submission(
        to=packed["to"],
        text=packed["text"],
        data=bytes.fromhex(packed["data"]) if packed["data"] is not None else None,
        udh=bytes.fromhex(packed["udh"]),
        flash=packed["flash"],
        pid=packed["pid"],
        dcs=packed["dcs"],
        validity_s=packed["validity_s"],
        line=packed["line"],
        dialect="smsc",
        extra=dict(packed["extra"]),
        send_at=base + packed["after"],
    )


def _lay_out(job: Record, caller: Caller, first: Sequence[Submission] = ()) -> Generator[Command, Any, Record]:
    """Store the messages of the occurrences that are due to be stored; `first` are those of the very first.

    What was stored is noted after each occurrence; one that was stored and not noted is found by its client_ref.
    """
    data = dict(job.data)
    while _is_open(data):
        n = data["laid"]
        if n:
            at = occurrence(data["first"], data["rpt"], n)
            waiting = len(data["messages"])
            if at > caller.now + AHEAD_MS or waiting + len(data["submissions"]) > MAX_MESSAGES:
                break
            batch = [_unpacked(packed, at) for packed in data["submissions"]] if at > caller.now else []
        else:
            batch = list(first)
        tagged = [
            replace(
                item, client_ref=f"smsc-job-{job.id}-{n}-{at}", extra={"ref": str(job.id), **item.extra, "job": job.id}
            )
            for at, item in enumerate(batch)
        ]
        try:
            results: Sequence[Accepted | Refusal] = (yield Submit(caller.account, tagged, each=n > 0)) if tagged else ()
        except Refusal:
            if n == 0:
                raise
            break  # tried again at the next call
        stored = [result.id for result in results if isinstance(result, Accepted)]
        data |= {"laid": n + 1, "messages": [*data["messages"], *stored]}
        try:
            job = yield PutRecord(caller.account, JOBS, data, key=job.key)
        except Refusal as refusal:
            if refusal.kind is not RefusalKind.UNAVAILABLE:
                raise
            break  # the messages are stored, hence the yes: the next call finds them, here or in `_settled`
    return job


def _settled(job: Record, account: Account) -> Generator[Command, Any, Record | None]:
    """The mailing as it is; None for one that was refused while it was made: it has no messages."""
    if not job.data.get("making"):
        return job
    messages: list[int] = []
    after = 0
    while True:
        page: Sequence[MessageView] = yield MessageQuery(
            account, refs=(str(job.data["ref"] or job.id),), after=after, limit=_PAGE, dialect="smsc"
        )
        messages += [view.id for view in page if view.extra.get("job") == job.id]
        if len(page) < _PAGE:
            break
        after = page[-1].id
    if not messages:
        return None
    data = {name: value for name, value in job.data.items() if name != "making"}
    return replace(job, data={**data, "laid": 1, "messages": messages})


def _is_open(data: Mapping[str, Any]) -> bool:
    """There are occurrences that were not stored yet."""
    if data["cancelled"]:
        return False
    if not data["rpt"]:
        return not data["laid"]
    return not data["rptn"] or data["laid"] <= data["rptn"]


def _job(params: Params, caller: Caller) -> Generator[Command, Any, Record]:
    key = params.text("id").strip()
    found: Record | None = (yield GetRecord(caller.account, JOBS, key)) if key.isdigit() else None
    settled = (yield from _settled(found, caller.account)) if found is not None else None
    if settled is None:
        raise no_records()
    return settled


def _withdraw(job: Record, account: Account) -> Generator[Command, Any, int]:
    """Cancel what was not sent yet; how many messages."""
    withdrawn = 0
    for message_id in job.data["messages"]:
        try:
            yield CancelMessage(account, message_id)
        except Refusal as refusal:
            if refusal.kind not in {RefusalKind.CONFLICT, RefusalKind.NOT_FOUND}:
                raise
        else:
            withdrawn += 1
    return withdrawn


def cancel(params: Params, caller: Caller) -> Steps:
    """What was not sent yet is withdrawn, and nothing is repeated any more; error 5 if there was nothing left."""
    job = yield from _job(params, caller)
    was_open = _is_open(job.data)
    yield PutRecord(caller.account, JOBS, {**job.data, "cancelled": True}, key=job.key)
    withdrawn = yield from _withdraw(job, caller.account)
    if job.data["cancelled"] or not (withdrawn or was_open):
        raise ApiError(tables.NOT_DONE, description=tables.NOT_DONE_TEXT, reason="All of it was sent before.")
    return answer_done(params)


def delete(params: Params, caller: Caller) -> Steps:
    """The mailing is gone with its messages; those that were not sent yet are withdrawn."""
    job = yield from _job(params, caller)
    yield from _withdraw(job, caller.account)
    for message_id in job.data["messages"]:
        yield MarkMessage(caller.account, message_id, {"deleted": True})
    yield DeleteRecord(caller.account, JOBS, job.key)
    return answer_done(params)


def one(params: Params, caller: Caller) -> Steps:
    """A mailing."""
    job = yield from _job(params, caller)
    job = yield from _lay_out(job, caller)
    return answer_item(params, (yield from _item(job, caller)))


def listing(params: Params, caller: Caller) -> Steps:
    """Mailings made from start to end; none at all is error 3."""
    since, end = day_start(params.text("start"), "start"), day_start(params.text("end"), "end")
    items = []
    for record in (yield from all_records(caller.account, JOBS)):
        job = yield from _settled(record, caller.account)
        if job is None:
            continue
        prolonged = yield from _lay_out(job, caller)
        if (since is None or job.created_at >= since) and (end is None or job.created_at < end + DAY_MS):
            items.append((yield from _item(prolonged, caller)))
    if not items:
        raise no_records()
    return answer_list(params, items, item="job")


def _item(job: Record, caller: Caller) -> Generator[Command, Any, dict[str, Any]]:
    data = job.data
    newest: MessageView | None = None
    sent = 0
    for message_id in data["messages"][:100]:
        newest = yield FindMessage(caller.account, id=message_id)
        sent += newest is not None and newest.state not in {State.QUEUED, State.CANCELLED}
    waiting = newest is not None and newest.state is State.QUEUED
    return {
        "id": job.id,
        "name": data["name"],
        "status": -2 if data["cancelled"] else -1 if waiting or _is_open(data) else 1,
        "create_date": moscow_time(job.created_at),
        "start_date": moscow_time(data["first"]),
        "sender": data["sender"],
        "phones": data["phones"],
        "mes": data["mes"],
        "rpt": data["rpt"],
        "rptn": data["rptn"],
        "cnt": data["cnt"],
        "sent": sent,
    }


jobs = operations("jobs", {"add": add, "del": delete, "cancel": cancel, "get": one, "get_all": listing})
