"""Anything at all at every command: always an answer of the provider's, never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes
from xml.sax import parseString
from xml.sax.handler import ContentHandler

from modemgw.dialects.smsc import COMMANDS, DIALECT
from tests.unit.dialects.smsc_client import NO_LIMITS

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

WORDS = (
    "add chg del get get_all cancel add_group chg_group del_group get_group move_group add_black del_black get_black "
    "get_answers get_messages get_stat get_price get_operator phones phone mes id sender translit time tz period freq "
    "flash push ping hlr bin cost list nl valid maxsms err op charset all cur cnt hour after_id to_phone prev_id start "
    "end format name msg grp new_phone fio search myid rpt rptn tpl fl[1] subj mail call bot"
)
NAMES = WORDS.split()
VALUES = (
    b"",
    b"0",
    b"1",
    b"2",
    b"3",
    b"-1",
    b"79991234567",
    b"+79991234567,8999",
    b"G1",
    b"G999,",
    b"0605040B8423F0DEAD",
    b"http://a.ru\nx",
    b"abc",
    b"\xff\xfe",
    "Привет".encode(),
    "Привет".encode("cp1251"),
    b"x\n~~~\npid: FF, dcs: 1",
    b"utf-8",
    b"koi8-r",
    b"01.01.2027",
    b"99.99.9999",
    b"0101301200",
    b"01800003600",
    b"+90",
    b"9-18",
    b"24:00",
    b"1e400",
    b"\0",
    b"9" * 40,
    "²".encode(),
    "٣".encode(),
    b"__PING__",
    b"]]><!--",
    b"x" * 3000,
    b"NaN",
    b"Infinity",
)


async def test_every_command_with_anything(serve_dialect: Callable[..., Awaitable[DialectRig]]) -> None:
    rig = await serve_dialect(DIALECT, config=NO_LIMITS)
    chance = Random(11)
    for _ in range(1500):
        command, fmt = chance.choice([*COMMANDS, "none"]), chance.randrange(4)
        fields = {name: chance.choice(VALUES) for name in chance.sample(NAMES, chance.randrange(1, 9))}
        body = "&".join(f"{name}={quote_from_bytes(value)}" for name, value in fields.items())
        async with rig.http.post(
            f"/sys/{command}.php?login=shop&psw=s3cret&fmt={fmt}",
            data=body.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ) as response:
            raw = await response.read()
            text = raw.decode(response.charset or "")
        assert response.status == 200, (command, fields)
        assert text, (command, fields)
        if fmt == 3:
            json.loads(text)
        if fmt == 2:
            parseString(raw, ContentHandler())
