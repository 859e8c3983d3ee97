"""The configuration file: what may stand in it, and every complaint about it at once, each with its place.

Owns the models and the messages. Opens no ports, databases or sockets, and makes no secrets (credentials.py).
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from modemgw.config.alerts import AlertSettings
from modemgw.config.dialects import model_of, tables_of, take_out
from modemgw.config.lines import KeyLines
from modemgw.config.modem import ModemSettings as ModemSettings
from modemgw.config.profiles import ProfileSource, ProfilesSettings
from modemgw.config.routing import Known, RouteSettings, RoutingSettings, route_problems
from modemgw.config.trace import TraceSettings
from modemgw.config.types import Money, Network, Price, Seconds, Section
from modemgw.config.upstream import UpstreamSettings, upstream_problems
from modemgw.dialects import ALL, Dialect
from modemgw.dialects.settings import Table
from modemgw.domain.account import Account
from modemgw.domain.callback import url_problem
from modemgw.domain.message import OnDoubt
from modemgw.errors import ModemgwError
from modemgw.hidden import Sources, exposed, resolve
from modemgw.places import DEFAULT_LISTEN, DEFAULT_STORE, resolve_store
from modemgw.rules.guessing import BlockRule


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong. `place` reads like `modem[1].prt`; `line` counts from 1, None or None."""

    place: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.place}: {self.reason}" if self.place else f"{where}{self.reason}"


class ConfigError(ModemgwError):
    """The configuration cannot be used; `complaints` has everything that is wrong with it."""

    def __init__(self, complaints: Sequence[Complaint], path: Path | None = None) -> None:
        self.complaints = tuple(complaints)
        self.path = path
        name = str(path) if path else "configuration"
        super().__init__("\n".join(f"{name}: {complaint}" for complaint in self.complaints))


class TlsSettings(Section):
    """Keys of a front door that may have a certificate. With `tls_listen` there is one address more, for TLS."""

    listen: str
    tls_listen: str | None = None
    tls_cert: str | None = Field(default=None, min_length=1)
    tls_key: str | None = Field(default=None, min_length=1)

    @field_validator("listen", "tls_listen")
    @classmethod
    def _listen(cls, value: str | None) -> str | None:
        if value is not None:
            split_listen(value)
        return value

    @model_validator(mode="after")
    def _tls(self) -> TlsSettings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise PydanticCustomError("tls", "give both `tls_cert` and `tls_key`, or neither")
        if self.tls_listen is not None and self.tls_cert is None:
            raise PydanticCustomError("tls", "`tls_listen` needs `tls_cert` and `tls_key`")
        return self

    def beside(self, path: Path) -> Self:
        """The same, with relative paths taken from the directory of the configuration file `path`."""
        files = {key: value for key in ("tls_cert", "tls_key") if (value := getattr(self, key)) is not None}
        return self.model_copy(update={key: str(path.absolute().parent / value) for key, value in files.items()})


class HttpSettings(TlsSettings):
    """`[http]`: the native API and the dialects of the providers."""

    listen: str = DEFAULT_LISTEN
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    hosts: list[str] = Field(default=[])
    max_connections: int = Field(default=500, ge=10, le=100_000)
    max_per_address: int = Field(default=100, ge=1, le=100_000)
    max_unfinished_bytes: int = Field(default=33_554_432, ge=65_536, le=4_294_967_296)
    max_body_bytes: int = Field(default=1_048_576, ge=1024, le=104_857_600)
    read_timeout_s: float = Field(default=30.0, ge=1, le=600)
    keepalive_timeout_s: float = Field(default=75.0, ge=1, le=3600)
    access_log: bool = False
    trusted_proxies: list[Network] = Field(default=[])

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, value: list[str]) -> list[str]:
        for host in value:
            if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", host):
                raise PydanticCustomError("hosts", "{host} is not a host name without scheme and port", {"host": host})
        return value


class StoreSettings(Section):
    """`[store]`: the database. A relative path is taken from the directory of the configuration file."""

    path: str = Field(default=DEFAULT_STORE, min_length=1)
    max_records: int = Field(default=100_000, ge=1, le=100_000_000)


class PriceSettings(Section):
    """`[[account.prices]]`: what a part costs to numbers that start so."""

    prefix: str = Field(pattern=r"^\+?[0-9]{1,15}$")
    price: Price


