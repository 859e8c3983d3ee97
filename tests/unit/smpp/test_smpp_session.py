"""The session: who may ask what when, windows, timers, garbage."""

from __future__ import annotations

import pytest

from modemgw.smpp.names import RESPONSE, Command, Status
from modemgw.smpp.pdu import HEADER, Address, Bind, ShortMessage, cstring, encode_pdu
from modemgw.smpp.session import (
    ALLOWED,
    BindAsked,
    DeliverAnswered,
    DeliverOverdue,
    Ended,
    Limits,
    RequestAsked,
    Session,
    State,
    SubmitAsked,
)

SUBMIT = ShortMessage(destination=Address(1, 1, "79161234567"), short_message=b"Hello").encode()
QUERY = cstring("1") + Address().encode()
CANCEL = cstring("") + cstring("1") + Address().encode() * 2
REPLACE = cstring("1") + Address().encode() + b"\0\0\0\0\x02Hi"
BODIES = {
    Command.BIND_RECEIVER: Bind("shop", "secret").encode(),
    Command.BIND_TRANSMITTER: Bind("shop", "secret").encode(),
    Command.BIND_TRANSCEIVER: Bind("shop", "secret").encode(),
    Command.SUBMIT_SM: SUBMIT,
    Command.DATA_SM: b"\0\0\0\0\0\0\0\0\0\0",
    Command.QUERY_SM: QUERY,
    Command.CANCEL_SM: CANCEL,
    Command.REPLACE_SM: REPLACE,
}


def answers(session: Session) -> list[tuple[int, int, int]]:
    """(command, status, sequence) of what the session wants written."""
    data, found = session.take_output(), []
    while data:
        length, command, status, sequence = HEADER.unpack_from(data)
        found.append((command, status, sequence))
        data = data[length:]
    return found


def bound(kind: int = Command.BIND_TRANSCEIVER, limits: Limits | None = None, version: int = 0x34) -> Session:
    session = Session(limits or Limits(), 0.0)
    bind = Bind("shop", "secret", interface_version=version)
    (asked,) = session.receive(encode_pdu(kind, 0, 1, bind.encode()), 0.0)
    assert isinstance(asked, BindAsked)
    session.accept_bind(asked, "modemgw")
    session.take_output()
    return session


def session_in(state: State) -> Session:
    match state:
        case State.OPEN:
            return Session(Limits(), 0.0)
        case State.BINDING:
            session = Session(Limits(), 0.0)
            session.receive(encode_pdu(Command.BIND_RECEIVER, 0, 1, BODIES[Command.BIND_RECEIVER]), 0.0)
            return session
        case State.UNBINDING:
            session = bound()
            session.unbind()
            session.take_output()
            return session
    kinds = {State.TX: Command.BIND_TRANSMITTER, State.RX: Command.BIND_RECEIVER, State.TRX: Command.BIND_TRANSCEIVER}
    return bound(kinds[state])


@pytest.mark.parametrize("command", sorted(ALLOWED))
@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_the_table_of_states(state: State, command: int) -> None:
    session = session_in(state)
    events = session.receive(encode_pdu(command, 0, 7, BODIES.get(Command(command), b"")), 1.0)
    told = answers(session)
    if state not in ALLOWED[command]:
        assert not [event for event in events if not isinstance(event, Ended)]
        assert [(c, s) for c, _, s in told] == [(command | RESPONSE, 7)]
        assert told[0][1] in (Status.ESME_RINVBNDSTS, Status.ESME_RALYBND)
    elif command in (Command.UNBIND, Command.ENQUIRE_LINK):
        assert told == [(command | RESPONSE, 0, 7)]
    elif command == Command.SUBMIT_MULTI:
        assert told == [(command | RESPONSE, Status.ESME_RINVCMDID, 7)]
    else:
        assert len(events) == 1
        assert isinstance(events[0], BindAsked | SubmitAsked | RequestAsked)
        assert not told


