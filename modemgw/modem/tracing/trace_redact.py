"""A trace without persons: numbers hashed, texts blanked, identities shortened, everything of equal length.

The chunks, the times and the structure of PDUs stay, so that a redacted trace can still be read and replayed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from modemgw.modem.tracing.pdu_redact import KEPT_OF_ICCID, KEPT_OF_IMEI, KEPT_OF_IMSI, KEPT_OF_SMSC, Redactor
from modemgw.modem.tracing.trace_format import Mark, TraceError, TraceLine, escape, parse_line

_ENDS = re.compile(rb"[\r\n\x1a\x1b]")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_QUOTED = re.compile(r'"([^"]*)"?')
_RUN = re.compile(r"[0-9]{7,}")
_LONG_RUN = re.compile(r"(?<![0-9])[0-9]{14,}(?![0-9])")
_TIME = re.compile(r"[0-9]{2,4}/[0-9]{2}/[0-9]{2},?([0-9]{2}:.*)?")

#: Lines that announce a message in the line after them; and those whose messages go on until a result.
_ONE_BODY = ("+CMT:", "+CDS:", "+CBM:", "^HCMT:")
_MANY_BODIES = ("+CMGR:", "+CMGL:")
_RESULTS = ("OK", "ERROR", "+CMS ERROR", "+CME ERROR")

#: Where a quoted string is a number or a name.
_PERSONAL = re.compile(
    r"(?:AT)?[+^](?:CMT|CDS|CMGL|CMGR|CMGS|CMGW|CMSS|CNUM|CLIP|CLCC|CCWA|COLP|CPB[RFWS]|CDIP|HCMT)\b", re.IGNORECASE
)
_STATUSES = frozenset({"REC READ", "REC UNREAD", "STO SENT", "STO UNSENT", "ALL", "SM", "ME", "MT", "SR", "BM"})
_CELL = re.compile(r"(?:\+C[A-Z0-9]*REG|\+CPSI|\+QENG|\^LOCINFO):", re.IGNORECASE)
_PLACE = re.compile(r"\$G[A-Z]|\+CGPSINFO|\+QGPSLOC|\+CLBS|\+CIPGSMLOC", re.IGNORECASE)
_SHORT_CODE = 8  # characters of a USSD code that belongs to the operator, not to a person


def redact_trace(lines: Iterable[str], salt: bytes | None = None) -> list[str]:
    """The lines of a trace, redacted. The same `salt` gives the same hashes; without one nobody can go back.

    A line that is none of a trace is left out, but for comments.
    """
    return _Redaction(Redactor(salt if salt is not None else os.urandom(16)), lines).run()


@dataclass(slots=True)
class _Stream:
    """The bytes of one direction in one piece, and where each chunk of them ends."""

    data: bytearray = field(default_factory=bytearray)
    line_start: int = 0


class _Redaction:
    def __init__(self, redactor: Redactor, lines: Iterable[str]) -> None:
        self._redactor = redactor
        self._lines = [line.rstrip("\r\n") for line in lines]
        self._streams = {Mark.SENT: _Stream(), Mark.RECEIVED: _Stream()}
        self._command = ""
        self._body = ""  # the header whose message comes next
        self._ussd = False  # within the quotes of a +CUSD
        self._payload = ""  # the command whose payload comes next

    def run(self) -> list[str]:
        parsed: list[tuple[str, TraceLine | None, int]] = []  # text, what it says, where its bytes begin
        for number, text in enumerate(self._lines, 1):
            try:
                line = parse_line(text, number)
            except TraceError:
                continue
            if line is None or line.mark is Mark.EVENT:
                parsed.append((_LONG_RUN.sub(self._identity, text) if line is not None else text, None, 0))
                continue
            stream = self._streams[line.mark]
            parsed.append((text, line, len(stream.data)))
            stream.data += line.data
            self._ended(line.mark)
        for mark in self._streams:
            self._ended(mark, at_end=True)
        return [text if line is None else self._rewritten(text, line, start) for text, line, start in parsed]

    def _rewritten(self, text: str, line: TraceLine, start: int) -> str:
        head = text[: text.index(line.mark)] if line.mark in text else ""
        data = bytes(self._streams[line.mark].data[start : start + len(line.data)])
        return f"{head}{line.mark} {escape(data)}"

    # ------------------------------------------------------------ lines of the dialogue

    def _ended(self, mark: Mark, *, at_end: bool = False) -> None:
        """Redact the lines of this direction that are whole now."""
        stream = self._streams[mark]
        while True:
            found = _ENDS.search(stream.data, stream.line_start)
            if found is None and not at_end:
                # a prompt does not end, and what is asked for comes after it
                return
            start = stream.line_start
            end = found.start() if found is not None else len(stream.data)
            stream.line_start = end + 1
            line = stream.data[start:end].decode("latin-1")
            if line.strip() or self._ussd:
                changed = self._sent(line, found) if mark is Mark.SENT else self._received(line)
                stream.data[start:end] = changed.encode("latin-1", "replace")
            if found is None:
                return

    def _sent(self, line: str, end: re.Match[bytes] | None) -> str:
        command, self._payload = self._payload, ""
        if end is not None and end[0] == b"\x1a":
            pdu_mode = re.search(r"=\s*[0-9]", command) is not None or not command
            return self._message(line, sent=True) if pdu_mode else self._blank(line)
        if command and not line.lstrip().upper().startswith("AT"):  # a text of several lines
            self._payload = command
            return self._blank(line)
        self._command = line.upper()
        if re.search(r"\+(?:CMGS|CMGW|CNMA|CMGC)\s*=", self._command):
            self._payload = self._command
        self._body = ""
        return self._plain(line)

    def _received(self, line: str) -> str:
        upper = line.upper().strip()
        if self._ussd:
            inside, quote, rest = line.partition('"')
            self._ussd = not quote
            return self._blank(inside) + quote + rest
        if line.startswith("> "):  # the prompt, and the echo of what is given to it
            return "> " + (self._message(line[2:], sent=True) if line[2:] else "")
        if upper.startswith(_RESULTS):
            self._body = ""
            return self._plain(line)
        if upper.startswith(_ONE_BODY + _MANY_BODIES):
            self._body = upper
            return self._plain(line)
        if self._body and (_is_hex(line) or not self._in_pdu_mode()):
            if self._body.startswith(_ONE_BODY):
                self._body = ""
            return self._message(line, sent=False) if _is_hex(line) else self._blank(line)
        if upper.startswith("+CUSD:"):
            return self._ussd_line(line)
        if _is_hex(line) and len(line) >= 12 and not (line.isdigit() and len(line) <= 22):
            return self._message(line, sent="+CMGS" in self._command or "+CMGW" in self._command)
        return self._plain(line)

    def _in_pdu_mode(self) -> bool:
        """Of the header before: one of a stored message in PDU mode has no status in words and no number."""
        return self._body.startswith(_MANY_BODIES) and not re.search(r'"(?:REC|STO) ', self._body)

    def _message(self, line: str, *, sent: bool) -> str:
        """A PDU in hex; of something else that stands in its place nothing is left."""
        if not _is_hex(line):
            return self._blank(line)
        even = len(line) & ~1
        changed = self._redactor.pdu(bytes.fromhex(line[:even]), sent=sent).hex()
        return (changed.upper() if line.upper() == line else changed) + "0" * (len(line) - even)

    def _ussd_line(self, line: str) -> str:
        head, quote, text = line.partition('"')
        inside, closing, rest = text.partition('"')
        self._ussd = bool(quote) and not closing
        return head + quote + self._blank(inside) + closing + rest

    @staticmethod
    def _blank(text: str) -> str:
        if len(text) >= 4 and _is_hex(text) and len(text) % 4 == 0:
            return "0078" * (len(text) // 4)
        return "x" * len(text)

    # ------------------------------------------------------------ numbers in a line

    def _plain(self, line: str) -> str:
        """Any other line: quoted numbers and names, then whatever else is long enough to be a number."""
        if _PLACE.search(line):
            return re.sub(r"[0-9]", "0", line)
        if "+CSCA" in line.upper():
            return re.sub(r"\+?[0-9]{5,}", lambda run: self._redactor.digits(run[0], KEPT_OF_SMSC), line)
        if _CELL.match(line.strip()):
            return _QUOTED.sub(self._cell, line)
        if re.search(r"\+CUSD\s*=", line, re.IGNORECASE):
            return _QUOTED.sub(self._code, line)
        if re.match(r"\s*ATD", line, re.IGNORECASE):
            return line[:3] + self._code_text(line[3:])
        if _PERSONAL.search(line):
            return _QUOTED.sub(self._person, line)
        line = _QUOTED.sub(self._hex_number, line)
        return _RUN.sub(lambda run: self._identity(run) if len(run[0]) >= 14 else self._redactor.digits(run[0]), line)

    def _identity(self, run: re.Match[str]) -> str:
        """An IMEI, IMSI or ICCID: what says the kind stays."""
        number = run[0]
        keep = KEPT_OF_ICCID if len(number) >= 18 else KEPT_OF_IMSI if "CIMI" in self._command else KEPT_OF_IMEI
        return self._redactor.digits(number, keep)

    def _person(self, quoted: re.Match[str]) -> str:
        inside = quoted[1]
        if inside.upper() in _STATUSES or _TIME.fullmatch(inside):
            return quoted[0]
        hexed = self._hex_number(quoted)
        if hexed != quoted[0]:
            return hexed
        if re.fullmatch(r"\+?[0-9*#]+", inside):
            return quoted[0].replace(inside, self._redactor.digits(inside))
        return quoted[0].replace(inside, self._blank(inside)) if inside else quoted[0]

    def _hex_number(self, quoted: re.Match[str]) -> str:
        """A number in UCS2 (AT+CSCS="UCS2"): `"002B0037…"`."""
        inside = quoted[1]
        if (
            len(inside) < 12
            or len(inside) % 4
            or not re.fullmatch(r"(?:00(?:2B|2A|23|3[0-9]))+", inside, re.IGNORECASE)
        ):
            return quoted[0]
        number = bytes.fromhex(inside).decode("utf-16-be")
        return quoted[0].replace(inside, self._redactor.digits(number).encode("utf-16-be").hex().upper())

    def _code(self, quoted: re.Match[str]) -> str:
        return quoted[0].replace(quoted[1], self._code_text(quoted[1])) if quoted[1] else quoted[0]

    def _code_text(self, code: str) -> str:
        """A USSD code of the operator's stays; a number given to it does not."""
        if len(code) <= _SHORT_CODE and "#" in code:
            return code
        if _is_hex(code) and not code.isdigit():
            return code if len(code) <= 2 * _SHORT_CODE else "0" * len(code)
        if "#" in code:
            return re.sub(r"[0-9]{5,}", lambda run: self._redactor.digits(run[0]), code)
        return self._redactor.digits(code)

    def _cell(self, quoted: re.Match[str]) -> str:
        """An area or a cell says where somebody lives."""
        inside = quoted[1]
        if not _is_hex(inside):
            return quoted[0]
        return quoted[0].replace(inside, self._redactor.digits(re.sub(r"[A-Fa-f]", "0", inside)))


def _is_hex(text: str) -> bool:
    return bool(_HEX.fullmatch(text))