class AccountSettings(Section):
    """`[[account]]`: one API user."""

    login: str = Field(pattern=r"^[^\s:]{1,64}$")
    password: str | None = Field(default=None, min_length=1, max_length=256, repr=False)
    api_key: str | None = Field(default=None, pattern=r"^[\x21-\x7e]{1,256}$", repr=False)
    on_doubt: Literal["hold", "resend"] = "hold"
    national: bool = False
    smart_encoding: bool = False
    validity_s: int = Field(default=259_200, ge=60, le=38_102_400)
    max_parts: int = Field(default=10, ge=1, le=255)
    country: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,2}$")
    callback_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    callback_secret: str | None = Field(default=None, min_length=1, repr=False)
    callback_secret_old: str | None = Field(default=None, min_length=1, repr=False)
    callback_format: str = "smsc"
    callback_any_url: bool = False
    callback_networks: list[Network] = Field(default=[])
    balance: Money = "0.00"
    balance_mode: Literal["fixed", "countdown", "sim"] = "fixed"
    currency: str = Field(default="RUR", pattern=r"^[A-Z]{3}$")
    price: Price = "0.00"
    prices: list[PriceSettings] = Field(default=[])
    allow: list[Network] = Field(default=[])
    ussd: bool = False
    limits: Literal["own", "provider"] | None = None
    accept: str = Field(default="always", pattern=r"^(always|ready|within:[1-9][0-9]{0,5}s?)$")
    smpp_coding_1: Literal["ascii", "gsm7"] = "ascii"
    smpp_coding_4: Literal["data", "latin1"] = "data"
    _options: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @field_validator("callback_url")
    @classmethod
    def _callback_url(cls, value: str | None) -> str | None:
        problem = url_problem(value) if value is not None else None
        if problem is not None:
            raise PydanticCustomError("callback_url", "{problem}", {"problem": problem})
        return value

    @field_validator("callback_format")
    @classmethod
    def _callback_format(cls, value: str) -> str:
        from modemgw.dialects import CALLBACK_FORMATS  # only where it is used: commands start fast

        if value not in CALLBACK_FORMATS:
            known = {"known": ", ".join(CALLBACK_FORMATS)}
            raise PydanticCustomError("callback_format", "there is no such format; there are: {known}", known)
        return value

    def account(self, account_id: int) -> Account:
        """The domain's account with this key of the store."""
        return Account(
            id=account_id,
            login=self.login,
            password=self.password or "",
            api_key=self.api_key,
            on_doubt=OnDoubt(self.on_doubt),
            national=self.national,
            smart_encoding=self.smart_encoding,
            validity_s=self.validity_s,
            max_parts=self.max_parts,
            country=self.country,
            callback_url=self.callback_url,
            callback_secret=self.callback_secret,
            callback_secret_old=self.callback_secret_old,
            callback_format=self.callback_format,
            callback_any_url=self.callback_any_url,
            callback_networks=tuple(self.callback_networks),
            balance=self.balance,
            currency=self.currency,
            price=self.price,
            prices=tuple((price.prefix.lstrip("+"), price.price) for price in self.prices),
            balance_mode=self.balance_mode,
            allow=tuple(self.allow),
            ussd=self.ussd,
            limits=self.limits,
            accept=self.accept.partition(":")[0],
            accept_within_s=int(self.accept.removeprefix("within:").rstrip("s")) if ":" in self.accept else None,
            smpp_coding_1=self.smpp_coding_1,
            smpp_coding_4=self.smpp_coding_4,
            options=self._options,
        )


class AccessSettings(Section):
    """`[access]`: what becomes of those who give wrong credentials, at every front door."""

    block_after: int = Field(default=20, ge=0, le=100_000)
    block_window_s: Seconds = 60
    block_s: Seconds = 300
    account_after: int = Field(default=50, ge=0, le=100_000)

    def rule(self) -> BlockRule:
        """The same for the rules."""
        return BlockRule(self.block_after, self.block_window_s, self.block_s, self.account_after)


class SendingSettings(Section):
    """`[sending]`: patience with modems and networks."""

    doubt_window_s: Seconds = 600
    drain_limit_s: Seconds = 75
    pause_after: int = Field(default=3, ge=1, le=1000)
    registration_limit_s: Seconds = 600


class ReceivingSettings(Section):
    """`[receiving]`: reassembly and the storage sweep."""

    partial_after_s: Seconds = 3600
    sweep_interval_s: int = Field(default=300, ge=5, le=86_400)
    acknowledge_reports: bool = True