@pytest.mark.parametrize(
    ("version", "tail"),
    [(0x00, b""), (0x33, b""), (0x34, b"\x02\x10\x00\x01\x34"), (0x50, b"\x02\x10\x00\x01\x34")],
)
def test_the_version_of_the_server_is_told_to_those_that_know_tlvs(version: int, tail: bytes) -> None:
    session = Session(Limits(), 0.0)
    bind = Bind("shop", "secret", interface_version=version)
    (asked,) = session.receive(encode_pdu(Command.BIND_TRANSMITTER, 0, 9, bind.encode()), 0.0)
    assert isinstance(asked, BindAsked)
    session.accept_bind(asked, "modemgw")
    assert session.take_output()[16:] == b"modemgw\0" + tail
    assert session.speaks_tlvs == bool(tail)


def test_a_bind_may_fail_three_times() -> None:
    session = Session(Limits(), 0.0)
    for attempt in range(3):
        (asked,) = session.receive(encode_pdu(Command.BIND_TRANSMITTER, 0, attempt, BODIES[Command.BIND_RECEIVER]), 0.0)
        assert isinstance(asked, BindAsked)
        ended = session.refuse_bind(asked, Status.ESME_RINVPASWD)
        assert answers(session) == [(Command.BIND_TRANSMITTER | RESPONSE, Status.ESME_RINVPASWD, attempt)]
        assert bool(ended) == (attempt == 2)
    assert session.closed


@pytest.mark.parametrize("length", [0, 15, 65_537, 0xFFFF_FFFF])
def test_a_length_that_cannot_be_ends_the_session(length: int) -> None:
    session = bound()
    events = session.receive(HEADER.pack(length, Command.SUBMIT_SM, 0, 3), 1.0)
    assert answers(session) == [(Command.GENERIC_NACK, Status.ESME_RINVCMDLEN, 0)]
    assert [type(event) for event in events] == [Ended]
    assert session.receive(b"more", 1.0) == []


def test_before_the_bind_a_pdu_is_small() -> None:
    session = Session(Limits(), 0.0)
    session.receive(HEADER.pack(1025, Command.BIND_TRANSMITTER, 0, 3), 1.0)
    assert answers(session) == [(Command.GENERIC_NACK, Status.ESME_RINVCMDLEN, 0)]
    assert session.closed


@pytest.mark.parametrize("command", [0x00, 0x0A, 0x0B, 0x05, 0x102, 0x111, 0x7FFF_FFFF])
def test_an_unknown_request_gets_a_generic_nack(command: int) -> None:
    session = bound()
    assert session.receive(encode_pdu(command, 0, 5, b"x" * 30), 1.0) == []
    assert answers(session) == [(Command.GENERIC_NACK, Status.ESME_RINVCMDID, 5)]


@pytest.mark.parametrize("command", [Command.GENERIC_NACK, 0x8000_0004, 0x8000_0005, 0xFFFF_FFFF])
def test_a_response_to_nothing_is_ignored(command: int) -> None:
    session = bound()
    assert session.receive(encode_pdu(command, 3, 77), 1.0) == []
    assert answers(session) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", Status.ESME_RINVSERTYP),
        (b"\0" * 5, Status.ESME_RINVCMDLEN),
        (SUBMIT[:-1], Status.ESME_RINVMSGLEN),
        (SUBMIT + b"\x04\x24", Status.ESME_RINVOPTPARSTREAM),
        (SUBMIT + b"\x04\x24\xff\xff1", Status.ESME_RINVOPTPARSTREAM),
        (b"x" * 100, Status.ESME_RINVSERTYP),
    ],
)
def test_a_broken_body_is_answered_with_what_is_wrong(body: bytes, status: Status) -> None:
    session = bound()
    assert session.receive(encode_pdu(Command.SUBMIT_SM, 0, 4, body), 1.0) == []
    assert answers(session) == [(Command.SUBMIT_SM | RESPONSE, status, 4)]
    assert session.pending == 0


def test_over_the_window_the_queue_is_full() -> None:
    session = bound(limits=Limits(window=2))
    events = session.receive(b"".join(encode_pdu(Command.SUBMIT_SM, 0, n, SUBMIT) for n in range(1, 4)), 1.0)
    assert len(events) == 2
    assert answers(session) == [(Command.SUBMIT_SM | RESPONSE, Status.ESME_RMSGQFUL, 3)]
    session.respond(Command.SUBMIT_SM, 1, 0, b"1\0")
    assert len(session.receive(encode_pdu(Command.SUBMIT_SM, 0, 4, SUBMIT), 1.0)) == 1


