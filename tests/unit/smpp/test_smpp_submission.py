"""submit_sm as the gateway understands it: alphabets, headers, times, commands, parts."""

from __future__ import annotations

from typing import Any

import pytest

from modemgw.domain.message import Encoding, Submission
from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import Status, Tag
from modemgw.smpp.pdu import Address, Replace, ShortMessage
from modemgw.smpp.submission import Conventions, Piece, join_pieces, piece_to_json, read_replacement, read_submit
from modemgw.smpp.times import format_time, parse_time
from modemgw.sms import encode_gsm7, pack_septets

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z
TO = Address(1, 1, "79161234567")
RUSSIAN = "Съешь ещё этих булок"
PLAIN = "The quick brown fox jumps over the lazy dog, and then some more."


def read(octets: bytes = b"Hello", conventions: Conventions | None = None, **fields: Any) -> Submission:
    message = ShortMessage(**{"destination": TO, "short_message": octets, **fields})
    submission = read_submit(message, conventions or Conventions(), NOW)
    assert isinstance(submission, Submission)
    return submission


def refusal(octets: bytes = b"Hello", conventions: Conventions | None = None, **fields: Any) -> Status:
    with pytest.raises(PduRefused) as caught:
        read(octets, conventions, **fields)
    return caught.value.status


@pytest.mark.parametrize(
    ("coding", "octets", "text", "encoding"),
    [
        (0x00, b"\x00 \x02 \x11 \x1b\x65 \x1b\x3c\x1b\x3e", "@ $ _ € []", Encoding.AUTO),
        (0x01, b"@ $ _ []", "@ $ _ []", Encoding.AUTO),
        (0x03, b"caf\xe9 \xa3", "café £", Encoding.AUTO),
        (0x06, RUSSIAN.encode("iso8859-5"), RUSSIAN, Encoding.AUTO),
        (0x08, RUSSIAN.encode("utf-16-be"), RUSSIAN, Encoding.UCS2),
        (0x08, "👍".encode("utf-16-be"), "👍", Encoding.UCS2),
        (0x08, b"\xfe\xff" + RUSSIAN.encode("utf-16-be"), RUSSIAN, Encoding.UCS2),
        (0x08, b"\xff\xfe" + RUSSIAN.encode("utf-16-le"), RUSSIAN, Encoding.UCS2),
        (0x18, b"\xff\xfe" + "👍".encode("utf-16-le"), "👍", Encoding.UCS2),
        (0x00, b"\xef\xbb\xbfcaf\xc3\xa9", "café", Encoding.AUTO),  # a mark in UTF-8 makes no UCS-2 of it
        (0x01, b"mail me\x00x.com", "mail me@x.com", Encoding.AUTO),  # npm's smpp, without a coding
        (0x01, b"5\x1be \x1b<a\x1b>", "5€ [a]", Encoding.AUTO),
        (0x01, b"\x11\x11 \x02\x09", "__ $Ç", Encoding.AUTO),
        (0x01, b"a@b.c\r\n\t$_", "a@b.c\r\n\t$_", Encoding.AUTO),  # ASCII as well as septets: ASCII
        (0x01, b"caf\xe9\x00", "café\x00", Encoding.AUTO),  # no septets
        (0x10, b"Hello", "Hello", Encoding.AUTO),
        (0x18, RUSSIAN.encode("utf-16-be"), RUSSIAN, Encoding.UCS2),
        (0xF1, b"Hello", "Hello", Encoding.GSM7),
        (0x00, "Привет".encode(), "Привет", Encoding.UCS2),
        (0x00, b"caf\xe9", "café", Encoding.AUTO),
        (0x00, pack_septets(encode_gsm7(PLAIN)), PLAIN, Encoding.AUTO),
        (0x00, pack_septets(encode_gsm7(PLAIN[:63])), PLAIN[:63], Encoding.AUTO),
        (0xF0, pack_septets(encode_gsm7("Hello, this is packed")), "Hello, this is packed", Encoding.AUTO),
    ],
)
def test_alphabets(coding: int, octets: bytes, text: str, encoding: Encoding) -> None:
    submission = read(octets, data_coding=coding)
    assert submission.text == text
    assert submission.encoding is encoding


