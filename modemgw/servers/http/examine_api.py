"""/v1/modems/{name}/examine: how a modem is set, by its own words. For `modemgw doctor`.

Owns this route and its body. The questions are modem/questions.py's.
"""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from modemgw.servers.http import models
from modemgw.servers.http.access import Keyring
from modemgw.servers.http.native import Operation, as_json, parse_query
from modemgw.service.core import Gateway


class AnswerBody(BaseModel):
    """A question and what the modem said to it."""

    model_config = ConfigDict(extra="forbid")

    question: str
    lines: list[str]
    error: str | None


class ExaminationBody(BaseModel):
    """What a modem answered."""

    model_config = ConfigDict(extra="forbid")

    modem: str
    answers: list[AnswerBody] = Field(description="In the order in which it was asked.")


class ExamineApi:
    """The handler of /v1/modems/{name}/examine."""

    def __init__(self, gateway: Gateway, keyring: Keyring) -> None:
        self._gateway = gateway
        self._keyring = keyring

    def operations(self) -> list[Operation]:
        """The table."""
        return [
            Operation(
                "POST",
                "/v1/modems/{name}/examine",
                self.examine,
                "Ask a modem how it is set, between two messages; sets nothing.",
                {200: ExaminationBody},
                (404, 409),
            )
        ]

    async def examine(self, request: web.Request) -> web.Response:
        """POST."""
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        name = request.match_info["name"]
        answers = [
            {"question": question, "lines": list(lines), "error": error}
            for question, lines, error in await self._gateway.examine_modem(account, name)
        ]
        return as_json({"modem": name, "answers": answers})
