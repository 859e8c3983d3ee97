"""The rungs of the ladder that act on the device from outside: USB re-enumeration and cutting the power.

Owns sysfs and the operator's command; when they are used is the worker's business. Both run in a thread of their own
and are finished once begun, whoever stops waiting for them: half of either would leave the modem switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from modemgw.errors import ModemgwError
from modemgw.modem.ports.discovery import sysfs_of

log = logging.getLogger(__name__)

#: How long the device stays deauthorised; hubs need a moment to notice.
DEAUTHORISED_S = 1.0

#: A power cycle takes a few seconds; longer than this the command hangs.
COMMAND_LIMIT_S = 60.0

#: So much of what the command says is kept.
OUTPUT_LIMIT = 1000


class PowerError(ModemgwError):
    """A USB reset or a power cycle did not work; the sentence says why."""


def usb_device(port: str) -> Path | None:
    """The sysfs folder of the USB device behind a port, None if it is not on USB."""
    folder = sysfs_of(port)
    if folder is None:
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
        return f"usb_reset is set, but this user may not write {switch}; give it the right with a udev rule."
    return None


async def usb_reset(device: Path) -> None:
    """Let the kernel forget the device and find it again. Raises PowerError."""
    await _in_thread("usb reset", lambda: _reauthorise(device / "authorized"))


def _reauthorise(switch: Path) -> None:
    try:
        switch.write_text("0", encoding="ascii")
        time.sleep(DEAUTHORISED_S)
        switch.write_text("1", encoding="ascii")
    except OSError as error:
        with contextlib.suppress(OSError):
            switch.write_text("1", encoding="ascii")
        raise PowerError(f"The USB reset failed: {switch} could not be written ({error.strerror or error}).") from error


async def power_cycle(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the operator's command, without a shell and with a time limit. Raises PowerError.

    `environment` is added to the process's own.
    """
    await _in_thread("power cycle", lambda: _run(command, environment))


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    shown = " ".join(command)
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603 (the operator's own command)
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        except OSError as error:
            raise PowerError(f"power_cycle: {command[0]} cannot be run ({error.strerror or error}).") from error
        try:
            status = process.wait(COMMAND_LIMIT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise PowerError(f"power_cycle: {shown} took longer than {COMMAND_LIMIT_S:g} s and was ended.") from None
        output.seek(0)
        said = " ".join(output.read(OUTPUT_LIMIT).decode("utf-8", "replace").split())
    if status != 0:
        raise PowerError(f"power_cycle: {shown} ended with status {status}." + (f" It said: {said}" if said else ""))
    log.info("power_cycle: %s: %s", shown, said)


async def _in_thread(name: str, work: Callable[[], None]) -> None:
    """Run `work` in a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def deliver(problem: BaseException | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(None)

    def run() -> None:
        problem: BaseException | None = None
        try:
            work()
        except BaseException as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(deliver, problem)

    threading.Thread(target=run, name=name, daemon=True).start()
    await future
