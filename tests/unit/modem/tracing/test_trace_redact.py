"""A redacted trace: nobody in it, everything else still there."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.modem.tracing.pdu_redact import Redactor
from modemgw.modem.tracing.trace_format import Mark, escape, parse_trace
from modemgw.modem.tracing.trace_redact import redact_trace
from modemgw.sms import (
    Address,
    Direction,
    InformationElement,
    Pdu,
    Relative,
    Scts,
    SmsDeliver,
    SmsStatusReport,
    SmsSubmit,
    Udh,
    decode_pdu,
    encode_pdu,
    plan,
    segment,
)

SALT = b"salt"
SCA = Address.parse("+79168999100")
PEER = Address.parse("+79161234567")
SCTS = Scts.of(datetime(2026, 11, 22, 12, 45, tzinfo=UTC))
TEXTS = ["hello", "Привет, мир! " * 12, "x" * 161, "emoji 😀", "[]{}€"]


def redact(*lines: str) -> list[str]:
    return redact_trace(lines, SALT)


def redacted(pdu_hex: str, direction: Direction) -> Pdu:
    octets = bytes.fromhex(pdu_hex)
    changed = Redactor(SALT).pdu(octets, sent=direction is Direction.FROM_MS)
    assert len(changed) == len(octets)
    return decode_pdu(changed.hex(), direction)


@pytest.mark.parametrize("text", TEXTS)
def test_a_submit_can_still_be_read(text: str) -> None:
    planned = plan(text)
    for part in segment(text, planned, reference=7):
        before = SmsSubmit(PEER, part.ud, part.udh, planned.dcs(), mr=5, vp=Relative(timedelta(days=2)), srr=True)
        pdu = redacted(encode_pdu(before, SCA).hex, Direction.FROM_MS)
        after = pdu.tpdu
        assert isinstance(after, SmsSubmit)
        assert (after.mr, after.dcs, after.udh, after.vp) == (5, before.dcs, before.udh, before.vp)
        assert set(after.text) == {"x"}
        assert after.da.digits != before.da.digits
        assert len(after.da.digits) == len(before.da.digits)
        assert pdu.sca is not None
        assert pdu.sca.digits.startswith("79168")
        assert pdu.sca.digits != SCA.digits


@pytest.mark.parametrize("sender", ["+79161234567", "900", "Bank", "SBER-BANK 1"])
def test_a_deliver_can_still_be_read(sender: str) -> None:
    planned = plan("Ваш код 1234")
    (part,) = segment("Ваш код 1234", planned)
    before = SmsDeliver(Address.parse(sender), SCTS, part.ud, dcs=planned.dcs())
    after = redacted(encode_pdu(before, SCA).hex, Direction.TO_MS).tpdu
    assert isinstance(after, SmsDeliver)
    assert after.text == "x" * len("Ваш код 1234")
    assert after.scts == SCTS
    assert after.oa.ton == before.oa.ton
    assert after.oa.digits != before.oa.digits
    assert len(after.oa.digits) == len(sender.removeprefix("+"))


def test_a_status_report_can_still_be_read() -> None:
    before = SmsStatusReport(200, PEER, SCTS, SCTS, 0x46)
    after = redacted(encode_pdu(before, SCA).hex, Direction.TO_MS).tpdu
    assert isinstance(after, SmsStatusReport)
    assert (after.mr, after.st, after.scts) == (200, 0x46, SCTS)
    assert after.ra.digits == Redactor(SALT).digits("79161234567")


def test_a_reply_address_in_the_header_is_blanked() -> None:
    header = Udh(
        (InformationElement(0x00, b"\x07\x02\x01"), InformationElement(0x22, bytes.fromhex("0B919761214365F7")))
    )
    after = redacted(encode_pdu(SmsDeliver(PEER, SCTS, b"", header)).hex, Direction.TO_MS).tpdu
    assert isinstance(after, SmsDeliver)
    assert after.udh.elements == (header.elements[0], InformationElement(0x22, bytes(8)))


@given(st.binary(max_size=180), st.booleans())
def test_anything_in_the_place_of_a_pdu(octets: bytes, sent: bool) -> None:
    assert len(Redactor(SALT).pdu(octets, sent=sent)) == len(octets)


def test_a_number_is_the_same_everywhere_and_another_with_another_salt() -> None:
    redactor = Redactor(SALT)
    assert redactor.digits("+79161234567") == "+" + redactor.digits("79161234567")
    assert redactor.digits("79161234567", 5).startswith("79161")
    assert Redactor(b"pepper").digits("79161234567") != redactor.digits("79161234567")
    lines = redact(r'> AT+CMGS="+79161234567"\r', r'< \r\n+CLIP: "+79161234567",145\r\n')
    assert len({number for line in lines for number in re.findall(r"\+[0-9]{11}", line)}) == 1


SECRET = [
    "79161234567",
    "356938030000013",
    "250011234567890",
    "8970199000000000007",
    "Mama",
    "hello",
    "1A2B",
    "55.7558",
]
DIALOGUE = r"""
# modemgw trace 1
2026-11-22T03:19:28.123456Z 0.000000 = open /dev/serial/by-id/x-356938030000013-if02
> AT+CGSN\r
< \r\n3569380
< 30000013\r\n\r\nOK\r\n
> AT+CIMI\r
< \r\n250011234567890\r\n\r\nOK\r\n
> AT+CCID\r
< \r\n+CCID: 8970199000000000007\r\n\r\nOK\r\n
< \r\n+CNUM: "Mama","+79161234567",145\r\n
< \r\n+CREG: 2,1,"1A2B","01C3D4E5",7\r\n
> AT+CMGS="+79161234567"\r
< \r\n>\x20
> hello\rhello\x1a
< \r\n+CMT: "+79161234567",,"26/11/22,03:00:00+12"\r\nhello hello\r\n
< \r\n+CMGL: 1,"REC READ","+79161234567",,"26/11/22,03:00:00+12"\r\nhello\r\nMama\r\n
< +CMGL: 2,"REC READ","Mama",,\r\nhello\r\n\r\nOK\r\n
< \r\n+CUSD: 0,"hello\r\n79161234567",15\r\n
< \r\n+CLIP: "+79161234567",145,"",,"Mama",0\r\n
> ATD+79161234567;\r
> AT+CUSD=1,"*145*79161234567#",15\r
> AT+CMGS="002B00370039003100360031003200330034003500360037"\r
< $GPGGA,123519,55.7558,N,37.6173,E,1,08,0.9,545.4,M\r\n
""".strip().splitlines()


def _bytes(lines: list[str], mark: Mark) -> bytes:
    return b"".join(line.data for line in parse_trace(lines) if line.mark is mark)


def test_nobody_is_left() -> None:
    lines = redact(*DIALOGUE)
    assert len(lines) == len(DIALOGUE)
    for mark in (Mark.SENT, Mark.RECEIVED):
        said = _bytes(lines, mark).decode()
        assert len(said) == len(_bytes(DIALOGUE, mark))
        for secret in SECRET:
            assert secret not in said
            assert secret.encode("utf-16-be").hex().upper() not in said
    said = "\n".join(lines)
    for kept in ("35693803", "25001", "897019", '"REC READ"', "26/11/22,03:00:00+12", "AT+CMGS=", "+CREG: 2,1", "OK"):
        assert kept in said
    assert "356938030000013" not in said


def test_what_names_nobody_stays() -> None:
    lines = [
        r"> AT+CGMM\r",
        r"< \r\nE3372\r\n\r\nOK\r\n",
        r"< \r\n+CGMR: 21.180.01.00.00\r\n",
        r"> AT+CNMI=2,1,0,1,0\r",
        r"< \r\n+CMS ERROR: 500\r\n",
        r'< \r\n+CMTI: "SM",12\r\n',
        r'> AT+CUSD=1,"*100#",15\r',
        r"< \r\n+CPMS: 1,30,1,30,1,30\r\n",
        r'< \r\n+COPS: 0,0,"MTS RUS",7\r\n',
        r"< \xff\xfe\x80\x00",
        "= lost Input/output error",
        "",
        "# a comment",
    ]
    assert redact(*lines) == lines


@given(st.randoms(use_true_random=False))
def test_where_the_bytes_are_cut_does_not_matter(rng: random.Random) -> None:
    said = r"+CMGL: 1,1,,24\r\n07919761989901F0040B919761214365F7000862112221234521060048006900210D0A"
    data = b"\r\n" + said.encode().replace(b"\\r\\n", b"\r\n") + b'\r\nOK\r\n+CLIP: "+79161234567",145\r\n'
    whole = _bytes(redact(f"< {escape(data)}"), Mark.RECEIVED)
    cuts = sorted(rng.sample(range(1, len(data)), 5))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    lines = redact(*(f"< {escape(piece)}" for piece in pieces))
    assert [len(line.data) for line in parse_trace(lines)] == [len(piece) for piece in pieces]
    assert _bytes(lines, Mark.RECEIVED) == whole
    assert b"79161234567" not in whole


def test_what_is_no_line_is_left_out() -> None:
    assert redact("what is this +79161234567", r"> AT\r") == [r"> AT\r"]
