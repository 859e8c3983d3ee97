"""What the provider tells of a message beyond its status: the fields that status.php and get.php share."""

from __future__ import annotations

from typing import Any

from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.kinds import shown_text
from modemgw.dialects.smsc.times import moscow_time
from modemgw.domain.account import Account
from modemgw.domain.message import MessageView
from modemgw.domain.requests import NumberFacts


def details(view: MessageView) -> dict[str, Any]:
    """What all=1 adds, in the order of fmt 1."""
    code, _ = tables.status_of(view)
    sent_at = view.send_at if view.send_at is not None else view.created_at
    return {
        "send_date": moscow_time(sent_at),
        "send_timestamp": sent_at // 1000,
        "phone": view.to.removeprefix("+"),
        "cost": view.cost,
        "sender_id": str(view.extra.get("sender", "")),
        "status_name": tables.STATUS_NAMES[code],
        "message": shown_text(view),
    }


def cost_of(view: MessageView, account: Account) -> str:
    """What all its parts cost when it was accepted."""
    return view.cost


def place(facts: NumberFacts | None) -> dict[str, str]:
    """What all=2 adds; empty where nothing is known of the number."""
    if facts is None:
        return {"country": "", "operator": "", "region": ""}
    return {"country": facts.country, "operator": facts.operator, "region": facts.region}
