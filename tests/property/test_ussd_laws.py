"""A +CUSD is one event, whatever its string holds, however its bytes are cut."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from modemgw.at import commands
from modemgw.at.parser import AtParser, Echo, Final, Urc
from modemgw.at.responses import read_ussd

LINE = st.text(
    st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",), max_codepoint=0x52F), max_size=30
).map(lambda line: line.strip(" \t"))
TEXT = st.lists(LINE.filter(bool), min_size=1, max_size=8).map("\r\n".join)


def _has_no_end_inside(text: str) -> bool:
    """What nobody can tell from the end of the string, for want of a rule to escape quotes (TS 27.007 7.15)."""
    lines = text.split("\r\n")
    opened = '+CUSD: 0,"'
    for line in lines[:-1]:
        opened += line
        if re.search(r'"\s*,\s*\d{1,3}\s*\Z', opened) or (opened.rstrip().endswith('"') and opened.count('"') % 2 == 0):
            return False
    return not any(line.startswith(("+CMS ERROR", "+CME ERROR", "+C", "^")) for line in lines[1:])


def _events(data: bytes, cuts: list[int], *, running: bool) -> list[object]:
    parser = AtParser()
    if running:
        parser.begin(commands.plain('AT+CUSD=1,"*100#",15'))
    found: list[object] = []
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        found += parser.feed(data[start:end])
    found += parser.flush()
    return [event for event in found if not isinstance(event, Echo)]


@given(TEXT.filter(_has_no_end_inside), st.sampled_from([0, 1, 2]), st.lists(st.integers(0, 999), max_size=6))
def test_a_string_of_any_characters_and_lines_is_one_event(text: str, status: int, cuts: list[int]) -> None:
    said = f'\r\n+CUSD: {status},"{text}",15\r\n'.encode()
    events = _events(said, cuts, running=False)
    assert len(events) == 1, events
    (urc,) = events
    assert isinstance(urc, Urc)
    read = read_ussd(urc.text)
    assert (read.status, read.text, read.dcs) == (status, text.replace("\r\n", "\n"), 15)


@given(
    TEXT.filter(lambda text: _has_no_end_inside(text) and not {"OK", "ERROR"} & set(text.split("\r\n"))),
    st.booleans(),
    st.lists(st.integers(0, 999), max_size=6),
)
def test_it_may_come_before_or_after_the_result(text: str, before: bool, cuts: list[int]) -> None:
    answer, result = f'\r\n+CUSD: 1,"{text}",15\r\n'.encode(), b"\r\nOK\r\n"
    events = _events(answer + result if before else result + answer, cuts, running=True)
    assert sum(isinstance(event, Final) for event in events) == 1, events
    urcs = [event for event in events if isinstance(event, Urc)]
    assert [read_ussd(urc.text).text for urc in urcs] == [text.replace("\r\n", "\n")]


@given(st.binary(max_size=300), st.lists(st.integers(0, 999), max_size=6))
def test_no_bytes_in_a_string_raise(data: bytes, cuts: list[int]) -> None:
    said = b'\r\n+CUSD: 0,"' + data + b'",15\r\n\r\n+CMTI: "SM",1\r\n'
    assert _events(said, cuts, running=False) == _events(said, [], running=False)
