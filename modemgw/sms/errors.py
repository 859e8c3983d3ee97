"""The two errors of the SMS codec. Decoders raise only `TpduDecodeError`, encoders only `TpduEncodeError`."""

from __future__ import annotations

from modemgw.errors import ModemgwError


class TpduDecodeError(ModemgwError, ValueError):
    """Octets that are not the TPDU (or field) they should be; the only thing that leaves a decoder.

    `field` is the standard's name of the field, `octet` the index of the octet at which it went wrong,
    counted from the start of what was given to the decoder.
    """

    def __init__(self, field: str, octet: int, reason: str) -> None:
        super().__init__(field, octet, reason)
        self.field = field
        self.octet = octet
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field} at octet {self.octet}: {self.reason}"


class TpduEncodeError(ModemgwError, ValueError):
    """A value that no TPDU can carry; `field` is the standard's name of the field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"
