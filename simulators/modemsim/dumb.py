"""The ports of a modem that speak no AT: diag, GPS, log, audio. Owns what they say and the record of what was written.

A program should never write to them; `written` and `first` tell whether one did.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modemsim.timeline import Timer
from modemsim.traits import Port

if TYPE_CHECKING:
    from modemsim.engine import SimModem

KEPT = 64  # of the first bytes written
SPEWS = {"gps": 1.0, "log": 0.5, "diag": 2.0}  # role: seconds between two outbursts
_DIAG = bytes.fromhex("79010000000000000000000000000000000000000000000000bd5a7e")  # an extended message, HDLC framed


class DumbPort:
    """Swallows what is written, counts it, and spews while somebody listens."""

    hung = ""
    busy = False
    in_payload = False

    def __init__(self, modem: SimModem, index: int, port: Port) -> None:
        self.modem = modem
        self.index = index
        self.port = port
        self.written = 0
        self.first = b""
        self.listeners = 0
        self._timer: Timer | None = None

    def feed(self, data: bytes) -> None:
        """Somebody writes where nobody should."""
        self.first += data[: KEPT - len(self.first)]
        self.written += len(data)
        if self.port.on_write == "reboot" and data:
            self.modem.timeline.after(0, self.modem.reboot)

    def reset(self) -> None:
        """Power is gone: it falls silent until it is opened again."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def opened(self) -> None:
        """A terminal opened the port."""
        self.listeners += 1
        self._arm()

    def closed(self) -> None:
        """The last terminal closed it."""
        self.listeners = 0
        self.reset()

    def awake(self) -> None:
        """The modem runs again."""
        if self.listeners:
            self._arm()

    def _arm(self) -> None:
        every = SPEWS.get(self.port.role)
        if every and self._timer is None:
            self._timer = self.modem.timeline.after(every, self._spew)

    def _spew(self) -> None:
        self._timer = None
        if self.modem.answering:
            self.modem.emit(self.index, self._noise())
        self._arm()

    def _noise(self) -> bytes:
        if self.port.role != "gps":
            return _DIAG + self.modem.rng.randbytes(24).replace(b"~", b"}") + b"~"
        now = time.gmtime(self.modem.timeline.wall())
        body = f"GPGGA,{time.strftime('%H%M%S', now)}.0,,,,,0,,,,,,,,"
        check = 0
        for octet in body.encode():
            check ^= octet
        return f"${body}*{check:02X}\r\n".encode()

    def urc(self, text: str) -> None:
        """Unsolicited lines are not for this port."""

    def flush_urcs(self) -> None:
        """There are none."""
