"""The USSD dialogues of all lines, as the use cases reach them: `service.ussd.UssdLines` over the supervisor."""

from __future__ import annotations

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.ussd import UssdAnswer
from modemgw.line.settings import LineNotReady, NoSuchLine
from modemgw.line.supervisor import Supervisor
from modemgw.line.ussd_dialogue import Conversation


class Talks:
    """See `service.ussd.UssdLines`."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        conversation = self._conversation(line)
        if answering:
            return await conversation.answer(text, by, timeout_s)
        return await conversation.ask(text, by, timeout_s)

    async def cancel(self, line: str, *, by: str) -> UssdAnswer:
        return await self._conversation(line).cancel(by)

    def _conversation(self, line: str) -> Conversation:
        try:
            return self._supervisor.conversation(line)
        except NoSuchLine as error:
            raise Refusal(RefusalKind.NOT_FOUND, str(error), field="name") from error
        except LineNotReady as error:
            raise Refusal(RefusalKind.CONFLICT, str(error)) from error