@pytest.mark.parametrize(
    ("coding", "flash", "dcs"),
    [
        (0x00, False, None),
        (0x10, True, None),
        (0x18, True, None),
        (0xF0, True, None),
        (0xF1, False, 0xF1),
        (0x11, False, 0x11),
    ],
)
def test_classes(coding: int, flash: bool, dcs: int | None) -> None:
    submission = read(b"\0H", data_coding=coding)
    assert (submission.flash, submission.dcs) == (flash, dcs)


@pytest.mark.parametrize("coding", [0x08, 0x18, 0x19])
@pytest.mark.parametrize("octets", [b"\x04\x21\x04", b"\xfe\xff\x04", b"\x04"])
def test_half_a_letter_is_refused(coding: int, octets: bytes) -> None:
    assert refusal(octets, data_coding=coding) is Status.ESME_RINVMSGLEN


@pytest.mark.parametrize("coding", [0x08, 0x18])
@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x04\x21\xd8\x3d", Status.ESME_RINVMSGLEN),  # cut within an emoji
        (b"\xff\xfe\x3d\xd8", Status.ESME_RINVMSGLEN),
        (b"\xde\x00\x04\x21", Status.ESME_RSUBMITFAIL),
    ],
)
def test_half_a_surrogate_pair_is_refused(coding: int, octets: bytes, status: Status) -> None:
    assert refusal(octets, data_coding=coding) is status


def test_a_surrogate_pair_may_be_cut_among_parts() -> None:
    emoji = "ok \U0001f600".encode("utf-16-be")
    header = b"\x05\x00\x03\x07\x02"
    pieces = [
        read_submit(
            ShortMessage(
                destination=Address(1, 1, "79161234567"),
                short_message=header + bytes([n]) + part,
                data_coding=8,
                esm_class=0x40,
            ),
            Conventions(),
            0,
        )
        for n, part in enumerate((emoji[:-2], emoji[-2:]), 1)
    ]
    kept = {n: (None, piece_to_json(piece)) for n, piece in enumerate(pieces, 1) if isinstance(piece, Piece)}
    assert join_pieces(kept, Conventions()).text == "ok \U0001f600"


def test_half_a_letter_of_other_alphabets_is_refused() -> None:
    assert read("가나".encode("euc-kr"), data_coding=0x0E).text == "가나"
    assert refusal("가나".encode("euc-kr")[:-1], data_coding=0x0E) is Status.ESME_RINVMSGLEN


@pytest.mark.parametrize(("octets", "text"), [(b"a\x40b \x02", "a¡b $"), (b"a\x40b", "a¡b"), (b"\xe9@", "é@")])
def test_coding_1_can_be_set_to_septets(octets: bytes, text: str) -> None:
    assert read(octets, Conventions(gsm7=True), data_coding=1).text == text


def test_coding_4_is_data_unless_set_to_text() -> None:
    latin1 = Conventions(latin1=True)
    octets = "été\r\n".encode("latin-1")
    assert (read(octets, data_coding=4).text, read(octets, data_coding=4).data) == (None, octets)
    assert (read(octets, latin1, data_coding=4).text, read(octets, latin1, data_coding=4).dcs) == ("été\r\n", None)
    binary = read(b"\x01\x02\xff", latin1, data_coding=4)
    assert (binary.data, binary.dcs) == (b"\x01\x02\xff", 4)
    ported = read(b"\x06\x05\x04\x0b\x84\x23\xf0abc", latin1, data_coding=4, esm_class=0x40)
    assert (ported.data, ported.udh.hex()) == (b"abc", "05040b8423f0")
    assert read(octets, latin1, data_coding=2).data == octets


def test_a_display_is_a_flash() -> None:
    assert read(tlvs={Tag.DEST_ADDR_SUBUNIT: b"\x01"}).flash


@pytest.mark.parametrize(("coding", "dcs"), [(2, 4), (4, 4), (0xF5, 0xF5), (0x15, 0x15)])
def test_data(coding: int, dcs: int) -> None:
    submission = read(b"\x00\xff\x80", data_coding=coding)
    assert (submission.text, submission.data, submission.dcs) == (None, b"\x00\xff\x80", dcs)


