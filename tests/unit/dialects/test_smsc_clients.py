"""Requests of known clients of SMSC.ru, octet for octet, in one session, and answers that they can parse."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modemgw.dialects.smsc import DIALECT

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

VECTORS = Path(__file__).parents[2] / "vectors" / "smsc" / "clients.txt"
AUTH = "login=shop&psw=s3cret"
MD5 = "login=shop&psw=" + hashlib.md5(b"s3cret", usedforsecurity=False).hexdigest()


async def test_clients(serve_dialect: Callable[..., Awaitable[DialectRig]]) -> None:
    """With the limits of the provider on: no client asks for the same twice here."""
    rig = await serve_dialect(DIALECT)
    rows = [
        re.split(r" *\| *", line, maxsplit=4) for line in VECTORS.read_text().splitlines() if line and line[0] != "#"
    ]
    assert len(rows) > 20
    for name, *cells in rows:
        request, content_type, body, expected = (
            cell.strip().replace("{auth}", AUTH).replace("{md5}", MD5) for cell in cells
        )
        method, path = request.split(" ", 1)
        data = body.replace("\\r\\n", "\r\n").encode() if body else None
        headers = {"Content-Type": content_type} if content_type else {}
        async with rig.http.request(method, path, data=data, headers=headers) as response:
            assert response.status == 200, name
            raw = await response.read()
        assert re.fullmatch(expected, raw.decode("utf-8")), (name, raw)
    first, *_ = await rig.messages()
    assert first.text == "Привет"
