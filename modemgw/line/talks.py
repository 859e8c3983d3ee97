"""The USSD dialogues of all lines, as the use cases reach them: `service.ussd.UssdLines` over the supervisor."""

from __future__ import annotations

from modemgw.domain.ussd import UssdAnswer
from modemgw.line.supervisor import Supervisor


class Talks:
    """See `service.ussd.UssdLines`."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        conversation = self._supervisor.conversation(line)
        if answering:
            return await conversation.answer(text, by, timeout_s)
        return await conversation.ask(text, by, timeout_s)

    async def cancel(self, line: str, *, by: str) -> UssdAnswer:
        return await self._supervisor.conversation(line).cancel(by)
