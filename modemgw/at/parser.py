"""Sans-IO parser of what a modem says: bytes in, events out.

Knows lines, prompts, echoes and URCs; knows no clock and no port.

Any chunking of the same bytes gives the same events, every buffer is bounded, and no byte ever makes it raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from modemgw.at.commands import Command
from modemgw.at.errors import CommandFailed, error_from_result
from modemgw.at.urcs import BOOT_URCS, MULTI_LINE_URCS, TWO_LINE_URCS, urc_name

LINE_LIMIT = 8192  # bytes; the longest true line is a +CUSD or a PDU of some 400
HOLD_LINES = 24  # lines that a two-line or multi-line URC may wait for its end
ECHO_PIECE = 8  # characters of a payload's echo that are surely one
HEADER_TAIL = 7  # characters: a piece that a URC may have cut off a header; a PDU is longer
PDU_PIECE = 8  # characters of a garbled line that may be taken for a PDU
GARBAGE_KEPT = 64  # bytes of a piece of garbage that an event shows

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class InfoLine:
    """A line of the running command's answer, with the PDU line that follows it where the command says so.

    `pdu` is what stood there, blanks and quotes removed where that makes it hex; it need not be hex.
    `amends`: the line before was cut in two by a URC; this one takes its place.
    """

    text: str
    pdu: str | None = None
    amends: bool = False


@dataclass(frozen=True, slots=True)
class Final:
    """The result of the running command (V.250 5.7.1, TS 27.007 9.2, TS 27.005 3.2.5); `error` is None for success."""

    text: str
    error: CommandFailed | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for the payload (TS 27.005 4.3)."""


@dataclass(frozen=True, slots=True)
class Urc:
    """An unsolicited line. `name` is its name in the table, or "unknown"; `pdu` the second line of +CMT, +CDS, +CBM.

    `pdu` is hex, or what stood in its place.
    """

    name: str
    text: str
    pdu: str | None = None


@dataclass(frozen=True, slots=True)
class Echo:
    """The modem repeated what it was told."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no line of a modem; at most the first 64 of them."""

    data: bytes


AtEvent = InfoLine | Final | Prompt | Urc | Echo | Garbage

_PROMPT = Prompt()
_ECHO = Echo()
_OK = Final("OK")

# V.250 S3 and S4; SUB and ESC are what an echoed payload ends with.
_LINE_END = re.compile(rb"[\r\n\x1a\x1b]")
_STRING_LINE_END = re.compile(rb"[\r\n]")
_JUNK = rb"\x00-\x08\x0b\x0c\x0e-\x19\x1c-\x1f\x7f-\xff"
_LEADING_JUNK = re.compile(rb"[ \t" + _JUNK + rb"]*[" + _JUNK + rb"][ \t]*")
_PROMPT_AT = re.compile(rb"([ \t" + _JUNK + rb"]*)>")
_QUOTED = re.compile(r'"[^"]*"?')
_PRINTABLE = re.compile(r"[ -~\t]*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STRING_AT = re.compile(
    rb"[ \t" + _JUNK + rb"]*(?:" + b"|".join(re.escape(n.encode()) for n in MULTI_LINE_URCS) + rb'): *\d+ *, *"'
)
_CLOSED = re.compile(r'"\s*,\s*\d{1,3}\s*\Z')
_HEX = re.compile(r"[0-9A-Fa-f]+\Z")
_HEX_DIGIT = re.compile(r"[0-9A-Fa-f]")
_IN_BETWEEN = str.maketrans("", "", ' \t"')  # what some modems put between the octets of a PDU, or around it
_TAIL = re.compile(r'[\dA-Fa-f,"./:+() -]{1,200}\Z')  # what the rest of an information line may look like
_NAMED = re.compile(r"[+^*#$%&_][A-Z0-9_ ]{1,20}:")
# +CREG: <stat>[,"lac","ci"…] is a URC, +CREG: <n>,<stat>[,…] an answer (TS 27.007 7.2); some URCs have <n> as well
_REGISTRATION_ANSWER = re.compile(r"\+C\w*REG:\s*\d\s*,\s*\d{1,2}\s*(,|\Z)")
_REGISTRATION = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})
_ERRORS = frozenset({"ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS", "COMMAND NOT SUPPORTED"})
_CALL_RESULTS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"})
_FIRST_OF_FINAL = frozenset("OoE+0 4NBCT")


