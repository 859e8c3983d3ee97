"""From submit_sm to what the gateway sends: recipient, text, times, class; parts of long messages; text commands.

Owns the meaning of the fields. Does not own what may be sent (service/admission) or how parts are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from modemgw.domain.message import MAX_VALIDITY_S, MIN_VALIDITY_S, Encoding, Submission
from modemgw.domain.numbers import visible
from modemgw.smpp.coding import DATA8, GSM7, UCS2, Content, read_content
from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import UDHI, Status, Tag, Ton
from modemgw.smpp.pdu import Address, Replace, ShortMessage, Tlvs, uint
from modemgw.smpp.times import parse_time
from modemgw.sms import Concat, Iei, InformationElement, Udh

#: Names this room's dictionary in `Submission.extra`.
KEY = "smpp"

# a client that sends ASCII with data_coding 0 writes "~" and "_" as 0x7E and 0x5F, which are "ü" and "§"
_COMMENT: Final = re.compile(r"\r?\n(?:~~~|üüü)\r?\n(.*)\Z", re.DOTALL)
_COMMAND: Final = re.compile(r"[_§]{2}(HLR|PING|MAIL|CALL|VIBER|SOC|TGM|BOT)[_§]{2}(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a client's fields are to be read."""

    iso: bool = False  # system_type "ISO" at bind: the default alphabet is ISO-8859-1
    text_commands: bool = True
    hlr_as_ping: bool = False
    gsm7: bool = False  # data_coding 1 is GSM septets where they could be ASCII as well
    latin1: bool = False  # data_coding 4 is ISO-8859-1 where it could be data as well
    offset_s: int = 0  # of times without a difference from UTC
    line_of: Callable[[str], str | None] = field(default=lambda source: None)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a long message. `submission` has everything but the text; `key` is that of its fellows."""

    key: str
    concat: Concat
    content: Content
    submission: Submission


def read_submit(message: ShortMessage, conventions: Conventions, now_ms: int) -> Submission | Piece:
    """What a submit_sm or data_sm asks for. Raises PduRefused."""
    if message.tlvs:
        content, flash, concat = _with_tlvs(message, conventions)
    else:
        content = read_content(message.data_coding, message.esm_class, message.short_message, iso=conventions.iso)
        flash, concat = content.flash, content.concat
    template = _template(message, conventions, now_ms, flash)
    if concat is not None and concat.total > 1:
        return Piece(_key(message, concat), concat, content, template)
    return fill(template, content, conventions)


def _with_tlvs(message: ShortMessage, conventions: Conventions) -> tuple[Content, bool, Concat | None]:
    tlvs = message.tlvs
    content = read_content(message.data_coding, message.esm_class, message.payload, iso=conventions.iso)
    flash = content.flash or tlvs.get(Tag.DEST_ADDR_SUBUNIT) == b"\x01"
    if Tag.DESTINATION_PORT in tlvs and not message.esm_class & UDHI:
        ports = uint(tlvs[Tag.DESTINATION_PORT], 2), uint(tlvs.get(Tag.SOURCE_PORT, b"\0\0"), 2)
        element = InformationElement(Iei.PORTS_16BIT, ports[0].to_bytes(2) + ports[1].to_bytes(2))
        content = replace(content, udh=Udh((element,)).encode()[1:])
    return content, flash, content.concat or sar_of(tlvs)


def sar_of(tlvs: Tlvs) -> Concat | None:
    """The part that sar_* say it is; None without them. Raises PduRefused when they contradict themselves."""
    given = [tlvs.get(tag) for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)]
    if not any(given):
        return None
    reference, total, sequence = given
    if reference is None or total is None or sequence is None:
        raise PduRefused(Status.ESME_RMISSINGOPTPARAM, "of the three sar_ parameters some are missing")
    concat = Concat(uint(reference, 2), uint(total, 1), uint(sequence, 1), True)
    if not 1 <= concat.sequence <= concat.total:
        raise PduRefused(Status.ESME_RINVOPTPARAMVAL, f"segment {concat.sequence} of {concat.total}")
    return concat


def _key(message: ShortMessage, concat: Concat) -> str:
    width = 16 if concat.is_16bit else 8
    return f"{message.source.addr}|{message.destination.addr}|{width}:{concat.reference}/{concat.total}"


def recipient_of(destination: Address) -> str:
    """The recipient as `domain.numbers` takes it; "international" makes a plus. Raises PduRefused."""
    addr = visible(_as_written(destination.addr))
    if destination.ton == Ton.ALPHANUMERIC or not addr:
        raise PduRefused(Status.ESME_RINVDSTADR, "the destination is no number")
    if destination.ton == Ton.INTERNATIONAL and addr[0] != "+" and len(addr) > 6:
        return "+" + addr.removeprefix("00")
    return addr


def _as_written(addr: str) -> str:
    """An address is octets, read as ISO-8859-1: marks that came as UTF-8 are known only when it is read so."""
    try:
        return addr.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return addr


def _template(message: ShortMessage, conventions: Conventions, now_ms: int, flash: bool) -> Submission:
    """Everything but the text."""
    if message.priority_flag > 3:
        raise PduRefused(Status.ESME_RINVPRTFLG, f"priority_flag is {message.priority_flag}")
    if message.replace_if_present_flag > 1:
        raise PduRefused(Status.ESME_RINVREPFLAG, f"replace_if_present_flag is {message.replace_if_present_flag}")
    source, destination = message.source, message.destination
    send_at, validity_s = None, None
    if message.schedule_delivery_time or message.validity_period:
        send_at, validity_s = read_times(message.schedule_delivery_time, message.validity_period, conventions, now_ms)
    kept: dict[str, Any] = {"src": list(source), "dst": list(destination)}
    if message.registered_delivery:
        kept["reg"] = message.registered_delivery
    if message.service_type:
        kept["service"] = message.service_type
    if message.tlvs and (reference := message.tlvs.get(Tag.USER_MESSAGE_REFERENCE)) is not None:
        kept["ref"] = reference[:2].hex()
    extra: dict[str, object] = {KEY: kept, "ref": reference_of(message.service_type, source, destination)}
    line = None
    if source.addr:
        extra["sender"] = source.addr
        line = conventions.line_of(source.addr)
    return Submission(
        to=recipient_of(destination),
        flash=flash,
        pid=message.protocol_id,
        validity_s=validity_s,
        send_at=send_at,
        priority=message.priority_flag * 10,
        line=line,
        dialect=KEY,
        extra=extra,
    )


def reference_of(service_type: str, source: Address, destination: Address) -> str:
    """What replace_if_present_flag finds an earlier message by (5.2.18)."""
    return f"{service_type}|{source.addr}|{destination.addr}"


def read_times(schedule: str, validity: str, conventions: Conventions, now_ms: int) -> tuple[int | None, int | None]:
    """Time to send (Unix ms) and seconds of validity from then. Raises PduRefused."""
    try:
        send_at = parse_time(schedule, now_ms, conventions.offset_s)
    except ValueError as error:
        raise PduRefused(Status.ESME_RINVSCHED, f"schedule_delivery_time: {error}") from error
    if send_at is not None and send_at <= now_ms:
        send_at = None
    try:
        until = parse_time(validity, now_ms, conventions.offset_s)
    except ValueError as error:
        raise PduRefused(Status.ESME_RINVEXPIRY, f"validity_period: {error}") from error
    if until is None:
        return send_at, None
    start = now_ms if validity.endswith("R") else send_at or now_ms
    left_s = (until - start) // 1000
    if left_s <= 0:
        raise PduRefused(Status.ESME_RINVEXPIRY, "validity_period ends before the message could be sent")
    return send_at, min(max(left_s, MIN_VALIDITY_S), MAX_VALIDITY_S)


def fill(template: Submission, content: Content, conventions: Conventions) -> Submission:
    """The submission with its text or data. Raises PduRefused for a text that is none, and for a text
    command that a SIM cannot do."""
    content = content.decided(gsm7=conventions.gsm7, latin1=conventions.latin1)
    text = content.text
    if text is None:
        return replace(template, data=content.octets, udh=content.udh, dcs=content.dcs)
    extra = dict(template.extra)
    comment = _COMMENT.search(text)
    if comment is not None:
        extra["comment"] = comment[1]
        text = text[: comment.start()]
    if conventions.text_commands and text[:2] in ("__", "§§"):
        command = _COMMAND.match(text)
        if command is not None:
            return _command(template, command[1], text, extra, conventions)
    if content.udh:
        # only data go with a header of the client's own; UCS-2 as data says what any alphabet can
        dcs = 0x18 if template.flash else content.dcs if content.alphabet == UCS2 and content.dcs else 0x08
        return replace(template, data=text.encode("utf-16-be"), udh=content.udh, dcs=dcs, flash=False, extra=extra)
    encoding = Encoding.AUTO
    if content.alphabet == UCS2:
        encoding = Encoding.UCS2
    elif content.dcs is not None and content.alphabet == GSM7:
        encoding = Encoding.GSM7
    national = True if content.locking or content.single else None
    return replace(
        template,
        text=text,
        encoding=encoding,
        national=national,
        dcs=content.dcs if content.alphabet != DATA8 else None,
        extra=extra,
    )


def _command(
    template: Submission, name: str, text: str, extra: dict[str, object], conventions: Conventions
) -> Submission:
    """SMSC.ru's commands in the text: a ping is a message of type 0, whose report is the answer."""
    if name == "PING" or (name == "HLR" and conventions.hlr_as_ping):
        kept = extra[KEY]
        extra[KEY] = {**kept, "kind": name.lower()} if isinstance(kept, Mapping) else kept
        return replace(template, text="", pid=0x40, flash=False, extra=extra)
    raise PduRefused(Status.ESME_RSUBMITFAIL, f"a SIM cannot do __{name}__")


