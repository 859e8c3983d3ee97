"""One AT port: the line discipline and dialogue of V.250 (echo, lines, prompts, result codes), byte for byte.

Owns what is typed and what is said on this port; what commands do is in `commands/`, what the modem is in
`engine.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modemsim.errors import (
    CME_TEXT,
    CMS_TEXT,
    AtError,
    CmeError,
    CmsError,
    OkInsteadError,
    PowerLostError,
    UnknownCommandError,
)
from modemsim.line import Command, LineError, split

if TYPE_CHECKING:
    from modemsim.engine import SimModem

RX_LIMIT = 16_384  # what a UART and its driver hold
PAYLOAD_LIMIT = 2_048
PAYLOAD_END = re.compile(rb"[\x1a\x1b]")
_REPEAT = re.compile(rb"[\x00- ]*[aA]/")
_CONTROLS = dict.fromkeys([*range(32), 127])

RESULT_NUMBER = {"OK": 0, "CONNECT": 1, "RING": 2, "NO CARRIER": 3, "ERROR": 4, "NO DIALTONE": 6, "BUSY": 7}


@dataclass(slots=True)
class Sleep:
    """A command waits `seconds`."""

    seconds: float


@dataclass(slots=True)
class Payload:
    """A command shows a prompt and waits for bytes up to Ctrl-Z (the bytes) or ESC (None)."""

    prompt: bytes
    reprompt: bool = False  # a CR inside shows the prompt again (text mode)


@dataclass(slots=True)
class Call:
    """A command waits for `begin(answer)` to call `answer(value)`, at once or later."""

    begin: Callable[[Callable[[Any], None]], None]


Wait = Sleep | Payload | Call
Work = Generator[Wait, Any, Any]


class UnansweredError(Exception):
    """The command ends with these lines, and without a final result code."""

    def __init__(self, lines: list[str] | None = None) -> None:
        super().__init__()
        self.lines = lines or []


@dataclass(slots=True)
class PortSettings:
    """What ATZ and AT&F set back."""

    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    s3: int = 13
    s4: int = 10
    s5: int = 8
    cmee: int = 0


class AtPort:
    """Bytes in by `feed`, bytes out through the modem's output."""

    def __init__(self, modem: SimModem, index: int) -> None:
        self.modem = modem
        self.index = index
        self.settings = PortSettings()
        self.profile = PortSettings()
        self.hung = ""  # "", or until what: "close", "replug"
        self._rx = bytearray()
        self._line = bytearray()
        self._last_line: str | None = None
        self._reply = bytearray()
        self._runner: Generator[Wait, Any, None] | None = None
        self._token: object = None
        self._payload: bytearray | None = None
        self._reprompt = b""
        self._draining = False
        self._in_runner = False
        self._urcs: list[str] = []
        self._label = ""
        self._abort_armed = False
        self._replies = 0

    # -- in

    @property
    def in_payload(self) -> bool:
        return self._payload is not None

    @property
    def busy(self) -> bool:
        return self._runner is not None

    def reset(self) -> None:
        """Power is gone: forget all that is under way and go back to the start settings."""
        runner, self._runner = self._runner, None
        if runner is not None and not self._in_runner:
            runner.close()
        self._token = None
        self._payload = None
        self._rx.clear()
        self._line.clear()
        self._reply.clear()
        self._urcs.clear()
        self._last_line = None
        self.hung = ""
        self.settings = PortSettings()

    def feed(self, data: bytes) -> None:
        """Take bytes from the terminal, in any pieces."""
        if self.hung:
            return
        if self._abort_armed and data:
            self._abort()
        room = RX_LIMIT - len(self._rx)
        self._rx += data[:room]
        self._drain()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        try:
            while self._rx and not self.hung:
                if self._payload is not None:
                    self._take_payload()
                elif self._runner is not None:
                    break
                else:
                    self._take_line()
        finally:
            self._draining = False

    def _echo(self, data: bytes) -> None:
        form = self.modem.personality.form
        if self.settings.echo or form.echo == "always":
            self.modem.emit(self.index, data)

    def _take_line(self) -> None:
        end = self._rx.find(self.settings.s3)
        chunk = bytes(self._rx if end < 0 else self._rx[: end + 1])
        repeat = _REPEAT.match(bytes(self._line[:8]) + chunk) if b"/" in chunk else None
        if repeat:
            chunk = chunk[: repeat.end() - len(self._line[:8])]
            end = -1
        del self._rx[: len(chunk)]
        self._echo(chunk)
        body = chunk if end < 0 else chunk[:-1]
        if self.settings.s5 in body:
            for octet in body:
                if octet == self.settings.s5:
                    del self._line[-1:]
                else:
                    self._line.append(octet)
        else:
            self._line += body
        limit = self.modem.personality.form.max_line
        too_long = len(self._line) > limit
        if too_long:
            del self._line[limit + 1 :]
        if repeat:
            self._line.clear()
            if self._last_line is not None:
                self._execute(self._last_line)
        elif end >= 0:
            line = self._line.decode("latin-1").translate(_CONTROLS)
            self._line.clear()
            start = _find_at(line)
            if start is None:
                return
            if too_long:
                self._end("ERROR")
                self._flush()
                return
            self._last_line = line[start + 2 :]
            self._execute(self._last_line)

    def _take_payload(self) -> None:
        assert self._payload is not None
        found = PAYLOAD_END.search(bytes(self._rx))
        stop = found.start() if found else len(self._rx)
        if not found and self._reprompt:
            cr = self._rx.find(13)
            stop = cr + 1 if cr >= 0 else stop
        elif self._reprompt:
            cr = self._rx.find(13, 0, stop)
            if cr >= 0:
                stop, found = cr + 1, None
        chunk = bytes(self._rx[:stop])
        del self._rx[: stop + (1 if found else 0)]
        if not self._payload:  # the LF of a CR LF that ended the command
            chunk = chunk.lstrip(b"\n" if self._reprompt else b"\r\n")
        modem = self.modem
        if modem.faults and chunk and self._cut_payload(len(chunk)):
            return
        self._echo(chunk)
        room = PAYLOAD_LIMIT - len(self._payload)
        self._payload += chunk[: max(0, room)]
        if not found:
            if self._reprompt and chunk.endswith(b"\r"):
                modem.emit(self.index, self._reprompt)
            return
        whole: bytes | None = bytes(self._payload)
        if found[0] == b"\x1b":
            whole = None
        elif modem.personality.form.echo_ctrl_z:
            self._echo(b"\x1a")
        self._payload = None
        self._pump(whole)

    def _cut_payload(self, more: int) -> bool:
        """Whether a fault that strikes after so many payload bytes did."""
        had = len(self._payload or b"")
        try:
            self.modem.point("mid_payload", self._label, size=(had, had + more))
        except PowerLostError:
            return True
        return False

    # -- commands

    def _execute(self, body: str) -> None:
        try:
            commands = split(body)
        except LineError:
            self._end("ERROR")
            self._flush()
            return
        self._runner = self._run(commands)
        self._pump(None)

    def _run(self, commands: list[Command]) -> Generator[Wait, Any, None]:
        modem = self.modem
        for command in commands:
            self._label = command.text
            try:
                if modem.faults:
                    yield from self._trouble(command.text)
                result = modem.dispatch(self, command)
                if isinstance(result, Generator):
                    result = yield from result
            except AtError as e:
                self._end(self._error_line(e))
                yield from self._deliver_reply()
                return
            except UnansweredError as e:
                self.info(e.lines)
                self._flush()
                return
            except (ValueError, IndexError):
                self._end(self._error_line(modem.parameter_error(command)))
                yield from self._deliver_reply()
                return
            if result:
                self.info(result)
        self._end("OK")
        yield from self._deliver_reply()

    def _trouble(self, text: str) -> Generator[Wait, Any, None]:
        faults = self.modem.faults
        self.modem.point("command", text)
        if faults.take("no_answer", text):
            raise UnansweredError
        slow = faults.take("slow", text)
        if slow:
            yield Sleep(slow["seconds"])
        cme = faults.take("cme_error", text)
        if cme:
            raise CmeError(cme["code"])
        if faults.take("error", text):
            raise AtError

    def _pump(self, value: Any) -> None:
        """Go on with the command under way until it waits or ends."""
        self._token = None
        self._abort_armed = False
        while True:
            runner = self._runner
            if runner is None:
                return
            self._in_runner = True
            try:
                wait = runner.send(value)
            except StopIteration:
                break
            except PowerLostError:
                return
            finally:
                self._in_runner = False
            if self._runner is not runner:  # the power went
                runner.close()
                return
            if isinstance(wait, Payload):
                self._flush()
                self.modem.emit(self.index, wait.prompt)
                self._payload = bytearray()
                self._reprompt = wait.prompt if wait.reprompt else b""
                self._drain()
                return
            self._flush()
            token = self._token = object()
            if isinstance(wait, Sleep):
                self.modem.timeline.after(wait.seconds, self.resume, token, None)
                return
            answer = _Answer(self, token)
            wait.begin(answer)
            if not answer.come:
                answer.at_once = False
                self._abort_armed = self.modem.personality.form.abort_on_byte
                return
            value = answer.value
        self._runner = None
        self._after_command()

    def resume(self, token: object, value: Any) -> None:
        if self._token is token and self._runner is not None:
            self._pump(value)

    def _abort(self) -> None:
        """A byte came while the network was asked:

        the command ends, the message may have gone (Fibocom G510).
        """
        self._abort_armed = False
        self._token = None
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()
        self._end("ERROR")
        self._flush()
        self._after_command()

    def _after_command(self) -> None:
        self.flush_urcs()
        self.modem.point_quietly("after_result", self._label)
        self._drain()

    # -- out

    def info(self, lines: list[str]) -> None:
        """Information text of one command (V.250 5.7.1)."""
        if not lines:
            return
        eol = bytes((self.settings.s3, self.settings.s4))
        if self.settings.verbose:
            self._reply += eol
        for line in lines:
            self._reply += line.encode("latin-1", "replace") + eol

    def _end(self, result: str) -> None:
        if self.settings.quiet:
            return
        eol = bytes((self.settings.s3, self.settings.s4))
        if self.settings.verbose or result not in RESULT_NUMBER:
            self._reply += eol + result.encode("latin-1", "replace") + eol
        else:
            self._reply += str(RESULT_NUMBER[result]).encode() + eol[:1]

    def _flush(self) -> None:
        if self._reply:
            data = bytes(self._reply)
            self._reply.clear()
            self.modem.emit(self.index, data)

    def _deliver_reply(self) -> Generator[Wait, Any, None]:
        """Say the whole reply of a line, bent by the faults that strike it."""
        faults = self.modem.faults
        self._put_chatter_inside()
        if not faults:
            self._flush()
            return
        data = bytes(self._reply)
        self._reply.clear()
        data = self.modem.bend_reply(data, self._label)
        cut = self.modem.point_position("mid_reply", self._label, len(data))
        if cut is not None:
            fault, position = cut
            self.modem.emit(self.index, data[:position])
            self.modem.strike(fault)
        halves = faults.take("split_reply", self._label)
        if halves:
            position = halves["position"] if halves["position"] >= 0 else len(data) // 2
            self.modem.emit(self.index, data[:position])
            yield Sleep(halves["seconds"])
            data = data[position:]
        self.modem.emit(self.index, data)

    def _put_chatter_inside(self) -> None:
        """Unsolicited lines between what a command says and its result code, where the model does so."""
        radio = self.modem.personality.radio
        if not radio.chatter_inside or not self.modem.session.curc:
            return
        self._replies += 1
        end = self._reply.rfind(b"\r\n", 0, -2)
        if self._replies % radio.chatter_inside == 0 and end >= 0 and self in self.modem.urc_ports():
            self._reply[end:end] = b"".join(f"\r\n{line}\r\n".encode() for line in radio.chatter)

    def _error_line(self, error: AtError) -> str:
        form = self.modem.personality.form
        cmee = self.settings.cmee
        if isinstance(error, UnknownCommandError):
            return form.unknown
        if isinstance(error, OkInsteadError):
            return "OK"
        if isinstance(error, CmeError) and cmee:
            text = CME_TEXT.get(error.code, "unknown") if cmee == 2 else str(error.code)
            return f"+CME ERROR: {text}"
        if isinstance(error, CmsError) and (cmee or form.cms_when_cmee0 == "numeric"):
            text = CMS_TEXT.get(error.code, "unknown error") if cmee == 2 else str(error.code)
            return f"+CMS ERROR: {text}"
        return "ERROR"

    def urc(self, text: str) -> None:
        """Say an unsolicited result code, now or when the dialogue allows it; lines are parted by
        `\\r\\n`.
        """
        if self._payload is not None or (self.busy and not self.modem.personality.form.urc_while_busy):
            if len(self._urcs) < 255:
                self._urcs.append(text)
            return
        self.say(text)

    def say(self, text: str) -> None:
        """Say a line now, whatever is under way."""
        eol = bytes((self.settings.s3, self.settings.s4))
        self.modem.emit(self.index, eol + text.encode("latin-1", "replace") + eol)

    def flush_urcs(self) -> None:
        """Say what was held back."""
        held, self._urcs = self._urcs, []
        for text in held:
            self.say(text)


class _Answer:
    """Takes the answer of a `Call`:

    kept for the one who waits at once, or the command goes on when it comes later.
    """

    def __init__(self, port: AtPort, token: object) -> None:
        self._port = port
        self._token = token
        self.at_once = True
        self.come = False
        self.value: Any = None

    def __call__(self, value: Any) -> None:
        if self.come:
            return
        self.come, self.value = True, value
        if not self.at_once:
            self._port.resume(self._token, value)


def _find_at(line: str) -> int | None:
    for i in range(len(line) - 1):
        if line[i] in "Aa" and line[i + 1] in "Tt":
            return i
    return None