@pytest.mark.parametrize("coding", [0x05, 0x09, 0x0D, 0x0F, 0x20, 0x3F])
def test_codings_that_are_not_known(coding: int) -> None:
    assert refusal(data_coding=coding) is Status.ESME_RSUBMITFAIL


def test_iso_makes_the_default_alphabet_latin_1() -> None:
    assert read(b"caf\xe9 @", Conventions(iso=True)).text == "café @"
    assert read(b"caf\xe9 @", Conventions(iso=True), data_coding=8).text != "café @"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"destination": Address(1, 1, "")}, Status.ESME_RINVDSTADR),
        ({"destination": Address(5, 0, "Shop")}, Status.ESME_RINVDSTADR),
        ({"priority_flag": 4}, Status.ESME_RINVPRTFLG),
        ({"replace_if_present_flag": 2}, Status.ESME_RINVREPFLAG),
        ({"schedule_delivery_time": "soon"}, Status.ESME_RINVSCHED),
        ({"validity_period": "231114221319000+"}, Status.ESME_RINVEXPIRY),
        ({"validity_period": "2311"}, Status.ESME_RINVEXPIRY),
        ({"tlvs": {Tag.MESSAGE_PAYLOAD: b"too"}}, Status.ESME_ROPTPARNOTALLWD),
        ({"tlvs": {Tag.SAR_MSG_REF_NUM: b"\0\1"}}, Status.ESME_RMISSINGOPTPARAM),
        ({"esm_class": 0x40, "short_message": b"\x09\0"}, Status.ESME_RINVESMCLASS),
        ({"short_message": b"\x11\x11CALL\x11\x11: hello"}, Status.ESME_RSUBMITFAIL),
        ({"short_message": b"\x11\x11MAIL\x11\x11: a@b.c"}, Status.ESME_RSUBMITFAIL),
        ({"short_message": b"\x11\x11HLR\x11\x11"}, Status.ESME_RSUBMITFAIL),
    ],
)
def test_refusals(fields: dict[str, Any], status: Status) -> None:
    assert refusal(**fields) is status


@pytest.mark.parametrize(
    ("address", "to"),
    [
        (Address(1, 1, "79161234567"), "+79161234567"),
        (Address(1, 1, "+79161234567"), "+79161234567"),
        (Address(1, 1, "0079161234567"), "+79161234567"),
        (Address(1, 1, "900"), "900"),
        (Address(0, 0, "89161234567"), "89161234567"),
        (Address(2, 1, "9161234567"), "9161234567"),
        (Address(1, 1, "\u202a79161234567\u202c".encode().decode("latin-1")), "+79161234567"),
        (Address(1, 1, "\uff0b79161234567".encode().decode("latin-1")), "+79161234567"),
        (Address(1, 1, "tel:+79161234567"), "+79161234567"),
        (Address(1, 1, "7\xa0916\xa01234567"), "+79161234567"),
        (Address(0, 0, "\xad89161234567"), "89161234567"),
    ],
)
def test_recipients(address: Address, to: str) -> None:
    assert read(destination=address).to == to


def test_a_sender_that_names_a_line_picks_it_and_others_are_kept() -> None:
    conventions = Conventions(line_of={"a": "a", "79990000001": "a"}.get)
    assert read(conventions=conventions, source=Address(5, 0, "a")).line == "a"
    assert read(conventions=conventions, source=Address(1, 1, "79990000001")).line == "a"
    other = read(conventions=conventions, source=Address(5, 0, "SHOP"))
    assert (other.line, other.extra["sender"]) == (None, "SHOP")


def test_times_and_flags() -> None:
    submission = read(
        schedule_delivery_time="000000010000000R",
        validity_period="000001000000000R",
        priority_flag=3,
        registered_delivery=17,
        protocol_id=0x41,
        service_type="CMT",
    )
    assert submission.send_at == NOW + 3_600_000
    assert submission.validity_s == 86_400
    assert (submission.priority, submission.pid) == (30, 0x41)
    kept = submission.extra["smpp"]
    assert isinstance(kept, dict)
    assert (kept["reg"], kept["service"]) == (17, "CMT")
    late = read(schedule_delivery_time="231114233320000+", validity_period="231115053320012+")
    assert late.send_at == NOW + 4_800_000
    assert late.validity_s == 3 * 3600


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("231114221320000+", NOW),
        ("231115011320012+", NOW),  # three hours ahead of UTC
        ("231114171320020-", NOW),  # five hours behind
        ("000000000100000R", NOW + 60_000),
        ("000100000000000R", NOW + 30 * 86_400_000),
        ("231114221320", NOW),
        ("2311142214", NOW + 40_000),
    ],
)
def test_time_notation(text: str, at: int | None) -> None:
    assert parse_time(text, NOW) == at


