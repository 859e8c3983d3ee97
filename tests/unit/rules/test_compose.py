"""From a stored message to the PDUs that a modem gets: decoded again, they are what was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modemgw.domain.account import Account
from modemgw.domain.job import Job, LineRecord, job_of
from modemgw.domain.message import Encoding, Submission
from modemgw.domain.refusal import Refusal
from modemgw.rules.admission import admit
from modemgw.rules.compose import compose, submit_pdu
from modemgw.sms import (
    Alphabet,
    Direction,
    MessageClass,
    Relative,
    SmsDeliver,
    SmsSubmit,
    assemble,
    decode_pdu,
)

NOW = 1_700_000_000_000
LINE = LineRecord(1, "a", "25001", "+79990000000")
SHOP = Account(1, "shop", max_parts=255)

LONG = "Съешь ещё этих мягких французских булок, да выпей чаю 😀 [€] " * 12


def job(message_id: int = 0x1234, **changes: Any) -> Job:
    message = admit(SHOP, replace(Submission(to="+79161234567", text="hello"), **changes), NOW)
    return job_of(message, message_id, NOW + message.validity_s * 1000)


def submits(job: Job, line: LineRecord = LINE, resend: bool = False, now: int = NOW) -> dict[int, SmsSubmit]:
    found = {}
    for seq, part in compose(job).items():
        pdu = submit_pdu(job, part, line, resend=resend, now=now)
        decoded = decode_pdu(pdu.hex, Direction.FROM_MS)
        assert isinstance(decoded.tpdu, SmsSubmit)
        assert len(bytes.fromhex(pdu.hex)) - pdu.length == (1 if line.smsc is None else 8)
        found[seq] = decoded.tpdu
    return found


def whole(parts: dict[int, SmsSubmit]) -> tuple[str | None, bytes | None]:
    deliver = {seq: SmsDeliver(oa=p.da, ud=p.ud, udh=p.udh, dcs=p.dcs) for seq, p in parts.items()}
    message = assemble(deliver, max(parts))
    assert message.complete
    return message.text, message.data


@pytest.mark.parametrize(
    ("changes", "alphabet"),
    [
        ({"text": "hello"}, Alphabet.GSM7),
        ({"text": "[€]" * 53}, Alphabet.GSM7),
        ({"text": "x" * 152 + "€" * 200}, Alphabet.GSM7),
        ({"text": "привет"}, Alphabet.UCS2),
        ({"text": LONG}, Alphabet.UCS2),
        ({"text": "👨‍👩‍👧‍👦" * 40}, Alphabet.UCS2),
        ({"text": "plain", "encoding": Encoding.UCS2}, Alphabet.UCS2),
        ({"text": "ığş" * 90, "national": True}, Alphabet.GSM7),
        ({"text": "z" * 39_000}, Alphabet.GSM7),
    ],
)
def test_texts_come_out_as_they_went_in(changes: dict[str, Any], alphabet: Alphabet) -> None:
    made = job(**changes)
    parts = submits(made)
    assert sorted(parts) == list(range(1, made.parts + 1))
    assert whole(parts) == (changes["text"], None)
    assert all(part.dcs.alphabet is alphabet for part in parts.values())


@pytest.mark.parametrize("length", [1, 140, 141, 1000])
def test_data_come_out_as_they_went_in(length: int) -> None:
    data = bytes(n % 256 for n in range(length))
    header = b"\x05\x04\x0b\x84\x23\xf0"
    parts = submits(job(text=None, data=data, udh=header))
    assert whole(parts) == (None, data)
    assert all(part.udh.ports == (0x0B84, 0x23F0, True) for part in parts.values())
    assert all(part.dcs.alphabet is Alphabet.DATA8 for part in parts.values())


def test_a_restart_composes_the_same_octets() -> None:
    made = job(text=LONG)
    assert submits(made) == submits(replace(made))
    rest = replace(made, queued=(3, 5))
    assert submits(rest) == {seq: part for seq, part in submits(made).items() if seq in (3, 5)}


def test_neighbours_have_different_references() -> None:
    references = {submits(job(number, text="x" * 200))[1].udh.concat.reference for number in range(1000, 1256)}  # type: ignore[union-attr]
    assert len(references) == 256


def test_parameters() -> None:
    (part,) = submits(job(flash=True, pid=0x41)).values()
    assert (str(part.da), part.pid, part.srr, part.rd) == ("+79161234567", 0x41, True, False)
    assert part.dcs.message_class is MessageClass.CLASS0
    (part,) = submits(job(report=False)).values()
    assert not part.srr
    (part,) = submits(job(to="900")).values()
    assert str(part.da) == "900"
    (part,) = submits(job(text=None, data=b"x", dcs=0xF5)).values()
    assert part.dcs.octet == 0xF5


def test_a_second_copy_asks_the_centre_to_drop_it() -> None:
    assert all(part.rd for part in submits(job(text=LONG), resend=True).values())


def test_the_service_centre_of_the_configuration_goes_into_the_pdu() -> None:
    made = job()
    pdu = submit_pdu(made, compose(made)[1], replace(LINE, smsc="+79168999100"), resend=False, now=NOW)
    assert str(decode_pdu(pdu.hex, Direction.FROM_MS).sca) == "+79168999100"
    assert submits(made, replace(LINE, smsc="+79168999100")) == submits(made)


@pytest.mark.parametrize(
    ("validity_s", "passed_s", "left_s"),
    [
        (3600, 0, 3600),
        (3600, 1800, 1800),
        (3600, 3599, 300),  # the shortest that can be said
        (60, 0, 300),
        (259200, 0, 259200),
        (259200, 200000, 59200),
    ],
)
def test_the_validity_is_what_is_left_of_it(validity_s: int, passed_s: int, left_s: int) -> None:
    made = job(validity_s=validity_s)
    (part,) = submits(made, now=NOW + passed_s * 1000).values()
    assert isinstance(part.vp, Relative)
    said = part.vp.period.total_seconds()
    assert abs(said - left_s) <= 0.05 * left_s


def test_a_message_that_composes_to_other_parts_than_were_accepted_is_not_sent() -> None:
    with pytest.raises(ValueError, match="accepted as 3 parts and composes to 1"):
        compose(replace(job(), parts=3))


def test_a_clients_own_concatenation_goes_out_as_it_is() -> None:
    account = Account(1, "shop")
    own = bytes.fromhex("0003070201")
    message = admit(account, Submission(to="+79161234567", data=b"\x01" * 100, udh=own), 0)
    assert message.parts == 1
    (part,) = compose(job_of(message, 1, 10**12)).values()
    assert part.udh.encode() == bytes([len(own)]) + own
    assert part.ud == b"\x01" * 100
    with pytest.raises(Refusal):
        admit(account, Submission(to="+79161234567", data=b"\x01" * 141, udh=own), 0)
