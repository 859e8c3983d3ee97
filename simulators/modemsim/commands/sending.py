"""Sending: CMGS, CMGW, CMSS, CMMS (TS 27.005 3.5, 4.3), with the points at which faults strike."""

from __future__ import annotations

import re
from collections.abc import Callable

from modemsim.errors import AtError, CmeError, CmsError, OkInsteadError
from modemsim.faults import Fault
from modemsim.line import Command
from modemsim.port import AtPort, Call, Payload, Sleep, UnansweredError, Work
from modemsim.registry import command
from modemsim.storage import STO_SENT, STO_UNSENT, Stored
from modemsim.textmode import submit_of
from modemsim.tpdu import TpduError, parse_submit

LINK_S = 5.0  # how long the network keeps the link after a send (27.005 3.5.6: 1 to 5 s)
MAX_TPDU = 176
NETWORK = frozenset({17, 27, 38, 41, 42, 47, 331, 332})  # the codes that `network_cms` stands for
_HEX = re.compile(rb"[0-9A-Fa-f]*\Z")


@command("+CMMS", sms=True)
def more_messages(port: AtPort, cmd: Command) -> list[str] | None:
    session = port.modem.session
    if cmd.op == "=?":
        return ["+CMMS: (0-2)"]
    if cmd.op == "?":
        return [f"+CMMS: {_cmms(port)}"]
    value = int(cmd.raw or 0)
    if value not in (0, 1, 2):
        raise CmsError(303)
    session.cmms = value
    session.last_send = port.modem.timeline.now
    return None


def _cmms(port: AtPort) -> int:
    """The setting now: 1 falls back to 0 when the link was left alone for too long."""
    session = port.modem.session
    if session.cmms == 1 and port.modem.timeline.now - session.last_send > LINK_S:
        session.cmms = 0
    return session.cmms


@command("+CMGS", wants_sim=True, sms=True)
def send(port: AtPort, cmd: Command) -> list[str] | Work | None:
    if cmd.op == "=?":
        return None
    return _send(port, cmd)


def _send(port: AtPort, cmd: Command) -> Work:
    modem = port.modem
    faults = modem.faults
    label = cmd.text
    length = _length(port, cmd)
    if faults:
        instead = faults.take("cms_error", where=lambda f: f["when"] == "instead_of_prompt")
        if instead:
            yield Sleep(instead["after_s"])
            raise CmsError(instead["code"])
        modem.point("before_prompt", label)
    modem.collided = False
    if modem.personality.form.sends_after not in {"", *modem.session.given}:
        raise CmsError(500)
    if modem.personality.form.hex_blocks_cmgs and modem.session.cscs == "HEX":
        raise CmsError(304)
    payload = yield from _payload(port)
    if payload is None:
        if modem.personality.form.escape == "OK":
            return None
        raise AtError
    tpdu, sca = _tpdu(port, cmd, payload, length)
    return (yield from _transmit(port, label, tpdu, sca, "+CMGS"))


def _length(port: AtPort, cmd: Command) -> int:
    """The announced TPDU length; in text mode there is none. Raises `CmsError`."""
    if port.modem.session.cmgf:
        if not cmd.args() or not cmd.args()[0]:
            raise CmsError(305)
        return 0
    try:
        length = int(cmd.args()[0])
    except (ValueError, IndexError):
        raise CmsError(304) from None
    if not 7 <= length <= MAX_TPDU:
        raise CmsError(304)
    return length


def _payload(port: AtPort) -> Work:
    """Show the prompt and take the payload; the value is bytes, or None after ESC."""
    modem = port.modem
    faults = modem.faults
    form = modem.personality.form
    prompt = form.prompt.encode()
    if form.prompt_after_s:
        yield Sleep(form.prompt_after_s)
    if faults:
        late = faults.take("prompt_late")
        if late:
            yield Sleep(late["seconds"])
        if faults.take("prompt_no_space"):
            prompt = prompt.rstrip(b" ")
        if faults.take("prompt_lost"):
            prompt = b""
    text_mode = bool(modem.session.cmgf)
    if faults:
        # the prompt goes out first, then the cable
        modem.timeline.after(0, _after_prompt, port)
    return (yield Payload(prompt, reprompt=text_mode))


def _after_prompt(port: AtPort) -> None:
    if port.in_payload:
        port.modem.point_quietly("after_prompt", "+CMGS")


def _tpdu(port: AtPort, cmd: Command, payload: bytes, length: int) -> tuple[bytes, bytes]:
    """The TPDU and service centre of a payload; raises `CmsError`."""
    form = port.modem.personality.form
    if port.modem.session.cmgf:
        return submit_of(port.modem, cmd.args()[0], payload), b"\x00"
    hexa = payload.translate(None, b"\r\n ")
    if len(hexa) % 2 or not _HEX.match(hexa):
        raise CmsError(304)
    octets = bytes.fromhex(hexa.decode())
    if not octets or octets[0] > 12 or len(octets) < 1 + octets[0]:
        raise CmsError(304)
    tpdu, sca = octets[1 + octets[0] :], octets[: 1 + octets[0]]
    if len(tpdu) != length:
        raise CmsError(form.length_error)
    try:
        parse_submit(tpdu)
    except TpduError:
        raise CmsError(304) from None
    return tpdu, sca


