"""What is sent with AT+CMGS (TS 27.005 4.3), and the three ways in which that does not succeed."""

from __future__ import annotations

from dataclasses import dataclass

from modemgw.at.errors import CommandFailed
from modemgw.errors import ModemgwError


@dataclass(frozen=True, slots=True)
class TpduHex:
    """A TPDU as `AT+CMGS` takes it.

    `hex` is SMSC address + TPDU, `length` the TPDU's octets without it (TS 27.005 4.1).
    """

    hex: str
    length: int

    @classmethod
    def of(cls, tpdu: bytes, sca: bytes = b"\x00") -> TpduHex:
        """From the octets of a TPDU; `sca` is the encoded SMSC address, by default "the SIM's own"."""
        return cls((sca + tpdu).hex().upper(), len(tpdu))


class SendError(ModemgwError):
    """Base of the three ways in which a send does not succeed."""


class SendAborted(SendError):
    """The send was broken off before the first byte of the payload: certainly nothing went out."""


class SendRejected(SendError):
    """The modem or the network said no, in time. `error` is what it said; None where it said OK without `+CMGS:`.

    After the payload it is the modem's word and no proof.
    """

    def __init__(self, reason: str, error: CommandFailed | None = None, *, before_payload: bool = False) -> None:
        self.reason = reason
        self.error = error
        self.before_payload = before_payload
        super().__init__(reason)


class SendInDoubt(SendError):
    """The payload, or a piece of it, went to the modem and no clear result came: it may or may not be sent.

    `error` is what the modem said, if it was an error that says nothing of the outcome; `silent_ok`: it said OK only.
    """

    def __init__(
        self, reason: str, mr: int | None = None, error: CommandFailed | None = None, *, silent_ok: bool = False
    ) -> None:
        self.reason = reason
        self.mr = mr
        self.error = error
        self.silent_ok = silent_ok
        super().__init__(reason)
