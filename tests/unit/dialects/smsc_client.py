"""A client of the SMSC.ru dialect for tests: asks the rig's server, in the account "shop", limits off unless told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

NO_LIMITS = "[smsc]\nlimits = false\n"


@dataclass(frozen=True, slots=True)
class Client:
    """`text` gives the answer, `json` the same with fmt=3 read as JSON."""

    rig: DialectRig
    login: str = "login=shop&psw=s3cret"

    async def text(self, command: str, **parameters: Any) -> str:
        """The body; charset is UTF-8 unless told."""
        query = urlencode({"charset": "utf-8", **parameters})
        async with self.rig.http.get(f"/sys/{command}.php?{self.login}&{query}") as response:
            assert response.status == 200
            return (await response.read()).decode("utf-8")

    async def json(self, command: str, **parameters: Any) -> Any:
        """The body as JSON."""
        return json.loads(await self.text(command, fmt=3, **parameters))

    async def send(self, mes: str = "x", phones: str = "79991234567", **parameters: Any) -> Any:
        """send.php, as JSON."""
        return await self.json("send", phones=phones, mes=mes, **parameters)

    async def error(self, command: str, **parameters: Any) -> int:
        """The error code, 0 for none."""
        found = await self.json(command, **parameters)
        return int(found.get("error_code", 0)) if isinstance(found, dict) else 0
