"""One look at everything: what is asked of whom, in which order. The checks themselves are in `checks_*`.

A port that a running service has is never opened; without a service they are opened one at a time and only asked.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from modemgw import __version__
from modemgw.config.modem import ModemSettings
from modemgw.doctor.asking import Answers, Heard, Probe, examine
from modemgw.doctor.checks_history import check_held, check_history, check_waiting
from modemgw.doctor.checks_host import (
    UNIT,
    UnitProblem,
    check_clock,
    check_config,
    check_extras,
    check_sqlite,
    check_system_files,
)
from modemgw.doctor.checks_modem import check_answers, check_serving, not_asked
from modemgw.doctor.checks_ports import Ground, check_port, check_usb, denied, held_by, in_use_unseen, shared
from modemgw.doctor.checks_service import check_doors, check_lines, check_service, lines_in_words
from modemgw.doctor.checks_store import StoreFacts, look_at_store
from modemgw.doctor.checks_upstream import check_upstreams
from modemgw.doctor.findings import Area, Diagnosis, Finding, Verdict, settle
from modemgw.doctor.host import Host, is_modemgw
from modemgw.doctor.service import Asker, ServiceError, ServiceFacts, Standing, look_at_service
from modemgw.doctor.setup import Setup
from modemgw.doctor.usb import found_ports, usb_devices
from modemgw.doctor.wanted import Wanted
from modemgw.installation import to_paste
from modemgw.line.finder import ask_imei
from modemgw.modem.ports.transport import PortBusy, PortDenied, PortError, PortMissing


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for."""

    setup: Setup
    url: str
    authorization: str | None = None
    port: str | None = None  # this port only
    host: Host = field(default_factory=Host)
    unit_problem: UnitProblem | None = None


@dataclass(slots=True)
class Report:
    """Everything that was learned, for the terminal, for --json and for the bundle."""

    at: datetime
    diagnosis: Diagnosis
    service: ServiceFacts
    store: StoreFacts
    setup: Setup
    answers: list[Answers] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        diagnosis = self.diagnosis
        return {
            "version": __version__,
            "at": self.at.isoformat(timespec="seconds"),
            "summary": diagnosis.summary,
            "problems": len(diagnosis.problems),
            "warnings": len(diagnosis.warnings),
            "top": diagnosis.top.key if diagnosis.top else None,
            "service": self.service.standing.value,
            "findings": [finding.as_json() for finding in _sorted(diagnosis)],
        }


async def diagnose(request: Request) -> Report:
    """Look at everything."""
    now = datetime.now(UTC)
    now_ms = int(now.timestamp() * 1000)
    setup, host = request.setup, request.host
    devices = usb_devices(host)
    ground = Ground(host, devices, found_ports(host, devices))
    findings = list(check_config(setup.path, setup.config, setup.complaints))
    findings += [
        *check_extras(setup.config),
        *check_sqlite(),
        *check_clock(host, now),
        *check_system_files(host, request.unit_problem),
    ]
    store_findings, store = look_at_store(setup.store_path, host, now_ms)
    findings += store_findings
    service = look_at_service(request.url, request.authorization)
    unit = host.path(UNIT).exists()
    findings += check_service(service, store.holder, str(setup.store_path), installed=unit)
    findings += check_usb(devices)
    answers: list[Answers] = []
    if service.running:
        findings += _of_service(request, ground, service, now, store.holder)
        async for told in _asked_by_service(request, service, now):
            if isinstance(told, Answers):
                answers.append(told)
            else:
                findings.append(told)
    if setup.config is not None:
        findings += check_doors(setup.config, service)
        findings += await check_upstreams(setup.config.upstreams, setup.config.http.public_url)
    async for more in _of_ports(request, ground, service, store):
        if isinstance(more, Answers):
            answers.append(more)
        else:
            findings.append(more)
    running = service.running or store.holder is not None
    findings += check_waiting(store, now_ms, lines_in_words(service.modems), running=running)
    findings += check_held(store, [modem.name for modem in setup.modems])
    findings += check_history(store)
    findings = [finding if finding.fix is None else replace(finding, fix=to_paste(finding.fix)) for finding in findings]
    return Report(now, settle(findings), service, store, setup, answers)


