"""The answer of send.php, in every format and `cost` mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from modemgw.dialects.seam import WireResponse
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.wire import CSV, JSON, XML, Params, answer_json, answer_text, answer_xml
from modemgw.domain.message import Submission
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Balance, Quoted


@dataclass(frozen=True, slots=True)
class Entry:
    """One number as the client wrote it, with what becomes of it: a message with its price, or a refusal."""

    phone: str
    submission: Submission | None = None
    quoted: Quoted | None = None
    refusal: Refusal | None = None

    @property
    def parts(self) -> int:
        """SMS that are sent and paid."""
        return self.quoted.parts if self.quoted is not None and self.refusal is None else 0

    @property
    def cost(self) -> Decimal:
        """Their price."""
        return Decimal(self.quoted.cost) if self.quoted is not None and self.refusal is None else Decimal(0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything an answer is made of. `mode` is the parameter cost."""

    id: int | str
    mode: int
    entries: Sequence[Entry]
    balance: Balance | None = None

    @property
    def count(self) -> int:
        """SMS of all numbers."""
        return sum(entry.parts for entry in self.entries)

    @property
    def cost(self) -> str:
        """What they cost, as decimal text."""
        return f"{sum((entry.cost for entry in self.entries if entry.parts), Decimal(0)):f}"

    def answer(self, params: Params) -> WireResponse:
        """As the client wants it."""
        if params.fmt == JSON:
            return answer_json(params, self.fields(params))
        if params.fmt == XML:
            return answer_xml(params, self.fields(params))
        if params.fmt == CSV:
            row = [self.cost, str(self.count)] if self.mode == 1 else [str(self.id), str(self.count)]
            row += [self.cost] if self.mode in {2, 3} else []
            row += [self.balance.amount] if self.balance else []
            return answer_text(params, ",".join(row))
        if self.mode == 1:
            return answer_text(params, f"{self.cost} ({self.count} SMS)")
        text = f"OK - {self.count} SMS, ID - {self.id}"
        text += f", COST - {self.cost}" if self.mode in {2, 3} else ""
        text += f", BALANCE - {self.balance.amount}" if self.balance else ""
        return answer_text(params, text)

    def fields(self, params: Params) -> dict[str, Any]:
        """As names and values, in the provider's order."""
        fields: dict[str, Any] = {"cost": self.cost} if self.mode == 1 else {"id": self.id}
        fields["cnt"] = self.count
        if self.mode in {2, 3}:
            fields["cost"] = self.cost
        if self.balance is not None:
            fields["balance"] = self.balance.amount
        if phones := self._phones(params):
            fields["phones"] = phones
        return fields

    def _phones(self, params: Params) -> list[dict[str, str]]:
        """The list of op=1 (all numbers) or err=1 (the bad ones); values are strings."""
        all_numbers, bad_ones = params.flag("op"), params.flag("err")
        rows = []
        for entry in self.entries:
            if not (all_numbers or (bad_ones and entry.refusal is not None)):
                continue
            row = {"phone": entry.phone.removeprefix("+"), "mccmnc": "", "cost": f"{entry.cost:f}"}
            if entry.refusal is not None:
                status, error = tables.REFUSED_NUMBERS[entry.refusal.kind]
                row |= {"status": str(status), "error": str(error)}
            rows.append(row)
        return rows
