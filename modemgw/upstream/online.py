"""All online gateways together: made from the configuration, started, stopped, called back; and whether the internet is
there at all. One that fails does not touch the others."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import ssl
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from modemgw.config.upstream import UpstreamSettings
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.upstream import NotGenuine
from modemgw.dialects.upstreams import codec_of
from modemgw.domain.events import EventKind
from modemgw.domain.line import LineView
from modemgw.errors import ModemgwError
from modemgw.rules.budget import MoneyLimits
from modemgw.rules.pricing import units
from modemgw.rules.quota import Quota
from modemgw.rules.routing import Way
from modemgw.store.upstream import UpstreamStore
from modemgw.upstream.client import ClientLimits, OnceClient
from modemgw.upstream.esme import EsmeLink, EsmeSettings
from modemgw.upstream.line import LinePorts, UpstreamLine, UpstreamLineSettings
from modemgw.upstream.link import HttpLink, Link

log = logging.getLogger(__name__)

#: Where gateways call us; what follows is the secret of one of them.
CALLBACK_PATH = "/upstream/"


class UpstreamUnusable(ModemgwError):
    """A gateway cannot be a line as it is configured: a file of certificates that cannot be read."""


class Network:
    """Whether anything on the internet is reached. Gateways of one host say the same; it takes two to tell that it is
    not the gateway's own trouble."""

    def __init__(self, hosts: Mapping[str, str]) -> None:
        self._hosts = hosts  # by line
        self._cut: set[str] = set()
        self.down = False

    def heard(self, line: str, reached: bool) -> bool:
        """What a request showed; True if that changes whether the internet is there."""
        host = self._hosts.get(line)
        if host is None:
            return False
        if reached:
            self._cut.discard(host)
        else:
            self._cut.add(host)
        down = len(self._cut) >= 2 and self._cut >= set(self._hosts.values())
        changed, self.down = down is not self.down, down
        return changed


class Upstreams:
    """See service.ways.OnlineLines."""

    def __init__(self, upstreams: Sequence[UpstreamSettings], store: UpstreamStore) -> None:
        self._settings = [settings for settings in upstreams if settings.enabled]
        self._store = store
        self._lines: dict[str, UpstreamLine] = {}
        self._tokens: dict[str, str] = {}  # by line
        self._tasks: list[asyncio.Task[None]] = []
        self._notes: set[asyncio.Task[None]] = set()
        self._ports: LinePorts | None = None
        self._network = Network({s.name: urlsplit(s.url or "").hostname or s.name for s in self._settings})

    # -- what others see -----------------------------------------------------------------------------------------

    def views(self) -> list[LineView]:
        """Every gateway, in the order of the configuration."""
        used = {} if self._ports is None else {way.name: way.used for way in self._ports.routing.ways()}
        return [line.view(used.get(name, 0)) for name, line in self._lines.items()]

    def ways(self) -> list[Way]:
        """The same as routes see them."""
        return [line.way for line in self._lines.values()]

    def prices(self) -> Mapping[str, int]:
        """What a part costs, in units, where the configuration says so."""
        return {s.name: units(s.price) for s in self._settings if s.price is not None}

    def low_balances(self) -> list[tuple[str, str]]:
        """(line, amount) of gateways where less than the limit is left."""
        return [(name, amount) for name, line in self._lines.items() if (amount := line.low_balance) is not None]

    @property
    def internet_down(self) -> bool:
        """No gateway can be reached, of two hosts at least."""
        return self._network.down

    def pause(self, name: str, by: str) -> bool:
        """False if there is none of that name."""
        line = self._lines.get(name)
        if line is not None:
            line.pause(by)
        return line is not None

    def resume(self, name: str) -> bool:
        """False as above."""
        line = self._lines.get(name)
        if line is not None:
            line.resume()
        return line is not None

    async def told(self, token: str, request: WireRequest) -> WireResponse | None:
        """See OnlineLines.told. A call whose signature is wrong is believed as little as one without the secret."""
        name = next((name for name, own in self._tokens.items() if hmac.compare_digest(own, token)), None)
        if name is None:
            return None
        line = self._lines[name]
        try:
            return (await line.told(request, line.settings.callback_url or "")).response
        except NotGenuine:
            log.warning("%s: a call to its address is not its own: the signature is wrong", name)
            return None

    # -- life ----------------------------------------------------------------------------------------------------

    async def make(self, ports: LinePorts, *, public_url: str | None, doubt_window_ms: int) -> None:
        """Make the lines; none of them is ready yet. Raises UpstreamUnusable, StoreUnavailable."""
        self._ports = ports
        for settings in self._settings:
            base = settings.callback_base or public_url
            callback_url: str | None = None
            if settings.callback and base is not None:
                self._tokens[settings.name] = await self._store.token(settings.name)
                callback_url = base.rstrip("/") + CALLBACK_PATH + self._tokens[settings.name]
            link = make_link(settings, callback_url)
            line = UpstreamLine(_line_settings(settings, link, callback_url, doubt_window_ms), link, ports)
            self._lines[settings.name] = line

    def start(self) -> None:
        """Let them work."""
        for name, line in self._lines.items():
            self._tasks.append(asyncio.create_task(line.run(), name=f"upstream {name}"))

    async def stop(self) -> None:
        """Wait for requests under way."""
        for line in self._lines.values():
            await line.stop()
        await asyncio.gather(*self._tasks, *self._notes, return_exceptions=True)

    def network(self, line: str, reached: bool) -> None:
        """What a request of a line showed of the network."""
        if not self._network.heard(line, reached):
            return
        if self._network.down:
            log.warning("No online gateway can be reached: the internet seems to be down")
        else:
            log.warning("Online gateways can be reached again")
        task = asyncio.create_task(self._note(EventKind.INTERNET_DOWN if self._network.down else EventKind.INTERNET_UP))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _note(self, kind: EventKind) -> None:
        with contextlib.suppress(ModemgwError):
            await self._store.note(kind, None)


