"""Devino: a session, then everything with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modemgw.dialects.devino import DIALECT
from modemgw.domain.states import State
from tests.unit.dialects.adapters import Adapter, Bulk, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Devino(Adapter):
    dialect = DIALECT
    bad_number = (400, 6)
    wrong_password = (401, 4)
    unavailable = (500, 8)
    no_money = (403, 5)
    bulks = ("Sms/SendBulk", "Sms/Send", "Sms/SendByTimeZone", "Sms/SendByTimeZoneToAddresses", "v2/Sms/SendBulk")
    words = {  # noqa: RUF012
        State.QUEUED: -2,
        State.SENDING: -2,
        State.SENT: -1,
        State.DELIVERED: 0,
        State.UNDELIVERABLE: 42,
        State.EXPIRED: 46,
        State.REJECTED: 48,
        State.CANCELLED: 47,
        State.UNKNOWN: 99,
    }

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        try:
            session = await self._session(rig, "s3cret" if password else "wrong")
            ids = await self._ask(
                rig, "Sms/Send", SessionID=session, DestinationAddress=to, Data=text, SourceAddress="SHOP"
            )
        except PermissionError as error:
            return Sent(error=error.args[0])
        return Sent(ids[0])

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        fields = [("login", "shop"), ("password", "s3cret"), ("sourceAddress", "SHOP"), ("data", text)]
        fields += [("sendDate", "2027-01-16T10:00:00")] if "TimeZone" in way else []
        fields += [("destinationAddresses", number) for number in numbers]
        async with rig.http.post(f"/rest/{way}", data=fields) as response:
            answer = json.loads(await response.text())
        return Bulk() if response.status == 200 else Bulk(error=(response.status, answer["Code"]))

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> int:
        session = await self._session(rig)
        found = await self._ask(rig, "Sms/State", SessionID=session, messageId=sent.id)
        assert isinstance(found["State"], int)
        return int(found["State"])

    async def balance(self, rig: DialectRig) -> str:
        return str(await self._ask(rig, "User/Balance", SessionID=await self._session(rig)))

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        found = await self._ask(
            rig,
            "Sms/In",
            SessionID=await self._session(rig),
            minDateUTC="2027-01-01T00:00:00",
            maxDateUTC="2027-02-01T00:00:00",
        )
        return [(item["SourceAddress"], item["Data"]) for item in found]

    async def _session(self, rig: DialectRig, password: str = "s3cret") -> str:
        session = await self._ask(rig, "User/SessionId", login="shop", password=password)
        assert len(session) == 36
        return str(session)

    async def _ask(self, rig: DialectRig, call: str, **fields: str) -> Any:
        async with rig.http.post(f"/rest/{call}", data=fields) as response:
            answer = json.loads(await response.text())
            if response.status != 200:
                raise PermissionError((response.status, answer["Code"]))
            return answer


ADAPTER = Devino()
