"""The codec against python-gsmmodem-new's, where that one is right; and our answer in each case where it is not."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modemgw.sms import (
    Address,
    Dcs,
    Direction,
    InformationElement,
    LockingShift,
    Relative,
    Scts,
    SingleShift,
    SmsDeliver,
    SmsStatusReport,
    SmsSubmit,
    StatusMeaning,
    TpduDecodeError,
    Udh,
    decode_pdu,
    encode_gsm7,
    encode_pdu,
    plan,
    segment,
)
from modemgw.sms.gsm7 import codec
from modemgw.sms.udh import concat_element

gsmmodem_pdu: Any = pytest.importorskip(
    "gsmmodem.pdu", reason="python-gsmmodem-new is not installed", exc_type=ImportError
)

NUMBER = "+79161234567"
SCTS = Scts.of(datetime(2026, 11, 22, 12, 45, tzinfo=UTC))
# Its tables swap § and `, and read the septet of ESC FF otherwise.
GSM7 = sorted(codec(LockingShift.DEFAULT, SingleShift.DEFAULT).chars - set("§\f"))
POOLS = {"gsm7": GSM7, "ascii": list("abc XYZ 0123"), "cyrillic": list("абвгд ЕЖЗ"), "bmp": list("aя€漢你")}
LENGTHS = (1, 2, 7, 9, 69, 70, 71, 100, 152, 153, 154, 160, 161, 306, 307)


def random_texts(pool: str) -> list[str]:
    rng = random.Random(pool)
    texts = ["".join(rng.choices(POOLS[pool], k=length)) for length in LENGTHS for _ in range(4)]
    return [text for text in texts if not text.endswith("@")]  # which it drops as padding


@pytest.mark.parametrize("pool", POOLS)
def test_it_writes_what_we_write(pool: str) -> None:
    for text in random_texts(pool):
        planned = plan(text)
        theirs = gsmmodem_pdu.encodeSmsSubmitPdu(
            NUMBER, text, reference=5, validity=timedelta(days=2), rejectDuplicates=False
        )
        read = [decode_pdu(str(pdu), Direction.FROM_MS).tpdu for pdu in theirs]
        assert all(isinstance(part, SmsSubmit) for part in read)
        assert "".join(getattr(part, "text", "") for part in read) == text
        if len(theirs) == planned.parts == 1:
            (part,) = segment(text, planned)
            submit = SmsSubmit(
                Address.parse(NUMBER),
                part.ud,
                part.udh,
                planned.dcs(),
                vp=Relative(timedelta(days=2)),
                mr=5,
                srr=True,
            )
            assert encode_pdu(submit).hex == str(theirs[0])


@pytest.mark.parametrize("pool", POOLS)
def test_it_reads_what_we_write(pool: str) -> None:
    for text in random_texts(pool):
        planned = plan(text)
        for part in segment(text, planned, reference=5):
            ours = SmsDeliver(Address.parse(NUMBER), SCTS, part.ud, part.udh, planned.dcs())
            if len(ours.ud) % 8 == 0 and (ours.text or "").endswith("@"):
                continue
            theirs = gsmmodem_pdu.decodeSmsPdu(encode_pdu(ours, Address.parse("+7916")).hex)
            assert (theirs["type"], theirs["number"], theirs["smsc"]) == ("SMS-DELIVER", NUMBER, "+7916")
            assert theirs["text"].rstrip("@") == (ours.text or "").rstrip("@")
            assert theirs["time"] == SCTS.time


def test_it_reads_our_status_reports() -> None:
    report = SmsStatusReport(214, Address.parse(NUMBER), SCTS, SCTS, 0)
    theirs = gsmmodem_pdu.decodeSmsPdu(encode_pdu(report).hex)
    assert (theirs["type"], theirs["reference"], theirs["number"], theirs["status"]) == (
        "SMS-STATUS-REPORT",
        214,
        NUMBER,
        0,
    )


def received(ud: bytes, udh: Udh = Udh(), dcs: int = 0) -> SmsDeliver:
    deliver = SmsDeliver(Address.parse(NUMBER), SCTS, ud, udh, Dcs(dcs))
    pdu = decode_pdu(encode_pdu(deliver).hex, Direction.TO_MS)
    assert pdu.tpdu == deliver
    return deliver


def test_where_it_is_wrong_emoji() -> None:
    planned = plan("hi 😀")  # it: ValueError when sending, lone surrogates when receiving
    (part,) = segment("hi 😀", planned)
    assert part.ud.hex() == "006800690020d83dde00"
    assert received(part.ud, part.udh, 8).text == "hi 😀"


def test_where_it_is_wrong_16bit_reference() -> None:
    udh = Udh((concat_element(0x1234, 2, 1, 16),))  # it: 'ello world', it sees fill bits where there are none
    assert received(encode_gsm7("hello world"), udh).text == "hello world"


def test_where_it_is_wrong_trailing_at() -> None:
    assert received(encode_gsm7("mail me@")).text == "mail me@"  # it: 'mail me'


def test_where_it_is_wrong_section_sign() -> None:
    assert received(encode_gsm7("§ 823")).text == "§ 823"  # it: '` 823'
    assert plan("`").dcs() == Dcs(8)  # it sends the section sign


def test_where_it_is_wrong_y_diaeresis() -> None:
    assert plan("L'Haÿ").dcs() == Dcs(8)  # it: TypeError


def test_where_it_is_wrong_truncated() -> None:
    whole = encode_pdu(received(encode_gsm7("hello"))).hex
    for end in range(len(whole)):  # it: StopIteration
        with pytest.raises(TpduDecodeError):
            decode_pdu(whole[:end], Direction.TO_MS)


def test_where_it_is_wrong_time_of_zeros() -> None:
    deliver = SmsDeliver(Address.parse(NUMBER), Scts.decode(bytes(7)), b"hi")  # it: ValueError
    pdu = decode_pdu(encode_pdu(deliver).hex, Direction.TO_MS)
    assert isinstance(pdu.tpdu, SmsDeliver)
    assert (pdu.tpdu.text, pdu.tpdu.scts.valid) == ("hi", False)


def test_where_it_is_wrong_national_tables() -> None:
    udh = Udh((InformationElement(0x24, b"\1"),))  # it: ''
    assert received(encode_gsm7("Ş", single=SingleShift.TURKISH), udh).text == "Ş"


def test_where_it_is_wrong_short_validity() -> None:
    vp = Relative(timedelta(minutes=1))  # it: ValueError
    assert vp.encode() == b"\0"


def test_where_it_is_wrong_report_wanted_always() -> None:
    assert SmsSubmit(Address.parse(NUMBER)).encode()[0] == 0x01  # it sets TP-SRR without being asked


def test_where_it_is_wrong_still_trying() -> None:
    report = SmsStatusReport(1, Address.parse(NUMBER), SCTS, SCTS, 0x30)
    assert report.outcome is StatusMeaning.TRYING  # it: FAILED
