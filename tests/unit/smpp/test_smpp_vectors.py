"""submit_sm as clients really send it (tests/vectors/smpp), from the octets of its body to what is sent."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import Command
from modemgw.smpp.pdu import ShortMessage, encode_pdu
from modemgw.smpp.session import SubmitAsked
from modemgw.smpp.submission import Conventions, Piece, join_pieces, piece_to_json, read_submit
from tests.unit.smpp.test_smpp_session import bound

VECTORS = Path(__file__).parents[2] / "vectors" / "smpp" / "submit.toml"
CASES: list[dict[str, Any]] = tomllib.loads(VECTORS.read_text(encoding="utf-8"))["submit_sm"]
READABLE = [case for case in CASES if "status" not in case]
REFUSED = [case for case in CASES if "status" in case]


def about(case: dict[str, Any]) -> str:
    return str(case["about"])


@pytest.mark.parametrize("case", READABLE, ids=about)
def test_what_is_read(case: dict[str, Any]) -> None:
    asked = read_submit(ShortMessage.decode(bytes.fromhex(case["body"])), Conventions(), 0)
    if isinstance(asked, Piece):
        assert f"{asked.concat.sequence}/{asked.concat.total}" == case["part"]
        asked = join_pieces({1: (None, piece_to_json(asked))}, Conventions())
    else:
        assert "part" not in case
    assert asked.text == case["text"]
    assert asked.flash is case.get("flash", False)
    assert asked.to == "+79161234567"


@pytest.mark.parametrize("case", REFUSED, ids=about)
def test_what_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PduRefused) as refused:
        read_submit(ShortMessage.decode(bytes.fromhex(case["body"])), Conventions(), 0)
    assert refused.value.status.name == case["status"]


@pytest.mark.parametrize("case", CASES, ids=about)
def test_a_session_goes_on_after_each(case: dict[str, Any]) -> None:
    session = bound()
    session.take_output()
    pdu = encode_pdu(Command.SUBMIT_SM, 0, 7, bytes.fromhex(case["body"]))
    events = session.receive(pdu + encode_pdu(Command.ENQUIRE_LINK, 0, 8), 1.0)
    assert any(isinstance(event, SubmitAsked) for event in events) or "STREAM" in case["status"]
    assert encode_pdu(0x80000015, 0, 8) in session.take_output()
    assert not session.closed


@pytest.mark.parametrize("length", [0x2400, 0x2423])
def test_a_long_payload_behind_the_octet_is_read_by_the_names_that_are_known(length: int) -> None:
    """The octet and the first of the tag together make another tag, whose length may reach the end by chance."""
    head = ShortMessage(short_message=b"").encode()
    payload = bytes(length)
    whole = head + b"\0" + b"\x04\x24" + length.to_bytes(2) + payload
    assert ShortMessage.decode(whole).payload == payload
