"""What the dialogue with a modem has found out of it, kept per IMEI and firmware in a small file beside the database.

Owns the file. What the values mean is known to those who put them there: `init`, `storage`, `driver_at`, USSD, doctor.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

#: What a value may be: anything JSON has. Tuples come back as lists; `ints` and `text` check what they give.
Value = Any

#: The file stays small: devices that changed longest ago go first, too many or too long values are refused.
DEVICES_MOST, KEYS_MOST, VALUE_MOST = 200, 40, 2_000

_FORMAT = 1
_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,39}\Z")


@dataclass(slots=True)
class Device:
    """One modem as the file has it. `at` is Unix time in seconds of the last change."""

    imei: str
    firmware: str
    model: str = ""
    at: int = 0
    values: dict[str, Value] = field(default_factory=dict)


class Learned:
    """The values of one modem with one firmware. `get` what worked last time, `put` what works, `drop` what fails.

    Without a store (no IMEI, no file) it remembers as long as it lives. Nothing here raises for a full disk.
    """

    def __init__(self, store: LearnedStore | None = None, imei: str = "", firmware: str = "", model: str = "") -> None:
        self._store = store
        self._device = Device(imei, firmware, model)

    @property
    def device(self) -> Device:
        """What is remembered now."""
        return self._look()

    def _look(self, *, fresh: bool = False) -> Device:
        if self._store is not None:
            found = self._store.device(self._device.imei, fresh=fresh)
            if found is not None and found.firmware == self._device.firmware:
                return found
            return Device(self._device.imei, self._device.firmware, self._device.model)
        return self._device

    def get(self, key: str, default: Value = None) -> Value:
        """The value, or `default`. It comes from a file that people can edit: check it."""
        return self.device.values.get(key, default)

    def ints(self, key: str) -> tuple[int, ...] | None:
        """The value if it is a list of whole numbers."""
        value = self.get(key)
        if isinstance(value, list | tuple) and value and all(type(n) is int for n in value):
            return tuple(value)
        return None

    def number(self, key: str) -> int | None:
        """The value if it is a whole number."""
        value = self.get(key)
        return value if type(value) is int else None

    def text(self, key: str) -> str | None:
        """The value if it is a string."""
        value = self.get(key)
        return value if isinstance(value, str) else None

    def table(self, key: str) -> dict[str, Value]:
        """The value if it is a table, else an empty one."""
        value = self.get(key)
        return dict(value) if isinstance(value, dict) else {}

    def names(self, key: str) -> tuple[str, ...]:
        """The value if it is a list of strings, else nothing."""
        value = self.get(key)
        return tuple(value) if isinstance(value, list | tuple) and all(isinstance(n, str) for n in value) else ()

    def put(self, key: str, value: Value) -> None:
        """Remember; what is known already costs nothing. Too much is not remembered, and told in the log.

        Raises ValueError for a word that cannot be a key.
        """
        if not _KEY.match(key):
            raise ValueError(f"{key!r} is no key of a learned value")
        text = json.dumps(value)
        device = self.device
        if len(text) > VALUE_MOST or (key not in device.values and len(device.values) >= KEYS_MOST):
            log.warning("Modem %s: %s is not remembered: it is too much", device.imei, key)
            return
        value = json.loads(text)
        if key in device.values and device.values[key] == value:
            return
        device = self._look(fresh=True)  # what somebody made us forget just now stays forgotten
        device.values[key] = value
        if self._store is not None:
            self._store.keep(device)

    def drop(self, key: str) -> None:
        """Forget: it did not work this time."""
        if self.device.values.get(key) is None:
            return
        device = self._look(fresh=True)
        if device.values.pop(key, None) is not None and self._store is not None:
            self._store.keep(device)


class LearnedStore:
    """The file. It is read again when another process has replaced it, so that `modemgw profiles learned forget`
    works while the service runs; whether it has, is looked at once in `look_every_s`, for each text asks several times.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, look_every_s: float = 1.0) -> None:
        self.path = path
        self._clock = clock
        self._look_every_s = look_every_s
        self._looked = -math.inf
        self._devices: dict[str, Device] = {}
        self._mark: tuple[int, int, int] | None = None
        self._read = False

    def of(self, imei: str | None, firmware: str, model: str = "") -> Learned:
        """What is known of this modem. Values of another firmware are forgotten; without an IMEI nothing is kept.

        A modem that does not tell its firmware this time (it is still starting) has the one that it had.
        """
        if not imei:
            return Learned()
        known = self.device(imei)
        if known is not None and not firmware:
            firmware = known.firmware
        if known is not None and known.firmware != firmware:
            log.info(
                "Modem %s has firmware %s now: what was learned of %s is forgotten", imei, firmware, known.firmware
            )
            self.forget(imei)
        return Learned(self, imei, firmware, model)

    def device(self, imei: str, *, fresh: bool = False) -> Device | None:
        """What the file has of a modem; `fresh`: now, and not `look_every_s` ago."""
        if fresh or time.monotonic() - self._looked >= self._look_every_s:
            self._refresh()
        return self._devices.get(imei)

    def devices(self) -> list[Device]:
        """All of them, the one changed last first."""
        self._refresh()
        return sorted(self._devices.values(), key=lambda device: -device.at)

    def keep(self, device: Device) -> None:
        """Note a change of `device`, at once."""
        self._refresh()
        device.at = int(self._clock())
        self._devices[device.imei] = device
        while len(self._devices) > DEVICES_MOST:
            del self._devices[min(self._devices.values(), key=lambda other: other.at).imei]
        self._write()

    def forget(self, imei: str) -> bool:
        """Forget a modem; False if nothing was known of it."""
        self._refresh()
        if self._devices.pop(imei, None) is None:
            return False
        self._write()
        return True

    def _refresh(self) -> None:
        self._looked = time.monotonic()
        mark = self._mark_of_file()
        if self._read and mark == self._mark:
            return
        self._read, self._mark = True, mark
        self._devices = {}
        if mark is None:
            return
        try:
            self._devices = _devices_in(json.loads(self.path.read_text(encoding="utf-8")))
        except OSError as exc:
            log.warning("%s cannot be read (%s); the modems are asked anew", self.path, exc.strerror)
        except (ValueError, RecursionError) as exc:
            self._set_aside(exc)

    def _set_aside(self, reason: Exception) -> None:
        aside = self.path.with_name(self.path.name + ".broken")
        log.warning("%s is broken (%s); it is set aside as %s and the modems are asked anew", self.path, reason, aside)
        try:
            self.path.replace(aside)
            self._mark = None
        except OSError as exc:
            log.warning("%s cannot be set aside: %s", self.path, exc.strerror)

    def _write(self) -> None:
        """Replace the file in one step. That it cannot be written is told in the log; the next change tries again."""
        document = {
            "format": _FORMAT,
            "devices": {
                device.imei: {
                    "firmware": device.firmware,
                    "model": device.model,
                    "at": device.at,
                    "values": device.values,
                }
                for device in self._devices.values()
            },
        }
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            fresh.unlink(missing_ok=True)  # never through a link that somebody put there: root may be who writes
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                self._give_to_owner(file.fileno())
                json.dump(document, file, indent=1, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as exc:
            log.warning("What was learned of the modems cannot be kept in %s: %s", self.path, exc)
            return
        self._mark = self._mark_of_file()

    def _give_to_owner(self, descriptor: int) -> None:
        """A command that root runs must not take the file away from the service: its owner is the folder's."""
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _mark_of_file(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def learned_path(store: Path) -> Path:
    """Where the values are kept: beside the database."""
    return store.with_name(store.name + ".learned.json")


def _devices_in(document: object) -> dict[str, Device]:
    """Raises ValueError for a document of another shape."""
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f"it is not of format {_FORMAT}")
    devices = document.get("devices")
    if not isinstance(devices, dict):
        raise ValueError("it has no devices")
    found: dict[str, Device] = {}
    for imei, entry in devices.items():
        match entry:
            case {"firmware": str(firmware), "model": str(model), "at": int(at), "values": dict(values)}:
                found[imei] = Device(imei, firmware, model, at, values)
            case _:
                raise ValueError(f"the entry of {imei} is unreadable")
    return found