@pytest.mark.parametrize("text", ["x", "231114221320000", "231314221320000+", "231114221320049+", "231114221320000Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text, NOW)


def test_dates_come_back() -> None:
    assert parse_time(format_time(NOW), NOW + 5) == NOW


@pytest.mark.parametrize("octets", [b"\x11\x11PING\x11\x11", b"__PING__", b"__PING__: whatever"])
def test_a_ping_is_a_silent_message(octets: bytes) -> None:
    submission = read(octets)
    assert (submission.text, submission.pid) == ("", 0x40)


def test_commands_can_be_off_and_hlr_a_ping() -> None:
    assert read(b"\x11\x11PING\x11\x11", Conventions(text_commands=False)).text == "__PING__"
    submission = read(b"\x11\x11HLR\x11\x11", Conventions(hlr_as_ping=True))
    kept = submission.extra["smpp"]
    assert submission.pid == 0x40
    assert isinstance(kept, dict)
    assert kept["kind"] == "hlr"


@pytest.mark.parametrize("octets", [b"Hello\n~~~\norder 7", encode_gsm7("Hello\r\n~~~\r\norder 7")])
def test_a_comment_is_kept_and_not_sent(octets: bytes) -> None:
    submission = read(octets)
    assert (submission.text, submission.extra["comment"]) == ("Hello", "order 7")


def test_message_payload() -> None:
    assert read(b"", tlvs={Tag.MESSAGE_PAYLOAD: b"x" * 3000}).text == "x" * 3000


def test_ports_make_data_of_a_text() -> None:
    submission = read(b"Hello", tlvs={Tag.DESTINATION_PORT: b"\x0b\x84", Tag.SOURCE_PORT: b"\x23\xf0"})
    assert submission.udh == b"\x05\x04\x0b\x84\x23\xf0"
    assert (submission.data, submission.dcs) == ("Hello".encode("utf-16-be"), 8)


# -- parts ----------------------------------------------------------------------------------------------------------


def pieces_of(messages: list[ShortMessage], order: list[int], ids: list[int | None]) -> Submission:
    """The whole of messages handed in in that order; the last one completes it."""
    kept: dict[int, tuple[int | None, dict[str, Any]]] = {}
    keys = set()
    for at, piece_id in zip(order, ids, strict=True):
        piece = read_submit(messages[at], Conventions(), NOW)
        assert isinstance(piece, Piece)
        keys.add(piece.key)
        kept[piece.concat.sequence] = (piece_id, piece_to_json(piece))
    assert len(keys) == 1
    return join_pieces(kept, Conventions())


def cut(octets: bytes, size: int) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets), size)]


LONG_RUSSIAN = (RUSSIAN + " 👍 ") * 9
LONG_PLAIN = "The euro sign is two septets: € and so are [brackets]. " * 6


def by_header(octets: bytes, size: int, wide: bool = False, **fields: Any) -> list[ShortMessage]:
    parts = cut(octets, size)
    head = b"\x06\x08\x04\x01\x07" if wide else b"\x05\x00\x03\x07"
    return [
        ShortMessage(
            destination=TO,
            esm_class=0x40,
            short_message=head + bytes((len(parts), n)) + part,
            registered_delivery=1,
            **fields,
        )
        for n, part in enumerate(parts, 1)
    ]


