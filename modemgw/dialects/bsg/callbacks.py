"""What is posted to a message's callback_url, or to an account's with callback_format = "bsg": the status as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from modemgw.dialects.bsg.account import received
from modemgw.dialects.bsg.status import told
from modemgw.dialects.json_body import write_json
from modemgw.dialects.seam import Occurrence
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest, may_call
from modemgw.domain.states import State

_HEADERS = {"Content-Type": "application/json"}


def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
    """A message that names a URL is told there, and not to the account as well."""
    view = event.message
    if view is None:
        if event.inbox is None or account.callback_url is None:
            return ()
        body = write_json(received(event.inbox))
        return (CallbackRequest(account.callback_url, f"inbox {event.inbox.id}", headers=_HEADERS, body=body),)
    if view.state in {State.QUEUED, State.SENDING}:  # nothing has become of it yet
        return ()
    own = view.extra.get("callback") if view.dialect == "bsg" else None
    elsewhere = isinstance(own, str) and may_call(account, own)
    url = own if event.own else None if elsewhere else account.callback_url
    if not isinstance(url, str):
        return ()
    fields = told(view, account.currency, event.at)
    fields["price"] = f"{fields['price']:.7f}"
    return (CallbackRequest(url, f"message {view.id}", headers=_HEADERS, body=write_json(fields)),)
