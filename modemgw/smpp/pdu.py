"""PDUs as octets: header, mandatory fields, optional parameters (SMPP 3.4 clauses 3 and 4).

Owns the layout and nothing of what fields mean. What cannot be read raises PduRefused with the status to answer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import Status, Tag

HEADER: Final = struct.Struct(">IIII")
HEADER_OCTETS: Final = 16

MAX_PDU: Final = 65_536
"""Octets of one PDU, header included."""

Tlvs = Mapping[int, bytes]

_NO_TLVS: Final[Tlvs] = {}


def encode_pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """A whole PDU."""
    return HEADER.pack(HEADER_OCTETS + len(body), command, status, sequence) + body


def cstring(text: str, limit: int = 65) -> bytes:
    """A C-octet string of at most `limit` octets with its NUL; what is longer is cut."""
    return text.encode("latin-1", "replace").replace(b"\0", b"")[: limit - 1] + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    """One optional parameter (3.2.4.1)."""
    return struct.pack(">HH", tag, len(value)) + value


def read_tlvs(body: bytes, at: int) -> Tlvs:
    """The optional parameters from `at` to the end, by tag; of repeated ones the last. Raises PduRefused."""
    end = len(body)
    if at >= end:
        return _NO_TLVS
    found: dict[int, bytes] = {}
    while at < end:
        if end - at < 4:
            raise PduRefused(Status.ESME_RINVOPTPARSTREAM, f"{end - at} octets after the last optional parameter")
        tag = body[at] << 8 | body[at + 1]
        stop = at + 4 + (body[at + 2] << 8 | body[at + 3])
        if stop > end:
            raise PduRefused(Status.ESME_RINVOPTPARSTREAM, f"optional parameter {tag:#06x} runs past the PDU")
        found[tag] = body[at + 4 : stop]
        at = stop
    return found


_KNOWN: Final = frozenset(int(tag) for tag in Tag)


def read_tlvs_after_text(body: bytes, at: int) -> Tlvs:
    """As `read_tlvs`, behind short_message: one octet 00 that some clients put there uncounted, as if it were a
    C-octet string, is passed over. Raises PduRefused."""
    if at >= len(body) or body[at]:
        return read_tlvs(body, at)
    try:
        strict = read_tlvs(body, at)
    except PduRefused as refused:
        try:
            return read_tlvs(body, at + 1)
        except PduRefused:
            raise refused from None
    if strict.keys() <= _KNOWN:
        return strict
    # a length of many octets can cover the whole rest by chance: what has names we know is meant
    try:
        lenient = read_tlvs(body, at + 1)
    except PduRefused:
        return strict
    return lenient if lenient.keys() <= _KNOWN else strict


def uint(value: bytes, octets: int) -> int:
    """An integer parameter; raises PduRefused when it has another length."""
    if len(value) != octets:
        raise PduRefused(Status.ESME_RINVPARLEN, f"an optional parameter has {len(value)} octets instead of {octets}")
    return int.from_bytes(value)


class Reader:
    """Takes fields off a body, one after the other. Raises PduRefused where they are missing or too long."""

    __slots__ = ("at", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def cstring(self, limit: int, refusal: Status = Status.ESME_RINVCMDLEN) -> str:
        """A C-octet string of at most `limit` octets, NUL included."""
        end = self.body.find(b"\0", self.at, self.at + limit)
        if end < 0:
            raise PduRefused(refusal, f"a field at octet {HEADER_OCTETS + self.at} does not end within {limit}")
        text = self.body[self.at : end].decode("latin-1")
        self.at = end + 1
        return text

    def octet(self) -> int:
        """One octet."""
        if self.at >= len(self.body):
            raise PduRefused(
                Status.ESME_RINVCMDLEN, f"the PDU ends at octet {HEADER_OCTETS + self.at}, within its fields"
            )
        self.at += 1
        return self.body[self.at - 1]

    def octets(self, count: int) -> bytes:
        """So many octets."""
        end = self.at + count
        if end > len(self.body):
            raise PduRefused(
                Status.ESME_RINVMSGLEN, f"sm_length promises {count} octets, {len(self.body) - self.at} are there"
            )
        value = self.body[self.at : end]
        self.at = end
        return value

    def tlvs(self) -> Tlvs:
        """The rest."""
        return read_tlvs(self.body, self.at)

    def tlvs_after_text(self) -> Tlvs:
        """The rest, behind short_message."""
        return read_tlvs_after_text(self.body, self.at)


class Address(NamedTuple):
    """Type of number, numbering plan and digits or name."""

    ton: int = 0
    npi: int = 0
    addr: str = ""

    def encode(self) -> bytes:
        return bytes((self.ton, self.npi)) + cstring(self.addr)


#: Octets that an address may have. The standard says 21 (65 in data_sm); no client is refused for a longer name.
_ADDRESS = 65
_SERVICE_TYPE = 17
_TIME = 33
_MESSAGE_ID = 65


def _address(reader: Reader, refusal: Status) -> Address:
    return Address(reader.octet(), reader.octet(), reader.cstring(_ADDRESS, refusal))


class Bind(NamedTuple):
    """bind_receiver, bind_transmitter, bind_transceiver (4.1)."""

    system_id: str
    password: str
    system_type: str = ""
    interface_version: int = 0x34
    ton: int = 0
    npi: int = 0
    address_range: str = ""

    @staticmethod
    def decode(body: bytes) -> Bind:
        """Fields are allowed to be longer than the standard's 16, 9 and 13 octets: logins and passwords are ours."""
        reader = Reader(body)
        system_id, password, system_type = reader.cstring(65), reader.cstring(257), reader.cstring(65)
        if reader.at == len(body):  # some clients leave out what they do not use
            return Bind(system_id, password, system_type)
        version = reader.octet()
        ton, npi, address_range = 0, 0, ""
        if reader.at < len(body):
            ton, npi = reader.octet(), reader.octet()
            if reader.at < len(body):
                address_range = reader.cstring(65)
        return Bind(system_id, password, system_type, version, ton, npi, address_range)

    def encode(self) -> bytes:
        return (
            cstring(self.system_id)
            + cstring(self.password, 257)
            + cstring(self.system_type)
            + bytes((self.interface_version, self.ton, self.npi))
            + cstring(self.address_range)
        )


