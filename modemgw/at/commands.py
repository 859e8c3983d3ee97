"""The AT commands the gateway sends, with the longest time each may take.

Owns no dialogue: `modem.channel` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass

# TS 27.005 and 27.007 give hardly any limits; the makers' manuals do, and the longest of them counts.
DEFAULT_S = 5.0  # Quectel EC25 AT manual: 300 ms for most, 5 s for those that ask the SIM
SIM_S = 15.0  # +CPIN, +CIMI, +CSCA, +CNUM: up to 5 s (Quectel), 15 s on a SIM just powered
STORAGE_S = 30.0  # +CPMS, +CMGL, +CMGD: Quectel 300 ms each, SIM800 25 s for +CMGD=…,4, 20 s for +CMGL
MESSAGE_S = 10.0  # +CMGR, +CMGD of one: 5 s (SIM800); while it hangs nothing that is handed over is acknowledged
FUNCTION_S = 20.0  # +CFUN: 15 s (Quectel EC25 2.22), 10 s (SIM800)
PROMPT_S = 20.0  # `> ` of +CMGS; slow firmware needs 8 s and more while it searches for a network
SUBMIT_S = 180.0  # +CMGS result: 120 s (Quectel), a CMS ERROR 350 came after 135 s on an EG06
SUBMIT_OK_S = 5.0  # OK after a `+CMGS: <mr>` line


@dataclass(frozen=True, slots=True)
class Command:
    """One command line and how its answer looks.

    `prefixes` are the names of its information lines (`+CSQ`); a command without prefixes has none, unless it is
    `bare`: then any line
    that is not a known URC belongs to it. With `pdu`, a line with a PDU follows each information line (TS 27.005 4.1
    +CMGL, +CMGR).
    """

    text: str
    prefixes: tuple[str, ...] = ()
    timeout_s: float = DEFAULT_S
    prompt: bool = False
    bare: bool = False
    pdu: bool = False
    call: bool = False  # NO CARRIER, BUSY and CONNECT are results of it
    secret: bool = False  # never logged: it holds a PIN
    answers: bool = False  # success has an information line: an OK without one may be another command's

    @property
    def wire(self) -> bytes:
        """The bytes that go to the modem (V.250 5.2.1: the line ends with S3)."""
        return self.text.encode("ascii", "replace") + b"\r"

    @property
    def shown(self) -> str:
        """The text for logs and errors, without secrets."""
        return self.text.partition("=")[0] + "=***" if self.secret else self.text


def _ask(name: str, timeout_s: float = DEFAULT_S) -> Command:
    return Command(f"AT{name}?", (name,), timeout_s)


def _range(name: str, timeout_s: float = DEFAULT_S) -> Command:
    return Command(f"AT{name}=?", (name,), timeout_s)


def plain(text: str, timeout_s: float = DEFAULT_S) -> Command:
    """A command whose answer is read by nobody but its result: all that is not a URC is swallowed with it."""
    return Command(text, bare=True, timeout_s=timeout_s)


# ---------------------------------------------------------------- V.250, TS 27.007: the modem itself

AT = Command("AT")
ECHO_OFF = Command("ATE0")  # V.250 6.2.4
VERBOSE_ON = Command("ATV1")  # V.250 6.2.6
RESULTS_ON = Command("ATQ0V1")  # V.250 6.2.5
ERRORS_NUMERIC = Command("AT+CMEE=1")  # TS 27.007 9.1
ERRORS_VERBOSE = Command("AT+CMEE=2")
ERRORS_ASK = _ask("+CMEE")
MANUFACTURER = Command("AT+CGMI", ("+CGMI",), bare=True)  # TS 27.007 5.1
MODEL = Command("AT+CGMM", ("+CGMM",), bare=True)  # TS 27.007 5.2
FIRMWARE = Command("AT+CGMR", ("+CGMR",), bare=True)  # TS 27.007 5.3
IMEI = Command("AT+CGSN", ("+CGSN",), bare=True, answers=True)  # TS 27.007 5.4
IMEI_ALONE = Command("AT+CGSN=1", ("+CGSN",), bare=True)
SERIAL_NUMBER = Command("AT+GSN", ("+GSN",), bare=True)  # V.250 6.1.7
IDENTIFY = Command("ATI", ("+GCAP", "+GMI", "+GMM", "+GMR", "+GSN"), bare=True)  # V.250 6.1.3

# ---------------------------------------------------------------- TS 27.007 8: function, SIM, signal

FUNCTION_ASK = _ask("+CFUN", FUNCTION_S)  # TS 27.007 8.2
FULL_FUNCTION = Command("AT+CFUN=1", timeout_s=FUNCTION_S)
RESET = Command("AT+CFUN=1,1", timeout_s=FUNCTION_S)
PIN_ASK = _ask("+CPIN", SIM_S)  # TS 27.007 8.3
IMSI = Command("AT+CIMI", ("+CIMI",), SIM_S, bare=True, answers=True)  # TS 27.007 5.6
OWN_NUMBER = Command("AT+CNUM", ("+CNUM",), SIM_S)  # TS 27.007 7.1
SIGNAL = Command("AT+CSQ", ("+CSQ",))  # TS 27.007 8.5

# The serial number of the SIM: TS 27.007 8.57 +CCID is young, each maker had its own before.
ICCID_FORMS: tuple[Command, ...] = (
    Command("AT+CCID", ("+CCID", "+ICCID", "^ICCID", "+QCCID", "+ZGETICCID"), SIM_S, bare=True),
    Command("AT+ICCID", ("+ICCID", "ICCID"), SIM_S, bare=True),
    Command("AT^ICCID?", ("^ICCID",), SIM_S),
    Command("AT+QCCID", ("+QCCID",), SIM_S, bare=True),
    Command("AT+CICCID", ("+ICCID", "+CICCID"), SIM_S, bare=True),
    Command("AT^SCID", ("^SCID",), SIM_S),
    Command("AT+ZGETICCID", ("+ZGETICCID",), SIM_S),
)

# How many tries the PIN has left: TS 27.007 8.65 +CPINR, and what the makers have.
PIN_TRIES_FORMS: tuple[Command, ...] = (
    Command('AT+CPINR="SIM PIN"', ("+CPINR",), SIM_S),
    Command("AT+CPINR", ("+CPINR",), SIM_S),
    Command("AT^CPIN?", ("^CPIN",), SIM_S),
    Command('AT+QPINC="SC"', ("+QPINC",), SIM_S),
    Command("AT+SPIC", ("+SPIC",), SIM_S),
    Command("AT^SPIC", ("^SPIC",), SIM_S),
    Command("AT+ZPINPUK=?", ("+ZPINPUK",), SIM_S),
    Command("AT#PCT", ("#PCT",), SIM_S),
    Command("AT+CPINC", ("+CPINC",), SIM_S),
    Command("AT+UPINCNT", ("+UPINCNT",), SIM_S),
    Command("AT*EPIN?", ("*EPIN",), SIM_S),
)


_KNOWN_QUESTIONS = {command.text: command for command in (*ICCID_FORMS, *PIN_TRIES_FORMS)}


def question(text: str) -> Command:
    """A maker's own question to the SIM, as a profile has it: `AT#PCT`. Its answer may stand under its name or bare."""
    name = text[2:].rstrip("?").partition("=")[0].upper()
    return _KNOWN_QUESTIONS.get(text) or Command(text, (name,), SIM_S, bare=True)


