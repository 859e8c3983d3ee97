"""A message's life in sentences, from what GET /v1/messages/{id} tells. Owns wording and nothing else."""

from __future__ import annotations

from typing import Any

from modemgw.cli.table import local_time

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

_ENCODINGS = {"gsm7": "GSM 7-bit", "ucs2": "UCS-2", "data8": "8-bit data"}

#: Of a message in one part these only repeat what the part's own event said.
_ECHOES = frozenset(
    f"message.{state}" for state in ("sending", "sent", "delivered", "undeliverable", "rejected", "unknown")
)


def headline(message: dict[str, Any]) -> str:
    """What and to whom, in one line."""
    parts = message["part_count"]
    what = _ENCODINGS.get(message["encoding"], message["encoding"])
    size = "one part" if parts == 1 else f"{parts} parts"
    flash = ", flash" if message["flash"] else ""
    return f"Message {message['id']} to {message['to']} ({size}, {what}{flash}): {message['state']}"


def summary(message: dict[str, Any]) -> str:
    """Where it stands and what will happen next."""
    state = message["state"]
    sentence = STATES.get(state, f"It is {state}.")
    if message["error"]:
        sentence += f" The reason: {message['error'].rstrip('.')}."
    if state == "queued" and message["due_at"]:
        sentence += f" The next try is due at {local_time(message['due_at'])}."
    elif state == "queued" and message["send_at"]:
        sentence += f" It is not sent before {local_time(message['send_at'])}."
    if state in {"queued", "sent", "sending"} and message["expires_at"]:
        sentence += f" Its validity ends at {local_time(message['expires_at'])}."
    if state == "sent" and not message["report"]:
        sentence += " No delivery report was asked for."
    if state == "unknown":
        sentence += {
            "hold": " It will not be sent again by itself; a late answer or a report can still settle it.",
            "resend": " It is sent again when the doubt window ends without an answer.",
        }.get(message["on_doubt"], "")
    return sentence


def timeline(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of local time and sentence, oldest first."""
    many = message["part_count"] > 1
    events = message["events"] if many else [event for event in message["events"] if event["kind"] not in _ECHOES]
    return [(local_time(event["at"]), _sentence(event, message, many=many)) for event in events]


def _sentence(event: dict[str, Any], message: dict[str, Any], *, many: bool) -> str:
    data = event["data"]
    part = f"Part {event['part']}" if many and event["part"] else "It"
    modem = f" by {event['modem']}" if event["modem"] else ""
    kind: str = event["kind"]
    error = f": {str(data['error']).rstrip('.')}" if data.get("error") else ""
    code = f" (CMS error {data['code']})" if data.get("code") is not None else ""
    match kind:
        case "message.queued":
            return f"Accepted from {message['account']} and stored durably."
        case "part.sending":
            again = " once more, as its on_doubt rule says" if data.get("resend") else ""
            return f"{part} was handed{again} to the modem{modem.replace(' by ', ' ')}."
        case "part.sent":
            mr = f" under reference {data['mr']}" if data.get("mr") is not None else ""
            return f"{part} was taken by the network{modem and ' through' + modem[3:]}{mr}."
        case "part.refused":
            due = f"; next try at {_due(data['due_at'])}" if data.get("due_at") else "; it will be tried again"
            return f"{part} was refused for now{error}{code}{due}."
        case "part.not_sent":
            return f"{part} certainly did not go out{error}{code}; it waits for another try."
        case "part.rejected":
            return f"{part} was refused for good{error}{code}."
        case "part.unknown":
            return f"{part} may or may not have gone out{error}."
        case "part.resolved":
            return f"The doubt about {part.lower()} was settled by a {data.get('by', 'later answer')}."
        case "receipt.matched":
            return f"A status report came for {part.lower()}: {data.get('meaning', 'status')} (TP-ST {data.get('st')})."
        case "receipt.ambiguous":
            return f"A status report came that fits {part.lower()} and others as well; it settles nothing."
        case "message.held":
            return "Nobody could tell whether it went out; it is held and not sent again."
        case "message.resend":
            return "Nobody could tell whether it went out; it is queued to be sent again."
    if kind.startswith("message."):
        return STATES.get(kind.removeprefix("message."), kind)
    return kind.replace(".", " ").replace("_", " ").capitalize() + f"{error}{code}."


def _due(at_ms: Any) -> str:
    if not isinstance(at_ms, int):
        return str(at_ms)
    from datetime import datetime

    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M:%S")