_FLAGS: Final = struct.Struct("BBBB")


class ShortMessage(NamedTuple):
    """submit_sm and deliver_sm (4.4.1, 4.6.1), and data_sm with the fields it has (4.7.1)."""

    service_type: str = ""
    source: Address = Address()
    destination: Address = Address()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = _NO_TLVS

    @staticmethod
    def decode(body: bytes) -> ShortMessage:
        """The fields of submit_sm or deliver_sm. Raises PduRefused."""
        # written out rather than with Reader: this is what thousands a second go through
        try:
            find = body.index
            end = find(0, 0, _SERVICE_TYPE)
            service_type = body[:end].decode("latin-1")
            source_ton, source_npi = body[end + 1], body[end + 2]
            at = end + 3
            end = find(0, at, at + _ADDRESS)
            source = Address(source_ton, source_npi, body[at:end].decode("latin-1"))
            ton, npi = body[end + 1], body[end + 2]
            at = end + 3
            end = find(0, at, at + _ADDRESS)
            destination = Address(ton, npi, body[at:end].decode("latin-1"))
            esm_class, protocol_id, priority = body[end + 1], body[end + 2], body[end + 3]
            at = end + 4
            end = find(0, at, at + _TIME)
            schedule = body[at:end].decode("latin-1")
            at = end + 1
            end = find(0, at, at + _TIME)
            validity = body[at:end].decode("latin-1")
            registered, replace, coding, _ = _FLAGS.unpack_from(body, end + 1)
            length = body[end + 5]
        except (ValueError, IndexError, struct.error):
            return ShortMessage._decode_slowly(body)
        at = end + 6
        end = at + length
        if end > len(body):
            raise PduRefused(Status.ESME_RINVMSGLEN, f"sm_length promises {length} octets, {len(body) - at} are there")
        return ShortMessage(
            service_type,
            source,
            destination,
            esm_class,
            protocol_id,
            priority,
            schedule,
            validity,
            registered,
            replace,
            coding,
            body[at:end],
            read_tlvs_after_text(body, end) if end < len(body) else _NO_TLVS,
        )

    @staticmethod
    def _decode_slowly(body: bytes) -> ShortMessage:
        """As decode, naming the field that is wrong."""
        reader = Reader(body)
        service_type = reader.cstring(_SERVICE_TYPE, Status.ESME_RINVSERTYP)
        source = _address(reader, Status.ESME_RINVSRCADR)
        destination = _address(reader, Status.ESME_RINVDSTADR)
        esm_class, protocol_id, priority = reader.octet(), reader.octet(), reader.octet()
        schedule = reader.cstring(_TIME, Status.ESME_RINVSCHED)
        validity = reader.cstring(_TIME, Status.ESME_RINVEXPIRY)
        registered, replace, coding, _ = reader.octet(), reader.octet(), reader.octet(), reader.octet()
        message = reader.octets(reader.octet())
        return ShortMessage(
            service_type,
            source,
            destination,
            esm_class,
            protocol_id,
            priority,
            schedule,
            validity,
            registered,
            replace,
            coding,
            message,
            reader.tlvs_after_text(),
        )

    @staticmethod
    def decode_data_sm(body: bytes) -> ShortMessage:
        """The fields of data_sm. Raises PduRefused."""
        reader = Reader(body)
        service_type = reader.cstring(_SERVICE_TYPE, Status.ESME_RINVSERTYP)
        source = _address(reader, Status.ESME_RINVSRCADR)
        destination = _address(reader, Status.ESME_RINVDSTADR)
        esm_class, registered, coding = reader.octet(), reader.octet(), reader.octet()
        return ShortMessage(
            service_type,
            source,
            destination,
            esm_class,
            registered_delivery=registered,
            data_coding=coding,
            tlvs=reader.tlvs(),
        )

    def encode(self) -> bytes:
        """The body of submit_sm or deliver_sm; short_message must have at most 255 octets."""
        return b"".join(
            (
                cstring(self.service_type, _SERVICE_TYPE),
                self.source.encode(),
                self.destination.encode(),
                bytes((self.esm_class, self.protocol_id, self.priority_flag)),
                cstring(self.schedule_delivery_time, 17),
                cstring(self.validity_period, 17),
                bytes(
                    (
                        self.registered_delivery,
                        self.replace_if_present_flag,
                        self.data_coding,
                        0,
                        len(self.short_message),
                    )
                ),
                self.short_message,
                *encode_tlvs(self.tlvs.items()),
            )
        )

    @property
    def payload(self) -> bytes:
        """The octets of the message, from whichever field has them. Raises PduRefused when both have."""
        payload = self.tlvs.get(0x0424)
        if payload is None:
            return self.short_message
        if self.short_message and payload:
            raise PduRefused(Status.ESME_ROPTPARNOTALLWD, "message_payload and short_message are both given")
        return payload or self.short_message


