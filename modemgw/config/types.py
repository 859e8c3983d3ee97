"""The kinds of values that settings have, and what all sections of the configuration have in common."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _money(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise PydanticCustomError(
            "network", '"{network}" is no address and no network such as "192.168.0.0/16"', {"network": value}
        ) from None
    return value


def _pattern(value: str) -> str:
    try:
        found = re.compile(value)
    except re.error as error:
        raise PydanticCustomError("pattern", "is no regular expression: {error}", {"error": str(error)}) from None
    if "amount" not in found.groupindex and found.groups != 1:
        raise PydanticCustomError("pattern", "needs one group for the amount, or a group named amount: (?P<amount>…)")
    return value


Network = Annotated[str, AfterValidator(_network)]
Money = Annotated[str, BeforeValidator(_money), Field(pattern=r"^-?\d{1,12}(\.\d{1,4})?$")]
Price = Annotated[str, BeforeValidator(_money), Field(pattern=r"^\d{1,12}(\.\d{1,4})?$")]
PhoneNumber = Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Pattern = Annotated[str, AfterValidator(_pattern), Field(min_length=1, max_length=1000)]
UssdCode = Annotated[str, Field(pattern=r"^[0-9*#][0-9*#+]{0,181}$")]
Seconds = Annotated[int, Field(ge=1, le=31_536_000)]


class Section(BaseModel):
    """A table of the file: frozen, strict, without unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)
