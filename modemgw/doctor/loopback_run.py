"""`--loopback` from the choice of the modem to the note in its profile: through the running service, or without one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from modemgw.config.modem import ModemSettings
from modemgw.doctor.checks_store import lock_holder
from modemgw.doctor.examine import Request, is_here
from modemgw.doctor.loopback import LoopbackError, Verdicts, note_learned, run_trials, until_ready
from modemgw.doctor.service import ServiceFacts, Standing, look_at_service
from modemgw.doctor.usb import found_ports, usb_devices

#: Asked before money is spent, with modem and number (None: the SIM is to tell it). False ends it.
Ask = Callable[[str, str | None], bool]


async def loopback(request: Request, modem: str | None, number: str | None, ask: Ask) -> Verdicts | None:
    """The trial of one modem; None if it was not wanted. Raises LoopbackError and what starting a gateway raises."""
    service = look_at_service(request.url, request.authorization)
    match service.standing:
        case Standing.UP:
            return await _through_service(request, service, modem, number, ask)
        case Standing.DOWN if not lock_holder(request.setup.store_path):
            return await _alone(request, modem, number, ask)
        case Standing.UNAUTHORISED:
            raise LoopbackError(f"The service at {service.url} does not know the credentials: give --api-key.")
        case _:
            raise LoopbackError(
                f"What is at {service.url} is no modemgw that can be asked ({service.why or service.standing.value}), "
                "or another one has the database: the modems may not be taken. See modemgw doctor."
            )


async def _through_service(
    request: Request, service: ServiceFacts, modem: str | None, number: str | None, ask: Ask
) -> Verdicts | None:
    name = _one([str(view["name"]) for view in service.modems], modem)
    known = next((str(v["number"]) for v in service.modems if v["name"] == name and v.get("number")), None)
    if number is None and known is None:
        raise _no_number(name)
    if not ask(name, number or known):
        return None
    view = await until_ready(request.url, request.authorization, name)
    verdicts = await run_trials(request.url, request.authorization, name, number or view.get("number") or "")
    if is_here(request.url):
        note_learned(request.setup.store_path, view, verdicts)
    return verdicts


async def _alone(request: Request, modem: str | None, number: str | None, ask: Ask) -> Verdicts | None:
    from modemgw.doctor.loopback_runtime import serving

    settings = _settings(request, modem)
    if not ask(settings.name, number or settings.number):
        return None
    told: list[Verdicts] = []
    async with serving(settings, request.setup.store_path, told) as gateway:
        view = await until_ready(gateway.url, gateway.authorization, settings.name)
        own = number or view.get("number")
        if not own:
            raise _no_number(settings.name)
        verdicts = await run_trials(gateway.url, gateway.authorization, settings.name, own)
        told.append(verdicts)
    if request.setup.store_path.parent.is_dir():
        await asyncio.to_thread(note_learned, request.setup.store_path, view, verdicts)
    return verdicts


def _settings(request: Request, modem: str | None) -> ModemSettings:
    """The configured modem, or one at a port that is named or found."""
    configured = {settings.name: settings for settings in request.setup.modems}
    port = request.port or (modem if modem is not None and ("/" in modem or "://" in modem) else None)
    if port is not None:
        same = next((s for s in configured.values() if s.port == port), None)
        return same or ModemSettings(name=os.path.basename(port)[:32].strip("._-") or "modem", port=port)
    if configured or modem is not None:
        return configured[_one(list(configured), modem)]
    best: dict[str, str] = {}
    for found in found_ports(request.host, usb_devices(request.host)):
        if found.candidate and found.known_modem:
            best.setdefault(found.device, found.url)
    if not best:
        raise LoopbackError("No modem is configured and none is found; name its port with --modem /dev/ttyUSB0.")
    return ModemSettings(name="modem", port=_one(list(best.values()), None))


def _one(names: list[str], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in names:
            raise LoopbackError(f"There is no modem named {wanted}; there are: {', '.join(names) or 'none'}.")
        return wanted
    if len(names) != 1:
        raise LoopbackError(f"Say which modem with --modem: {', '.join(names)}." if names else "There is no modem.")
    return names[0]


def _no_number(name: str) -> LoopbackError:
    return LoopbackError(
        f"The SIM of {name} does not tell its number. Give it: --number +79991234567, or set number of the modem in "
        "the configuration (ask the operator, or call another phone to see it)."
    )
