"""A read position over octets; running out of them is a `TpduDecodeError`. Knows no field layout."""

from __future__ import annotations

from modemgw.sms.errors import TpduDecodeError


class Cursor:
    """Reads octets one field after the other; every read names its field."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    @property
    def left(self) -> int:
        """Octets not yet read."""
        return len(self.data) - self.at

    def octet(self, field: str) -> int:
        if self.at >= len(self.data):
            raise TpduDecodeError(field, len(self.data), "the PDU ends before this field")
        value = self.data[self.at]
        self.at += 1
        return value

    def take(self, count: int, field: str) -> bytes:
        if count > self.left:
            raise TpduDecodeError(field, self.at, f"needs {count} octets, {self.left} are left")
        value = self.data[self.at : self.at + count]
        self.at += count
        return value
