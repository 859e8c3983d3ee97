"""Errors of the AT dialogue and the texts of their codes (TS 27.005 3.2.5, TS 27.007 9.2).

What to do about one is in `policy`.
"""

from __future__ import annotations

from modemgw.errors import ModemgwError

# TS 27.005 3.2.5; 1-127 are RP causes of TS 24.011 E-2, 128-255 TP-FCS of TS 23.040 9.2.3.22.
CMS_TEXTS: dict[int, str] = {
    1: "the number is not assigned",
    8: "the operator bars this SIM from sending",
    10: "calls are barred for this SIM",
    11: "reserved",
    17: "network failure",
    21: "the network rejected the message",
    22: "memory of the handset is full",
    27: "the recipient's network or phone cannot be reached",
    28: "the network does not identify this SIM",
    29: "the network has barred this facility for the SIM",
    30: "the network does not know this SIM",
    38: "the network is out of order",
    41: "temporary network failure",
    42: "the network is congested",
    47: "no resources available in the network",
    50: "the requested facility is not subscribed for this SIM",
    69: "the requested facility is not implemented in the network",
    81: "invalid short message reference",
    95: "the network calls the message invalid",
    96: "the network misses mandatory information in the message",
    97: "message type unknown or not implemented by the network",
    98: "message not fitting the state of the protocol",
    99: "information element unknown or not implemented by the network",
    111: "protocol error, unspecified",
    127: "interworking, unspecified",
    128: "telematic interworking not supported",
    129: "short message type 0 not supported",
    130: "short message cannot be replaced",
    143: "protocol identifier not accepted",
    144: "data coding scheme (alphabet) not supported",
    145: "message class not supported",
    159: "data coding scheme not accepted",
    160: "command cannot be carried out",
    161: "command not supported",
    175: "command not accepted",
    176: "TPDU not supported",
    192: "the SMS centre is busy",
    193: "the SMS centre has no subscription for this SIM",
    194: "the SMS centre has failed",
    195: "invalid recipient address",
    196: "the recipient address is barred",
    197: "the SMS centre rejected a duplicate",
    198: "TP-VPF not supported",
    199: "TP-VP not supported",
    208: "SMS storage of the SIM is full",
    209: "the SIM has no SMS storage",
    210: "error in the mobile",
    211: "memory capacity exceeded",
    212: "SIM application toolkit is busy",
    213: "SIM data download error",
    224: "command did not execute",
    225: "command timed out",
    226: "command was aborted",
    255: "unspecified error cause",
    300: "the modem failed",
    301: "SMS service of the modem is reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "the modem calls the PDU invalid",
    305: "the modem calls a text mode parameter invalid",
    310: "no SIM is inserted",
    311: "the SIM asks for its PIN",
    312: "the SIM is locked to another phone",
    313: "the SIM failed",
    314: "the SIM is busy",
    315: "wrong SIM",
    316: "the SIM asks for its PUK",
    317: "the SIM asks for PIN2",
    318: "the SIM asks for PUK2",
    320: "memory failure",
    321: "no message at this memory index",
    322: "the memory is full",
    330: "the address of the SMS centre is not known",
    331: "no network service",
    332: "the network did not answer in time",
    340: "no acknowledgement was expected",
    350: "the modem gave up waiting for the network",
    500: "unknown error",
    512: "the modem could not start sending (collision or user abort)",
    513: "lower layer failure",
    514: "sending failed at the connection layer",
    515: "the modem is still busy starting up",
    516: "the modem is in a call or not ready",
    517: "the modem calls a parameter invalid",
    519: "the modem calls the recipient address invalid",
    520: "the modem calls the service address invalid",
    521: "the memory of the modem failed",
    522: "the modem is in the wrong state",
    527: "the modem refused while busy",
    531: "the recipient is not in the SIM's fixed dialling list",
    535: "the modem is busy with another SMS command",
    538: "the modem calls a parameter of the message invalid",
    540: "the modem could not send",
    549: "the modem calls the PDU length wrong",
    615: "no network",
    616: "the network is limited to emergency calls",
}

