"""Laws of the SMPP session and codec: any chunking, any garbage, any order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from modemgw.domain.message import Submission
from modemgw.smpp.coding import read_content
from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import Command
from modemgw.smpp.pdu import HEADER, Address, Bind, ShortMessage, encode_pdu
from modemgw.smpp.receipt import inbound_messages
from modemgw.smpp.session import ALLOWED, BindAsked, Event, Limits, RequestAsked, Session, SubmitAsked
from modemgw.smpp.submission import Conventions, Piece, join_pieces, piece_to_json, read_submit
from modemgw.smpp.times import parse_time

octets = st.binary(max_size=300)
names = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=16)
addresses = st.builds(Address, st.integers(0, 255), st.integers(0, 255), names)
messages = st.builds(
    ShortMessage,
    service_type=st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=5),
    source=addresses,
    destination=addresses,
    esm_class=st.integers(0, 255),
    protocol_id=st.integers(0, 255),
    priority_flag=st.integers(0, 255),
    schedule_delivery_time=names,
    validity_period=names,
    registered_delivery=st.integers(0, 255),
    replace_if_present_flag=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    short_message=st.binary(max_size=254),
    tlvs=st.dictionaries(
        st.sampled_from([0x5, 0x204, 0x20A, 0x20B, 0x20C, 0x20E, 0x20F, 0x424, 0x426, 0x1400]),
        st.binary(max_size=60),
        max_size=4,
    ),
)
commands = st.sampled_from([*sorted(ALLOWED), 0x05, 0x0B, 0x102, 0x80000000, 0x80000005, 0x80000015])
pdus = st.builds(
    encode_pdu, commands, st.integers(0, 255), st.integers(0, 2**32 - 1), octets | messages.map(ShortMessage.encode)
)


def bound() -> Session:
    session = Session(Limits(window=8), 0.0)
    (asked,) = session.receive(encode_pdu(Command.BIND_TRANSCEIVER, 0, 1, Bind("shop", "x").encode()), 0.0)
    assert isinstance(asked, BindAsked)
    session.accept_bind(asked, "modemgw")
    return session


@given(messages)
def test_what_is_written_reads_the_same(message: ShortMessage) -> None:
    assert ShortMessage.decode(message.encode()) == message


@given(octets)
def test_the_quick_and_the_slow_way_of_reading_agree(body: bytes) -> None:
    results = []
    for decode in (ShortMessage.decode, ShortMessage._decode_slowly):
        try:
            results.append(decode(body))
        except PduRefused as refused:
            results.append(refused.status)  # type: ignore[arg-type]
    assert results[0] == results[1]


@settings(max_examples=200)
@given(st.lists(pdus | octets, max_size=8), st.lists(st.integers(0, 2500), max_size=12))
def test_any_chunking_gives_the_same_events_and_answers(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    whole, chunked = bound(), bound()
    events = whole.receive(stream, 1.0)
    found: list[Event] = []
    ends = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, end in pairwise(ends):
        found += chunked.receive(stream[start:end], 1.0)
    assert found == events
    assert chunked.take_output() == whole.take_output()
    assert chunked.state is whole.state


@settings(max_examples=200)
@given(st.lists(pdus | octets, max_size=12), st.booleans())
def test_whatever_comes_every_request_gets_one_answer(parts: list[bytes], is_bound: bool) -> None:
    session = bound() if is_bound else Session(Limits(), 0.0)
    session.take_output()
    for number, part in enumerate(parts):
        for event in session.receive(part, float(number)):
            if isinstance(event, BindAsked):
                session.accept_bind(event, "modemgw")
            elif isinstance(event, SubmitAsked | RequestAsked):
                session.respond(event.command, event.sequence, 0, b"1\0")
        session.tick(float(number))
    assert session.pending == 0
    output = session.take_output()
    while output:  # well-formed, and never a request but enquire_link
        length, command, _, _ = HEADER.unpack_from(output)
        assert 16 <= length <= len(output)
        assert command & 0x80000000 or command == Command.ENQUIRE_LINK
        output = output[length:]
    assert len(session._buffer) < 65_536


@settings(max_examples=300)
@given(messages, st.booleans())
def test_no_message_raises_anything_but_a_refusal(message: ShortMessage, iso: bool) -> None:
    try:
        what = read_submit(message, Conventions(iso=iso, hlr_as_ping=True), 1_700_000_000_000)
    except PduRefused:
        return
    if isinstance(what, Piece):
        assert 1 <= what.concat.sequence <= what.concat.total
    else:
        assert isinstance(what, Submission)
        assert (what.text is None) != (what.data is None)


@given(st.text(max_size=20), st.integers(0, 2**42))
def test_a_time_is_a_time_or_a_value_error(text: str, now: int) -> None:
    try:
        parse_time(text, now)
    except ValueError:
        pass


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600),
    st.booleans(),
    st.sampled_from(["payload", "udh"]),
)
def test_an_incoming_text_can_be_read_from_its_pdus(text: str, iso: bool, long: str) -> None:
    found = inbound_messages(sender="1", recipient="2", text=text, data=None, iso=iso, long=long)  # type: ignore[arg-type]
    contents = [read_content(m.data_coding, m.esm_class, m.payload, iso=iso) for m in found]
    assert contents[0].join(contents[1:]).text == text
    assert all(len(m.short_message) <= 254 for m in found)


@given(st.data(), st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=300))
def test_parts_in_any_order_give_the_text(data: st.DataObject, text: str) -> None:
    octets_ = text.encode("utf-16-be")
    size = data.draw(st.integers(max(2, len(octets_) // 200), max(2, len(octets_) - 1)))
    parts = [octets_[at : at + size] for at in range(0, len(octets_), size)]
    if len(parts) < 2:
        return
    pieces = {}
    for n in data.draw(st.permutations(range(len(parts)))):
        header = bytes((5, 0, 3, 9, len(parts), n + 1))
        message = ShortMessage(
            destination=Address(1, 1, "79161234567"), esm_class=0x40, data_coding=8, short_message=header + parts[n]
        )
        piece = read_submit(message, Conventions(text_commands=False), 0)
        assert isinstance(piece, Piece)
        pieces[n + 1] = (n, piece_to_json(piece))
    whole = join_pieces(pieces, Conventions(text_commands=False))
    comment = whole.extra.get("comment")
    assert whole.text == text or comment is not None