def make_link(settings: UpstreamSettings, callback_url: str | None) -> Link:
    """The way to a gateway. Raises UpstreamUnusable."""
    account, tls = settings.account(callback_url), tls_of(settings)
    if settings.kind == "smpp":
        return EsmeLink(EsmeSettings.of(account, tls=tls, connect_s=settings.connect_s, response_s=settings.timeout_s))
    limits = ClientLimits(connect_s=settings.connect_s, total_s=settings.timeout_s)
    return HttpLink(codec_of(settings.kind), account, OnceClient(limits, tls=tls))


def tls_of(settings: UpstreamSettings) -> ssl.SSLContext | None:
    """Its own certificates, where it has some. Raises UpstreamUnusable."""
    if settings.ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UpstreamUnusable(f"[[upstream]] {settings.name}: ca_file {settings.ca_file}: {error}") from None


def _line_settings(
    settings: UpstreamSettings, link: Link, callback_url: str | None, doubt_window_ms: int
) -> UpstreamLineSettings:
    def amount(text: str | None) -> int | None:
        return None if text is None else units(text)

    return UpstreamLineSettings(
        name=settings.name,
        kind=settings.kind,
        sender=settings.sender,
        quota=Quota(settings.per_minute, settings.per_hour, settings.per_day, settings.per_month),
        rate_per_s=settings.rate_per_s,
        max_parallel=settings.max_parallel or link.traits.max_parallel,
        price=amount(settings.price),
        currency=settings.currency,
        money=MoneyLimits(amount(settings.money_per_day), amount(settings.money_per_month), amount(settings.max_price)),
        low_balance=amount(settings.low_balance),
        balance_interval_s=settings.balance_interval_s,
        poll_s=settings.poll_s,
        doubt_window_ms=doubt_window_ms,
        proves_absence=settings.proves_absence,
        callback_url=callback_url,
        drain_s=settings.timeout_s + 1,
    )
