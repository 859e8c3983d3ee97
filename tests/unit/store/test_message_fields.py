"""A field of a message has one name from the front door to the column, and each place that lacks it is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest

from modemgw.domain.job import COLUMNS, NewMessage
from modemgw.domain.message import MessageView, Submission
from modemgw.servers.http import models, views
from modemgw.store import acceptance, queries
from tests.unit.store.desk import PLAIN, SHOP, Desk

#: A client's word for a field -> ours.
CALLED = {"modem": "line"}


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_every_field_of_a_message_is_a_column(desk: Desk) -> None:
    columns = set(desk.rows("SELECT name FROM pragma_table_info('messages')"))
    missing = set(COLUMNS) - columns
    assert not missing, f"add a migration to modemgw/store/schema.py for {missing}"


def test_every_field_that_a_client_may_give_is_one_of_a_submission() -> None:
    missing = {CALLED.get(name, name) for name in models.NewMessage.model_fields} - {f.name for f in fields(Submission)}
    assert not missing, f"add {missing} to Submission in modemgw/domain/message.py"


def test_every_field_that_a_client_sees_is_one_of_the_view() -> None:
    shown = {CALLED.get(name, name) for name in models.MessageSummary.model_fields}
    missing = shown - {field.name for field in fields(MessageView)}
    assert not missing, f"add {missing} to MessageView in modemgw/domain/message.py"


def test_what_is_accepted_is_what_is_claimed_and_shown(desk: Desk) -> None:
    """Each field with a value of its own, from the door to the job and to the view."""
    strange = {
        "text": "Ж",
        "data": None,
        "udh": b"\x70\x00",
        "encoding": "ucs2",
        "locking": 1,
        "single": 2,
        "flash": True,
        "pid": 65,
        "dcs": 24,
        "priority": -7,
        "line": "b",
        "report": False,
        "on_doubt": "resend",
        "client_ref": "r",
        "ref": "g",
        "dialect": "smsc",
        "extra": '{"ref":"g"}',
        "validity_s": 77,
        "cost": 12300,
    }
    message = NewMessage(**{**{f.name: getattr(PLAIN, f.name) for f in fields(NewMessage)}, **strange})
    accepted = desk.do(acceptance.Accept(message))
    (job,) = queries.claim(desk.con, "b", 1)
    view = queries.message(desk.con, SHOP.id, accepted.id)
    assert view is not None
    for name in {f.name for f in fields(job)} & set(COLUMNS):
        assert getattr(job, name) == getattr(message, name), name
    for name in ({f.name for f in fields(view)} & set(COLUMNS)) - {"parts", "extra", "cost"}:
        assert getattr(view, name) == getattr(message, name), name
    assert (view.to, view.part_count, view.extra, view.cost) == (message.recipient, 1, {"ref": "g"}, "1.23")
    body = views.message(view, ())
    models.MessageBody.model_validate(body)
    assert (body["modem"], body["state"], body["on_doubt"], body["flash"]) == ("b", "queued", "resend", True)
