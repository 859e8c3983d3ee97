"""Whatever a modem answers, a reader gives a value or AtResponseError."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemgw.at import responses as r
from modemgw.at.errors import AtResponseError, CommandFailed, error_from_result
from modemgw.at.parser import InfoLine
from modemgw.at.policy import policy_for

READERS: list[Callable[[str], Any]] = [
    r.fields,
    r.groups_of,
    r.numbers_of,
    r.read_imei,
    r.read_imsi,
    r.read_iccid,
    r.read_name,
    r.read_own_number,
    r.read_pin_state,
    r.read_pin_tries,
    r.read_registration,
    r.read_signal,
    r.read_operator,
    r.read_smsc,
    r.read_submit_reference,
    r.read_memory_range,
    r.read_memory_fill,
    r.read_indication_range,
    r.read_indications,
    r.read_index_list,
    r.read_stored_indication,
    r.read_direct_length,
    r.read_ussd,
    r.read_caller,
    r.read_function,
    lambda text: r.read_registration(text, unsolicited=True),
]
NAMES = [
    "+CSQ",
    "+CPMS",
    "+CNMI",
    "+CREG",
    "+CEREG",
    "+CMTI",
    "+CUSD",
    "+CSCA",
    "+CPIN",
    "^CPIN",
    "+CPINR",
    "+CMGD",
    "x",
]
VALUES = st.text(alphabet='0123456789,"()-+ ABCDEFSMx:²\n', max_size=40)
LINES = st.one_of(st.text(max_size=60), st.builds("{}: {}".format, st.sampled_from(NAMES), VALUES))


@pytest.mark.parametrize("read", READERS, ids=lambda f: f.__name__)
@given(line=LINES)
@settings(max_examples=60)
def test_a_reader_gives_a_value_or_one_error(read: Callable[[str], Any], line: str) -> None:
    with contextlib.suppress(AtResponseError):
        read(line)


@given(line=LINES, pdu=st.one_of(st.none(), st.text(max_size=20)))
@settings(max_examples=200)
def test_stored_messages_are_read_or_refused(line: str, pdu: str | None) -> None:
    for read in (r.read_list_entry, r.read_message):
        with contextlib.suppress(AtResponseError):
            entry = read(InfoLine(line, pdu))
            assert isinstance(entry.whole, bool)
            assert entry.pdu.upper() == (line if pdu is None else pdu).upper()
            assert not entry.whole or bytes.fromhex(entry.pdu)


@given(text=st.one_of(LINES, VALUES.map("+CMS ERROR: {}".format), VALUES.map("+CME ERROR:{}".format)))
@settings(max_examples=200)
def test_every_refusal_has_a_policy(text: str) -> None:
    error = error_from_result(text)
    assert isinstance(error, CommandFailed)
    assert str(error)
    assert policy_for(error).text is not None


@given(values=st.lists(st.text(alphabet="abc 123", max_size=5).map(str.strip), min_size=1, max_size=6))
def test_fields_come_back(values: list[str]) -> None:
    text = ",".join(f'"{v}"' for v in values)
    assert r.fields(text) == values
