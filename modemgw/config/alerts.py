"""`[[alert]]`: who is told of which trouble, and how. Owns the keys and their checks."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from modemgw.config.types import Name, Section
from modemgw.rules.alerting import Condition


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _conditions(value: object) -> object:
    names = _listed(value)
    if isinstance(names, list):
        for name in names:
            if name not in Condition._value2member_map_:
                known = ", ".join(Condition)
                raise PydanticCustomError(
                    "condition", '"{name}" is no condition; there are: {known}', {"name": str(name), "known": known}
                )
        return [Condition(name) for name in names]
    return names


class AlertSettings(Section):
    """One rule. Without `on` it is every condition."""

    name: Name
    on: Annotated[list[Condition], BeforeValidator(_conditions), Field(min_length=1)] | None = None
    after_s: int = Field(default=60, ge=0, le=86_400)
    old_queue_s: int = Field(default=600, ge=1, le=864_000)
    failed_share: float = Field(default=0.5, gt=0, le=1)
    failed_volume: int = Field(default=20, ge=1, le=1_000_000)
    to: Annotated[list[str], BeforeValidator(_listed), Field(max_length=20, repr=False)] = Field(default=[])
    webhook: str | None = Field(default=None, min_length=8, max_length=2000, repr=False)
    sms: str | None = Field(default=None, pattern=r"^\+?[0-9]{3,15}$")
    line: str | None = Field(default=None, min_length=1, max_length=32)
    program: list[str] = Field(default=[], max_length=50)

    @field_validator("webhook")
    @classmethod
    def _webhook(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in ("http", "https"):
            raise PydanticCustomError("webhook", "must begin with https:// or http://")
        return value

    @model_validator(mode="after")
    def _somebody(self) -> AlertSettings:
        if not (self.to or self.webhook or self.sms or self.program):
            raise PydanticCustomError("alert", "tells nobody: give `to`, `webhook`, `sms` or `program`")
        return self
