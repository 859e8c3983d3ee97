"""/v1/modems/{name}/examine: how a modem is set, by its own words. For `modemgw doctor`.

Owns this route and its body. The questions are modem/questions.py's.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
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

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

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

    async def examine(self, call: Call[NoQuery, None]) -> Answer:
        """POST."""
        answers = [
            {"question": question, "lines": list(lines), "error": error}
            for question, lines, error in await self._gateway.examine_modem(call.account, call.name)
        ]
        return {"modem": call.name, "answers": answers}