def read_replacement(
    request: Replace, kept: Mapping[str, Any], ucs2: bool, conventions: Conventions, now_ms: int
) -> Submission:
    """The submission that takes the place of a queued one. `kept` is what this room kept with that one, `ucs2`
    how its text was coded: replace_sm has no data_coding. Raises PduRefused."""
    destination = Address(*kept["dst"])
    message = ShortMessage(
        service_type=str(kept.get("service", "")),
        source=Address(*kept["src"]),
        destination=destination,
        schedule_delivery_time=request.schedule_delivery_time,
        validity_period=request.validity_period,
        registered_delivery=request.registered_delivery,
        data_coding=8 if ucs2 else 0,
        short_message=request.short_message,
        tlvs=request.tlvs,
    )
    submission = read_submit(message, conventions, now_ms)
    if isinstance(submission, Piece):
        raise PduRefused(Status.ESME_RREPLACEFAIL, "a message cannot be replaced by a part of one")
    return submission


# -- pieces, as they are kept -----------------------------------------------------------------------------------


def piece_to_json(piece: Piece) -> dict[str, Any]:
    """What must be kept of a piece until its fellows have come."""
    s, c = piece.submission, piece.content
    return {
        "to": s.to,
        "flash": s.flash,
        "pid": s.pid,
        "validity_s": s.validity_s,
        "send_at": s.send_at,
        "priority": s.priority,
        "line": s.line,
        "extra": s.extra,
        "alphabet": c.alphabet,
        "octets": c.octets.hex(),
        "dcs": c.dcs,
        "locking": c.locking,
        "single": c.single,
        "udh": c.udh.hex(),
    }