class SmppSettings(TlsSettings):
    """`[smpp]`: the SMPP 3.4 server; without the section there is none."""

    listen: str = "127.0.0.1:2775"
    max_connections: int = Field(default=500, ge=1, le=100_000)
    max_per_address: int = Field(default=100, ge=1, le=100_000)
    max_binds: int = Field(default=20, ge=1, le=1000)
    window: int = Field(default=1000, ge=1, le=10_000)
    rate_per_s: int = Field(default=100, ge=0, le=100_000)
    deliver_window: int = Field(default=5, ge=1, le=1000)
    idle_s: float = Field(default=120.0, ge=5, le=86_400)
    enquire_s: float = Field(default=60.0, ge=1, le=86_400)
    bind_s: float = Field(default=30.0, ge=1, le=600)
    response_s: float = Field(default=60.0, ge=1, le=3600)
    keep_s: Seconds = 604_800
    pieces_s: int = Field(default=300, ge=1, le=86_400)
    duplicate_s: int = Field(default=0, ge=0, le=86_400)
    text_commands: bool = True
    hlr: Literal["refuse", "ping"] = "refuse"
    long_inbound: Literal["payload", "udh"] = "payload"
    vendor_tlvs: bool = False


class SmtpSettings(Section):
    """`[smtp]`: the SMTP server of the SMSC.ru dialect; without the section there is none."""

    listen: str = "127.0.0.1:2525"
    max_bytes: int = Field(default=102_400, ge=1024, le=104_857_600)

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        split_listen(value)
        return value


class CallbackSettings(Section):
    """`[callbacks]`: patience with receivers, and how long it is remembered what they said."""

    give_up_s: Seconds = 259_200
    keep_done_s: Seconds = 604_800
    keep_failed_s: Seconds = 2_592_000


class Config(Section):
    """The whole file."""

    http: HttpSettings = HttpSettings()
    store: StoreSettings = StoreSettings()
    modems: list[ModemSettings] = Field(default=[], alias="modem")
    accounts: list[AccountSettings] = Field(default=[], alias="account")
    upstreams: list[UpstreamSettings] = Field(default=[], alias="upstream")
    routes: list[RouteSettings] = Field(default=[], alias="route")
    routing: RoutingSettings = RoutingSettings()
    alerts: list[AlertSettings] = Field(default=[], alias="alert")
    sending: SendingSettings = SendingSettings()
    receiving: ReceivingSettings = ReceivingSettings()
    callbacks: CallbackSettings = CallbackSettings()
    access: AccessSettings = AccessSettings()
    smpp: SmppSettings | None = None
    smtp: SmtpSettings | None = None
    trace: TraceSettings = TraceSettings()
    profiles: ProfilesSettings = ProfilesSettings()
    _profiles: ProfileSource = PrivateAttr(default_factory=ProfileSource)
    _sections: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)
    _path: Path | None = PrivateAttr(default=None)
    _open_files: list[tuple[str, Path]] = PrivateAttr(default_factory=list)

    @property
    def path(self) -> Path | None:
        """Where it was read from; None for the built-in defaults."""
        return self._path

    @property
    def dialects(self) -> Mapping[str, Mapping[str, Any]]:
        """Sections of dialects, those that are there, by name, with the defaults of what they leave out."""
        return self._sections

    @property
    def profile_source(self) -> ProfileSource:
        """The profiles of modems, ours and the user's."""
        return self._profiles

    def traced(self, directory: Path) -> Config:
        """The same with every modem traced into `directory`."""
        trace = self.trace.model_copy(update={"dir": str(directory.absolute()), "on": True})
        return self.model_copy(update={"trace": trace})

    @property
    def store_path(self) -> Path:
        """The database as a path that no longer depends on the directory of the configuration file."""
        return resolve_store(self.store.path, self.path)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `modemgw demo` can be told. `directory` None: a temporary one, removed at the end."""

    listen: str = DEFAULT_LISTEN
    latency_s: float = 0.5
    seed: int = 1
    directory: Path | None = None


def load(path: Path) -> Config:
    """Read and check a file. Raises ConfigError with everything that is wrong."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError([Complaint("", f"cannot be read: {error.strerror}")], path) from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([Complaint("", "is not UTF-8, as TOML must be", line)], path) from error
    return parse(text, path)