def test_deliveries_have_a_window_and_count_when_all_their_pdus_are_answered() -> None:
    session = bound(Command.BIND_RECEIVER, Limits(deliver_window=2))
    session.deliver("a", [ShortMessage(), ShortMessage()], 1.0)
    session.deliver("b", [ShortMessage()], 1.0)
    assert session.deliver_room == 0
    sequences = [sequence for _, _, sequence in answers(session)]
    assert session.receive(encode_pdu(Command.DELIVER_SM | RESPONSE, 0, sequences[0]), 2.0) == []
    assert session.receive(encode_pdu(Command.DELIVER_SM | RESPONSE, 0x64, sequences[1]), 2.0) == [
        DeliverAnswered("a", 0x64)
    ]
    assert session.deliver_room == 1
    assert session.undelivered == ("b",)
    assert session.receive(encode_pdu(Command.GENERIC_NACK, 3, sequences[2]), 2.0) == [DeliverAnswered("b", 3)]


def test_what_is_not_answered_in_time_is_told_once_and_still_counts() -> None:
    session = bound(limits=Limits(response_s=60, idle_s=1000))
    session.deliver(5, [ShortMessage()], 0.0)
    sequence = answers(session)[0][2]
    assert session.tick(59.0) == []
    assert session.tick(60.0) == [DeliverOverdue((5,))]
    assert session.tick(61.0) == []
    assert session.deliver_room == 0
    assert session.receive(encode_pdu(Command.DELIVER_SM | RESPONSE, 0, sequence), 62.0) == [DeliverAnswered(5, 0)]
    assert session.deliver_room == 5


def test_silence_is_asked_about_and_then_ends_the_session() -> None:
    session = bound()
    assert session.tick(59.0) == []
    assert answers(session) == []
    session.tick(60.0)
    session.tick(61.0)
    assert [command for command, _, _ in answers(session)] == [Command.ENQUIRE_LINK]
    assert session.tick(119.0) == []
    assert [type(event) for event in session.tick(120.0)] == [Ended]


def test_any_pdu_breaks_the_silence() -> None:
    session = bound()
    session.receive(encode_pdu(Command.ENQUIRE_LINK, 0, 2), 100.0)
    assert session.tick(219.0) == []
    assert session.tick(220.0)


def test_half_a_pdu_is_no_sign_of_life() -> None:
    session = bound()
    whole = encode_pdu(Command.SUBMIT_SM, 0, 2, SUBMIT)
    for n, octet in enumerate(whole[:29]):
        session.receive(bytes((octet,)), 1.0 + n)
    assert session.tick(30.0) == []
    assert [type(event) for event in session.tick(31.0)] == [Ended]


def test_a_connection_must_bind() -> None:
    session = Session(Limits(bind_s=30), 0.0)
    session.receive(encode_pdu(Command.ENQUIRE_LINK, 0, 1), 29.0)
    assert answers(session) == [(Command.ENQUIRE_LINK | RESPONSE, 0, 1)]
    assert [type(event) for event in session.tick(30.0)] == [Ended]


def test_strangers_may_not_go_on_asking() -> None:
    session = Session(Limits(), 0.0)
    events = session.receive(encode_pdu(Command.SUBMIT_SM, 0, 1, SUBMIT) * 50, 1.0)
    assert [type(event) for event in events] == [Ended]
    assert len(answers(session)) == 10


def test_unbind_both_ways() -> None:
    session = bound()
    assert [type(event) for event in session.receive(encode_pdu(Command.UNBIND, 0, 3), 1.0)] == [Ended]
    assert answers(session) == [(Command.UNBIND | RESPONSE, 0, 3)]
    session = bound()
    session.unbind()
    ((command, _, sequence),) = answers(session)
    assert command == Command.UNBIND
    assert [type(e) for e in session.receive(encode_pdu(Command.UNBIND | RESPONSE, 0, sequence), 1.0)] == [Ended]
