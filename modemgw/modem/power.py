"""The rungs of the ladder that act on the device from outside: USB re-enumeration and cutting the power.

Owns sysfs and the operator's command; when they are used is the worker's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from modemgw.errors import ModemgwError

log = logging.getLogger(__name__)

SYSFS = Path("/sys")

#: How long the device stays deauthorised; hubs need a moment to notice.
DEAUTHORISED_S = 1.0

#: A power cycle takes a few seconds; longer than this the command hangs.
COMMAND_LIMIT_S = 60.0

#: So much of what the command says is kept for the log.
OUTPUT_LIMIT = 4096


class PowerError(ModemgwError):
    """A USB reset or a power cycle did not work; the sentence says why."""


def usb_device(port: str) -> Path | None:
    """The sysfs folder of the USB device behind a port, None if it is not on USB."""
    name = os.path.basename(os.path.realpath(port))
    try:
        folder = (SYSFS / "class" / "tty" / name / "device").resolve(strict=True)
    except OSError:
        return None
    for parent in (folder, *folder.parents):
        if (parent / "idVendor").exists() and (parent / "authorized").exists():
            return parent
    return None


def why_no_usb_reset(port: str) -> str | None:
    """What is in the way of a USB reset of the device behind `port`, as a sentence; None: nothing."""
    device = usb_device(port)
    if device is None:
        return f"usb_reset is set, but {port} is not on USB."
    switch = device / "authorized"
    if not os.access(switch, os.W_OK):
        return f"usb_reset is set, but this user may not write {switch}. Install the udev rules of modemgw."
    return None


async def usb_reset(device: Path) -> None:
    """Let the kernel forget the device and find it again. Raises PowerError.

    In a thread, for these writes may take seconds; once begun it is finished whoever is cancelled meanwhile.
    """
    await asyncio.to_thread(_reauthorise, device / "authorized")


def _reauthorise(switch: Path) -> None:
    try:
        switch.write_text("0")
        time.sleep(DEAUTHORISED_S)
    except OSError as error:
        raise PowerError(f"{switch} could not be written: {error.strerror or error}.") from error
    finally:
        problem = _write_one(switch)
    if problem is not None:
        raise PowerError(f"{switch} could not be set back to 1: {problem}. Unplug the modem and plug it in.")


def _write_one(switch: Path) -> str | None:
    try:
        switch.write_text("1")
    except OSError as error:
        return error.strerror or str(error)
    return None


async def power_cycle(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the operator's command, without a shell and with a time limit. Raises PowerError.

    `environment` is added to the process's own.
    """
    shown = " ".join(command)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    except OSError as error:
        raise PowerError(f"power_cycle: {command[0]} cannot be run: {error.strerror or error}.") from error
    try:
        async with asyncio.timeout(COMMAND_LIMIT_S):
            output = await _read(process)
            status = await process.wait()
    except TimeoutError:
        raise PowerError(f"power_cycle: {shown} took longer than {COMMAND_LIMIT_S:g} s and was ended.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status != 0:
        said = f" It said: {output}" if output else ""
        raise PowerError(f"power_cycle: {shown} ended with status {status}.{said}")
    log.info("power_cycle: %s: %s", shown, output)


async def _read(process: asyncio.subprocess.Process) -> str:
    """What the command says, up to a limit; the rest is read and dropped, so that it never waits for us."""
    assert process.stdout is not None
    kept = b""
    while chunk := await process.stdout.read(OUTPUT_LIMIT):
        kept = (kept + chunk)[:OUTPUT_LIMIT]
    return kept.decode("utf-8", "replace").strip()