def _of_service(
    request: Request, ground: Ground, service: ServiceFacts, now: datetime, own: int | None
) -> Iterator[Finding]:
    """What the service says of its lines, with what the machine adds."""
    told = list(check_lines(service, request.setup.config, now))
    settings = {modem.name: modem for modem in request.setup.modems}
    for view in service.modems:
        name = str(view.get("name"))
        modem = settings.get(name)
        port = str(view.get("port") or (modem.port if modem is not None else "") or "")
        if not port or "://" in port or not is_here(request.url):
            continue
        wanted = Wanted(name, port) if modem is None else _wanted(modem, port, request.setup)
        if view.get("state") in ("ready", "paused", "searching"):
            yield from _shared(wanted, ground, own)
            continue
        seen = [f for f in check_port(wanted, ground) if f.verdict is Verdict.PROBLEM]
        if any(f.key == "port.held_by_modemgw" for f in seen):
            continue
        if seen:
            told = [f for f in told if f.subject != name or not f.key.startswith(("port.", "line."))]
            yield from seen
    yield from told


def is_here(url: str) -> bool:
    """The service is on this machine, so its ports are this machine's."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _shared(wanted: Wanted, ground: Ground, own: int | None) -> Iterator[Finding]:
    """Other programs at this port, or at another port of the same modem, while the service works with it."""
    for holder in ground.host.holders(wanted.port):
        if own is not None and holder.pid != own and not is_modemgw(holder.pid):
            yield held_by(wanted, holder)
    found = ground.found(wanted.port)
    for sibling in ground.siblings(found) if found is not None else []:
        for holder in ground.host.holders(sibling.url):
            if not is_modemgw(holder.pid) and holder.pid != own:
                yield shared(wanted.name, sibling.url, holder)


async def _asked_by_service(request: Request, service: ServiceFacts, now: datetime) -> AsyncIterator[Finding | Answers]:
    """What modems say to the service, between two messages; an older one does not ask."""
    asker = Asker(request.url, request.authorization)
    settings = {modem.name: modem for modem in request.setup.modems}
    for view in service.modems:
        name, port = str(view.get("name")), str(view.get("port") or "")
        if view.get("state") not in ("ready", "paused", "searching"):
            continue
        try:
            status, body = await asyncio.to_thread(asker.call, "POST", f"/v1/modems/{quote(name, safe='')}/examine")
        except ServiceError:
            return
        if status == 409 and isinstance(body, dict):
            yield not_asked(name, str(body.get("detail") or ""))
        if status != 200 or not isinstance(body, dict):
            continue
        answers = Answers(port, Probe(Heard.MODEM), 0)
        for item in body.get("answers") or []:
            if item["error"] is None:
                answers.said[item["question"]] = tuple(item["lines"])
            else:
                answers.refused[item["question"]] = item["error"]
        modem = settings.get(name)
        wanted = Wanted(name, port) if modem is None else _wanted(modem, port, request.setup)
        yield answers
        for finding in check_serving(answers, wanted, now):
            yield finding


# ---------------------------------------------------------------- ports that are asked


async def _of_ports(
    request: Request, ground: Ground, service: ServiceFacts, store: StoreFacts
) -> AsyncIterator[Finding | Answers]:
    """Ports that no service has, one after the other."""
    setup = request.setup
    serving = service.running or store.holder is not None
    taken = {_node(request.host, str(view.get("port") or "")) for view in service.modems}
    if serving and service.standing is not Standing.UP:
        taken |= {_node(request.host, modem.port) for modem in setup.modems if modem.port}
    if request.port is not None:
        wanted = _wanted_at(request.port, setup)
        if _node(request.host, request.port) in taken:
            yield Finding(
                "port.of_service",
                Area.PORTS,
                Verdict.OK,
                f"{request.port} belongs to the running modemgw and is not opened; what it says stands above.",
                None,
                wanted.name,
            )
            return
        async for found in _port(replace(wanted, imei=None), ground, request):
            yield found
        return
    if serving:
        return
    by_imei = [modem for modem in setup.modems if modem.port is None]
    for modem in setup.modems:
        if modem.port is not None:
            async for found in _port(_wanted(modem, modem.port, setup), ground, request):
                yield found
    if by_imei:
        async for found in _by_imei(by_imei, ground, request):
            yield found
    if not setup.modems and (setup.config is not None or setup.path is None):
        async for found in _all_found(ground, request):
            yield found


async def _port(wanted: Wanted, ground: Ground, request: Request) -> AsyncIterator[Finding | Answers]:
    before = check_port(wanted, ground)
    for finding in before:
        yield finding
    if any(f.verdict is Verdict.PROBLEM for f in before):
        return
    found = ground.found(wanted.port)
    if found is not None:
        wanted = replace(wanted, role=found.role.value)
    path = wanted.port if "://" in wanted.port else str(request.host.path(wanted.port))
    try:
        answers = await examine(path, wanted.baudrate, other_speeds=found is None or not found.known_modem)
    except PortError as error:
        yield _unopened(error, wanted, request.host)
        return
    answers.port = wanted.port
    yield answers
    for finding in check_answers(answers, wanted, datetime.now(UTC)):
        yield finding
    if answers.probe.heard is not Heard.MODEM and found is not None:
        others = ", ".join(sibling.url for sibling in ground.siblings(found))
        if others:
            yield Finding(
                "modem.other_ports",
                Area.MODEM,
                Verdict.NOTE,
                f"The same device has other ports: {others}.",
                f"modemgw doctor --port {ground.siblings(found)[0].url}",
                wanted.name,
            )


def _unopened(error: PortError, wanted: Wanted, host: Host) -> Finding:
    if isinstance(error, PortDenied):
        return denied(wanted, os.stat(host.path(wanted.port)), host, refused=True)
    if isinstance(error, PortBusy):
        return in_use_unseen(wanted, host)
    sentence = str(error)
    if isinstance(error, PortMissing) and "://" in wanted.port:
        return Finding(
            "port.no_answer",
            Area.PORTS,
            Verdict.PROBLEM,
            sentence,
            "check the address, that the device server is on, and that it serves one client at a time",
            wanted.name,
        )
    head, _, fix = sentence.partition(". ")
    return Finding(
        "port.unusable",
        Area.PORTS,
        Verdict.PROBLEM,
        f"{head.rstrip('.')}.",
        fix or "unplug it and plug it in",
        wanted.name,
    )


async def _by_imei(modems: list[ModemSettings], ground: Ground, request: Request) -> AsyncIterator[Finding | Answers]:
    """Modems that are bound by their IMEI: the ports of all devices are asked for theirs."""
    seen: dict[str, str] = {}
    done: set[str] = set()
    busy: list[Finding] = []
    for port in ground.ports:
        if port.device in done or not port.candidate or not (port.known_modem or request.port):
            continue
        free = check_port(Wanted(port.url, port.url), ground)
        if any(f.verdict is Verdict.PROBLEM for f in free):
            busy += [f for f in free if f.verdict is Verdict.PROBLEM]
            continue
        answered, imei = await ask_imei(str(request.host.path(port.url)))
        if answered:
            done.add(port.device)
            seen[port.url] = imei or "not told"
    for modem in modems:
        wanted = (modem.imei or "")[:14]
        at = next((url for url, imei in seen.items() if imei[:14] == wanted), None)
        if at is not None:
            async for found in _port(_wanted(modem, at, request.setup), ground, request):
                yield found
            continue
        there = "; ".join(f"{url} has {imei}" for url, imei in seen.items())
        for finding in busy:
            yield replace(finding, subject=modem.name)
        yield Finding(
            "port.missing",
            Area.PORTS,
            Verdict.PROBLEM,
            f"No port of this machine has the modem with the IMEI {modem.imei}"
            + (f" ({there})." if there else ": none answers."),
            "plug it in; or correct imei, or name its port"
            if there
            else "plug it in; a modem behind a serial converter must be named by port",
            modem.name,
        )


async def _all_found(ground: Ground, request: Request) -> AsyncIterator[Finding | Answers]:
    """Without [[modem]]: the best port of each device, as the service would take it."""
    done: set[str] = set()
    for port in ground.ports:
        if port.device in done or not port.candidate or not port.known_modem:
            continue
        done.add(port.device)
        async for found in _port(Wanted(os.path.basename(port.url), port.url), ground, request):
            yield found
    if not done:
        yield Finding(
            "modem.none",
            Area.MODEM,
            Verdict.PROBLEM,
            "No modem is found on this machine, and none is configured.",
            "plug one in (lsusb must show it); a modem behind a serial converter or on the network must be named: "
            '[[modem]] name = "a", port = "/dev/ttyUSB0"',
        )


def _wanted(modem: ModemSettings, port: str, setup: Setup) -> Wanted:
    pins, pin = setup.refused_pins(), modem.pin
    return Wanted(
        modem.name,
        port,
        modem.baudrate,
        pin is not None,
        (lambda sim: pins.was_refused(sim, pin)) if pin is not None else None,
        modem.smsc,
        modem.number,
        modem.imei,
    )


def _wanted_at(port: str, setup: Setup) -> Wanted:
    for modem in setup.modems:
        if modem.port is not None and os.path.realpath(modem.port) == os.path.realpath(port):
            return _wanted(modem, port, setup)
    return Wanted(os.path.basename(port) if "://" not in port else port, port)


def _node(host: Host, port: str) -> str:
    return port if "://" in port else os.path.realpath(host.path(port)) if port else ""


def _sorted(diagnosis: Diagnosis) -> list[Finding]:
    """By area, as on the terminal."""
    order = {area: number for number, area in enumerate(Area)}
    return sorted(diagnosis.findings, key=lambda finding: order[finding.area])


def find_root(path: Path | None) -> Host:
    """The machine, or what is mounted at `path`."""
    return Host(path if path is not None else Path("/"))
