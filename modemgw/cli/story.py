"""A message's life in sentences, from what GET /v1/messages/{id} tells. Owns wording and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modemgw.cli.table import local_time
from modemgw.domain.events import OF_STATE, EventKind
from modemgw.domain.states import State

#: Where a message stands, in one sentence each.
STATES = {
    "queued": "It waits for its turn.",
    "sending": "It is being sent.",
    "sent": "The network took it; whether it arrives is not known yet.",
    "delivered": "It was delivered.",
    "undeliverable": "The network could not deliver it.",
    "expired": "Its validity ended before it was delivered.",
    "rejected": "It was refused for good.",
    "cancelled": "It was cancelled before it was sent.",
    "unknown": "It may or may not have gone out; nobody can tell yet.",
}

#: Why it waits for a person, and what he may do.
_HELD = {
    "restored": " It is held: the database was brought back from a copy. `modemgw db release {id}` sends it, "
    "`modemgw db release --drop {id}` leaves it as it is.",
    "account": " It is held: its account {account} is not configured any more. Put the account back, or cancel its "
    "messages with `modemgw cancel --account {account}`.",
}

#: Why a part is handed over once more, by the outcome of the copy before.
_AGAIN = {
    None: " once more, as its on_doubt rule says",
    "unknown": " once more, as its on_doubt rule says",
    "rejected": " once more, though the network may have the first copy: if so, one more copy goes out",
}

#: States of a part that a report may still change.
_OPEN = frozenset({"sent", "sending", "unknown"})

_ENCODINGS = {"gsm7": "GSM 7-bit", "ucs2": "UCS-2", "data8": "8-bit data"}

#: Of a message in one part these only repeat what the part's own event said.
_ECHOES = frozenset(
    OF_STATE[state]
    for state in (State.SENDING, State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.REJECTED, State.UNKNOWN)
)


_BY = {
    "report": "a report",
    "late +CMGS": "a late +CMGS",
    "absence": "the gateway, which never had it",
}


def headline(message: dict[str, Any]) -> str:
    """What and to whom, in one line."""
    parts = message["part_count"]
    what = _ENCODINGS.get(message["encoding"], message["encoding"])
    size = "one part" if parts == 1 else f"{parts} parts"
    flash = ", flash" if message["flash"] else ""
    return f"Message {message['id']} to {message['to']} ({size}, {what}{flash}): {message['state']}"


def summary(message: dict[str, Any], modems: Sequence[dict[str, Any]] | None = None) -> str:
    """Where it stands and what will happen next. With `modems`, also what it waits for, and that no report comes."""
    state = message["state"]
    sentence = STATES.get(state, f"It is {state}.")
    if message["error"]:
        sentence += f" The reason: {message['error'].rstrip('.')}."
    if held := message.get("held"):
        return sentence + _HELD[held].format(**message)
    if state == "queued":
        sentence += _queued(message, modems)
    if state in {"queued", "sent", "sending"} and message["expires_at"]:
        sentence += f" Its validity ends at {local_time(message['expires_at'])}."
    if state == "sent" and not message["report"]:
        sentence += " No delivery report was asked for."
    elif state == "sent" and (silent := _without_reports(message, modems)):
        sentence += f" No delivery reports come through {silent} (AT+CNMI): whether it arrived will not be known."
    elif state == "sent":
        sentence += " A status report will say whether it was delivered."
    if state == "unknown":
        sentence += _doubt(message, bool(_without_reports(message, modems)))
    return sentence


def _without_reports(message: dict[str, Any], modems: Sequence[dict[str, Any]] | None) -> str:
    """The modems that took parts of which nothing is known yet and that offer no report, by name; "" if there is hope:
    a modem that hands reports over, or is not set up, took one of them."""
    known = {modem["name"]: modem.get("reports") for modem in modems or ()}
    names = list(dict.fromkeys(part["modem"] for part in message.get("parts", []) if part["state"] in _OPEN))
    return " and ".join(names) if names and all(known.get(name) == "none" for name in names) else ""


def _queued(message: dict[str, Any], modems: Sequence[dict[str, Any]] | None) -> str:
    due, send_at = message["due_at"], message["send_at"]
    if due and due != send_at:
        tried = f" The next try is due at {local_time(due)}."
        return tried if modems is None else tried + _lines(message, modems)
    if send_at and (due or message.get("ahead") is None):
        return f" It is not sent before {local_time(send_at)}."
    before = message.get("ahead")
    if modems is not None and message.get("modem") and all(modem["name"] != message["modem"] for modem in modems):
        return _lines(message, modems)
    sentence = ""
    if before is not None:
        sentence = {0: " It is the next.", 1: " One goes before it."}.get(before, f" {before} go before it.")
    return sentence if modems is None else sentence + _lines(message, modems)


def _lines(message: dict[str, Any], modems: Sequence[dict[str, Any]]) -> str:
    """Which lines may take it, and why none does."""
    wanted = message.get("modem")
    able = [modem for modem in modems if wanted in (None, modem["name"])]
    if wanted and not able:
        cancel = f"`modemgw cancel {message['id']}` cancels it."
        return f" It must go through {wanted}, and there is no such modem now. {cancel}"
    if not able:
        return " There is no modem to send it."
    ready = [modem["name"] for modem in able if modem["state"] == "ready"]
    if wanted:
        parts = message.get("parts", [])
        why = ", as its other parts did" if any(part["sent_at"] for part in parts) else ", as was asked for"
        head = f" It must go through {wanted}{why}."
    else:
        head = ""
    if ready:
        return f"{head} Ready to take it: {', '.join(ready)}."
    reasons = "; ".join(
        f"{modem['name']} is {modem['state']}" + (f" ({modem['reason'].rstrip('.')})" if modem["reason"] else "")
        for modem in able
    )
    return f"{head} No line is ready to take it: {reasons}."


def _doubt(message: dict[str, Any], no_report: bool = False) -> str:
    at = message.get("doubt_at")
    settles = "late answer" if no_report or not message["report"] else "late answer or a report"
    hold = message["on_doubt"] == "hold"
    if at is None:
        return (
            f" It will not be sent again by itself; a {settles} can still settle it."
            if hold
            else " It is sent again when the doubt window ends without an answer."
        )
    then = "it stays unknown and is not sent again by itself" if hold else "it is sent again"
    return f" A {settles} can settle it. The doubt window ends at {local_time(at)}; then {then}."


def timeline(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of local time and sentence, oldest first."""
    many = message["part_count"] > 1
    events = message["events"] if many else [event for event in message["events"] if event["kind"] not in _ECHOES]
    sims = _sims(message)
    accepted = next((event for event in events if event["kind"] == EventKind.MESSAGE_QUEUED), None)
    events = [event for event in events if event["kind"] != EventKind.MESSAGE_QUEUED or event is accepted]
    return [(local_time(event["at"]), _sentence(event, message, many=many, sims=sims)) for event in events]


