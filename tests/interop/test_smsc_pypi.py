"""The clients of SMSC.ru on PyPI, unmodified, pointed at the dialect by the address only (extra `interop`)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from modemgw.dialects.smsc import DIALECT
from modemgw.domain.states import State

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]


async def test_smsc(serve_dialect: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """smsc 0.1.1: GET, JSON, the forced list format, dates that must be there."""
    library = pytest.importorskip("smsc", reason="the PyPI client `smsc` is not installed")
    api = pytest.importorskip("smsc.api")
    rig = await serve_dialect(DIALECT, account='limits = "provider"')
    monkeypatch.setattr(api.SMSC, "_url", rig.url.rstrip("/") + "/sys/")
    client = api.SMSC(login="shop", password="s3cret")

    def use() -> dict[str, Any]:
        text = library.SMSMessage(text="Привет")
        sent = client.send("79991234567", text)
        cost = client.get_cost(["79991234567", "79991234568"], text)
        again = client.send("79991234567", text)
        return {"sent": sent, "cost": cost, "again": again, "balance": client.get_balance()}

    found = await asyncio.to_thread(use)
    assert (found["sent"].message_id, found["sent"].count, found["sent"].cost) == (1, 1, 1.4)
    assert (found["cost"].count, found["cost"].cost) == (2, 2.8)
    assert found["again"].error == (9, "duplicate request, wait a minute")
    assert "balance=100.5" in str(found["balance"])
    await rig.force(1, State.DELIVERED)
    [status] = await asyncio.to_thread(client.get_status, "79991234567", "1")
    assert (status.status.status_id, status.status.name) == (1, "Доставлено")
    assert status.data["message"] == "Привет"


async def test_smsc_client(serve_dialect: Serve) -> None:
    """smsc-client 0.0.1: a form in UTF-8 without charset, and an answer in which nothing but OK and ID may stand."""
    library = pytest.importorskip("smsc_client.api", reason="the PyPI client `smsc-client` is not installed")
    rig = await serve_dialect(DIALECT)
    client = library.SMSCAPI(login="shop", password="s3cret")
    client._domain = rig.url.rstrip("/") + "/"
    own_id = uuid4()
    sent = await asyncio.to_thread(client.default.send, "79991234567", "Привет", own_id, "SHOP")
    assert str(own_id) == sent.ID
    [message] = await rig.messages()
    assert (message.text, message.extra) == ("Привет", {"ref": str(own_id), "sender": "SHOP"})


SCRIPT = """
const smsc = require('node-smsc')({login: 'shop', password: 's3cret', request: process.argv[1]})
const phones = '79991234567'
const tell = error => ({error: error.message})
const steps = [
    () => smsc.send({phones, mes: 'Привет', id: 10, cost: 2}),
    () => smsc.send({phones, mes: 'Привет', id: 10, cost: 2}).catch(tell),
    () => smsc.send({phones, mms: 1, mes: 'x', id: 5}, {files: [{field: 'f', value: 'data', options: {filename: 'a'}}]})
        .catch(tell),
    () => smsc.status({phone: phones, id: 10, all: 1}),
    () => smsc.balance(),
    () => smsc.get({get_messages: 1, phone: '70000000000'}),
    () => smsc.get({get_answers: 1}),
    () => smsc.phones({add: 1, phone: '11111111111', name: 'Contact From Test'}),
    () => smsc.phones({get: 1}),
    () => smsc.phones({del: 1, phone: '11111111111'}),
    () => smsc.templates({add: 1, name: 'n', msg: 'm'}),
    () => smsc.jobs({add: 1, phones, mes: 'later', name: 'Рассылка', time: '+60'}),
    () => smsc.status({phone: phones, id: 10, del: 1}),
]
steps.reduce((done, step) => done.then(found => step().then(one => [...found, one])), Promise.resolve([]))
    .then(found => console.log(JSON.stringify(found)))
"""


async def test_node_smsc(serve_dialect: Serve) -> None:
    """node-smsc 0.2.3: MD5 in the query, files alone in a chunked body. NODE_PATH says where it is."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    known = await asyncio.create_subprocess_exec(node, "-e", "require('node-smsc')", stderr=asyncio.subprocess.DEVNULL)
    if await known.wait():
        pytest.skip("the npm package node-smsc is not in NODE_PATH")
    rig = await serve_dialect(DIALECT)
    process = await asyncio.create_subprocess_exec(
        node,
        "--no-deprecation",
        "-e",
        SCRIPT,
        rig.url.rstrip("/") + "/sys/",
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    found = json.loads(out)
    assert found[0] == {"id": 10, "cnt": 1, "cost": "1.40"}
    assert found[1] == {"error": "duplicate request, wait a minute (9)"}
    assert found[2] == {"error": "can't to deliver (8)"}
    assert (found[3]["status"], found[3]["message"]) == (-1, "Привет")
    assert found[4:7] == [{"balance": "100.50"}, [], []]
    assert found[8][0]["name"] == "Contact From Test"
    assert found[9] == {"result": "OK"}
    assert found[10]["id"]
    assert found[11]["cnt"] == 1
    assert found[12] == {"result": "OK"}
