"""The online gateways of the configuration: reached, the login right, money left.

Each is asked for its balance, or only connected to; nothing is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from modemgw.config.upstream import UpstreamSettings
from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.domain.upstream import AccountTrouble, BalanceAnswer, TryOutcome
from modemgw.rules.pricing import units
from modemgw.upstream.client import ClientLimits, OnceClient
from modemgw.upstream.online import UpstreamUnusable, make_link, tls_of


async def check_upstreams(upstreams: Sequence[UpstreamSettings], public_url: str | None) -> list[Finding]:
    """What is found of each that is enabled; all are asked at once."""
    enabled = [settings for settings in upstreams if settings.enabled]
    answers = await asyncio.gather(*(_ask(settings) for settings in enabled))
    findings: list[Finding] = []
    for settings, answer in zip(enabled, answers, strict=True):
        findings += _found(settings, answer)
        if settings.callback and settings.callback_base is None and public_url is None:
            findings.append(
                Finding(
                    "upstream.no_address",
                    Area.GATEWAYS,
                    Verdict.NOTE,
                    f"{settings.name} can tell nothing by itself: what becomes of messages is asked for.",
                    "set [http] public_url to where gateways reach this service",
                    settings.name,
                )
            )
    return findings


async def _ask(settings: UpstreamSettings) -> BalanceAnswer:
    try:
        if settings.kind == "smpp":  # a second bind might end the service's own
            client = OnceClient(ClientLimits(connect_s=settings.connect_s), tls=tls_of(settings))
            broken = await client.reach(settings.url or "")
            if broken is not None:
                return BalanceAnswer(TryOutcome.NOT_SENT, reason=broken.reason)
            return BalanceAnswer(TryOutcome.ACCEPTED)
        link = make_link(settings, None)
    except UpstreamUnusable as error:
        return BalanceAnswer(TryOutcome.REFUSED_ACCOUNT, reason=str(error), trouble=AccountTrouble.CONFIG)
    try:
        return await link.probe()
    finally:
        await link.close()


def _found(settings: UpstreamSettings, answer: BalanceAnswer) -> Iterator[Finding]:
    name, host = settings.name, urlsplit(settings.url or "").hostname or settings.url
    if answer.trouble is AccountTrouble.MONEY:
        yield _problem("upstream.no_money", name, f"{name} has no money left.", "pay the account there")
    elif answer.outcome is TryOutcome.REFUSED_ACCOUNT and answer.trouble is not AccountTrouble.CONFIG:
        seen = f"{name} refuses the account: {answer.reason}"
        yield _problem(
            "upstream.refused", name, seen, f"correct login, password or api_key; then modemgw resume {name}"
        )
    elif answer.outcome is TryOutcome.REFUSED_ACCOUNT:
        yield _problem("upstream.address", name, f"{name}: {answer.reason}", "correct url, see docs/upstreams.md")
    elif answer.outcome in (TryOutcome.UNKNOWN, TryOutcome.NOT_SENT):
        seen = f"{name} ({host}) does not answer: {answer.reason}"
        yield _problem("upstream.unreachable", name, seen, "check url and the way there: name, firewall, certificate")
    elif answer.amount is None:
        yield ok("upstream.reached", Area.GATEWAYS, f"{name} ({host}) can be reached.", name)
    else:
        money = f"{answer.amount} {answer.currency or settings.currency or ''}".rstrip()
        limit = settings.low_balance
        if limit is not None and _below(answer.amount, limit):
            seen = f"{name} has {money} left, less than {limit}."
            yield Finding("upstream.low_balance", Area.GATEWAYS, Verdict.WARNING, seen, "pay the account there", name)
        else:
            yield ok("upstream.login", Area.GATEWAYS, f"{name} ({host}) takes the login; {money} are left.", name)


def _problem(key: str, name: str, seen: str, fix: str) -> Finding:
    return Finding(key, Area.GATEWAYS, Verdict.PROBLEM, seen, fix, name)


def _below(amount: str, limit: str) -> bool:
    try:
        return units(amount) < units(limit)
    except ArithmeticError:
        return False
