"""The TPDUs one by one: flags, optional fields, user data (TS 23.040 9.2.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modemgw.sms import (
    Address,
    Dcs,
    Direction,
    InformationElement,
    Scts,
    SmsCommand,
    SmsDeliver,
    SmsDeliverReport,
    SmsStatusReport,
    SmsSubmit,
    SmsSubmitReport,
    StatusMeaning,
    Tpdu,
    TpduDecodeError,
    TpduEncodeError,
    Udh,
    decode_tpdu,
    describe_status,
    encode_gsm7,
    status_meaning,
)

NUMBER = Address.parse("+123")
TIME = Scts.of(datetime(2026, 11, 22, 12, 45, tzinfo=UTC))
TIME_HEX = "62112221540000"
CONCAT = Udh((InformationElement(0, b"\7\2\1"),))
TO_MS, FROM_MS = Direction.TO_MS, Direction.FROM_MS


@pytest.mark.parametrize(
    ("tpdu", "direction", "octets"),
    [
        (SmsSubmit(NUMBER), FROM_MS, "0100039121F3000000"),
        (SmsSubmit(NUMBER, mr=7, pid=0x41, rd=True), FROM_MS, "0507039121F3410000"),
        (SmsSubmit(NUMBER, srr=True, rp=True), FROM_MS, "A100039121F3000000"),
        (SmsSubmit(NUMBER, b"\1", CONCAT, Dcs(4)), FROM_MS, "4100039121F3000407050003070201" + "01"),
        (SmsSubmit(NUMBER, b"h", CONCAT), FROM_MS, "4100039121F3000008050003070201D0"),
        (SmsDeliver(NUMBER, TIME), TO_MS, f"04039121F30000{TIME_HEX}00"),
        (SmsDeliver(NUMBER, TIME, mms=True, lp=True), TO_MS, f"08039121F30000{TIME_HEX}00"),
        (SmsDeliver(NUMBER, TIME, sri=True, rp=True), TO_MS, f"A4039121F30000{TIME_HEX}00"),
        (SmsDeliver(NUMBER, TIME, b"h", dcs=Dcs(0x10)), TO_MS, f"04039121F30010{TIME_HEX}0168"),
        (SmsStatusReport(9, NUMBER, TIME, TIME, 0), TO_MS, f"0609039121F3{TIME_HEX}{TIME_HEX}00"),
        (
            SmsStatusReport(9, NUMBER, TIME, TIME, 0x46, pid=1, dcs=Dcs(4), ud=b"x", mms=True, lp=True, srq=True),
            TO_MS,
            f"2A09039121F3{TIME_HEX}{TIME_HEX}46070104" + "0178",
        ),
        (
            SmsStatusReport(9, NUMBER, TIME, TIME, 0, udh=CONCAT, ud=b"h"),
            TO_MS,
            f"4609039121F3{TIME_HEX}{TIME_HEX}000408050003070201D0",
        ),
        (SmsDeliverReport(), FROM_MS, "0000"),
        (SmsDeliverReport(fcs=0xD3), FROM_MS, "00D300"),
        (SmsDeliverReport(pid=0x7F, dcs=Dcs(4), ud=b"\1\2"), FROM_MS, "00077F04020102"),
        (SmsDeliverReport(fcs=0xD5, udh=CONCAT, ud=b"h"), FROM_MS, "40D50408050003070201D0"),
        (SmsSubmitReport(TIME), TO_MS, f"0100{TIME_HEX}"),
        (SmsSubmitReport(TIME, fcs=0xC5), TO_MS, f"01C500{TIME_HEX}"),
        (SmsSubmitReport(TIME, pid=1, dcs=Dcs(8), ud=b"\4\x10"), TO_MS, f"0107{TIME_HEX}0108020410"),
        (SmsCommand(NUMBER, ct=2, mn=200), FROM_MS, "0200" + "0002C8039121F300"),
        (
            SmsCommand(NUMBER, ct=0, mn=1, mr=3, pid=4, cd=b"x", udh=CONCAT, srr=True),
            FROM_MS,
            "620304" + "0001039121F307050003070201" + "78",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str | Direction) else "",
)
def test_there_and_back(tpdu: Tpdu, direction: Direction, octets: str) -> None:
    assert tpdu.encode().hex().upper() == octets
    assert decode_tpdu(bytes.fromhex(octets), direction) == tpdu
    assert decode_tpdu(b"\xff\xff" + bytes.fromhex(octets), direction, 2) == tpdu


def test_the_layer_below_says_whether_there_is_a_cause() -> None:
    assert SmsDeliverReport.decode(b"\0\xd3\0").fcs == 0xD3
    assert SmsDeliverReport.decode(b"\0\xd3\0", error=True).fcs == 0xD3
    assert SmsDeliverReport.decode(b"\0\xc0\0", error=False).fcs is None  # a TP-PI with an extension
    assert SmsSubmitReport.decode(b"\1\0" + TIME.raw, error=False) == SmsSubmitReport(TIME)
    assert SmsDeliverReport.decode(b"\0") == SmsDeliverReport()  # without the TP-PI it should have
    with pytest.raises(TpduDecodeError) as caught:
        SmsDeliverReport.decode(b"\0", error=True)
    assert caught.value.field == "fcs"


@pytest.mark.parametrize(
    ("tail", "pid"),
    [("", None), ("00", None), ("FF", None), ("FFFFFF", None), ("0141", 0x41), ("0705", None), ("04FF", None)],
)
def test_what_modems_leave_after_a_status(tail: str, pid: int | None) -> None:
    octets = bytes.fromhex(f"0609039121F3{TIME_HEX}{TIME_HEX}30{tail}")
    report = SmsStatusReport.decode(octets)
    assert (report.mr, report.st, report.pid) == (9, 0x30, pid)


@pytest.mark.parametrize(
    ("tpdu", "field"),
    [
        (SmsDeliverReport(fcs=0x7F), "fcs"),
        (SmsDeliverReport(fcs=0x100), "fcs"),
        (SmsDeliverReport(pid=256), "pid"),
        (SmsDeliverReport(dcs=Dcs(4), ud=bytes(160)), "ud"),
        (SmsDeliverReport(fcs=0x80, dcs=Dcs(4), ud=bytes(159)), "ud"),
        (SmsSubmitReport(TIME, dcs=Dcs(4), ud=bytes(153)), "ud"),
        (SmsStatusReport(9, NUMBER, TIME, TIME, 0, dcs=Dcs(4), ud=bytes(132)), "ud"),
        (SmsStatusReport(9, NUMBER, TIME, TIME, 256), "st"),
        (SmsCommand(NUMBER, ct=0, cd=bytes(158)), "cd"),
        (SmsCommand(NUMBER, ct=-1), "ct"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_encoded(tpdu: Tpdu, field: str) -> None:
    with pytest.raises(TpduEncodeError) as caught:
        tpdu.encode()
    assert caught.value.field == field


def deliver(dcs: int, ud: str, udhi: bool = True, udl: int | None = None) -> SmsDeliver:
    """The DELIVER with this user data field; `udl` defaults to the count of octets."""
    body = bytes.fromhex(ud)
    head = f"{'44' if udhi else '04'}039121F300{dcs:02X}{TIME_HEX}"
    return SmsDeliver.decode(bytes.fromhex(head) + bytes((len(body) if udl is None else udl,)) + body)


def test_a_header_whose_last_element_runs_over_is_ignored() -> None:
    # TS 23.040 9.2.3.24: too many octets in the last element, so the whole header is ignored; the text is not.
    broken = deliver(8, "040003170300680069")
    assert (broken.udh, broken.text) == (Udh(), "hi")


def test_a_header_that_fills_the_user_data() -> None:
    assert deliver(0, "050003070201", udl=6).text == ""
    assert deliver(0, "050003070201", udl=6).udh == CONCAT
    assert deliver(4, "050003070201").data == b""


@pytest.mark.parametrize("header", range(1, 12))
def test_fill_bits_for_every_length_of_header(header: int) -> None:
    udh = Udh((InformationElement(0x70, bytes(header)),))
    text = "fill bits @ the border@"
    octets = SmsDeliver(NUMBER, TIME, encode_gsm7(text), udh).encode()
    back = SmsDeliver.decode(octets)
    assert (back.text, back.udh) == (text, udh)


def test_what_the_payload_says() -> None:
    assert deliver(0, "E834", False, 2).text == "hi"
    assert deliver(0, "E834", False, 2).data == b"\xe8\x34"
    assert deliver(4, "E834", False).text is None
    assert deliver(4, "E834", False).data == b"\xe8\x34"
    assert deliver(0x20, "E834", False).text is None  # compressed: TP-UDL counts octets
    assert deliver(0x20, "E834", False).ud == b"\xe8\x34"
    assert deliver(8, "D83DDE00", False).text == "😀"
    assert deliver(8, "D83D0041", False).text == "\ufffdA"
    assert deliver(8, "0041DE00", False).text == "A\ufffd"
    assert deliver(8, "0041D83D", False).text == "A\ufffd"
    assert deliver(8, "00410042FF", False).text == "AB"
    assert SmsDeliverReport(ud=b"hi").text == "hi"
    assert SmsDeliverReport(ud=b"hi").data == b"\xe8\x34"


@pytest.mark.parametrize("st", range(256))
def test_every_status_has_a_meaning_and_words(st: int) -> None:
    meaning = (
        StatusMeaning.DELIVERED,
        StatusMeaning.TRYING,
        StatusMeaning.FAILED,
        StatusMeaning.GAVE_UP,
        *[StatusMeaning.GAVE_UP] * 4,
    )[st >> 5]
    report = SmsStatusReport(1, NUMBER, TIME, TIME, st)
    assert status_meaning(st) is report.outcome is meaning
    assert describe_status(st) == report.description
    assert report.description


@pytest.mark.parametrize(
    ("st", "words"),
    [
        (0x00, "received by the recipient's phone"),
        (0x30, "temporary error, the service centre is still trying (service centre's own status 0x30)"),
        (0x46, "validity period expired"),
        (0x4F, "permanent error (reserved status 0x4f)"),
        (0x80, "reserved status 0x80, read as service rejected"),
    ],
)
def test_a_status_in_words(st: int, words: str) -> None:
    assert describe_status(st) == words
