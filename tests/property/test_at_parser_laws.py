"""Laws of the AT parser: any chunking gives the same events, no byte raises, a URC anywhere leaves the answer whole."""

from __future__ import annotations

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.errors import AtResponseError
from modemgw.at.parser import LINE_LIMIT, AtEvent, AtParser, Final, InfoLine, Prompt, Urc
from modemgw.at.responses import read_list_entry, read_submit_reference
from modemgw.modem.dialogue.driver_events import event_of

COMMANDS = [
    None,
    commands.AT,
    commands.SIGNAL,
    commands.IMEI,
    commands.LIST_ALL,
    commands.submit(18),
    commands.REGISTRATION_ASK[0],
]
PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\r",
        b"\n",
        b"OK\r\n",
        b"ERROR\r\n",
        b"0\r",
        b"4\r\n",
        b"> ",
        b">",
        b"+CMGS: 12",
        b'+CMTI: "SM",1\r\n',
        b"+CMT: ,4\r\n",
        b"0004000000\r\n",
        b"00040",
        b"00000\r\n",
        b"+CMGL: 1,1,,4\r\n",
        b'+CUSD: 0,"a',
        b'b",15\r\n',
        b"\xff\xfe",
        b"\x00",
        b"\x1a",
        b"\x1b",
        b"AT+CSQ\r",
        b"+CSQ: 1",
        b",2\r\n",
        b"+CREG: 1\r\n",
        b"+CREG: 0,1\r\n",
        b"RDY\r\n",
        b"hello",
        b"+CDS: 4\r\n",
        b"+CMS ERROR: 38\r\n",
        b" ",
        b"\t",
        b"356938030000013\r\n",
        b"x" * 5000,
    ]
)
STREAMS = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=30).map(b"".join))


def parser_for(command: Command | None) -> AtParser:
    parser = AtParser()
    if command is not None:
        parser.begin(command)
        parser.payload("0001000B919710325476F8000005C8329BFD06")
    return parser


def fed(parser: AtParser, data: bytes, cuts: list[int]) -> list[AtEvent]:
    at = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    return [e for a, b in itertools.pairwise(at) for e in parser.feed(data[a:b])]


@given(data=STREAMS, cuts=st.lists(st.integers(0, 10**6), max_size=12), command=st.sampled_from(COMMANDS))
@example(data=b"x" * (LINE_LIMIT + 1) + b"\r\nOK\r\n", cuts=[5, LINE_LIMIT], command=None)
@example(data=b"\xff" * LINE_LIMIT + b"> ", cuts=[LINE_LIMIT], command=commands.submit(18))
@settings(max_examples=300)
def test_any_chunking_gives_the_same_events(data: bytes, cuts: list[int], command: Command | None) -> None:
    assert fed(parser_for(command), data, cuts) == parser_for(command).feed(data)


@given(data=STREAMS, command=st.sampled_from(COMMANDS))
@settings(max_examples=300)
def test_no_bytes_raise_and_the_parser_recovers(data: bytes, command: Command | None) -> None:
    parser = parser_for(command)
    for event in [*parser.feed(data), *parser.flush()]:
        if isinstance(event, Urc):
            event_of(event)
    parser.end()
    parser.feed(b'"\r\n')
    parser.flush()
    assert parser.feed(b'\r\n+CMTI: "SM",7\r\n')[-1] == Urc("+CMTI", '+CMTI: "SM",7')
    parser.begin(commands.AT)
    assert parser.feed(b"\r\nOK\r\n")[-1] == Final("OK")
    assert len(parser._buffer) <= LINE_LIMIT


