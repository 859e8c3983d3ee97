"""The errors of modemsim. `str()` of a `SimError` is a sentence for the person who runs it;
the AT errors are replies.
"""

from __future__ import annotations


class SimError(Exception):
    """Base of everything modemsim raises on purpose; its text says what was tried and what to do."""


class AtError(Exception):
    """A command ends with plain `ERROR`."""


class CmeError(AtError):
    """A command ends with `+CME ERROR: <code>` (TS 27.007 9.2)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class CmsError(AtError):
    """A command ends with `+CMS ERROR: <code>` (TS 27.005 3.2.5)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class UnknownCommandError(AtError):
    """The modem has no such command; how it says so is a matter of its personality."""


class OkInsteadError(AtError):
    """The command failed and the modem says OK all the same (Siemens, AT^SM20=1)."""


class PowerLostError(Exception):
    """The modem went off in the middle of a command: nothing more is said."""


def error_of(words: str) -> AtError:
    """The error that a personality names: "CMS 302", "CME 4", or any other word for plain ERROR."""
    kind, _, code = words.partition(" ")
    if code.isdigit() and kind in ("CMS", "CME"):
        return CmsError(int(code)) if kind == "CMS" else CmeError(int(code))
    return AtError()


CME_TEXT: dict[int, str] = {
    0: "phone failure",
    1: "no connection to phone",
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    26: "dial string too long",
    27: "invalid characters in dial string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    50: "incorrect parameters",
    100: "unknown",
}

CMS_TEXT: dict[int, str] = {
    1: "Unassigned (unallocated) number",
    8: "Operator determined barring",
    10: "Call barred",
    21: "Short message transfer rejected",
    27: "Destination out of service",
    28: "Unidentified subscriber",
    29: "Facility rejected",
    30: "Unknown subscriber",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Congestion",
    47: "Resources unavailable, unspecified",
    50: "Requested facility not subscribed",
    69: "Requested facility not implemented",
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    312: "PH-SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    315: "SIM wrong",
    316: "SIM PUK required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}