def parse(text: str, path: Path | None = None, dialects: Sequence[Dialect] = ALL) -> Config:
    """Check the text of a configuration. Raises ConfigError with everything that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Complaint("", f"is not TOML: {error}")], path) from error
    lines = KeyLines(text)
    sources = Sources.of_process(path)
    open_files = list(exposed(document, sources))
    complaints = [Complaint(_place(place), why, lines.of(place)) for place, why in resolve(document, sources)]
    tables = tables_of(dialects)
    sections = take_out(document, tables)
    config: Config | None = None
    profiles = ProfileSource(document.get("profiles"), path)
    complaints += [Complaint("profiles.folder", wrong, lines.of(("profiles", "folder"))) for wrong in profiles.mistakes]
    try:
        config = Config.model_validate(sections.rest, context={"profiles": profiles})
    except ValidationError as error:
        complaints += [_complaint(details, lines, more=tuple(tables)) for details in error.errors()]

    def section(table: Table, value: Any, place: tuple[int | str, ...]) -> BaseModel | None:
        try:
            return model_of(table, Section).model_validate(value)
        except ValidationError as error:
            for details in error.errors():
                details["loc"] = (*place, *details["loc"])
                complaints.append(_complaint(details, lines, known=list(table)))
            return None

    for name, value in sections.dialects.items():
        found = section(tables[name][0], value, (name,))
        if found is not None and config is not None:
            config._sections[name] = found.model_dump(by_alias=True)
    for index, name, value in sections.accounts:
        found = section(tables[name][1], value, ("account", index, name))
        if found is not None and config is not None:
            config.accounts[index]._options[name] = found.model_dump(by_alias=True, exclude_unset=True)
    complaints += _clashes(document, lines)
    if config is not None and not complaints:
        complaints += [Complaint(_place(place), why, lines.of(place)) for place, why in _between(config)]
    if complaints or config is None:
        raise ConfigError(sorted(complaints, key=lambda c: (c.line or 0, c.place)), path)
    if path is not None:
        smpp = None if config.smpp is None else config.smpp.beside(path)
        config = config.model_copy(update={"http": config.http.beside(path), "smpp": smpp})
    config._path = path
    config._profiles = profiles
    config._open_files = [(_place(place), file) for place, file in open_files]
    return config


def warnings(config: Config) -> list[str]:
    """What is not wrong but worth a word: ports that are not there (yet), secrets that others can read."""
    found: list[str] = []
    for index, modem in enumerate(config.modems):
        port = modem.port
        named = port is not None and "://" not in port and not port.startswith("usb:")
        if named and modem.enabled and not os.path.exists(port or ""):
            found.append(f"modem[{index}].port: {port} does not exist now; modemgw will wait for it")
    for place, file in config._open_files:
        found.append(f"{place}: {file} holds a secret and can be read by others; run: chmod 600 {file}")
    secrets = config.accounts or config.upstreams or any(modem.pin for modem in config.modems)
    if config.path is not None and secrets:
        mode = config.path.stat().st_mode
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            who = "everybody" if mode & stat.S_IROTH else "its group"
            found.append(f"holds secrets and can be read by {who}; run: chmod 600 {config.path}")
    return found


def _between(config: Config) -> Iterable[tuple[tuple[int | str, ...], str]]:
    """(place, sentence) for what is wrong between lines, routes and accounts."""
    yield from upstream_problems(config.upstreams)
    sims = frozenset(modem.name for modem in config.modems) if config.modems else None
    for index, upstream in enumerate(config.upstreams):
        if sims is not None and upstream.name in sims:
            yield ("upstream", index, "name"), f'"{upstream.name}" is already the name of a modem'
    known = Known(
        sims,
        frozenset(upstream.name for upstream in config.upstreams),
        frozenset(account.login for account in config.accounts),
    )
    yield from route_problems(config.routes, config.routing, known)


def split_listen(listen: str) -> tuple[str, int]:
    """`host:port` as a pair; `[::1]:8080` for IPv6, port 0 for any free one. Raises ValueError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise PydanticCustomError("listen", 'must be "address:port", such as "127.0.0.1:8080"')
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise PydanticCustomError("listen", 'an IPv6 address needs brackets: "[::1]:8080"')
    if not host:
        raise PydanticCustomError("listen", 'names no address; "0.0.0.0:…" listens on all of them')
    if host[-1].isdigit():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise PydanticCustomError("listen", f"{host} is not an IP address") from None
    return host, int(port)


def _clashes(document: Mapping[str, Any], lines: KeyLines) -> Iterable[Complaint]:
    """What is wrong between keys. Works on the raw document, so that no other error hides any of it."""
    for section, keys in _UNIQUE.items():
        tables = document.get(section)
        if not isinstance(tables, list):
            continue
        seen: dict[tuple[str, str], int] = {}
        for index, table in enumerate(tables):
            if not isinstance(table, dict):
                continue
            place = f"{section}[{index}]"
            if section in _ALTOGETHER and (reason := _ALTOGETHER[section](table)):
                yield Complaint(place, reason, lines.of((section, index)))
            for key in keys:
                value = table.get(key)
                if not isinstance(value, str):
                    continue
                first = seen.setdefault((key, value), index)
                if first != index:
                    shown = "the same key" if key == "api_key" else f'"{value}"'
                    reason = f"{shown} is already used by {section}[{first}]"
                    yield Complaint(f"{place}.{key}", reason, lines.of((section, index, key)))


