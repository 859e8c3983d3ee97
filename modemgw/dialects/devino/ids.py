"""Ids as the clients see them: one for each part, digits only, made of the message's id and the part's number."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from modemgw.dialects.seam import FindMessage
from modemgw.domain.account import Account
from modemgw.domain.message import Accepted, MessageView, PartView, row_id
from modemgw.domain.requests import Command

#: A message has at most 255 parts (TS 23.040 9.2.3.24.1).
_STEP = 1000


def ids_of(accepted: Accepted) -> list[str]:
    """One for each part."""
    return [str(accepted.id * _STEP + seq) for seq in range(1, accepted.parts + 1)]


def find_part(
    account: Account, part_id: str
) -> Generator[Command, Any, tuple[MessageView, MessageView | PartView] | None]:
    """The message and its part with that id; the message itself where its parts are not known."""
    number = row_id(part_id.strip().strip('"'))
    if number is None:
        return None
    message_id, seq = divmod(number, _STEP)
    view: MessageView | None = yield FindMessage(account, id=message_id)
    if view is None or view.extra.get("deleted") or not 1 <= seq <= view.part_count:
        return None
    # a part that is forgotten has the state of its message
    return view, next((part for part in view.parts if part.seq == seq), view)