def _sims(message: dict[str, Any]) -> dict[int, list[str]]:
    """For each part the SIMs of its attempts, in order, each to be used up by one event."""
    return {part["seq"]: [_sim(attempt) for attempt in part["attempts"]] for part in message.get("parts", [])}


def _sim(attempt: dict[str, Any]) -> str:
    known = [attempt.get("number"), f"IMSI {attempt['imsi']}" if attempt["imsi"] else None]
    shown = ", ".join(value for value in known if value)
    return f" with the SIM {shown}" if shown else ""


def _sentence(event: dict[str, Any], message: dict[str, Any], *, many: bool, sims: dict[int, list[str]]) -> str:
    data = event["data"]
    part = f"Part {event['part']}" if many and event["part"] else "It"
    modem = f" by {event['modem']}" if event["modem"] else ""
    kind: str = event["kind"]
    error = f": {str(data['error']).rstrip('.')}" if data.get("error") else ""
    code = f" (CMS error {data['code']})" if data.get("code") is not None else ""
    match kind:
        case EventKind.MESSAGE_QUEUED:
            return f"Accepted from {message['account']} and stored durably."
        case EventKind.PART_SENDING:
            again = _AGAIN[data.get("after")] if data.get("resend") else ""
            left = sims.get(event["part"] or 1)
            sim = left.pop(0) if left else ""
            return (
                f"{part} was handed to {'the line ' + event['modem'] if event['modem'] else 'the modem'}{sim}{again}."
            )
        case EventKind.PART_SENT:
            mr = f": the modem said +CMGS: {data['mr']}" if data.get("mr") is not None else ""
            return f"{part} was taken by the network{modem and ' through' + modem[3:]}{mr}."
        case EventKind.PART_REFUSED:
            due = f"; next try at {_due(data['due_at'])}" if data.get("due_at") else "; it will be tried again"
            return f"{part} was refused for now{error}{code}{due}."
        case EventKind.PART_NOT_SENT:
            return f"{part} certainly did not go out{error}{code}; it waits for another try."
        case EventKind.PART_REJECTED:
            return f"{part} was refused for good{error}{code}."
        case EventKind.PART_UNKNOWN:
            return f"{part} may or may not have gone out{error}."
        case EventKind.PART_RESOLVED:
            by = data.get("by") or "a later answer"
            return f"The doubt about {part.lower()} was settled by {_BY.get(by, by)}."
        case EventKind.RECEIPT_MATCHED:
            return f"A status report came for {part.lower()}: {data.get('meaning', 'status')} (TP-ST {data.get('st')})."
        case EventKind.RECEIPT_TOLD:
            said = f" ({data['said']})" if data.get("said") else ""
            return f"{event['modem'] or 'The gateway'} said of {part.lower()}: {data.get('state')}{said}."
        case EventKind.MESSAGE_SECOND_WAY:
            return "It failed; its route lets another way try it, once."
        case EventKind.MESSAGE_REROUTED:
            return f"It goes another way: {str(data.get('reason', '')).rstrip('.')}."
        case EventKind.RECEIPT_AMBIGUOUS:
            return f"A status report came that fits {part.lower()} and others as well; it settles nothing."
        case EventKind.MESSAGE_HELD:
            return "Nobody could tell whether it went out; it is held and not sent again."
        case EventKind.MESSAGE_RELEASED:
            then = "and it is left as it is" if data.get("dropped") else "and it is sent"
            return f"Somebody decided on it after the database was brought back, {then}."
        case EventKind.MESSAGE_RESEND:
            return "Nobody could tell whether it went out; it is queued to be sent again."
    if kind.startswith("message."):
        return STATES.get(kind.removeprefix("message."), kind)
    return kind.replace(".", " ").replace("_", " ").capitalize() + f"{error}{code}."


def _due(at_ms: Any) -> str:
    if not isinstance(at_ms, int):
        return str(at_ms)
    from datetime import datetime

    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M:%S")