# TS 27.007 9.2.1 and 9.2.2 (the codes a modem for messages meets)
CME_TEXTS: dict[int, str] = {
    0: "phone failure",
    1: "no connection to phone",
    2: "phone adaptor link reserved",
    3: "operation not allowed",
    4: "operation not supported",
    5: "the SIM is locked to another phone",
    6: "the phone asks for its first SIM",
    7: "the phone asks for the PUK of its first SIM",
    10: "no SIM is inserted",
    11: "the SIM asks for its PIN",
    12: "the SIM asks for its PUK",
    13: "the SIM failed",
    14: "the SIM is busy",
    15: "wrong SIM",
    16: "incorrect PIN",
    17: "the SIM asks for PIN2",
    18: "the SIM asks for PUK2",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    26: "dial string too long",
    27: "invalid characters in dial string",
    30: "no network service",
    31: "the network did not answer in time",
    32: "network not allowed, emergency calls only",
    40: "the SIM is locked to a network",
    41: "the SIM asks for the network unlock code",
    42: "the SIM is locked to a part of the network",
    43: "the SIM asks for the subset unlock code",
    44: "the SIM is locked to a provider",
    45: "the SIM asks for the provider unlock code",
    46: "the SIM is locked to a company",
    47: "the SIM asks for the company unlock code",
    48: "hidden key required",
    49: "EAP method not supported",
    50: "incorrect parameters",
    51: "command implemented but currently disabled",
    52: "command aborted by user",
    53: "not attached to the network",
    54: "modem not allowed, emergency services only",
    55: "operation not allowed, restricted",
    56: "fixed dial number only",
    57: "temporarily out of service",
    58: "language or alphabet not supported",
    59: "unexpected data value",
    60: "system failure",
    61: "data missing",
    62: "call barred",
    100: "unknown error",
    103: "illegal mobile",
    106: "illegal modem",
    107: "packet service not allowed",
    111: "network not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    132: "service option not supported",
    133: "requested service option not subscribed",
    134: "service option temporarily out of order",
    148: "unspecified packet service error",
    515: "the modem is still busy starting up",
}


class AtError(ModemgwError):
    """Base of all errors of the AT dialogue."""


class AtResponseError(AtError):
    """A reply of the modem cannot be read: `what` was expected, `text` came."""

    def __init__(self, what: str, text: str) -> None:
        self.what = what
        self.text = text
        super().__init__(f"The modem's answer {text[:120]!r} is not a readable {what}.")


class CommandFailed(AtError):
    """The modem answered a command with an error; `result` is the result line as it came."""

    def __init__(self, result: str, command: str = "") -> None:
        self.result = result
        self.command = command
        super().__init__(self._sentence(result))

    def _sentence(self, said: str) -> str:
        return f"The modem refused {self.command}: {said}." if self.command else f"The modem refused: {said}."


class CmsError(CommandFailed):
    """`+CMS ERROR` (TS 27.005 3.2.5). `code` is None where the modem gave a text that the standard does not have."""

    def __init__(self, code: int | None, text: str = "", command: str = "") -> None:
        self.code = code
        self.text = text or cms_text(code)
        said = f"CMS ERROR {code} ({self.text})" if code is not None else f"CMS ERROR ({self.text})"
        super().__init__(said, command)


class CmeError(CommandFailed):
    """`+CME ERROR` (TS 27.007 9.2). `code` is None where the modem gave a text that the standard does not have."""

    def __init__(self, code: int | None, text: str = "", command: str = "") -> None:
        self.code = code
        self.text = text or cme_text(code)
        said = f"CME ERROR {code} ({self.text})" if code is not None else f"CME ERROR ({self.text})"
        super().__init__(said, command)


class CommandTimeout(ModemgwError):
    """The modem did not answer in time; the dialogue is put in step again before the next command."""

    def __init__(self, command: str, limit_s: float) -> None:
        self.command = command
        self.limit_s = limit_s
        super().__init__(f"The modem did not answer {command} within {limit_s:g} s.")


class ModemSilent(CommandTimeout):
    """Resynchronising failed: the modem answers nothing at all. Only the next rung of the recovery ladder helps."""

    def __init__(self, command: str, limit_s: float, hint: str = "") -> None:
        super().__init__(command, limit_s)
        if hint:
            self.args = (f"{self} {hint}",)


def cms_text(code: int | None) -> str:
    """What a CMS code means, in words."""
    if code is None:
        return "an error without a code"
    if code in CMS_TEXTS:
        return CMS_TEXTS[code]
    if code <= 127:
        return "a cause the network gave that TS 24.011 does not list"
    if code <= 255:
        return "a cause the SMS centre gave that TS 23.040 does not list"
    return "an error of this modem's maker" if code >= 512 else "an error TS 27.005 does not list"


def cme_text(code: int | None) -> str:
    """What a CME code means, in words."""
    if code is None:
        return "an error without a code"
    return CME_TEXTS.get(code, "an error TS 27.007 does not list")