def by_sar(octets: bytes, size: int, **fields: Any) -> list[ShortMessage]:
    parts = cut(octets, size)
    return [
        ShortMessage(
            destination=TO,
            short_message=part,
            **fields,
            tlvs={
                Tag.SAR_MSG_REF_NUM: b"\0\7",
                Tag.SAR_TOTAL_SEGMENTS: bytes((len(parts),)),
                Tag.SAR_SEGMENT_SEQNUM: bytes((n,)),
            },
        )
        for n, part in enumerate(parts, 1)
    ]


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (by_header(LONG_RUSSIAN.encode("utf-16-be"), 134, data_coding=8), LONG_RUSSIAN),
        (by_header(LONG_RUSSIAN.encode("utf-16-be"), 127, wide=True, data_coding=8), LONG_RUSSIAN),
        (by_header(encode_gsm7(LONG_PLAIN), 31), LONG_PLAIN),
        (by_header(encode_gsm7(LONG_PLAIN), 153), LONG_PLAIN),
        (by_sar(encode_gsm7(LONG_PLAIN), 160), LONG_PLAIN),
        (by_sar(encode_gsm7(LONG_PLAIN), 160, data_coding=1), LONG_PLAIN),  # only some parts prove the alphabet
        (by_header(b"\xff\xfe" + LONG_RUSSIAN.encode("utf-16-le"), 134, data_coding=8), LONG_RUSSIAN),
        (by_header(b"\xfe\xff" + LONG_RUSSIAN.encode("utf-16-be"), 127, data_coding=8), LONG_RUSSIAN),
        (
            [
                message._replace(short_message=message.short_message[:6] + b"\xff\xfe" + message.short_message[6:])
                for message in by_header(LONG_RUSSIAN.encode("utf-16-le"), 130, data_coding=8)
            ],
            LONG_RUSSIAN,
        ),
        (by_sar(LONG_RUSSIAN.encode("utf-16-be"), 140, data_coding=8), LONG_RUSSIAN),
    ],
)
def test_parts_become_one_text_in_any_order(messages: list[ShortMessage], text: str) -> None:
    order = list(range(len(messages)))
    ids: list[int | None] = [*range(10, 10 + len(messages) - 1), None]
    for arrival in (order, order[::-1], order[1:] + order[:1]):
        assert pieces_of(messages, arrival, ids).text == text


def test_parts_that_end_within_a_letter_are_refused_as_a_whole() -> None:
    messages = by_header(LONG_RUSSIAN.encode("utf-16-be")[:-1], 133, data_coding=8)
    with pytest.raises(PduRefused) as refused:
        pieces_of(messages, list(range(len(messages))), [*range(10, 10 + len(messages) - 1), None])
    assert refused.value.status is Status.ESME_RINVMSGLEN


def test_each_part_keeps_its_wish_for_a_receipt() -> None:
    messages = by_header(encode_gsm7(LONG_PLAIN), 153)
    whole = pieces_of(messages, [0, 1, 2], [7, 8, None])
    kept = whole.extra["smpp"]
    assert isinstance(kept, dict)
    assert kept["pieces"] == [[7, 1], [8, 1]]
    assert kept["reg"] == 1


def test_packed_parts_after_a_header_have_fill_bits() -> None:
    septets = encode_gsm7((PLAIN * 4)[:200])
    parts = [
        ShortMessage(destination=TO, esm_class=0x40, short_message=bytes((5, 0, 3, 1, 2, n)) + pack_septets(piece, 1))
        for n, piece in enumerate(cut(septets, 153), 1)
    ]
    assert pieces_of(parts, [0, 1], [1, None]).text == (PLAIN * 4)[:200]


def test_data_in_parts_keep_their_ports() -> None:
    parts = [
        ShortMessage(
            destination=TO,
            esm_class=0x40,
            data_coding=4,
            short_message=b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x01\x02" + bytes((n,)) + bytes(120),
        )
        for n in (1, 2)
    ]
    whole = pieces_of(parts, [1, 0], [1, None])
    assert whole.data == bytes(240)
    assert whole.udh == b"\x05\x04\x0b\x84\x23\xf0"


def test_a_single_part_of_one_is_whole() -> None:
    assert read(b"\x05\x00\x03\x01\x01\x01Hello", esm_class=0x40).text == "Hello"


def test_a_replacement_is_read_as_what_it_replaces() -> None:
    kept = {"src": [0, 0, ""], "dst": [1, 1, "79161234567"], "service": ""}
    request = Replace("1", Address(), "", "", 1, RUSSIAN.encode("utf-16-be"))
    assert read_replacement(request, kept, True, Conventions(), NOW).text == RUSSIAN
    request = request._replace(short_message=b"Hello")
    assert read_replacement(request, kept, False, Conventions(), NOW).text == "Hello"