class AtParser:
    """Turns a modem's bytes into events. The channel says which command runs (`begin`, `payload`, `end`)."""

    def __init__(self) -> None:
        self._buffer = b""
        self._overflow: bytes | None = None  # the beginning of a line over the limit, dropped to its end
        self._command: Command | None = None
        self._prompt_due = False
        self._payload = ""
        self._pending: _Pending | None = None  # a header that waits for its PDU line, or a string for its closing quote
        self._late: _Pending | None = None  # a header that was released without its PDU line, which may yet come
        self._info: _Pending | None = None  # the same of the running command's own answer
        self._fragment: str | None = None  # a line of the running command that is not understood (yet)
        self._last_info: str | None = None  # the last own line, as long as only URCs came after it
        self._urc_since_info = False
        self._verbose = False  # a result in words has come: a line "0" is none
        self.numeric = False  # the modem answers as after ATV0

    # ------------------------------------------------------------ what the channel tells

    def begin(self, command: Command) -> None:
        """A command is about to be written: what comes now may be its answer."""
        self._command = command
        self._prompt_due = command.prompt
        self._payload = ""
        self._info = None
        self._fragment = None
        self._last_info = None
        self._urc_since_info = False
        if self._buffer.strip(b" \t\r\n>") == b"":
            self._buffer = b""  # a prompt that nobody waited for any more

    def payload(self, text: str) -> None:
        """The payload is about to be written: an echo of it is to be swallowed."""
        self._payload = text.upper()

    def expect_prompt(self) -> None:
        """A prompt may come (again), though none is due by the command."""
        self._prompt_due = True

    def end(self) -> None:
        """The command is over, with a result or without."""
        self._command = None
        self._prompt_due = False
        self._payload = ""
        self._info = None
        self._last_info = None

    @property
    def holding(self) -> bool:
        """A URC waits for its next line; `flush` releases it as it is."""
        return self._pending is not None

    @property
    def amid_line(self) -> bool:
        """The beginning of a line has come, and not its end."""
        return bool(self._buffer.strip(b" \t\r\n>"))

    @property
    def in_string(self) -> bool:
        """What is held is a URC whose string has not come to its quote."""
        return self._pending is not None and self._pending.quoted

    @property
    def doubting(self) -> bool:
        """Lines that look like results stand in a string that is open: its quote comes at once, or they are results."""
        return self._pending is not None and bool(self._pending.doubted)

    def flush(self) -> list[AtEvent]:
        """Release what waits for a next line that does not come. Should it come after all, the URC is told again."""
        events: list[AtEvent] = []
        pending = self._pending
        self._release_pending(events)
        if pending is not None and pending.announced is not None and not pending.pdu:
            self._late = pending
        return events

    # ------------------------------------------------------------ bytes

    def feed(self, data: bytes) -> list[AtEvent]:
        """The events that these bytes complete, in their order. Never raises."""
        return list(self.events(data))

    def events(self, data: bytes) -> Iterator[AtEvent]:
        """The same one by one: what the command and the payload are may change between two of them. Use it up."""
        buffer, self._buffer = self._buffer + data if self._buffer else data, b""
        if self._overflow is not None:
            found = _LINE_END.search(buffer)
            if found is None:
                return
            yield Garbage(self._overflow)
            self._overflow = None
            buffer = buffer[found.end() :]
        position = 0
        search = _LINE_END.search
        events: list[AtEvent] = []
        while True:
            if self._prompt_due:
                prompt = _PROMPT_AT.match(buffer, position)
                if prompt is not None and prompt.end() - position <= LINE_LIMIT + 1:
                    junk = prompt.group(1).strip(b" \t")
                    if junk:
                        yield Garbage(junk[:GARBAGE_KEPT])
                    self._prompt_due = False
                    position = prompt.end()
                    yield _PROMPT
            found = search(buffer, position)
            if found is not None and buffer[found.start()] in b"\x1a\x1b" and self._in_string(buffer, position):
                found = _STRING_LINE_END.search(buffer, found.end())  # it is a character of the GSM alphabet there
            if found is None:
                break
            start, end = position, found.start()
            position = end + 1
            if end - start > LINE_LIMIT:
                yield Garbage(buffer[start : start + GARBAGE_KEPT])
            elif end > start:
                line = buffer[start:end].strip(b" \t")
                if line:
                    self._line(line, events)
                    yield from events
                    events.clear()
        rest = buffer[position:]
        if len(rest) > LINE_LIMIT:
            self._overflow = rest[:GARBAGE_KEPT]
            rest = b""
        self._buffer = rest

    # ------------------------------------------------------------ lines

    def _in_string(self, buffer: bytes, position: int) -> bool:
        """What stands at `position` is of a URC whose string may hold anything."""
        return (self._pending is not None and self._pending.quoted) or _STRING_AT.match(buffer, position) is not None

    def _line(self, line: bytes, events: list[AtEvent]) -> None:
        if (not line.isascii() or _CONTROLS.search(line)) and self._in_string(line, 0):
            junk = None if self._pending is not None and self._pending.quoted else _LEADING_JUNK.match(line)
            if junk is not None:
                events.append(Garbage(junk.group()[:GARBAGE_KEPT]))
                line = line[junk.end() :]
            self._whole(_any_text(line), events)
            return
        text = line.decode("latin-1")
        if not (text.isascii() and text.isprintable()):
            junk = _LEADING_JUNK.match(line)
            if junk is not None:
                events.append(Garbage(junk.group()[:GARBAGE_KEPT]))
                line = line[junk.end() :]
                text = line.decode("latin-1")
            if not _PRINTABLE.match(text):
                kept = _text_with_foreign_letters(line)
                if kept is None:
                    events.append(Garbage(line[:GARBAGE_KEPT]))
                    self._garbled_pdu(line, events)
                    return
                text = kept
            if not text:
                return
        self._whole(text, events)

    def _garbled_pdu(self, line: bytes, events: list[AtEvent]) -> None:
        """A line that is none may be the PDU that a header waits for: whoever reads it shall see what came."""
        text = line.decode("latin-1").encode("unicode_escape").decode("ascii")
        if _like_pdu(text):
            if self._pending is not None and self._continue_pending(text, events):
                return
            if self._info is not None and self._command is not None:
                self._not_understood(text, self._command, events)

    def _whole(self, text: str, events: list[AtEvent]) -> None:
        if self._pending is not None and self._continue_pending(text, events):
            return
        if self._late is not None and self._come_late(self._late, text, events):
            return
        command = self._command
        if command is None:
            self._unsolicited(text, events)
        else:
            self._answer(text, command, events)

    def _answer(self, text: str, command: Command, events: list[AtEvent]) -> None:
        if text[0] == ">" and command.prompt:  # the prompt is repeated by some before the result
            text = text.lstrip("> ")
            if not text:
                return
        final = self._final(text, command) if text[0] in _FIRST_OF_FINAL else None
        if final is not None:
            if self._pending is not None and self._pending.announced is None:
                self._release_pending(events)
            self._release_info(events)
            self._release_fragment(events)
            events.append(final)
            self._last_info = None
            return
        if _is_own(text, command):
            self._own(text, command, events)
            return
        if self._info is not None and self._continue_info(self._info, text, events):
            return
        if self._is_echo(text, command):
            events.append(_ECHO)
            return
        known = urc_name(text)
        if known is not None:
            self._urc_since_info = True
            self._urc(known, text, events)
            return
        if command.bare and not _NAMED.match(text):
            self._release_info(events)
            events.append(InfoLine(text))
            return
        self._not_understood(text, command, events)

    def _unsolicited(self, text: str, events: list[AtEvent]) -> None:
        self._release_fragment(events)
        if text[0] == ">":
            text = text.lstrip("> ")
            if not text:
                return
        if text[:2] in ("AT", "at") and text[2:3] in ("", "+", "^", "*", "&", "E", "Z", "I", "$", "%", "#"):
            events.append(_ECHO)
            return
        known = urc_name(text)
        if known is None:
            events.append(Urc(UNKNOWN, text))
        else:
            self._urc(known, text, events)

    def _final(self, text: str, command: Command) -> Final | None:
        if text in ("OK", "ok"):
            self._verbose = True
            self.numeric = False
            return _OK
        if text.startswith(("+CMS ERROR", "+CME ERROR")) or text in _ERRORS:
            return Final(text, error_from_result(text, command.shown))
        if text in ("0", "4") and not (command.bare or self._info or self._verbose or self._urc_since_info):
            self.numeric = True
            return _OK if text == "0" else Final("ERROR", CommandFailed("ERROR", command.shown))
        if command.call:
            if text in _CALL_RESULTS:
                return Final(text, CommandFailed(text, command.shown))
            if text == "CONNECT" or text.startswith("CONNECT "):
                return Final(text)
        return None

    def _is_echo(self, text: str, command: Command) -> bool:
        if self._payload and len(text) >= ECHO_PIECE and text.upper() in self._payload:
            return True
        return text[:2].upper() == "AT" and (
            text.upper() == command.text.upper() or text[2:3] in ("", "+", "^", "*", "&", "#", "%", "$")
        )

    # ------------------------------------------------------------ the running command's own lines

    def _own(self, text: str, command: Command, events: list[AtEvent]) -> None:
        self._release_info(events)
        self._release_fragment(events)
        self._urc_since_info = False
        if command.pdu:
            self._info = _Pending(text.partition(":")[0], text, _announced(text))
        else:
            self._last_info = text
            events.append(InfoLine(text))

    def _continue_info(self, info: _Pending, text: str, events: list[AtEvent]) -> bool:
        """True if the line belongs to the header that waits for its PDU.

        The PDU, a piece of it, or the header's own tail.
        """
        if self._urc_since_info and not info.pdu and len(text) <= HEADER_TAIL and _TAIL.match(text):
            info.text += text
            info.announced = _announced(info.text)
            return True
        piece = _hex_of(text)
        if piece is None:
            return False
        self._take_fragment(info)
        info.pdu += piece
        if info.complete:
            self._info = None
            events.append(InfoLine(info.text, info.pdu))
        return True

    def _take_fragment(self, info: _Pending, *, closing: bool = False) -> None:
        """The line that nobody understood is a piece of the PDU if it looks like one, or if nothing else does."""
        line = self._fragment
        if line is not None and (_like_pdu(line) or (closing and not info.pdu and not _NAMED.match(line))):
            info.pdu += line
            self._fragment = None

    def _release_info(self, events: list[AtEvent]) -> None:
        if self._info is not None:
            self._take_fragment(self._info, closing=True)
            events.append(InfoLine(self._info.text, self._info.pdu or None))
            self._info = None

    def _not_understood(self, text: str, command: Command, events: list[AtEvent]) -> None:
        """A line that is neither an answer nor a URC. A URC may have cut a line in two: try the halves together."""
        if self._fragment is not None:
            joined = self._fragment + text
            final = self._final(joined, command)
            if final is not None:
                self._fragment = None
                self._release_info(events)
                events.append(final)
                return
            if _is_own(joined, command):
                self._fragment = None
                self._own(joined, command, events)
                return
            if self._info is not None:
                self._take_fragment(self._info)
            self._release_fragment(events)
        elif self._last_info is not None and self._urc_since_info and _TAIL.match(text):
            amended = self._last_info + text
            self._last_info = None
            events.append(InfoLine(amended, amends=True))
            return
        self._fragment = text

    def _release_fragment(self, events: list[AtEvent]) -> None:
        if self._fragment is not None:
            events.append(Urc(UNKNOWN, self._fragment))
            self._fragment = None

    # ------------------------------------------------------------ URCs of more than one line

    def _urc(self, name: str, text: str, events: list[AtEvent]) -> None:
        if name in TWO_LINE_URCS:
            self._release_pending(events)
            self._late = None
            self._pending = _Pending(name, text, _announced(text))
        elif name in MULTI_LINE_URCS and not _closed(text):
            self._release_pending(events)
            self._pending = _Pending(name, text, None, quoted=True)
        else:
            if name in BOOT_URCS:
                self._verbose = False
            events.append(Urc(name, text))

    def _continue_pending(self, text: str, events: list[AtEvent]) -> bool:
        """True if the line belonged to the URC that waits for it."""
        pending = self._pending
        if pending is None:
            return False
        pending.lines += 1
        if pending.quoted:
            return self._continue_string(pending, text, events)
        piece = self._piece_of_pending(text, pending)
        if piece is not None:
            pending.pdu = (
                piece if _fits(piece, pending.announced) and not _HEX.match(pending.pdu) else pending.pdu + piece
            )
            if pending.complete:
                self._release_pending(events)
            return True
        if pending.announced is None and urc_name(text) is None and not self._ends_string(text):
            pending.text += "\n" + text  # text mode: the second line is the text
            self._release_pending(events)
            return True
        if pending.lines > HOLD_LINES:
            self._release_pending(events)
        return False

    def _piece_of_pending(self, text: str, pending: _Pending) -> str | None:
        """What a line adds to the PDU that a URC's header waits for; None: the line is another's.

        What is no hex is its PDU line too, garbled, unless a running command may have said it.
        """
        if _HEX.match(text):
            return text if self._belongs_to_pending(text, pending) else None
        if pending.announced is None or urc_name(text) is not None or _NAMED.match(text):
            return None
        piece = _hex_of(text)
        command = self._command
        if command is None:
            return piece or (text if _like_pdu(text) or not pending.pdu else None)
        if piece is not None:
            return piece if _fits(piece, pending.announced) and self._belongs_to_pending(piece, pending) else None
        return text if self._info is None and not command.bare and _like_pdu(text) else None

    def _continue_string(self, pending: _Pending, text: str, events: list[AtEvent]) -> bool:
        """A line while a string is open. What looks like a result or a URC is the network's text if the quote closes
        after it; until that is known it is kept apart."""
        another = text.partition(":")[0] in MULTI_LINE_URCS
        if another or pending.lines > HOLD_LINES or len(pending.text) > LINE_LIMIT:
            self._release_pending(events)
            return False
        if not pending.doubted and not self._ends_string(text):
            pending.text += "\n" + text
            if _closed(pending.text):
                self._release_pending(events)
            return True
        pending.doubted.append(text)
        if _closes(text):
            pending.text = "\n".join([pending.text, *pending.doubted])
            pending.doubted = []
            self._release_pending(events)
        return True

    def _come_late(self, late: _Pending, text: str, events: list[AtEvent]) -> bool:
        """True if the line is the PDU of a header that was waited for too long."""
        if self._info is not None or not _HEX.match(text) or not _fits(text, late.announced):
            return False
        self._late = None
        events.append(Urc(late.name, late.text, text))
        return True

    def _belongs_to_pending(self, text: str, pending: _Pending) -> bool:
        """With a +CMGR or +CMGL header open as well, the announced lengths tell whose line it is."""
        info = self._info
        if self._command is not None and self._command.bare and not pending.pdu:
            return _fits(text, pending.announced)  # the digits of an IMEI are none of a PDU
        return info is None or _fits(text, pending.announced) or not _fits(info.pdu + text, info.announced)

    def _ends_string(self, text: str) -> bool:
        if text.startswith(("+CMS ERROR", "+CME ERROR")) or (text[0] in "+^" and urc_name(text) is not None):
            return True
        command = self._command
        if command is None:
            return False
        return text in ("OK", "ERROR") or text.partition(":")[0] in command.prefixes

    def _release_pending(self, events: list[AtEvent]) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            events.append(Urc(pending.name, pending.text, pending.pdu or None))
            for line in pending.doubted:
                self._whole(line, events)