def _modem_altogether(table: Mapping[str, Any]) -> str | None:
    return "give exactly one of `port` and `imei`" if ("port" in table) == ("imei" in table) else None


def _account_altogether(table: Mapping[str, Any]) -> str | None:
    if "password" not in table and "api_key" not in table:
        return "give `password` or `api_key`, or both"
    if "callback_secret" in table and "callback_url" not in table and not table.get("callback_any_url"):
        return "`callback_secret` is of no use without `callback_url`"
    if "callback_secret_old" in table and "callback_secret" not in table:
        return "`callback_secret_old` signs beside `callback_secret`, which is missing"
    if table.get("callback_networks") and not table.get("callback_any_url"):
        return "`callback_networks` is of no use without `callback_any_url`"
    return None


_UNIQUE = {
    "modem": ("name", "port", "imei"),
    "account": ("login", "api_key"),
    "upstream": ("name",),
    "alert": ("name",),
}
_ALTOGETHER: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "modem": _modem_altogether,
    "account": _account_altogether,
}


def _complaint(
    details: ErrorDetails, lines: KeyLines, *, known: Sequence[str] | None = None, more: Sequence[str] = ()
) -> Complaint:
    """`known` are the keys of a dialect's section; `more` those that only a document or an account may have."""
    loc = details["loc"]
    kind = details["type"]
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        if known is None:
            ours = _known_keys(loc[:-1])
            known = [*ours, *more] if len(loc) == 1 or (loc[0] == "account" and len(loc) == 3) else ours
        close = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
        hint = f'; did you mean "{close[0]}"?' if close else f"; known here: {', '.join(known)}"
        reason = f"unknown key{hint}"
    elif kind == "missing":
        reason = "is missing"
    elif kind == "literal_error":
        reason = f"must be {context['expected']}"
    elif kind == "string_pattern_mismatch":
        reason = _PATTERN_HINTS.get(str(loc[-1]), f"must match {context['pattern']}")
    elif kind in _TYPE_HINTS:
        reason = _TYPE_HINTS[kind] + _got(details["input"])
    else:
        reason = re.sub(r"^(Input|Value|String) should ", "must ", details["msg"])
    return Complaint(_place(loc), reason, lines.of(loc))


_TYPE_HINTS = {
    "string_type": "must be a string, in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list of tables: write it as [[…]]",
    "model_type": "must be a table: write it as […]",
    "model_attributes_type": "must be a table: write it as […]",
}

_PATTERN_HINTS = {
    "name": "must be 1 to 32 letters, digits, dots, dashes or underscores",
    "imei": "must be the 14 to 16 digits of the IMEI",
    "pin": "must be 4 to 8 digits",
    "smsc": "must be a phone number, such as +79990000001",
    "number": "must be a phone number, such as +79990000001",
    "cnmi": 'must be the arguments of AT+CNMI, such as "2,1,0,2,0"',
    "accept": 'must be "always", "ready" or "within:60s"',
    "login": "must be 1 to 64 characters without spaces and colons",
    "api_key": "must be 1 to 256 printable ASCII characters without spaces",
    "country": 'must be a calling code without plus, such as "7"',
    "callback_url": "must start with http:// or https://",
    "public_url": "must start with http:// or https://",
    "balance": 'must be an amount, such as "100.50"',
    "price": 'must be an amount, such as "1.40"',
    "balance_code": 'must be a USSD code, such as "*100#"',
    "low_balance": 'must be an amount, such as "50.00"',
    "prefix": 'must be the first digits of a number, such as "7916"',
    "currency": 'must be three capital letters, such as "RUR"',
}


def _got(value: object) -> str:
    names: dict[type, str] = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
    }
    name = names.get(type(value), "a table" if isinstance(value, dict) else "something else")
    return f" (it is {name})"


def _place(loc: Sequence[int | str]) -> str:
    place = ""
    for step in loc:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
    return place


def _known_keys(loc: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = Config
    for step in loc:
        if isinstance(step, int):
            continue
        for name, field in model.model_fields.items():
            if (field.alias or name) == step:
                annotation = field.annotation
                inner = get_args(annotation)
                candidate = inner[0] if inner else annotation
                if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                    model = candidate
    return [field.alias or name for name, field in model.model_fields.items()]