def join_pieces(pieces: Mapping[int, tuple[int | None, Mapping[str, Any]]], conventions: Conventions) -> Submission:
    """One submission of all pieces, by their sequence numbers; each is (its id, what `piece_to_json` made of it).

    The first says how and when; each piece's own wish for receipts is kept beside its id (None for the piece that
    came last, whose id the message gets). Raises PduRefused.
    """
    ordered = [pieces[number] for number in sorted(pieces)]
    contents = [_content(data) for _, data in ordered]
    first = ordered[0][1]
    extra = {key: dict(value) if isinstance(value, dict) else value for key, value in first["extra"].items()}
    own = extra[KEY]
    own.pop("reg", None)
    own["pieces"] = []
    for piece_id, data in ordered:
        registered = data["extra"][KEY].get("reg", 0)
        if piece_id is None:
            if registered:
                own["reg"] = registered
        else:
            own["pieces"].append([piece_id, registered])
    template = Submission(
        to=first["to"],
        flash=first["flash"],
        pid=first["pid"],
        validity_s=first["validity_s"],
        send_at=first["send_at"],
        priority=first["priority"],
        line=first["line"],
        dialect=KEY,
        extra=extra,
    )
    return fill(template, contents[0].join(contents[1:]), conventions)


def _content(data: Mapping[str, Any]) -> Content:
    return Content(
        data["alphabet"],
        bytes.fromhex(data["octets"]),
        data["dcs"],
        locking=data["locking"],
        single=data["single"],
        udh=bytes.fromhex(data["udh"]),
    )