# The verbose forms of AT+CMEE=2, in lower case, with the code each stands for (TS 27.005 3.2.5, TS 27.007 9.2).
_CMS_VERBOSE: dict[str, int] = {
    "me failure": 300,
    "sms service of me reserved": 301,
    "operation not allowed": 302,
    "operation not supported": 303,
    "invalid pdu mode parameter": 304,
    "invalid text mode parameter": 305,
    "sim not inserted": 310,
    "(u)sim not inserted": 310,
    "sim pin required": 311,
    "(u)sim pin required": 311,
    "ph-sim pin required": 312,
    "ph-(u)sim pin required": 312,
    "sim failure": 313,
    "(u)sim failure": 313,
    "sim busy": 314,
    "(u)sim busy": 314,
    "sim wrong": 315,
    "(u)sim wrong": 315,
    "sim puk required": 316,
    "(u)sim puk required": 316,
    "sim pin2 required": 317,
    "(u)sim pin2 required": 317,
    "sim puk2 required": 318,
    "(u)sim puk2 required": 318,
    "memory failure": 320,
    "invalid memory index": 321,
    "memory full": 322,
    "smsc address unknown": 330,
    "no network service": 331,
    "network timeout": 332,
    "no +cnma acknowledgement expected": 340,
    "unknown error": 500,
    "unassigned (unallocated) number": 1,
    "unassigned number": 1,
    "operator determined barring": 8,
    "call barred": 10,
    "network failure": 17,
    "short message transfer rejected": 21,
    "destination out of service": 27,
    "destination out of order": 27,
    "unidentified subscriber": 28,
    "facility rejected": 29,
    "unknown subscriber": 30,
    "network out of order": 38,
    "temporary failure": 41,
    "congestion": 42,
    "resources unavailable, unspecified": 47,
    "resources unavailable": 47,
    "requested facility not subscribed": 50,
    "requested facility not implemented": 69,
    "invalid short message transfer reference value": 81,
    "invalid message, unspecified": 95,
    "invalid mandatory information": 96,
    "message type non-existent or not implemented": 97,
    "protocol error, unspecified": 111,
    "interworking, unspecified": 127,
    "sc busy": 192,
    "no sc subscription": 193,
    "sc system failure": 194,
    "invalid sme address": 195,
    "destination sme barred": 196,
    "sm rejected-duplicate sm": 197,
    "sm rejected - duplicate sm": 197,
    "sim sms storage full": 208,
    "memory capacity exceeded": 211,
}

_CME_VERBOSE: dict[str, int] = {
    "phone failure": 0,
    "no connection to phone": 1,
    "operation not allowed": 3,
    "operation not supported": 4,
    "ph-sim pin required": 5,
    "sim not inserted": 10,
    "sim pin required": 11,
    "sim puk required": 12,
    "sim failure": 13,
    "sim busy": 14,
    "sim wrong": 15,
    "incorrect password": 16,
    "sim pin2 required": 17,
    "sim puk2 required": 18,
    "memory full": 20,
    "invalid index": 21,
    "invalid memory index": 21,
    "not found": 22,
    "memory failure": 23,
    "no network service": 30,
    "network timeout": 31,
    "network not allowed - emergency calls only": 32,
    "network not allowed emergency calls only": 32,
    "network personalization pin required": 40,
    "network personalisation pin required": 40,
    "incorrect parameters": 50,
    "invalid parameters": 50,
    "unknown": 100,
    "unknown error": 100,
    "please wait": 515,
    "please wait, init or command processing in progress": 515,
}


def error_from_result(text: str, command: str = "") -> CommandFailed:
    """The typed error of an error result line (`ERROR`, `+CMS ERROR: 38`, `+CME ERROR: SIM busy`, …). Never raises."""
    head, colon, tail = text.partition(":")
    value = tail.strip()
    name = head.strip().upper()
    if colon and name == "+CMS ERROR":
        code = _code(value, _CMS_VERBOSE)
        return CmsError(code, "" if code is not None else value, command)
    if colon and name == "+CME ERROR":
        code = _code(value, _CME_VERBOSE)
        return CmeError(code, "" if code is not None else value, command)
    return CommandFailed(text, command)


def _code(value: str, verbose: dict[str, int]) -> int | None:
    if value.isascii() and value.isdigit() and len(value) <= 5:
        return int(value)
    return verbose.get(value.strip('"').lower())