URCS = st.sampled_from(
    [
        (b'\r\n+CMTI: "SM",3\r\n', Urc("+CMTI", '+CMTI: "SM",3')),
        (b"\r\nRING\r\n", Urc("RING", "RING")),
        (b"\r\n+CREG: 5\r\n", Urc("+CREG", "+CREG: 5")),
        (b"\r\n+CDS: 6\r\n00060000000000\r\n", Urc("+CDS", "+CDS: 6", "00060000000000")),
    ]
)
REPLIES: list[tuple[Command, bytes]] = [
    (commands.SIGNAL, b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n"),
    (commands.IMEI, b"\r\n356938030000013\r\n\r\nOK\r\n"),
    (commands.REGISTRATION_ASK[0], b'\r\n+CREG: 2,1,"00AB","1234",7\r\n\r\nOK\r\n'),
    (commands.LIST_ALL, b"\r\n+CMGL: 1,1,,4\r\n0004000000\r\n+CMGL: 2,0,,5\r\n000400000001\r\n\r\nOK\r\n"),
    (commands.read(1), b"\r\n+CMGR: 1,,4\r\n0004000000\r\n\r\nOK\r\n"),
    (commands.SMSC_ASK, b'\r\n+CSCA: "+79168999100",145\r\n\r\nERROR\r\n'),
]


def merged(events: list[AtEvent]) -> list[AtEvent]:
    """The answer as the channel sees it, without URCs."""
    out: list[AtEvent] = []
    for event in events:
        if isinstance(event, InfoLine) and event.amends:
            out[-1] = InfoLine(event.text, event.pdu)
        elif isinstance(event, InfoLine | Final):
            out.append(event)
    return out


@given(reply=st.sampled_from(REPLIES), urc=URCS, data=st.data())
@settings(max_examples=200)
def test_a_urc_between_lines_leaves_the_answer_whole(
    reply: tuple[Command, bytes], urc: tuple[bytes, Urc], data: st.DataObject
) -> None:
    command, said = reply
    ends = [0, *(i + 2 for i in range(len(said)) if said[i : i + 2] == b"\r\n")]
    at = data.draw(st.sampled_from(ends))
    alone = parser_for(command).feed(said)
    events = parser_for(command).feed(said[:at] + urc[0] + said[at:])
    assert urc[1] in events
    assert merged(events) == merged(alone)


def test_a_urc_at_any_byte_of_a_send_never_changes_its_outcome() -> None:
    said = b"\r\n> \r\n+CMGS: 129\r\n\r\nOK\r\n"
    for at in range(len(said) + 1):
        parser = parser_for(commands.submit(18))
        events = parser.feed(said[:at] + b'\r\n+CMTI: "SM",3\r\n' + said[at:])
        if at <= said.index(b">"):
            assert Prompt() in events
        lines = [e for e in merged(events) if isinstance(e, InfoLine)]
        assert [read_submit_reference(line.text) for line in lines] == [129], f"cut at byte {at}: {events}"
        assert [e for e in events if isinstance(e, Final)] == [Final("OK")], f"cut at byte {at}: {events}"


def test_a_urc_at_any_byte_of_a_list_loses_no_message() -> None:
    said = b"\r\n+CMGL: 1,1,,4\r\n0004000000\r\n+CMGL: 2,0,,5\r\n000400000001\r\n\r\nOK\r\n"
    for at in range(len(said) + 1):
        events = parser_for(commands.LIST_ALL).feed(said[:at] + b'\r\n+CMTI: "SM",3\r\n' + said[at:])
        assert Urc("+CMTI", '+CMTI: "SM",3') in events
        for event in events:
            if not isinstance(event, InfoLine):
                continue
            try:
                entry = read_list_entry(event)
            except AtResponseError:
                continue
            assert not entry.whole or entry.pdu in ("0004000000", "000400000001"), f"cut at byte {at}: {events}"
        assert [e for e in events if isinstance(e, Final)] == [Final("OK")]


HANDED_OVER = [
    (b"+CMT: ,4\r\n0004000000\r\n", Urc("+CMT", "+CMT: ,4", "0004000000")),
    (b"+CDS: 6\r\n00060000000000\r\n", Urc("+CDS", "+CDS: 6", "00060000000000")),
    (b'+CMTI: "SM",3\r\n', Urc("+CMTI", '+CMTI: "SM",3')),
    (b"RING\r\n", Urc("RING", "RING")),
]


@given(
    which=st.lists(st.sampled_from(HANDED_OVER), max_size=8),
    cuts=st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), max_size=12),
    command=st.sampled_from([None, commands.SIGNAL, commands.IMEI]),
)
@settings(max_examples=300)
def test_any_chunking_and_any_silence_tells_all_that_was_handed_over(
    which: list[tuple[bytes, Urc]], cuts: list[tuple[int, bool]], command: Command | None
) -> None:
    """However long it is silent where: a wait that was too short tells a header alone, and then the whole."""
    data = b"\r\n".join(said for said, _ in which)
    at = sorted({(cut % (len(data) + 1), silent) for cut, silent in cuts} | {(0, False), (len(data), True)})
    parser = parser_for(command)
    events: list[AtEvent] = []
    for (start, _), (end, silent) in itertools.pairwise(at):
        events += parser.feed(data[start:end])
        if silent:
            events += parser.flush()
    told = [e for e in events if isinstance(e, Urc) and (e.pdu is not None or e.name not in ("+CMT", "+CDS"))]
    assert told == [urc for _, urc in which]
