"""Numbers and senders as Russian providers read them; for all dialects. What goes into TP-DA is domain/numbers.py."""

from __future__ import annotations

from collections.abc import Iterable

from modemgw.domain.line import ModemView
from modemgw.domain.numbers import normalise, visible
from modemgw.domain.refusal import Refusal, RefusalKind


def international(phone: str, country: str | None) -> str:
    """A number as the provider reads it: international with or without the plus, Russian and local spellings set right.

    Raises Refusal(BAD_NUMBER).
    """
    number = normalise(phone, country)
    if number.startswith("+") or len(number) <= 6:
        return number
    if country in {None, "7"}:
        if len(number) == 11 and number.startswith("8"):
            return "+7" + number[1:]
        if len(number) == 10 and number.startswith("9"):
            return "+7" + number
    if number.startswith("0"):
        raise Refusal(RefusalKind.BAD_NUMBER, f"{phone} is not in international format.", field="phones")
    return normalise("+" + number)


def line_named(sender: str, modems: Iterable[ModemView]) -> str | None:
    """The line that a sender names, by the modem's name or by its number with or without plus; None for no line."""
    number = visible(sender).removeprefix("+")
    for modem in modems:
        if sender == modem.name or (number and (modem.number or "").removeprefix("+") == number):
            return modem.name
    return None
