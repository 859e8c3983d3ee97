"""The providers' APIs this gateway speaks. Each dialect is pure: bytes and commands, no sockets, no clock."""

from modemgw.dialects import bsg, devino, fintek, gatesms, kannel, native_callbacks, smsc, smsgate, twilio
from modemgw.dialects.seam import Dialect

#: Every dialect that is served.
ALL: tuple[Dialect, ...] = (
    smsc.DIALECT,
    devino.DIALECT,
    gatesms.DIALECT,
    fintek.DIALECT,
    bsg.DIALECT,
    kannel.DIALECT,
    twilio.DIALECT,
    smsgate.DIALECT,
)

#: What an account's callback_format may be: ours, and the dialects that word callbacks.
CALLBACK_FORMATS: tuple[str, ...] = (
    native_callbacks.NAME,
    *(dialect.name for dialect in ALL if dialect.callbacks is not None),
)

__all__ = ["ALL", "CALLBACK_FORMATS", "Dialect"]
