"""Typed readings of the answers and URCs of TS 27.005 and 27.007. Only `AtResponseError` ever comes out of here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from modemgw.at.errors import AtResponseError
from modemgw.at.parser import InfoLine

T = TypeVar("T")

# ---------------------------------------------------------------- fields

_BLANK = re.compile(r"\s*")


def value_of(text: str) -> str:
    """What stands after the name of an information line: `+CSQ: 18,99` gives `18,99`."""
    return text.partition(":")[2].strip()


def fields(text: str) -> list[str]:
    """The comma-separated fields of a value, without their quotes; a bracketed list is one field."""
    out: list[str] = []
    position = 0
    while position <= len(text) and (out or text.strip()):
        start = _skip_blank(text, position)
        closing = _CLOSING.get(text[start : start + 1])
        end = text.find(closing, start + 1) if closing else -1
        after = _skip_blank(text, end + 1) if end >= 0 else len(text) if closing else -1
        if closing and (after == len(text) or text[after] == ","):
            inner = text[start : end + 1 if end >= 0 else len(text)]
            out.append(inner.strip('"') if closing == '"' else inner)
        else:
            comma = text.find(",", start)
            after = len(text) if comma < 0 else comma
            out.append(text[start:after].strip())
        position = after + 1
    return out


_CLOSING = {'"': '"', "(": ")"}


def _skip_blank(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found is not None else position


def numbers_of(text: str) -> tuple[int, ...]:
    """The numbers of a range such as `(0-2)`, `(0,1,3)` or `2`, in ascending order. Raises AtResponseError."""
    out: set[int] = set()
    for piece in text.strip().strip("()").split(","):
        piece = piece.strip()
        if not piece:
            continue
        low, dash, high = piece.partition("-")
        first, last = _number(low, "range", text), _number(high, "range", text) if dash else None
        if last is not None and (last < first or last - first > 10_000):
            raise AtResponseError("range", text)
        out.update(range(first, (first if last is None else last) + 1))
    return tuple(sorted(out))


def groups_of(text: str) -> list[str]:
    """The bracketed groups of a `=?` answer; a value outside brackets is a group of one."""
    out: list[str] = []
    depth, start = 0, 0
    quoted = False
    for position, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif char == "," and depth == 0:
            out.append(text[start:position].strip())
            start = position + 1
    out.append(text[start:].strip())
    return out


def _number(text: str, what: str, whole: str) -> int:
    cut = text.strip()
    if not (cut.isascii() and cut.removeprefix("-").isdigit()) or len(cut) > 7:
        raise AtResponseError(what, whole)
    return int(cut)


def _optional(values: Sequence[str], position: int) -> str | None:
    return values[position] if position < len(values) and values[position] != "" else None


def first(lines: Iterable[InfoLine | str], read: Callable[[str], T], what: str) -> T:
    """The first of the lines (or texts) that can be read. Raises AtResponseError with the last that could not."""
    problem = AtResponseError(what, "")
    for line in lines:
        try:
            return read(line if isinstance(line, str) else line.text)
        except AtResponseError as exc:
            problem = exc
    raise problem


# ---------------------------------------------------------------- identity

_IMEI = re.compile(r"(?<!\d)(\d{14,17})(?!\d)")
_IMSI = re.compile(r"(?<!\d)(\d{6,15})(?!\d)")
_ICCID = re.compile(r"(?<![0-9A-Fa-f])(89[0-9A-Fa-f]{16,20}|98[0-9A-Fa-f]{16,20}|\d{18,22}[Ff]?)(?![0-9A-Fa-f])")


def read_imei(text: str) -> str:
    """`+CGSN` with or without its name; 15 digits, 14 and 16 (SV) as the modem gives them (TS 27.007 5.4)."""
    found = _IMEI.search(text)
    if found is None:
        raise AtResponseError("serial number (IMEI)", text)
    return found.group(1)


def read_imsi(text: str) -> str:
    """`+CIMI` (TS 27.007 5.6)."""
    found = _IMSI.search(text)
    if found is None:
        raise AtResponseError("IMSI", text)
    return found.group(1)


def read_iccid(text: str) -> str:
    """A SIM's serial number in any maker's form; nibble-swapped ones (`98…`) are set right, filler F is dropped."""
    found = _ICCID.search(text)
    if found is None:
        raise AtResponseError("SIM serial number (ICCID)", text)
    digits = found.group(1).upper()
    if digits.startswith("98") and len(digits) % 2 == 0:
        digits = "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))
    return digits.rstrip("F")


def read_name(text: str) -> str:
    """Manufacturer, model or firmware.

    `+CGMI: "Huawei"`, `Manufacturer: huawei` and `huawei` all give `huawei`'s name.
    """
    head, colon, tail = text.partition(":")
    known = ("manufacturer", "model", "revision")
    name = tail if colon and (head[:1] in "+^" or head.strip().lower() in known) else text
    name = name.strip().strip('"').strip()
    if not name:
        raise AtResponseError("name", text)
    return name


_UCS2_NUMBER = re.compile(r"(00[23][0-9A-Fa-f])+")
_UCS2_NAME = re.compile(r"(?:[0-9A-Fa-f]{4}){2,}")


def plain_number(text: str) -> str:
    """A number of an answer; one in hex, as after AT+CSCS="UCS2", in plain."""
    return bytes.fromhex(text).decode("utf-16-be") if _UCS2_NUMBER.fullmatch(text) else text


def plain_name(text: str) -> str:
    """A name of an answer; one in hex, as after AT+CSCS="UCS2", in plain.

    What has two or more groups of four digits and reads as printable letters is taken for such a one.
    """
    if not _UCS2_NAME.fullmatch(text):
        return text
    name = bytes.fromhex(text).decode("utf-16-be", "replace").rstrip("\0")
    return name if name.isprintable() and "\ufffd" not in name else text


def read_own_number(text: str) -> str:
    """`+CNUM: "alpha","number",type` (TS 27.007 7.1)."""
    values = fields(value_of(text))
    number = plain_number(_optional(values, 1) or "")
    if not re.fullmatch(r"\+?[0-9*#]{2,20}", number):
        raise AtResponseError("own number", text)
    if len(values) > 2 and values[2] == "145" and not number.startswith("+"):
        return "+" + number
    return number


# ---------------------------------------------------------------- SIM


def read_pin_state(text: str) -> str:
    """`+CPIN: READY`, `SIM PIN`, … (TS 27.007 8.3), in upper case."""
    state = value_of(text).strip('"').strip().upper()
    if not text.upper().startswith("+CPIN") or not state:
        raise AtResponseError("PIN state", text)
    return state


def read_pin_tries(text: str) -> int:
    """How many tries the PIN (not the PUK) has left, of +CPINR, ^CPIN, +QPINC, +SPIC, ^SPIC, +ZPINPUK."""
    name = text.partition(":")[0].strip().upper()
    values = fields(value_of(text))
    position = {"+CPINR": 1, "+QPINC": 1, "^CPIN": _huawei_pin_position(values)}.get(name, 0)
    found = _optional(values, position)
    if found is None or (name in ("+CPINR", "+QPINC") and values[0].upper() not in ("SIM PIN", "SC", "PIN1", "PIN")):
        raise AtResponseError("count of PIN tries", text)
    return _number(found, "count of PIN tries", text)


def _huawei_pin_position(values: Sequence[str]) -> int:
    """`^CPIN: SIM PIN,<times>,<puk>,<pin>,<puk2>,<pin2>`: the third number is the PIN's, where there are so many."""
    return 3 if len(values) > 3 else 1