class _Pending:
    """A line that is not whole without the next."""

    __slots__ = ("announced", "doubted", "lines", "name", "pdu", "quoted", "text")

    def __init__(self, name: str, text: str, announced: int | None, *, quoted: bool = False) -> None:
        self.name = name
        self.text = text
        self.announced = announced  # octets of the TPDU
        self.quoted = quoted
        self.pdu = ""
        self.lines = 0
        self.doubted: list[str] = []  # lines in a string that may be no text

    @property
    def complete(self) -> bool:
        """The PDU has the announced length or more, or none was announced.

        Some modems leave out the SMSC address, its length octet too: what begins unlike one is whole without it.
        """
        pdu = self.pdu
        if self.announced is None:
            return True
        octets = len(pdu) // 2
        if octets == self.announced and not _may_begin_with_sca(pdu):
            return True
        return octets >= self.announced + 1 + _sca_octets(pdu) or (self.name == "+CBM" and octets >= self.announced)


def _closed(text: str) -> bool:
    """The string of a +CUSD has come to its end: a quote and a number, or a quote that has its counterpart.

    Modems do not escape quotes inside (TS 27.007 has no rule for it): a pair of them says nothing.
    """
    if '"' not in text or _CLOSED.search(text):
        return True
    return text.count('"') % 2 == 0 and text.rstrip().endswith('"')


