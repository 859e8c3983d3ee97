"""`[[upstream]]`: an online gateway as a line. Owns the keys that all kinds have; a kind's own are its codec's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from modemgw.config.types import Money, Name, Price, Section
from modemgw.domain.upstream import UpstreamAccount

Kind = Literal["smsc", "devino", "bsg", "twilio", "sms_gate_app", "kannel", "modemgw", "http", "smpp"]


class UpstreamSettings(Section):
    """One online gateway. Keys that are not here belong to the kind and stand in `options`."""

    model_config = ConfigDict(extra="allow")

    name: Name
    kind: Kind
    url: str | None = Field(default=None, min_length=1, max_length=2000)
    login: str = Field(default="", max_length=256)
    password: str = Field(default="", max_length=256, repr=False)
    api_key: str = Field(default="", max_length=1024, repr=False)
    sender: str = Field(default="", max_length=32)
    enabled: bool = True
    rate_per_s: float = Field(default=0, ge=0, le=10_000)
    max_parallel: int | None = Field(default=None, ge=1, le=1000)
    timeout_s: float = Field(default=30, ge=1, le=180)
    connect_s: float = Field(default=5, ge=0.1, le=60)
    price: Price | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    max_price: Price | None = None
    money_per_day: Price | None = None
    money_per_month: Price | None = None
    per_minute: int = Field(default=0, ge=0, le=1_000_000)
    per_hour: int = Field(default=0, ge=0, le=10_000_000)
    per_day: int = Field(default=0, ge=0, le=100_000_000)
    per_month: int = Field(default=0, ge=0, le=1_000_000_000)
    low_balance: Money | None = None
    balance_interval_s: int = Field(default=3600, ge=60, le=604_800)
    poll_s: float = Field(default=0, ge=0, le=3600)
    callback: bool = True
    callback_base: str | None = Field(default=None, min_length=1, max_length=500)
    ca_file: str | None = Field(default=None, min_length=1)
    proves_absence: bool | None = None

    @field_validator("url", "callback_base")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise PydanticCustomError("url", "is not a URL") from None
        if parts.scheme not in ("http", "https", "smpp", "smpps") or not parts.hostname or port == 0:
            raise PydanticCustomError("url", "must begin with https://, http://, smpp:// or smpps:// and name a host")
        if parts.username or parts.password:
            raise PydanticCustomError("url", "has credentials in it; give login and password as keys of their own")
        return value

    @property
    def options(self) -> dict[str, Any]:
        """The kind's own keys, as they stand in the file."""
        return dict(self.__pydantic_extra__ or {})

    def account(self, callback_url: str | None) -> UpstreamAccount:
        """How we are known there. `callback_url` is where it may tell us things, None: nowhere."""
        return UpstreamAccount(
            name=self.name,
            url=self.url or "",
            login=self.login,
            password=self.password,
            api_key=self.api_key,
            sender=self.sender,
            callback_url=callback_url if self.callback else None,
            options=self.options,
        )


def upstream_problems(upstreams: list[UpstreamSettings]) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """(place, sentence) for what a kind finds wrong or missing."""
    from modemgw.dialects.upstreams import codec_of  # the codecs import the dialects, which few starts need
    from modemgw.smpp import outgoing

    for index, settings in enumerate(upstreams):
        found = outgoing.problems if settings.kind == "smpp" else codec_of(settings.kind).problems
        for key, sentence in found(settings.account(None)):
            yield (("upstream", index, key) if key else ("upstream", index)), sentence