# ---------------------------------------------------------------- network


@dataclass(frozen=True, slots=True)
class RegistrationReply:
    """`+CREG`, `+CGREG`, `+CEREG` (TS 27.007 7.2, 10.1.20, 10.1.22), as an answer or as a URC."""

    source: str
    stat: int
    area: str | None
    cell: str | None
    technology: str | None


# TS 27.007 7.2 <AcT>
ACCESS_TECHNOLOGIES: dict[int, str] = {
    0: "GSM",
    1: "GSM",
    2: "UMTS",
    3: "EGPRS",
    4: "UMTS",
    5: "UMTS",
    6: "UMTS",
    7: "LTE",
    8: "EC-GSM",
    9: "NB-IoT",
    10: "LTE",
    11: "NR",
    12: "NR",
    13: "LTE",
}


# An unasked line with <n> before <stat>, as some modems say it: <stat> stands bare, and something follows it.
_UNASKED_WITH_N = re.compile(r"\d\s*,\s*(?:\d|10|11)\s*,")


def read_registration(text: str, *, unsolicited: bool = False) -> RegistrationReply:
    """Either form; `unsolicited` says which, since `<stat>,<lac>` and `<n>,<stat>` look alike to a careless reader.

    An unsolicited `digit, one or two bare digits of at most 11, more` is `<n>,<stat>,…`: a <lac> has four digits.
    """
    name = text.partition(":")[0].strip().upper()
    value = value_of(text)
    values = fields(value)
    if not re.fullmatch(r"\+C(G|E|5G)?REG", name) or not values:
        raise AtResponseError("registration", text)
    rest = values if unsolicited and not _UNASKED_WITH_N.match(value) else values[1:]
    if not rest:
        raise AtResponseError("registration", text)
    stat = _number(rest[0], "registration", text)
    technology = _optional(rest, 3)
    known = ACCESS_TECHNOLOGIES.get(int(technology)) if technology and re.fullmatch(r"\d{1,2}", technology) else None
    return RegistrationReply(name, stat, _optional(rest, 1), _optional(rest, 2), known)


