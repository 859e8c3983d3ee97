"""Messages in the memories and how they are announced:

CMGF, CSMS, CPMS, CNMI, CSCA, CMGR, CMGL, CMGD, CNMA (TS 27.005 3).
"""

from __future__ import annotations

from modemsim.errors import CmsError
from modemsim.line import Command
from modemsim.port import AtPort, Payload, Sleep, Work
from modemsim.registry import command
from modemsim.storage import ALL, REC_READ, REC_UNREAD, STATUS_TEXT, Storage, Stored
from modemsim.textmode import cmgl_lines, cmgr_lines


@command("+CMGF")
def message_format(port: AtPort, cmd: Command) -> list[str] | None:
    session = port.modem.session
    if cmd.op == "?":
        return [f"+CMGF: {session.cmgf}"]
    if cmd.op == "=?":
        return ["+CMGF: (0,1)"]
    value = int(cmd.raw or 0)
    if value not in (0, 1):
        raise CmsError(303)
    session.cmgf = value
    return None


@command("+CSMS", wants_sim=True, sms=True)
def message_service(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    if cmd.op == "=?":
        return ["+CSMS: (0,1)" if modem.personality.cnmi.csms1 else "+CSMS: (0)"]
    if cmd.op == "?":
        return [f"+CSMS: {modem.session.csms},1,1,1"]
    value = int(cmd.raw)
    if value not in (0, 1) or (value == 1 and not modem.personality.cnmi.csms1):
        raise CmsError(303)
    modem.session.csms = value
    return ["+CSMS: 1,1,1"]


@command("+CPMS", wants_sim=True, sms=True)
def preferred_storage(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    memory = modem.personality.memory
    session = modem.session
    allowed = (memory.read, memory.write, memory.receive)
    if cmd.op == "=?":
        groups = ",".join("(" + ",".join(f'"{n}"' for n in names) + ")" for names in allowed)
        return [f"+CPMS: {groups}"]
    if cmd.op == "?":
        rows = ((n, modem.memory(n)) for n in session.cpms)
        return ["+CPMS: " + ",".join(f'"{n}",{len(s)},{s.capacity}' for n, s in rows)]
    args = [a.upper() for a in cmd.args()]
    if len(args) not in memory.cpms_args:
        raise CmsError(302)
    for name, names in zip(args, allowed, strict=False):
        if name not in names:
            raise CmsError(302)
    for i, name in enumerate(args):
        session.cpms[i] = name
    stores = [modem.memory(n) for n in session.cpms]
    if len(args) > 2:
        modem.network.available(modem.number)
    return ["+CPMS: " + ",".join(f"{len(s)},{s.capacity}" for s in stores)]


@command("+CNMI", sms=True)
def new_message_indications(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    cnmi = modem.personality.cnmi
    allowed = (cnmi.mode, cnmi.mt, cnmi.bm, cnmi.ds, cnmi.bfr)
    if cmd.op == "=?":
        return ["+CNMI: " + ",".join("(" + ",".join(map(str, values)) + ")" for values in allowed)]
    if cmd.op == "?":
        return ["+CNMI: " + ",".join(map(str, modem.session.cnmi))]
    args = cmd.ints()
    if len(args) > 5:
        raise CmsError(302)
    wanted = list(modem.session.cnmi)
    for i, value in enumerate(args):
        if value is None:
            continue
        if value not in allowed[i]:
            raise CmsError(303)
        wanted[i] = value
    if cnmi.only and ",".join(map(str, wanted)) not in cnmi.only:
        raise CmsError(303)
    modem.session.cnmi = wanted
    modem.receiver.routing_changed()
    return None


@command("+CSCA", wants_sim=True, sms=True)
def service_centre(port: AtPort, cmd: Command) -> list[str] | None:
    sim = port.modem.sim
    if cmd.op == "=?":
        return None
    if cmd.op == "?":
        return [f'+CSCA: "{sim.smsc}",{145 if sim.smsc.startswith("+") else 129}']
    address = cmd.args()[0]
    if address and not address.lstrip("+").isdigit():
        raise CmsError(304)
    sim.smsc = address
    return None


@command("+CSMP", sms=True)
def text_parameters(port: AtPort, cmd: Command) -> list[str] | None:
    session = port.modem.session
    if cmd.op == "=?":
        return None
    if cmd.op == "?":
        return ["+CSMP: " + ",".join(map(str, session.csmp))]
    for i, value in enumerate(cmd.args()[:4]):
        if value:
            session.csmp[i] = int(value) & 0xFF
    return None


@command("+CSDH", sms=True)
def text_details(port: AtPort, cmd: Command) -> list[str] | None:
    session = port.modem.session
    if cmd.op == "?":
        return [f"+CSDH: {session.csdh}"]
    if cmd.op == "=?":
        return ["+CSDH: (0,1)"]
    session.csdh = int(cmd.raw or 0) & 1
    return None


@command("+CSCB", sms=True)
def cell_broadcast(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "?":
        return ['+CSCB: 0,"",""']
    return ["+CSCB: (0,1)"] if cmd.op == "=?" else None


def _reading(port: AtPort) -> tuple[str, Storage]:
    name = port.modem.session.cpms[0]
    return name, port.modem.memory(name)


def _length(message: Stored) -> int:
    return len(message.tpdu)


@command("+CMGR", wants_sim=True, sms=True)
def read_message(port: AtPort, cmd: Command) -> list[str] | None:
    if cmd.op == "=?":
        return None
    modem = port.modem
    name, store = _reading(port)
    index = int(cmd.args()[0])
    message = store.get(index)
    if not store.has_slot(index):
        raise CmsError(321)
    if name == "SR" and not modem.personality.cnmi.sr_readable:
        raise CmsError(321)
    if message is None:
        if modem.personality.memory.empty_slot == "ok":
            return None
        raise CmsError(321)
    status = message.status
    if status == REC_UNREAD:
        message.status = REC_READ
    if modem.session.cmgf:
        return cmgr_lines(modem, message, status)
    return message.lines(f"+CMGR: {status},,{_length(message)}")


@command("+CMGL", wants_sim=True, sms=True)
def list_messages(port: AtPort, cmd: Command) -> list[str] | Work | None:
    memory = port.modem.personality.memory
    if memory.cmgl_stall_nth and cmd.op == "=":
        port.modem.listings += 1
        if port.modem.listings % memory.cmgl_stall_nth == 0:
            return _list_late(port, cmd, memory.cmgl_stall_s)
    return _list(port, cmd)


def _list_late(port: AtPort, cmd: Command, seconds: float) -> Work:
    yield Sleep(seconds)
    return _list(port, cmd)


def _list(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    text_mode = bool(modem.session.cmgf)
    if cmd.op == "=?":
        words = ",".join(f'"{s}"' for s in STATUS_TEXT)
        return [f"+CMGL: ({words})" if text_mode else "+CMGL: (0-4)"]
    wanted = _wanted(cmd, text_mode, modem.personality.memory.cmgl_all)
    name, store = _reading(port)
    if name == "SR" and not modem.personality.cnmi.sr_listable:
        raise CmsError(303)
    lines: list[str] = []
    for index, message in store:
        status = message.status
        if wanted not in (ALL, status):
            continue
        if status == REC_UNREAD:
            message.status = REC_READ
        if text_mode:
            lines += cmgl_lines(modem, index, message, status)
        else:
            lines += message.lines(f"+CMGL: {index},{status},,{_length(message)}")
    return lines


def _wanted(cmd: Command, text_mode: bool, all_works: bool) -> int:
    args = cmd.args()
    if text_mode:
        word = args[0].upper() if args else "REC UNREAD"
        if word not in STATUS_TEXT:
            raise CmsError(305)
        return STATUS_TEXT.index(word)
    if args and args[0].upper() == "ALL" and not all_works:
        return ALL
    value = int(args[0]) if args else REC_UNREAD
    if not 0 <= value <= ALL or (value == ALL and not all_works):
        raise CmsError(303)
    return value


@command("+CMGD", wants_sim=True, sms=True)
def delete_message(port: AtPort, cmd: Command) -> list[str] | None:
    modem = port.modem
    name, store = _reading(port)
    if cmd.op == "=?":
        return [f"+CMGD: ({','.join(str(i) for i, _ in store)}),(0-4)"]
    args = cmd.ints()
    index = args[0]
    flag = args[1] if len(args) > 1 and args[1] is not None else 0
    if not 0 <= flag <= 4:
        raise CmsError(303)
    if flag == 0:
        if index is None or not store.has_slot(index):
            raise CmsError(321)
        store.delete(index)
    else:
        personality = modem.personality
        if not personality.memory.cmgd_flags or (name == "SR" and not personality.cnmi.sr_deletable):
            raise CmsError(303)
        # 1: read; 2: and sent; 3: and unsent; 4: and unread (27.005 3.5.4)
        doomed = {1: (1,), 2: (1, 3), 3: (1, 3, 2), 4: (0, 1, 2, 3)}[flag]
        for each, message in list(store):
            if message.status in doomed:
                store.delete(each)
    modem.network.available(modem.number)
    return None


@command("+CNMA", wants_sim=True, sms=True)
def acknowledge(port: AtPort, cmd: Command) -> list[str] | Work | None:
    modem = port.modem
    if cmd.op == "=?":
        return ["+CNMA: (0-2)"]
    if modem.session.csms != 1:
        raise CmsError(340)
    args = cmd.ints() if cmd.op == "=" else []
    kind = args[0] if args and args[0] is not None else 0
    if len(args) > 1 and args[1]:
        return _acknowledge_with_pdu(port, kind)
    modem.receiver.acknowledge(positive=kind in (0, 1))
    return None


def _acknowledge_with_pdu(port: AtPort, kind: int) -> Work:
    payload = yield Payload(port.modem.personality.form.prompt.encode())
    if payload is not None:
        port.modem.receiver.acknowledge(positive=kind in (0, 1))
    return None
