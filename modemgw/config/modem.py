"""`[[modem]]`: what may be said of one modem. Owns the keys and their checks, not what is done with them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from modemgw.config.profiles import known_profile
from modemgw.config.types import Money, Name, Pattern, PhoneNumber, Section, UssdCode
from modemgw.installation import how_to_add


class ModemSettings(Section):
    """`[[modem]]`: one modem, found by its port or by its IMEI."""

    name: Name
    port: str | None = Field(default=None, min_length=1)
    imei: str | None = Field(default=None, pattern=r"^[0-9]{14,16}$")
    pin: str | None = Field(default=None, pattern=r"^[0-9]{4,8}$", repr=False)
    baudrate: int = Field(default=115_200, ge=300, le=4_000_000)
    enabled: bool = True
    smsc: PhoneNumber | None = None
    driver: Literal["at", "gsmmodem"] = "at"
    profile: str | None = None
    cnmi: str | None = Field(default=None, pattern=r"^[0-9](,[0-9]){0,4}$")
    direct: bool | None = None
    number: PhoneNumber | None = None
    usb_reset: bool = False
    power_cycle: list[str] | None = None
    health_interval_s: int = Field(default=60, ge=5, le=3600)
    canary_interval_s: int = Field(default=0, ge=0, le=604_800)
    per_minute: int = Field(default=0, ge=0, le=100_000)
    per_hour: int = Field(default=0, ge=0, le=100_000)
    per_day: int = Field(default=0, ge=0, le=1_000_000)
    per_month: int = Field(default=0, ge=0, le=1_000_000)
    gap_s: float = Field(default=0, ge=0, le=3600)
    canary_limit_s: int = Field(default=300, ge=10, le=3600)
    calls: Literal["log", "reject", "leave"] = "log"
    balance_code: UssdCode | None = None
    balance_pattern: Pattern | None = None
    balance_interval_s: int = Field(default=0, ge=0, le=31_536_000)
    low_balance: Money | None = None

    @field_validator("driver")
    @classmethod
    def _driver(cls, value: str) -> str:
        if value == "gsmmodem" and find_spec("gsmmodem") is None:
            raise PydanticCustomError(
                "driver",
                '"gsmmodem" needs python-gsmmodem-new; run: {how}',
                {"how": how_to_add("gsmmodem")},
            )
        return value

    @field_validator("profile")
    @classmethod
    def _profile(cls, value: str | None, info: ValidationInfo) -> str | None:
        return known_profile(value, info)

    @field_validator("power_cycle", mode="before")
    @classmethod
    def _power_cycle(cls, value: object) -> object:
        if value is None or (isinstance(value, list) and value and all(isinstance(v, str) and v for v in value)):
            return value
        raise PydanticCustomError(
            "power_cycle", 'must be the words of a command, such as ["uhubctl", "-l", "1-1", "-p", "2", "-a", "cycle"]'
        )

    @field_validator("balance_interval_s")
    @classmethod
    def _balance(cls, value: int) -> int:
        if 0 < value < 60:
            raise PydanticCustomError("balance", "must be 0 (on demand only) or at least 60")
        return value

    @field_validator("canary_interval_s")
    @classmethod
    def _canary(cls, value: int) -> int:
        if 0 < value < 60:
            raise PydanticCustomError("canary", "must be 0 (no canary) or at least 60")
        return value