def _transmit(port: AtPort, label: str, tpdu: bytes, sca: bytes, name: str) -> Work:
    """Give a TPDU to the network and tell what became of it."""
    modem = port.modem
    faults = modem.faults
    session = modem.session
    radio = modem.personality.radio
    late = silent = lost = taken = None
    accept = True
    if modem.owed is not None:
        owed, modem.owed = modem.owed, None
        port.say(owed[0])
        port.say("OK")
        yield Sleep(owed[1])
    if faults:
        failing = faults.take("cms_error", where=lambda f: f["when"] == "after_payload")
        if failing:
            yield Sleep(failing["after_s"])
            raise _failure(port, failing["code"])
        if faults.take("failed_ok"):
            return None
        modem.point("not_accepted", label)
        taken = faults.take("taken_error")
        silent = faults.take("send_silent")
        accept = silent is None or silent["accepted"]
        late = faults.take("late_result")
        lost = faults.take("cmgs_lost")
    collided, modem.collided = modem.collided, False
    if collided and radio.collision_cms:
        raise CmsError(radio.collision_cms)
    if not modem.in_service:
        yield Sleep(radio.send_error_after_s)
        raise _failure(port, 331)
    if len(sca) < 2 and not modem.sim.smsc:
        raise _failure(port, 330)
    if not accept:
        raise UnansweredError
    mr = modem.next_mr()
    linked = _cmms(port) > 0 and modem.timeline.now - session.last_send <= LINK_S
    if faults:
        points: list[Fault] = []
        modem.point_ahead("after_payload", label, points)
        if points:
            modem.network.submit(modem, tpdu, mr, linked=linked, done=lambda _code: None, at_once=True)
            modem.strike(points[0])
    code = yield from _wait_for_network(port, tpdu, mr, linked, f"{name}: {mr}")
    session.last_send = modem.timeline.now
    modem.open_window()
    if taken and code is None:
        yield Sleep(taken["after_s"])
        raise _said_of_it(taken["result"], taken["code"])
    if code is not None:
        if radio.send_error_after_s:
            yield Sleep(radio.send_error_after_s)
        raise _failure(port, code)
    modem.point("before_result", label)
    if late:
        yield Sleep(late["seconds"])
    if faults and (held := faults.take("result_owed")):
        modem.owed = (f"{name}: {mr}", held["seconds"])
        raise UnansweredError
    if silent:
        raise UnansweredError
    if lost:
        return None
    if faults and faults.take("ok_lost"):
        raise UnansweredError([f"{name}: {mr}"])
    return [f"{name}: {mr}"]


def _wait_for_network(port: AtPort, tpdu: bytes, mr: int, linked: bool, line: str) -> Work:
    """The network's answer; where the command is aborted meanwhile, `line` may come by itself."""
    modem = port.modem
    aborted_in: list[int] = []

    def begin(answer: Callable[[int | None], None]) -> None:
        def done(code: int | None) -> None:
            if aborted_in == [modem.epoch] and code is None and modem.personality.form.late_cmgs:
                port.urc(line)
            answer(code)

        modem.network.submit(modem, tpdu, mr, linked=linked, done=done)

    try:
        return (yield Call(begin))
    except GeneratorExit:
        aborted_in.append(modem.epoch)
        raise


def _said_of_it(result: str, code: int) -> AtError:
    """What a fault says of a message, whatever became of it."""
    return {"cms": CmsError(code), "cme": CmeError(code)}.get(result, AtError())


def _failure(port: AtPort, code: int) -> AtError:
    code = port.modem.personality.radio.network_cms or code if code in NETWORK else code
    form = port.modem.personality.form
    if form.send_failure == "ok" and port.modem.session.plain.get("^SM20", "1")[:1] != "0":
        return OkInsteadError()
    return CmsError(code)


@command("+CMGW", wants_sim=True, sms=True)
def write_message(port: AtPort, cmd: Command) -> list[str] | Work | None:
    if cmd.op == "=?":
        return None
    return _write(port, cmd)


def _write(port: AtPort, cmd: Command) -> Work:
    modem = port.modem
    length = _length(port, cmd)
    payload = yield from _payload(port)
    if payload is None:
        return None
    tpdu, sca = _tpdu(port, cmd, payload, length)
    args = cmd.args()
    status = int(args[1]) if len(args) > 1 and args[1].isdigit() else STO_UNSENT
    index = modem.memory(modem.session.cpms[1]).add(Stored(status, tpdu, sca))
    if index is None:
        raise CmsError(322)
    return [f"+CMGW: {index}"]


@command("+CMSS", wants_sim=True, sms=True)
def send_from_storage(port: AtPort, cmd: Command) -> list[str] | Work | None:
    if cmd.op == "=?":
        return None
    return _send_stored(port, cmd)


def _send_stored(port: AtPort, cmd: Command) -> Work:
    modem = port.modem
    message = modem.memory(modem.session.cpms[1]).get(int(cmd.args()[0]))
    if message is None:
        raise CmsError(321)
    try:
        parse_submit(message.tpdu)
    except TpduError:
        raise CmsError(304) from None
    lines = yield from _transmit(port, cmd.text, message.tpdu, message.sca, "+CMSS")
    message.status = STO_SENT
    return lines
