"""The codec against libgammu's, on random texts: who decodes whose PDUs to what.

Where they differ libgammu is wrong, and the test says how. Skipped where python-gammu is not installed.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from modemgw.sms import (
    Address,
    Direction,
    Encoding,
    LockingShift,
    MessageClass,
    Scts,
    SingleShift,
    SmsDeliver,
    SmsStatusReport,
    SmsSubmit,
    assemble,
    decode_pdu,
    encode_pdu,
    plan,
    segment,
)
from modemgw.sms.gsm7 import codec

gammu: Any = pytest.importorskip("gammu", reason="python-gammu (libgammu) is not installed", exc_type=ImportError)

SCA = Address.parse("+79160000000")
SCTS = Scts.of(datetime(2026, 11, 22, 12, 45, tzinfo=UTC))
EXTENSION = "\f^{}\\[~]|€"
POOLS = {
    "gsm7": sorted(codec(LockingShift.DEFAULT, SingleShift.DEFAULT).chars),
    "ascii": list("abc XYZ 0123 .,!?@$_"),
    "extension": list("a" + EXTENSION),
    "cyrillic": list("абвгд ЕЖЗ"),
    "emoji": list("a😀🚀я"),
    "mixed": list("aя€ü漢ÿ`"),
}
LENGTHS = (0, 1, 2, 7, 8, 9, 69, 70, 71, 100, 133, 134, 135, 152, 153, 154, 159, 160, 161, 300, 306, 307, 459)
NUMBERS = ("+79161234567", "+1234", "89161234567", "900", "12345", "Tele2", "Hello World", "FRANCOIS")


def random_texts(pool: str) -> list[str]:
    rng = random.Random(pool)
    return ["".join(rng.choices(POOLS[pool], k=length)) for length in LENGTHS for _ in range(4)]


def shown(text: str, by_gammu: str) -> bool:
    """Whether libgammu shows this text.

    It counts an extension character as two, so that octets of its memory follow the text: only the start counts.
    """
    return by_gammu.startswith(text) if set(text) & set(EXTENSION) else by_gammu == text


@pytest.mark.parametrize("pool", POOLS)
def test_libgammu_reads_what_we_write(pool: str) -> None:
    for index, text in enumerate(random_texts(pool)):
        planned = plan(text)
        sender = Address.parse(NUMBERS[index % len(NUMBERS)])
        for part in segment(text, planned, reference=index):
            ours = SmsDeliver(sender, SCTS, part.ud, part.udh, planned.dcs())
            theirs = gammu.DecodePDU(bytes.fromhex(encode_pdu(ours, SCA).hex), True)
            assert shown(ours.text or "", theirs["Text"])
            assert theirs["Number"] == str(sender)
            assert theirs["SMSC"]["Number"] == str(SCA)
            assert theirs["DateTime"] == SCTS.time
            concat = part.udh.concat
            if concat:
                udh = theirs["UDH"]
                assert (udh["ID8bit"], udh["AllParts"], udh["PartNumber"]) == (
                    concat.reference,
                    concat.total,
                    concat.sequence,
                )


def encoded_by_gammu(text: str, ucs2: bool, message_class: int = -1) -> list[SmsSubmit]:
    """The SUBMITs that libgammu makes of a text, decoded by us."""
    out = []
    entry = {"ID": "ConcatenatedTextLong", "Buffer": text}
    for sms in gammu.EncodeSMS({"Class": message_class, "Unicode": ucs2, "Entries": [entry]}):
        sms["Number"] = "+79161234567"
        sms["SMSC"] = {"Number": str(SCA)}
        pdu = decode_pdu(gammu.EncodePDU(sms).hex(), Direction.FROM_MS)
        assert isinstance(pdu.tpdu, SmsSubmit)
        assert (str(pdu.sca), str(pdu.tpdu.da)) == (str(SCA), "+79161234567")
        out.append(pdu.tpdu)
    return out


@pytest.mark.parametrize("pool", POOLS)
def test_we_cut_and_code_as_libgammu_does(pool: str) -> None:
    for text in random_texts(pool):
        planned = plan(text)
        theirs = encoded_by_gammu(text, planned.encoding is Encoding.UCS2)
        parts = segment(text, planned)
        parts_read = {
            number: SmsDeliver(part.da, SCTS, part.ud, part.udh, part.dcs) for number, part in enumerate(theirs, 1)
        }
        assert assemble(parts_read, len(theirs)).text == text
        if "\r\n" not in text:  # which libgammu cuts and we do not
            assert [part.ud for part in parts] == [part.ud for part in theirs]
        assert {part.dcs.alphabet for part in theirs} == {planned.encoding.alphabet}


def test_flash() -> None:
    for text in ("hello", "привет"):
        (theirs,) = encoded_by_gammu(text, not text.isascii(), 0)
        planned = plan(text)
        ours = planned.dcs(MessageClass.CLASS0)
        assert theirs.dcs.message_class is ours.message_class
        assert theirs.dcs.alphabet is ours.alphabet
        assert theirs.text == text


@pytest.mark.parametrize("st", [0x00, 0x20, 0x30, 0x46, 0x62])
def test_libgammu_reads_our_status_reports(st: int) -> None:
    report = SmsStatusReport(77, Address.parse("+79161234567"), SCTS, SCTS, st)
    theirs = gammu.DecodePDU(bytes.fromhex(encode_pdu(report, SCA).hex), True)
    assert theirs["Type"] == "Status_Report"
    assert theirs["MessageReference"] == 77
    assert theirs["Number"] == "+79161234567"
    assert theirs["DeliveryStatus"] == st