def _closes(line: str) -> bool:
    """This line closes the string that was open before it; quotes of its own come in pairs, as those of a URC do."""
    return line.count('"') % 2 == 1 and (_CLOSED.search(line) is not None or line.rstrip().endswith('"'))


def _any_text(line: bytes) -> str:
    """Every octet as a character: UTF-8 where it is that, else Latin-1."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _announced(text: str) -> int | None:
    """The last field of a header, the TPDU's octets (TS 27.005 4.1); None for a header of text mode."""
    if text.count(",") > 4:
        return None
    last = text.rpartition(":")[2].rpartition(",")[2].strip()
    return int(last) if last.isascii() and last.isdigit() and len(last) <= 3 else None


def _sca_octets(pdu: str) -> int:
    try:
        return int(pdu[:2], 16)
    except ValueError:
        return 0


def _may_begin_with_sca(pdu: str) -> bool:
    """The first octets may be the length of an SMSC address and its type, whose high bit is set (TS 24.011 8.2.5.2)."""
    return pdu[:2] == "00" or (pdu[:1] == "0" and pdu[2:3].upper() in ("8", "9", "A", "B", "C", "D", "E", "F"))


def _hex_of(text: str) -> str | None:
    """The line as hex, without quotes around it and blanks between the octets; None if it is none."""
    if _HEX.match(text):
        return text
    bare = text.translate(_IN_BETWEEN)
    return bare if _HEX.match(bare) else None


def _like_pdu(text: str) -> bool:
    """Most of its characters are hexadecimal digits: a PDU with foreign ones in it."""
    bare = text.translate(_IN_BETWEEN)
    return len(bare) >= PDU_PIECE and 3 * len(_HEX_DIGIT.sub("", bare)) <= len(bare)


def _fits(text: str, announced: int | None) -> bool:
    """The line is a whole PDU of the announced length, with or without an SMSC address."""
    if announced is None:
        return True
    octets = len(text) // 2
    return len(text) % 2 == 0 and octets in (announced, announced + 1 + _sca_octets(text))


def _is_own(text: str, command: Command) -> bool:
    """The line has the name of one of the command's information lines, and is no URC of that name."""
    name, colon, _ = text.partition(":")
    if not colon or name not in command.prefixes:
        return False
    return name not in _REGISTRATION or _REGISTRATION_ANSWER.match(text) is not None or "(" in text


def _text_with_foreign_letters(line: bytes) -> str | None:
    """The line as text if what is not ASCII stands inside its quoted strings and is no control character, else None."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    if not _QUOTED.sub("", text).isascii() or _CONTROL.search(text):
        return None
    return text