def encode_tlvs(tlvs: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Optional parameters in order."""
    return [tlv(tag, value) for tag, value in tlvs]


class Query(NamedTuple):
    """query_sm (4.8.1)."""

    message_id: str
    source: Address

    @staticmethod
    def decode(body: bytes) -> Query:
        reader = Reader(body)
        message_id = reader.cstring(_MESSAGE_ID, Status.ESME_RINVMSGID)
        if reader.at == len(body):
            return Query(message_id, Address())
        return Query(message_id, _address(reader, Status.ESME_RINVSRCADR))


class Cancel(NamedTuple):
    """cancel_sm (4.9.1)."""

    service_type: str
    message_id: str
    source: Address
    destination: Address

    @staticmethod
    def decode(body: bytes) -> Cancel:
        reader = Reader(body)
        return Cancel(
            reader.cstring(_SERVICE_TYPE, Status.ESME_RINVSERTYP),
            reader.cstring(_MESSAGE_ID, Status.ESME_RINVMSGID),
            _address(reader, Status.ESME_RINVSRCADR),
            _address(reader, Status.ESME_RINVDSTADR),
        )


class Replace(NamedTuple):
    """replace_sm (4.10.1). It has no data_coding: the text is read as that of the message it replaces."""

    message_id: str
    source: Address
    schedule_delivery_time: str
    validity_period: str
    registered_delivery: int
    short_message: bytes
    tlvs: Tlvs = _NO_TLVS

    @staticmethod
    def decode(body: bytes) -> Replace:
        reader = Reader(body)
        message_id = reader.cstring(_MESSAGE_ID, Status.ESME_RINVMSGID)
        source = _address(reader, Status.ESME_RINVSRCADR)
        schedule = reader.cstring(_TIME, Status.ESME_RINVSCHED)
        validity = reader.cstring(_TIME, Status.ESME_RINVEXPIRY)
        registered, _ = reader.octet(), reader.octet()
        return Replace(
            message_id, source, schedule, validity, registered, reader.octets(reader.octet()), reader.tlvs_after_text()
        )
