"""The bytes of a serial port over Telnet: escaping, options, and COM-PORT-OPTION (RFC 854, 856, 858, 1143, 2217).

Pure: bytes in, bytes out, nothing waited for. The connection is `sockets`'.
"""

from __future__ import annotations

from enum import Enum

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240

BINARY, ECHO, SGA, COM_PORT = 0, 1, 3, 44

#: RFC 2217: what the client asks. The server answers with the same plus 100.
SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = 1, 2, 3, 4, 5
SET_LINESTATE_MASK, SET_MODEMSTATE_MASK = 10, 11
SERVER = 100
_SUSPEND, _RESUME = 108, 109

#: Values of SET-CONTROL.
NO_FLOW_CONTROL, DTR_ON, DTR_OFF, RTS_ON = 1, 8, 9, 11

#: A longer subnegotiation is no such thing.
SB_LIMIT = 256

_WE_DO = frozenset({BINARY, SGA, COM_PORT})
_THEY_MAY = frozenset({BINARY, SGA, COM_PORT, ECHO})


class _Side(Enum):
    """One side of an option (RFC 1143, without its queue: we never change our mind)."""

    NO = "no"
    ASKED = "asked"
    YES = "yes"
    REFUSED = "refused"


class _Mode(Enum):
    DATA = "data"
    IAC = "iac"
    OPTION = "option"
    SUB = "sub"
    SUB_IAC = "sub iac"


class ComPort:
    """The client's end. `decode` what comes, `encode` what goes, and send `take_replies` as they are."""

    def __init__(self) -> None:
        self.suspended = False  # the server asked us to write nothing (RFC 2217, FLOWCONTROL-SUSPEND)
        self.answers: dict[int, bytes] = {}  # what the server says it has set: code of the question -> value
        self._mode = _Mode.DATA
        self._verb = 0
        self._sub = bytearray()
        self._replies = bytearray()
        self._us: dict[int, _Side] = {}
        self._them: dict[int, _Side] = {}
        self._after_cr = False

    # -- what is agreed -----------------------------------------------------------------------------------

    @property
    def agreed(self) -> bool:
        """The server lets us set the port."""
        return _Side.YES in (self._us.get(COM_PORT), self._them.get(COM_PORT))

    @property
    def settled(self) -> bool:
        """It was agreed or refused."""
        return self.agreed or self._us.get(COM_PORT) is _Side.REFUSED

    def begin(self) -> None:
        """Offer and ask for what this is for."""
        for option in (COM_PORT, BINARY, SGA):
            self._us[option] = _Side.ASKED
            self._say(WILL, option)
        for option in (BINARY, SGA):
            self._them[option] = _Side.ASKED
            self._say(DO, option)

    def set_up(self, baudrate: int) -> None:
        """Ask for `baudrate` 8N1 without flow control, DTR and RTS on, and no notices of line states."""
        self.ask(SET_BAUDRATE, baudrate.to_bytes(4, "big"))
        self.ask(SET_DATASIZE, b"\x08")
        self.ask(SET_PARITY, b"\x01")
        self.ask(SET_STOPSIZE, b"\x01")
        for value in (NO_FLOW_CONTROL, DTR_ON, RTS_ON):
            self.ask(SET_CONTROL, bytes([value]))
        self.ask(SET_LINESTATE_MASK, b"\x00")
        self.ask(SET_MODEMSTATE_MASK, b"\x00")

    def ask(self, code: int, value: bytes) -> None:
        """One subnegotiation of RFC 2217."""
        self._replies += bytes((IAC, SB, COM_PORT, code)) + value.replace(b"\xff", b"\xff\xff") + bytes((IAC, SE))

    def take_replies(self) -> bytes:
        """What is to be sent to the server now, escaped already."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    # -- data ---------------------------------------------------------------------------------------------

    def encode(self, data: bytes) -> bytes:
        """Data for the port."""
        out = data.replace(b"\xff", b"\xff\xff")
        if self._us.get(BINARY) is _Side.REFUSED:  # RFC 854: a CR alone is CR NUL on a text connection
            out = out.replace(b"\r", b"\r\0").replace(b"\r\0\n", b"\r\n")
        return out

    def decode(self, data: bytes) -> bytes:
        """What the port said; what the server said goes into replies and state."""
        if self._mode is _Mode.DATA and IAC not in data and self._them.get(BINARY) is not _Side.REFUSED:
            return data
        out = bytearray()
        for octet in data:
            self._take(octet, out)
        return bytes(out)

    def _take(self, octet: int, out: bytearray) -> None:
        match self._mode:
            case _Mode.DATA:
                if octet == IAC:
                    self._mode = _Mode.IAC
                else:
                    self._data(octet, out)
            case _Mode.IAC:
                self._mode = _Mode.DATA
                if octet == IAC:
                    self._data(octet, out)
                elif octet in (DO, DONT, WILL, WONT):
                    self._verb, self._mode = octet, _Mode.OPTION
                elif octet == SB:
                    self._sub.clear()
                    self._mode = _Mode.SUB
                # all other commands (NOP, AYT, BREAK …) ask nothing of a client
            case _Mode.OPTION:
                self._mode = _Mode.DATA
                self._option(self._verb, octet)
            case _Mode.SUB:
                if octet == IAC:
                    self._mode = _Mode.SUB_IAC
                elif len(self._sub) < SB_LIMIT:
                    self._sub.append(octet)
            case _Mode.SUB_IAC:
                if octet == IAC:
                    self._mode = _Mode.SUB
                    if len(self._sub) < SB_LIMIT:
                        self._sub.append(octet)
                else:
                    self._mode = _Mode.DATA
                    if octet == SE:
                        self._subnegotiation(bytes(self._sub))
                    else:  # a command where SE was due: the subnegotiation was cut off
                        self._mode = _Mode.IAC
                        self._take(octet, out)

    def _data(self, octet: int, out: bytearray) -> None:
        if self._them.get(BINARY) is _Side.REFUSED:
            after_cr, self._after_cr = self._after_cr, octet == 13
            if after_cr and octet == 0:
                return
        out.append(octet)

    # -- the server ---------------------------------------------------------------------------------------

    def _option(self, verb: int, option: int) -> None:
        """RFC 1143: answer what changes something, and nothing else, or two ends talk for ever."""
        ours = verb in (DO, DONT)
        sides, can = (self._us, _WE_DO) if ours else (self._them, _THEY_MAY)
        yes, no = (WILL, WONT) if ours else (DO, DONT)
        side = sides.get(option, _Side.NO)
        if verb in (DO, WILL):
            if side is _Side.YES:
                return
            if option not in can:
                self._say(no, option)
                return
            sides[option] = _Side.YES
            if side is not _Side.ASKED:
                self._say(yes, option)
        else:
            if side is _Side.YES:
                self._say(no, option)
            sides[option] = _Side.REFUSED

    def _subnegotiation(self, body: bytes) -> None:
        if len(body) < 2 or body[0] != COM_PORT:
            return
        code, value = body[1], body[2:]
        if code == _SUSPEND:
            self.suspended = True
        elif code == _RESUME:
            self.suspended = False
        elif code > SERVER:
            self.answers[code - SERVER] = value

    def _say(self, verb: int, option: int) -> None:
        self._replies += bytes((IAC, verb, option))
