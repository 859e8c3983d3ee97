"""The providers' APIs this gateway speaks. Each dialect is pure: bytes and commands, no sockets, no clock."""

from modemgw.dialects import smsc
from modemgw.dialects.seam import Dialect

#: Every dialect that is served.
ALL: tuple[Dialect, ...] = (smsc.DIALECT,)

__all__ = ["ALL", "Dialect"]
