"""The ways in which an alert reaches a person: the library apprise, a webhook, an SMS, a program. No shell.

Owns the sinks and which of them an `[[alert]]` has. Each raises NotTold with a sentence, without the secret that its
address may have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from modemgw.config.alerts import AlertSettings
from modemgw.domain.account import Account
from modemgw.domain.message import Submission
from modemgw.domain.upstream import WireCall
from modemgw.errors import ModemgwError
from modemgw.installation import how_to_add
from modemgw.rules.alerting import Condition
from modemgw.service.alerts import AlertRule, Sink
from modemgw.service.core import Gateway
from modemgw.upstream.client import Broken, OnceClient

#: How long a way may take.
SINK_S = 30.0


class NotTold(ModemgwError):
    """Nobody was told this way."""


def rule_of(settings: AlertSettings, client: OnceClient, sms: Callable[[str, str | None], Sink]) -> AlertRule:
    """An `[[alert]]` with its sinks; `sms` makes the one for a number and a line."""
    sinks = [(urlsplit(url).scheme or "address", apprise_sink(url)) for url in settings.to]
    if settings.webhook is not None:
        sinks.append(("webhook", webhook_sink(settings.webhook, client)))
    if settings.sms is not None:
        sinks.append(("sms", sms(settings.sms, settings.line)))
    if settings.program:
        sinks.append((settings.program[0], program_sink(tuple(settings.program))))
    return AlertRule(
        name=settings.name,
        conditions=frozenset(settings.on or Condition),
        after_ms=settings.after_s * 1000,
        sinks=tuple(sinks),
        old_queue_ms=settings.old_queue_s * 1000,
        failed_share=settings.failed_share,
        failed_volume=settings.failed_volume,
    )


def apprise_sink(url: str) -> Sink:
    """Any URL of apprise: mail, Telegram, ntfy, Matrix, Slack … Needs the extra `notify`."""

    def notify(text: str) -> bool:
        try:
            import apprise
        except ImportError:
            raise NotTold(f"Such an address needs the extra: {how_to_add('notify')}") from None
        notifier = apprise.Apprise()
        if not notifier.add(url):
            raise NotTold("apprise does not know such an address.")
        return bool(notifier.notify(body=text, title="modemgw"))

    async def sink(text: str, _details: Mapping[str, object]) -> None:
        try:
            async with asyncio.timeout(SINK_S):
                told = await asyncio.to_thread(notify, text)
        except TimeoutError:
            raise NotTold(f"It took longer than {SINK_S:g} s.") from None
        if not told:
            raise NotTold("apprise could not deliver it.")

    return sink


def webhook_sink(url: str, client: OnceClient) -> Sink:
    """POST of a JSON object with `text` and the details."""

    async def sink(text: str, details: Mapping[str, object]) -> None:
        body = json.dumps({**details, "message": text}, ensure_ascii=False).encode()
        answer = await client.call(WireCall("POST", url, {"Content-Type": "application/json"}, body), total_s=SINK_S)
        if isinstance(answer, Broken):
            raise NotTold(answer.reason)
        if not 200 <= answer.status < 300:
            raise NotTold(f"It answered HTTP {answer.status}.")

    return sink


def sms_sink(gateway: Gateway, account: Account, to: str, line: str | None) -> Sink:
    """An SMS of our own, through a line that may be named."""

    async def sink(text: str, _details: Mapping[str, object]) -> None:
        await gateway.submit(account, Submission(to=to, text=text[:300], line=line, priority=100, dialect="alert"))

    return sink


def program_sink(arguments: tuple[str, ...]) -> Sink:
    """A program with its arguments as they are; it gets a JSON object on its standard input."""

    async def sink(text: str, details: Mapping[str, object]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise NotTold(f"{arguments[0]} cannot be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(SINK_S):
                await process.communicate(json.dumps({**details, "message": text}, ensure_ascii=False).encode())
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise NotTold(f"{arguments[0]} took longer than {SINK_S:g} s and was ended.") from None
        if process.returncode:
            raise NotTold(f"{arguments[0]} ended with status {process.returncode}.")

    return sink
