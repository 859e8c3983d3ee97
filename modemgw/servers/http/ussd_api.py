"""/v1/modems/{name}/ussd and /balance: what is asked of the operator through a modem.

Owns these routes and their bodies. Who may ask, and the dialogue, are service's and modem's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from modemgw.domain.ussd import UssdAnswer, UssdFailed, UssdNoAnswer, UssdState
from modemgw.servers.http import models, views
from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.servers.http.problems import RequestProblem
from modemgw.service.core import Gateway
from modemgw.service.ussd import LONGEST_ANSWER, LONGEST_S, TIMEOUT_S


class UssdRequest(BaseModel):
    """A USSD code, or the answer to an open menu: give one of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_ANSWER, description="What is dialled.", examples=["*100#"]
    )
    answer: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_ANSWER, description="To the menu that is open.", examples=["1"]
    )
    timeout_s: float = Field(
        default=TIMEOUT_S, ge=1, le=LONGEST_S, description="How long the network's answer is waited for."
    )

    @model_validator(mode="after")
    def _one(self) -> UssdRequest:
        if (self.code is None) == (self.answer is None):
            raise PydanticCustomError("ussd", "give `code` or `answer`, and not both")
        return self


class UssdBody(BaseModel):
    """What the network said."""

    model_config = ConfigDict(extra="forbid")

    modem: str
    status: UssdState = Field(description="done; open: the network waits for an answer; terminated; not_supported; …")
    text: str | None
    open: bool = Field(description="A menu: POST an answer, or DELETE to leave it. It is left after 120 s.")
    coding: str | None = Field(description="How the modem wrote it: plain, packed, ucs2, …")
    readable: bool = Field(description="It looks like a text that a person is shown.")
    dcs: int | None = Field(description="The data coding scheme that the modem gave.")
    raw: str | None = Field(description="As the modem wrote it.")


class UssdApi:
    """Handlers of what is asked of an operator."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def operations(self) -> list[Operation]:
        """The table."""
        ussd = "/v1/modems/{name}/ussd"
        return [
            Operation(
                "POST",
                ussd,
                self.ask_ussd,
                "Send a USSD code, or answer an open menu; answered when the network has answered.",
                {200: UssdBody},
                (400, 403, 404, 408, 409, 413, 415, 422, 424, 504),
                body=UssdRequest,
            ),
            Operation(
                "DELETE", ussd, self.cancel_ussd, "End the open USSD dialogue.", {200: UssdBody}, (403, 404, 409)
            ),
            Operation(
                "POST",
                "/v1/modems/{name}/balance",
                self.refresh_balance,
                "Ask the operator what the SIM has left.",
                {200: models.ModemBody},
                (404, 409, 424, 503, 504),
            ),
        ]

    async def ask_ussd(self, call: Call[NoQuery, UssdRequest]) -> Answer:
        """POST …/ussd."""
        account, asked, desk = call.account, call.body, self._gateway.ussd
        with ussd_errors_as_problems():
            if asked.code is not None:
                return body_of(await desk.ask(account, call.name, asked.code, asked.timeout_s))
            return body_of(await desk.answer(account, call.name, asked.answer or "", asked.timeout_s))

    async def cancel_ussd(self, call: Call[NoQuery, None]) -> Answer:
        """DELETE …/ussd."""
        return body_of(await self._gateway.ussd.cancel(call.account, call.name))

    async def refresh_balance(self, call: Call[NoQuery, None]) -> Answer:
        """POST …/balance."""
        with ussd_errors_as_problems():
            return views.modem(await self._gateway.refresh_balance(call.account, call.name))


@contextmanager
def ussd_errors_as_problems() -> Iterator[None]:
    """What the network does not say, or says no to, as problems of HTTP."""
    try:
        yield
    except UssdNoAnswer as error:
        raise RequestProblem(504, str(error)) from error
    except UssdFailed as error:
        raise RequestProblem(424, str(error)) from error


def body_of(answer: UssdAnswer) -> dict[str, Any]:
    """UssdBody."""
    return {
        "modem": answer.line,
        "status": answer.state.value,
        "text": answer.text,
        "open": answer.open,
        "coding": answer.coding,
        "readable": answer.readable,
        "dcs": answer.dcs,
        "raw": answer.raw,
    }
