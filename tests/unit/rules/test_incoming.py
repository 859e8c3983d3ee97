"""What a PDU is: decoded as far as it can be, fingerprinted, never raised about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.rules.incoming import RawPdu, offset_s, time_ms, understand
from tests.unit.store.pdus import deliver, parts, report


def test_what_there_is() -> None:
    text, piece, receipt = (understand(RawPdu(pdu)) for pdu in (deliver(), parts("x" * 200)[1], report(3)))
    assert text.deliver is not None
    assert (text.report, text.reason, text.timed, text.concat) == (None, None, True, None)
    assert piece.concat is not None
    assert (piece.concat.reference, piece.concat.total, piece.concat.sequence) == (7, 2, 2)
    assert receipt.report is not None
    assert receipt.deliver is receipt.concat is receipt.reason is None


def digest(pdu: str) -> bytes:
    return understand(RawPdu(pdu)).digest


@pytest.mark.parametrize(
    "same",
    [
        deliver().lower(),
        deliver(mms=True),
        "07919761989901F0" + deliver()[2:],
    ],
)
def test_two_deliveries_of_one_message(same: str) -> None:
    assert digest(same) == digest(deliver())


@pytest.mark.parametrize("other", [deliver("ho"), deliver(seconds=1), deliver(sender="+79160000000"), deliver(pid=1)])
def test_two_messages(other: str) -> None:
    assert digest(other) != digest(deliver())


def test_parts_and_reports_differ() -> None:
    pdus = [*parts("x" * 400), report(1), report(2), report(1, st=0x30), report(1, done=9)]
    assert len({digest(pdu) for pdu in pdus}) == len(pdus)


@given(st.text(max_size=60) | st.binary(max_size=180).map(bytes.hex))
def test_it_never_raises(text: str) -> None:
    found = understand(RawPdu(text))
    assert (found.deliver is not None) + (found.report is not None) + (found.reason is not None) == 1
    assert len(found.digest) == 16


def test_times() -> None:
    east = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    assert time_ms(east) == time_ms(datetime(2026, 1, 1, tzinfo=UTC)) == 1_767_225_600_000
    assert (offset_s(east), offset_s(None), time_ms(None)) == (10_800, None, None)
