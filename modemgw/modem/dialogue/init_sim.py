"""Making the SIM ready.

Its state, its PIN (tried once, and never when it could be the last try), waiting while it is busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from modemgw.at import commands
from modemgw.at.errors import AtResponseError, CmeError, CmsError, CommandFailed, CommandTimeout, ModemSilent
from modemgw.at.outcomes import Response
from modemgw.at.responses import first, read_pin_state, read_pin_tries
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.driver import PinMemory, SimProblem, SimReason

T = TypeVar("T")

log = logging.getLogger(__name__)

ANY_PIN = ""  # stands for "some PIN" of a SIM: one was tried, and was not accepted as far as we know
UNCOUNTED = (
    "An earlier try did not succeed, and the modem does not tell how many are left. "
    "Switch the PIN request off with a phone, or put the SIM into a modem that tells."
)
LEAST_TRIES = 2  # a PIN is not tried when it could be the last try

_BUSY_CME = frozenset({14, 515})
_BUSY_CMS = frozenset({314, 515})
_REASON_OF_CME: dict[int, SimReason] = {
    5: SimReason.LOCKED,
    10: SimReason.NOT_INSERTED,
    11: SimReason.PIN_REQUIRED,
    12: SimReason.PUK_REQUIRED,
    13: SimReason.FAILURE,
    15: SimReason.FAILURE,
    16: SimReason.PIN_WRONG,
    40: SimReason.LOCKED,
}
_REASON_OF_CMS: dict[int, SimReason] = {
    310: SimReason.NOT_INSERTED,
    311: SimReason.PIN_REQUIRED,
    312: SimReason.LOCKED,
    313: SimReason.FAILURE,
    315: SimReason.FAILURE,
    316: SimReason.PUK_REQUIRED,
}
SENTENCES: dict[SimReason, str] = {
    SimReason.NOT_INSERTED: "No SIM is in the modem. Insert one; some modems see it only after a power cycle.",
    SimReason.PIN_REQUIRED: "The SIM asks for its PIN and none is configured. Set pin for this modem.",
    SimReason.PIN_WRONG: "The SIM refused the configured PIN; it will not be tried again. Correct pin for this modem.",
    SimReason.PIN_NOT_TRIED: "The SIM asks for its PIN, but trying the configured one could block the SIM.",
    SimReason.PUK_REQUIRED: "The SIM is blocked and asks for its PUK. Put it into a phone and enter the PUK there.",
    SimReason.LOCKED: "The modem is locked to another network or SIM. It must be unlocked by its seller.",
    SimReason.BUSY: "The SIM did not become ready in time.",
    SimReason.FAILURE: "The modem cannot read the SIM. Take it out, clean its contacts and insert it again.",
}


def is_busy(error: CommandFailed) -> bool:
    """The SIM is still starting; asking again helps."""
    return (isinstance(error, CmeError) and error.code in _BUSY_CME) or (
        isinstance(error, CmsError) and error.code in _BUSY_CMS
    )


def sim_reason(error: CommandFailed) -> SimReason | None:
    """What an error says of the SIM, or None if it is not about the SIM."""
    if is_busy(error):
        return SimReason.BUSY
    if isinstance(error, CmeError) and error.code is not None:
        return _REASON_OF_CME.get(error.code)
    if isinstance(error, CmsError) and error.code is not None:
        return _REASON_OF_CMS.get(error.code)
    return None


def sim_problem(reason: SimReason, tries_left: int | None = None) -> SimProblem:
    sentence = SENTENCES[reason]
    if tries_left is not None and reason in (SimReason.PIN_WRONG, SimReason.PIN_NOT_TRIED):
        sentence += f" Tries left: {tries_left}."
    return SimProblem(reason, sentence, tries_left)


class RefusedPins:
    """Remembers refused PINs by SIM, as hashes; in a file if it is given one, else as long as the process lives."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._hashes: set[str] = set()
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                self._hashes = {str(h) for h in json.loads(path.read_text(encoding="utf-8"))}

    def was_refused(self, sim: str, pin: str) -> bool:
        return self._hash(sim, pin) in self._hashes

    def remember(self, sim: str, pin: str) -> None:
        """Noted before anything else is done; a file that cannot be written is told in the log."""
        if self._hash(sim, pin) not in self._hashes:
            self._hashes.add(self._hash(sim, pin))
            self._keep()

    def forget(self, sim: str, pin: str) -> None:
        """It was not refused after all."""
        if self._hash(sim, pin) in self._hashes:
            self._hashes.discard(self._hash(sim, pin))
            self._keep()

    def _keep(self) -> None:
        if self._path is None:
            return
        try:
            fresh = self._path.with_suffix(".new")
            # four digits are soon guessed from their hash
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(sorted(self._hashes), file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as exc:
            log.error("A refused PIN could not be noted in %s: %s", self._path, exc)

    @staticmethod
    def _hash(sim: str, pin: str) -> str:
        return hashlib.sha256(f"{sim}\0{pin}".encode()).hexdigest()


THIS_PROCESS = RefusedPins()


async def run_when_ready(channel: Channel, command: commands.Command, deadline: float) -> Response:
    """Run a command, again and again while the SIM is busy.

    Raises SimProblem BUSY at the deadline (of the loop's clock).
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await channel.run(command)
        except CommandFailed as exc:
            if not is_busy(exc):
                raise
            if loop.time() + channel.timing.sim_busy_pause_s > deadline:
                raise sim_problem(SimReason.BUSY) from exc
        await asyncio.sleep(channel.timing.sim_busy_pause_s)


async def read_if_told(channel: Channel, command: commands.Command, read: Callable[[str], T], what: str) -> T | None:
    """What a command tells, or None where the modem refuses it, says something else or nothing. Raises ModemSilent."""
    try:
        return first((await channel.run(command)).lines, read, what)
    except ModemSilent:
        raise
    except (CommandFailed, AtResponseError, CommandTimeout):
        return None


async def pin_state(channel: Channel, deadline: float) -> str:
    """`READY`, `SIM PIN`, …; an error that is about the SIM becomes SimProblem, any other is raised as it is."""
    try:
        response = await run_when_ready(channel, commands.PIN_ASK, deadline)
    except CommandFailed as exc:
        reason = sim_reason(exc)
        if reason is None or reason is SimReason.PIN_REQUIRED:
            if reason is None:
                raise
            return "SIM PIN"
        raise sim_problem(reason) from exc
    return first(response.lines, read_pin_state, "PIN state")


async def tries_left(channel: Channel, counters: Sequence[commands.Command] = ()) -> int | None:
    """How many tries the PIN has left; None where the modem does not tell. The maker's own `counters` come first."""
    for command in (*counters, *(c for c in commands.PIN_TRIES_FORMS if c not in counters)):
        left = await read_if_told(channel, command, read_pin_tries, "count of PIN tries")
        if left is not None:
            return left
    return None


async def unlock(
    channel: Channel,
    pin: str | None,
    sim: str,
    memory: PinMemory | None,
    deadline: float,
    note: Callable[[str], None],
    counters: Sequence[commands.Command] = (),
) -> None:
    """Bring the SIM to READY, or raise SimProblem. `sim` tells this SIM from others (ICCID, else IMEI)."""
    memory = memory if memory is not None else THIS_PROCESS
    try:
        state = await pin_state(channel, deadline)
    except CommandFailed as exc:
        note(f"The modem does not tell the state of the PIN ({exc.result}); going on without.")
        return
    if state in ("READY", "SIM PIN2", "SIM PUK2"):
        return
    if "PUK" in state:
        raise sim_problem(SimReason.PUK_REQUIRED if state == "SIM PUK" else SimReason.LOCKED)
    if state != "SIM PIN":
        raise sim_problem(SimReason.LOCKED if state.startswith("PH-") else SimReason.FAILURE)
    if pin is None:
        raise sim_problem(SimReason.PIN_REQUIRED)
    left = await tries_left(channel, counters)
    if memory.was_refused(sim, pin):
        raise sim_problem(SimReason.PIN_WRONG, left)
    if left is not None and left < LEAST_TRIES:
        raise sim_problem(SimReason.PIN_NOT_TRIED, left)
    if left is None and memory.was_refused(sim, ANY_PIN):
        raise SimProblem(SimReason.PIN_NOT_TRIED, f"{SENTENCES[SimReason.PIN_NOT_TRIED]} {UNCOUNTED}")
    memory.remember(sim, ANY_PIN)  # before it goes out: this process may not live to see the answer
    try:
        await channel.run(commands.enter_pin(pin))
    except CommandFailed as exc:
        if is_busy(exc):
            memory.forget(sim, ANY_PIN)  # it was not looked at
            raise sim_problem(SimReason.BUSY) from exc
        memory.remember(sim, pin)
        reason = sim_reason(exc)
        if reason is SimReason.PUK_REQUIRED:
            raise sim_problem(reason) from exc
        raise sim_problem(SimReason.PIN_WRONG, await tries_left(channel, counters)) from exc
    except BaseException:
        memory.remember(sim, pin)  # whether it was wrong is not known: not tried again by itself
        raise
    memory.forget(sim, ANY_PIN)
    while await pin_state(channel, deadline) != "READY":
        if asyncio.get_running_loop().time() > deadline:
            raise sim_problem(SimReason.BUSY)
        await asyncio.sleep(channel.timing.sim_busy_pause_s)