def read_signal(text: str) -> tuple[int | None, int | None]:
    """`+CSQ: <rssi>,<ber>` (TS 27.007 8.5): rssi 0..31 and ber 0..7, None for 99. 100..199 is TD-SCDMA's scale."""
    values = fields(value_of(text))
    if not values:
        raise AtResponseError("signal", text)
    rssi = _number(values[0], "signal", text)
    ber = _number(values[1], "signal", text) if len(values) > 1 else 99
    if 100 <= rssi <= 191:  # TD-SCDMA: -116 dBm + n
        rssi = max(0, min(31, (rssi - 100 - 3) // 2))
    return (rssi if 0 <= rssi <= 31 else None), (ber if 0 <= ber <= 7 else None)


def read_operator(text: str) -> str | None:
    """`+COPS: <mode>[,<format>,<oper>[,<AcT>]]` (TS 27.007 7.3); None while no operator is selected."""
    values = fields(value_of(text))
    if not values or not values[0].isdigit():
        raise AtResponseError("operator", text)
    name = _optional(values, 2)
    return None if name is None else plain_name(name)


def read_smsc(text: str) -> str | None:
    """`+CSCA: <sca>,<tosca>` (TS 27.005 3.3.1); None where none is set."""
    values = fields(value_of(text))
    if not values:
        raise AtResponseError("address of the SMS centre", text)
    number = values[0].strip()
    if not number or not number.strip("+"):
        return None
    number = plain_number(number)
    if not re.fullmatch(r"\+?[0-9*#a-cA-C]{1,20}", number):
        raise AtResponseError("address of the SMS centre", text)
    international = len(values) > 1 and values[1] == "145"
    return "+" + number if international and not number.startswith("+") else number


# ---------------------------------------------------------------- messages


def read_submit_reference(text: str) -> int:
    """`+CMGS: <mr>[,<scts or ackpdu>]` (TS 27.005 4.3)."""
    values = fields(value_of(text))
    if not values:
        raise AtResponseError("message reference", text)
    reference = _number(values[0], "message reference", text)
    if not 0 <= reference <= 255:
        raise AtResponseError("message reference", text)
    return reference


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """`+CPMS=?` (TS 27.005 3.2.2): what may be read and deleted, written and sent, received into."""

    read: tuple[str, ...]
    write: tuple[str, ...]
    receive: tuple[str, ...]


_MEMORY = re.compile(r'"([A-Za-z]{2})"')


def read_memory_range(text: str) -> MemoryRange:
    """`+CPMS: ("SM","ME"),("SM","ME"),("SM")`; a modem with fewer groups uses the last for the rest."""
    groups = [tuple(dict.fromkeys(m.upper() for m in _MEMORY.findall(g))) for g in groups_of(value_of(text))]
    groups = [g for g in groups if g]
    if not groups:
        raise AtResponseError("list of memories", text)
    if len(groups) > 3 and all(len(g) == 1 for g in groups):  # brackets left out
        flat = tuple(dict.fromkeys(g[0] for g in groups))
        groups = [flat]
    while len(groups) < 3:
        groups.append(groups[-1])
    return MemoryRange(*groups[:3])


@dataclass(frozen=True, slots=True)
class MemoryFill:
    """Name, used and total of one memory of `+CPMS`; the name is None in the answer to a setting."""

    name: str | None
    used: int
    total: int


def read_memory_fill(text: str) -> list[MemoryFill]:
    """`+CPMS: "SM",3,20,…` of `?` and `+CPMS: 3,20,…` of a setting, up to three memories."""
    values = fields(value_of(text))
    out: list[MemoryFill] = []
    position = 0
    while position < len(values) and len(out) < 3:
        name = None
        if not values[position].lstrip("-").isdigit():
            name = values[position].upper()
            position += 1
        if position + 1 >= len(values):
            break
        out.append(
            MemoryFill(
                name,
                max(0, _number(values[position], "fill of the memories", text)),
                max(0, _number(values[position + 1], "fill of the memories", text)),
            )
        )
        position += 2
    if not out:
        raise AtResponseError("fill of the memories", text)
    return out


IndicationRange = tuple[tuple[int, ...], ...]


def read_indication_range(text: str) -> IndicationRange:
    """`+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)` (TS 27.005 3.4.1), up to five groups."""
    groups = tuple(numbers_of(g) for g in groups_of(value_of(text))[:5] if g)
    if not groups or not groups[0]:
        raise AtResponseError("range of indications", text)
    return groups


def read_indications(text: str) -> tuple[int, ...]:
    """`+CNMI: 2,1,0,1,0`."""
    values = fields(value_of(text))
    if not values:
        raise AtResponseError("indications", text)
    return tuple(_number(v, "indications", text) for v in values[:5] if v)


# Preference for each field, best first (TS 27.005 3.4.1). mode 2 buffers while the link is reserved and then flushes.
_MODES, _STORED, _DIRECT, _BROADCAST, _REPORTS, _BUFFER = (
    (2, 1, 3, 0),
    (1, 3, 2, 0),
    (2, 1, 3, 0),
    (0,),
    (1, 2, 0),
    (0, 1),
)


def choose_indications(
    offered: IndicationRange, *, direct: bool = False, reports: Sequence[int] = _REPORTS
) -> tuple[int, ...]:
    """The best `+CNMI` setting of those offered.

    mt 1 stores and tells, 2 (`direct`) hands over, 3 hands over class 3 only, 0 says nothing: the last choice.
    ds 1 hands reports over, 2 stores.
    """
    wishes: tuple[Sequence[int], ...] = (_MODES, _DIRECT if direct else _STORED, _BROADCAST, reports, _BUFFER)
    return tuple(
        next((wish for wish in wished if wish in group), group[0] if group else 0)
        for wished, group in zip(wishes, offered, strict=False)
    )


@dataclass(frozen=True, slots=True)
class StoredLine:
    """One message of `+CMGL` or `+CMGR`: header and PDU (TS 27.005 4.1, 4.2). `index` is None for `+CMGR`.

    `pdu` is hex if the modem is well; else whatever stood there, and the header itself where no line followed it.
    """

    index: int | None
    status: int
    length: int | None
    pdu: str

    @property
    def whole(self) -> bool:
        """The PDU has the length that was announced, with or without an SMSC address before it."""
        if self.length is None or not _PDU.match(self.pdu):
            return False
        return len(self.pdu) // 2 in (self.length, self.length + 1 + int(self.pdu[:2], 16))


_STATUS_WORDS = {"REC UNREAD": 0, "REC READ": 1, "STO UNSENT": 2, "STO SENT": 3}
_PDU = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")


def read_list_entry(line: InfoLine) -> StoredLine:
    """`+CMGL: <index>,<stat>,[<alpha>],<length>` and its PDU. Raises AtResponseError if it tells no place."""
    values = fields(value_of(line.text))
    if not values:
        raise AtResponseError("entry of a message list", line.text)
    index = _number(values[0], "entry of a message list", line.text)
    return _stored_line(line, index, _optional(values, 1), _length(values, 3))


def read_message(line: InfoLine) -> StoredLine:
    """`+CMGR: <stat>,[<alpha>],<length>` and its PDU. Raises AtResponseError for the answer of an empty place."""
    values = fields(value_of(line.text))
    return _stored_line(line, None, _optional(values, 0), _length(values, 2))


def _stored_line(line: InfoLine, index: int | None, status: str | None, length: int | None) -> StoredLine:
    """Without a PDU line: `+CMGR: 0,,0` is how some modems say that nothing lies there; else the PDU is missing."""
    if line.pdu is None and not length:
        raise AtResponseError("PDU of a stored message", line.text)
    pdu = line.text if line.pdu is None else line.pdu
    pdu = pdu.upper() if _PDU.match(pdu) else pdu
    return StoredLine(index, _status(status or "", pdu), length, pdu)


def _status(text: str, pdu: str) -> int:
    """What cannot be read counts as received (1), unless the PDU is an SMS-SUBMIT: a draft (2)."""
    word = text.strip().upper()
    if word.isascii() and word.isdigit() and len(word) == 1:
        return int(word)
    return _STATUS_WORDS.get(word, 2 if _is_submit(pdu) else 1)


def _is_submit(pdu: str) -> bool:
    """TP-MTI 01 behind the SMSC address (TS 23.040 9.2.3.1)."""
    if not _PDU.match(pdu):
        return False
    first_octet = pdu[2 + 2 * int(pdu[:2], 16) :][:2]
    return bool(first_octet) and int(first_octet, 16) & 3 == 1


def _length(values: Sequence[str], least: int = 1) -> int | None:
    last = values[-1] if len(values) >= least else ""
    return int(last) if last.isascii() and last.isdigit() and len(last) <= 3 else None


def with_sca(pdu: str, length: int | None) -> str:
    """The PDU with an SMSC address before its TPDU of `length` octets (TS 27.005 4.1), an empty one if it has none."""
    return "00" + pdu if length is not None and len(pdu) == 2 * length else pdu


def read_index_list(text: str) -> tuple[int, ...]:
    """The occupied places of `+CMGD: (1,2,5),(0-4)` (TS 27.005 3.5.4)."""
    groups = groups_of(value_of(text))
    return numbers_of(groups[0]) if groups[0] else ()


def read_stored_indication(text: str) -> tuple[str | None, int]:
    """`+CMTI: <mem>,<index>` and `+CDSI: <mem>,<index>`; a full SIM7600 says `+CMTI: ,-1`."""
    values = fields(value_of(text))
    if len(values) < 2:
        raise AtResponseError("indication of a stored message", text)
    index = _number(values[1], "indication of a stored message", text)
    memory = values[0].strip().upper()
    return (memory or None), index


def read_direct_length(text: str) -> int | None:
    """TPDU octets announced by `+CMT: [<alpha>],<length>` or `+CDS: <length>`."""
    return _length(fields(value_of(text)) or [""])


# ---------------------------------------------------------------- USSD, calls


@dataclass(frozen=True, slots=True)
class UssdText:
    """`+CUSD: <m>[,<str>,<dcs>]` (TS 27.007 7.15)."""

    status: int
    text: str | None
    dcs: int | None


_USSD = re.compile(r"\s*(\d{1,3})\s*(?:,\s*(.*))?\Z", re.DOTALL)
_AFTER_STRING = re.compile(r"(?:,\s*(\d{1,3})?)?\Z")
_USSD_UNQUOTED = re.compile(  # `12,15` at the end of a text is an amount
    r"(?s:([0-9A-Fa-f]+|.*[^0-9\s])\s*,\s*(0|1|15|16|17|68|72|240|244)\Z)"
)


def read_ussd(text: str) -> UssdText:
    """The string may hold line ends and quotes, may lack its quotes if it is hex, and may go without a scheme."""
    found = _USSD.match(text.partition(":")[2])
    if found is None:
        raise AtResponseError("USSD answer", text)
    status, rest = int(found[1]), (found[2] or "").rstrip()
    if not rest:
        return UssdText(status, None, None)
    if not rest.startswith('"'):
        unquoted = _USSD_UNQUOTED.match(rest)
        words, dcs = (unquoted[1], int(unquoted[2])) if unquoted else (rest.strip('",') or None, None)
        return UssdText(status, words, dcs)
    end = rest.rfind('"')
    after = _AFTER_STRING.match(rest[end + 1 :].lstrip())
    if after is None:
        return UssdText(status, rest[1:], None)
    return UssdText(status, rest[1:end], int(after[1]) if after[1] else None)


def read_caller(text: str) -> str | None:
    """`+CLIP: "<number>",<type>,…` (TS 27.007 7.11); None for a withheld number."""
    values = fields(value_of(text))
    return plain_number(values[0]) or None if values else None


def read_function(text: str) -> int:
    """`+CFUN: <fun>[,…]` (TS 27.007 8.2)."""
    values = fields(value_of(text))
    if not values:
        raise AtResponseError("phone function", text)
    return _number(values[0], "phone function", text)
