"""Bodies that strangers may send before anybody asks who they are: read as they should be, or refused at once."""

from __future__ import annotations

import time
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.dialects.forms import parse_urlencoded, unescape
from modemgw.dialects.markup import MAX_DEPTH, MAX_ELEMENTS, parse_xml

MEGABYTE = 1_000_000

#: CPU seconds that a megabyte may take; what is refused takes a hundredth, and what made these bounds took over 0.3.
BOUND_S = 0.3


@given(st.lists(st.sampled_from([b"%", b"4", b"1", b"D", b"g", b"%D0", b"%0a", b"x", b"+", b"%%41", b"\xff"])))
def test_escapes_are_read_as_python_reads_them(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    assert unescape(raw) == unquote_to_bytes(raw)


@pytest.mark.parametrize("unit", [b"%", b"%D0", b"%4", b"&", b"a=&", b"+"])
def test_a_form_of_a_megabyte_takes_no_time(unit: bytes) -> None:
    raw = unit * (MEGABYTE // len(unit))
    begun = time.thread_time()
    list(parse_urlencoded(raw))
    assert time.thread_time() - begun < BOUND_S


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def test_documents_of_a_sensible_size_are_read() -> None:
    assert parse_xml(nested(MAX_DEPTH)) is not None
    root = parse_xml(b"<r>" + b"<a>1</a>" * (MAX_ELEMENTS - 1) + b"</r>")
    assert root is not None
    assert (len(root), root[0].text) == (MAX_ELEMENTS - 1, "1")


@pytest.mark.parametrize(
    "document",
    [
        nested(MAX_DEPTH + 1),
        b"<a>" * (MEGABYTE // 3),
        b"<r>" + b"<a/>" * MAX_ELEMENTS + b"</r>",
        b"<r>" + b"<a/>" * (MEGABYTE // 4) + b"</r>",
        b'<!DOCTYPE l [<!ENTITY a "b">]><r>&a;</r>',
        b"<r>&a;</r>",
        b"<r",
        b"",
    ],
    ids=["deep", "very deep", "wide", "very wide", "entities", "an entity", "cut", "nothing"],
)
def test_others_are_no_documents(document: bytes) -> None:
    begun = time.thread_time()
    assert parse_xml(document) is None
    assert time.thread_time() - begun < BOUND_S