def enter_pin(pin: str) -> Command:
    """`AT+CPIN="…"` (TS 27.007 8.3)."""
    return Command(f'AT+CPIN="{pin}"', timeout_s=SIM_S, secret=True)


# ---------------------------------------------------------------- TS 27.007 7: network

REGISTRATION_ON: tuple[Command, ...] = tuple(Command(f"AT{name}=2") for name in ("+CREG", "+CGREG", "+CEREG"))
REGISTRATION_ASK: tuple[Command, ...] = (_ask("+CREG"), _ask("+CEREG"), _ask("+CGREG"))
OPERATOR = _ask("+COPS", STORAGE_S)  # TS 27.007 7.3; only selecting takes the 180 s
OPERATOR_NAME_FORM = Command("AT+COPS=3,0", timeout_s=STORAGE_S)
CALLER_ON = Command("AT+CLIP=1", timeout_s=SIM_S)  # TS 27.007 7.11

# ---------------------------------------------------------------- TS 27.005: messages

PDU_MODE = Command("AT+CMGF=0")  # 3.2.3
FORMAT_ASK = _ask("+CMGF")
SERVICE_ASK = _ask("+CSMS")  # 3.2.1
SMSC_ASK = _ask("+CSCA", SIM_S)  # 3.3.1
MEMORY_RANGE = _range("+CPMS", STORAGE_S)  # 3.2.2
MEMORY_ASK = _ask("+CPMS", STORAGE_S)
INDICATIONS_RANGE = _range("+CNMI")  # 3.4.1
INDICATIONS_ASK = _ask("+CNMI")
LINK_RANGE = _range("+CMMS")  # 3.5.6
LIST_ALL = Command("AT+CMGL=4", ("+CMGL",), STORAGE_S, pdu=True)  # 4.1
LIST_ALL_TEXT_FORM = Command('AT+CMGL="ALL"', ("+CMGL",), STORAGE_S, pdu=True)  # EP06-A, EM06-A
LIST_INDEXES = Command("AT+CMGD=?", ("+CMGD",), STORAGE_S)  # 3.5.4
ACKNOWLEDGE = Command("AT+CNMA")  # 4.7; 300 ms (Quectel EC25), and some modems wait for it no longer than 15 s
REFUSE_UNACKNOWLEDGED = Command("AT+CNMA=2")  # RP-ERROR: the network shall bring it again


def select_service(service: int) -> Command:
    """`AT+CSMS=<service>` (3.2.1): 1 asks for the acknowledged delivery of phase 2+."""
    return Command(f"AT+CSMS={service}", ("+CSMS",))


def select_memory(*memories: str) -> Command:
    """`AT+CPMS=<mem1>[,<mem2>[,<mem3>]]` (3.2.2)."""
    names = ",".join(f'"{name}"' for name in memories)
    return Command(f"AT+CPMS={names}", ("+CPMS",), STORAGE_S)


def set_indications(values: tuple[int, ...]) -> Command:
    """`AT+CNMI=<mode>,<mt>,<bm>,<ds>,<bfr>` (3.4.1)."""
    return Command(f"AT+CNMI={','.join(map(str, values))}")


def keep_link(mode: int) -> Command:
    """`AT+CMMS=<n>` (3.5.6)."""
    return Command(f"AT+CMMS={mode}")


def submit(length: int) -> Command:
    """`AT+CMGS=<length>` (4.3); the payload follows the prompt."""
    return Command(f"AT+CMGS={length}", ("+CMGS",), SUBMIT_S, prompt=True)


def read(index: int) -> Command:
    """`AT+CMGR=<index>` (4.2)."""
    return Command(f"AT+CMGR={index}", ("+CMGR",), MESSAGE_S, pdu=True, answers=True)


def delete(index: int) -> Command:
    """`AT+CMGD=<index>` (3.5.4)."""
    return Command(f"AT+CMGD={index}", timeout_s=MESSAGE_S)
