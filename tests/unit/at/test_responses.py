"""Typed answers: tables of lines as modems write them, and what they must mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modemgw.at import responses as r
from modemgw.at.errors import AtResponseError
from modemgw.at.parser import InfoLine

VALUES: list[tuple[Callable[[str], Any], str, Any]] = [
    (r.fields, '"SM",3,20', ["SM", "3", "20"]),
    (r.fields, ' "a, b" , ,(1-3),x', ["a, b", "", "(1-3)", "x"]),
    (r.fields, "1,", ["1", ""]),
    (r.fields, "", []),
    (r.fields, '"open', ["open"]),
    (r.fields, '"a"b', ['"a"b']),
    (r.groups_of, '("SM","ME"),("a(b"),(1,2)', ['("SM","ME")', '("a(b")', "(1,2)"]),
    (r.numbers_of, "(0-2)", (0, 1, 2)),
    (r.numbers_of, "(0,1,3-4)", (0, 1, 3, 4)),
    (r.numbers_of, "2", (2,)),
    (r.numbers_of, "()", ()),
    (r.read_imei, "356938030000013", "356938030000013"),
    (r.read_imei, '+CGSN: "35693803000001"', "35693803000001"),
    (r.read_imei, "IMEI:3569380300000134", "3569380300000134"),
    (r.read_imsi, "250011234567890", "250011234567890"),
    (r.read_imsi, "+CIMI: 24001123456789", "24001123456789"),
    (r.read_iccid, "+CCID: 8970199000000000007", "8970199000000000007"),
    (r.read_iccid, "^ICCID: 98079109000000000070", "89701990000000000007"),
    (r.read_iccid, '+QCCID: "8970199000000000007F"', "8970199000000000007"),
    (r.read_iccid, "^ICCID: 9807910900000000007F", "897019900000000000F7".rstrip("F")),
    (r.read_name, "huawei", "huawei"),
    (r.read_name, '+CGMI: "Huawei"', "Huawei"),
    (r.read_name, "Manufacturer: SIMCOM INCORPORATED", "SIMCOM INCORPORATED"),
    (r.read_name, "11.609.10: 02", "11.609.10: 02"),
    (r.read_own_number, '+CNUM: ,"+79161234567",145', "+79161234567"),
    (r.read_own_number, '+CNUM: "Own","79161234567",145', "+79161234567"),
    (r.read_own_number, '+CNUM: "Own","89161234567",129', "89161234567"),
    (r.read_pin_state, "+CPIN: READY", "READY"),
    (r.read_pin_state, "+CPIN:SIM PIN", "SIM PIN"),
    (r.read_pin_state, '+CPIN: "sim puk"', "SIM PUK"),
    (r.read_pin_tries, "+CPINR: SIM PIN,3,3", 3),
    (r.read_pin_tries, '+QPINC: "SC",2,10', 2),
    (r.read_pin_tries, "^CPIN: SIM PIN,3,10,3,10,3", 3),
    (r.read_pin_tries, "^CPIN: READY,,10,1,10,3", 1),
    (r.read_pin_tries, "^CPIN: SIM PIN,2", 2),
    (r.read_pin_tries, "+SPIC: 3,10,0,10", 3),
    (r.read_pin_tries, "^SPIC: 1", 1),
    (r.read_signal, "+CSQ: 20,99", (20, None)),
    (r.read_signal, "+CSQ: 99,0", (None, 0)),
    (r.read_signal, "+CSQ:31", (31, None)),
    (r.read_signal, "+CSQ: 153,99", (25, None)),
    (r.read_signal, "+CSQ: 199,99", (None, None)),
    (r.read_operator, '+COPS: 0,0,"MTS RUS",7', "MTS RUS"),
    (r.read_operator, "+COPS: 0", None),
    (r.read_operator, '+COPS: 0,0,""', None),
    (r.read_smsc, '+CSCA: "+79168999100",145', "+79168999100"),
    (r.read_smsc, '+CSCA: "79168999100",145', "+79168999100"),
    (r.read_smsc, '+CSCA: "",129', None),
    (r.read_smsc, '+CSCA: "+",145', None),
    (r.read_smsc, '+CSCA: "002B003700390030",145', "+790"),
    (r.read_smsc, '+CSCA: "0170",129', "0170"),
    (r.read_submit_reference, "+CMGS: 0", 0),
    (r.read_submit_reference, "+CMGS:255", 255),
    (r.read_submit_reference, '+CMGS: 12,"26/11/22,10:00:00+12"', 12),
    (
        r.read_memory_range,
        '+CPMS: ("SM","ME","SR"),("SM","ME"),("SM")',
        r.MemoryRange(("SM", "ME", "SR"), ("SM", "ME"), ("SM",)),
    ),
    (r.read_memory_range, '+CPMS: ("SM","ME")', r.MemoryRange(("SM", "ME"), ("SM", "ME"), ("SM", "ME"))),
    (r.read_memory_range, '+CPMS: ("sm"),("SM")', r.MemoryRange(("SM",), ("SM",), ("SM",))),
    (
        r.read_memory_range,
        '+CPMS: "SM","ME","MT","SR"',
        r.MemoryRange(("SM", "ME", "MT", "SR"), ("SM", "ME", "MT", "SR"), ("SM", "ME", "MT", "SR")),
    ),
    (r.read_memory_fill, "+CPMS: 3,20,3,20,0,100", [r.MemoryFill(None, *v) for v in ((3, 20), (3, 20), (0, 100))]),
    (r.read_memory_fill, '+CPMS: "SM",3,20,"ME",0,100', [r.MemoryFill("SM", 3, 20), r.MemoryFill("ME", 0, 100)]),
    (r.read_memory_fill, "+CPMS: -1,20", [r.MemoryFill(None, 0, 20)]),
    (
        r.read_indication_range,
        "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",
        ((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    ),
    (r.read_indication_range, "+CNMI: (2),(1)", ((2,), (1,))),
    (r.read_indications, "+CNMI: 2,1,0,1,0", (2, 1, 0, 1, 0)),
    (r.read_index_list, "+CMGD: (1,2,5),(0-4)", (1, 2, 5)),
    (r.read_index_list, "+CMGD: (),(0-4)", ()),
    (r.read_index_list, "+CMGD: ", ()),
    (r.read_stored_indication, '+CMTI: "SM",3', ("SM", 3)),
    (r.read_stored_indication, "+CMTI: ,-1", (None, -1)),
    (r.read_stored_indication, '+CDSI: "sr",0', ("SR", 0)),
    (r.read_direct_length, "+CMT: ,24", 24),
    (r.read_direct_length, "+CDS: 25", 25),
    (r.read_direct_length, '+CMT: "a",', None),
    (r.read_direct_length, "+CMT:", None),
    (r.read_ussd, '+CUSD: 0,"Balance: 5",15', r.UssdText(0, "Balance: 5", 15)),
    (r.read_ussd, '+CUSD: 1,"a "b" \nc",72', r.UssdText(1, 'a "b" \nc', 72)),
    (r.read_ussd, '+CUSD: 0,"x"', r.UssdText(0, "x", None)),
    (r.read_ussd, "+CUSD: 2", r.UssdText(2, None, None)),
    (r.read_ussd, "+CUSD: 0, plain", r.UssdText(0, "plain", None)),
    (r.read_ussd, "+CUSD: 0,", r.UssdText(0, None, None)),
    (r.read_caller, '+CLIP: "+79161234567",145', "+79161234567"),
    (r.read_caller, '+CLIP: "",128', None),
    (r.read_caller, "+CLIP:", None),
    (r.read_function, "+CFUN: 1", 1),
    (r.read_function, "+CFUN: 4,0", 4),
]


@pytest.mark.parametrize(("read", "line", "meaning"), VALUES, ids=lambda v: v if isinstance(v, str) else None)
def test_what_a_line_means(read: Callable[[str], Any], line: str, meaning: Any) -> None:
    assert read(line) == meaning


UNREADABLE: list[tuple[Callable[[str], Any], str]] = [
    (r.numbers_of, "(a-b)"),
    (r.numbers_of, "(5-2)"),
    (r.numbers_of, "(0-9999999)"),
    (r.numbers_of, "99999999999"),
    (r.read_imei, "OK"),
    (r.read_imsi, "12"),
    (r.read_iccid, "+CCID: none"),
    (r.read_name, '+CGMI: ""'),
    (r.read_own_number, "+CNUM: ,,"),
    (r.read_own_number, '+CNUM: "","Müller",129'),
    (r.read_pin_state, "+CPIN:"),
    (r.read_pin_state, "READY"),
    (r.read_pin_tries, "+CPINR: SIM PUK,10,10"),
    (r.read_pin_tries, "+QPINC:"),
    (r.read_pin_tries, "+SPIC: x"),
    (r.read_registration, "+CREG:"),
    (r.read_registration, "+CREG: 1"),
    (r.read_registration, "+CSQ: 1,1"),
    (r.read_registration, "+CREG: 0,x"),
    (r.read_signal, "+CSQ:"),
    (r.read_signal, "+CSQ: a,b"),
    (r.read_operator, "+COPS: x"),
    (r.read_smsc, "+CSCA:"),
    (r.read_smsc, '+CSCA: "nobody"'),
    (r.read_submit_reference, "+CMGS:"),
    (r.read_submit_reference, "+CMGS: 256"),
    (r.read_submit_reference, "+CMGS: x"),
    (r.read_memory_range, "+CPMS: (),()"),
    (r.read_memory_fill, "+CPMS:"),
    (r.read_memory_fill, '+CPMS: "SM"'),
    (r.read_memory_fill, "+CPMS: 1,x"),
    (r.read_indication_range, "+CNMI:"),
    (r.read_indications, "+CNMI:"),
    (r.read_index_list, "+CMGD: (a)"),
    (r.read_stored_indication, '+CMTI: "SM"'),
    (r.read_stored_indication, '+CMTI: "SM",x'),
    (r.read_ussd, "+CUSD: x"),
    (r.read_function, "+CFUN:"),
]


@pytest.mark.parametrize(("read", "line"), UNREADABLE, ids=lambda v: v if isinstance(v, str) else None)
def test_an_unreadable_line_is_one_error(read: Callable[[str], Any], line: str) -> None:
    with pytest.raises(AtResponseError):
        read(line)


REGISTRATIONS = [
    # line                              unsolicited  stat area    cell        technology
    ("+CREG: 0,1", False, 1, None, None, None),
    ('+CREG: 2,5,"1A2B","01C3D4E5",7', False, 5, "1A2B", "01C3D4E5", "LTE"),
    ("+CREG: 2,6,1A2B,01C3D4E5,2", False, 6, "1A2B", "01C3D4E5", "UMTS"),
    ("+CREG: 0,11", False, 11, None, None, None),
    ('+CREG: 1,"1A2B","01C3D4E5",0', True, 1, "1A2B", "01C3D4E5", "GSM"),
    ("+CREG: 7", True, 7, None, None, None),
    ('+CEREG: 2,1,"00AB","00000001",7', False, 1, "00AB", "00000001", "LTE"),
    ('+CGREG: 1,"00AB","0001",99', True, 1, "00AB", "0001", None),
    ('+CREG: 1,"00AB","0001",x', True, 1, "00AB", "0001", None),
]


@pytest.mark.parametrize(("line", "unsolicited", "stat", "area", "cell", "technology"), REGISTRATIONS)
def test_registration(
    line: str, unsolicited: bool, stat: int, area: str | None, cell: str | None, technology: str | None
) -> None:
    reply = r.read_registration(line, unsolicited=unsolicited)
    assert (reply.stat, reply.area, reply.cell, reply.technology) == (stat, area, cell, technology)
    assert reply.source == line.partition(":")[0]


CHOICES = [
    # offered                                    direct  reports    chosen
    ("(0-2),(0-3),(0,2),(0-2),(0,1)", False, (1, 2, 0), (2, 1, 0, 1, 0)),
    ("(0-2),(0-3),(0,2),(0-2),(0,1)", True, (1, 2, 0), (2, 2, 0, 1, 0)),
    ("(0-2),(0-3),(0,2),(0-2),(0,1)", False, (2, 1, 0), (2, 1, 0, 2, 0)),
    ("(1,2),(0,1),(0,2),(0,2),(1)", False, (1, 2, 0), (2, 1, 0, 2, 1)),  # MC75i: bfr must be 1
    ("(0,1),(0,1),0,0,0", False, (1, 2, 0), (1, 1, 0, 0, 0)),
    ("(3),(0,1,2),(0),(0,2),(0,1)", False, (1, 2, 0), (3, 1, 0, 2, 0)),
    ("(0-3),(0-1)", True, (1, 2, 0), (2, 1)),
    ("(0-2),(0,2),(0),(0,1),(0)", False, (1, 2, 0), (2, 2, 0, 1, 0)),  # 0 would say nothing at all
    ("(0-2),(0,3),(0),(0,1),(0)", False, (1, 2, 0), (2, 3, 0, 1, 0)),
    ("(7),(7),(7),(7),(7)", False, (1, 2, 0), (7, 7, 7, 7, 7)),
]


@pytest.mark.parametrize(("offered", "direct", "reports", "chosen"), CHOICES)
def test_choice_of_indications(offered: str, direct: bool, reports: tuple[int, ...], chosen: tuple[int, ...]) -> None:
    ranges = r.read_indication_range(f"+CNMI: {offered}")
    assert r.choose_indications(ranges, direct=direct, reports=reports) == chosen


STORED = [
    ("+CMGL: 3,1,,4", "0004000000", r.StoredLine(3, 1, 4, "0004000000")),
    ('+CMGL: 0,0,"Name",4', "000400000a", r.StoredLine(0, 0, 4, "000400000A")),
    ('+CMGL: 1,"REC READ","",4', "0004000000", r.StoredLine(1, 1, 4, "0004000000")),
    ("+CMGL: 1,3", "0004000000", r.StoredLine(1, 3, None, "0004000000")),
]


@pytest.mark.parametrize(("header", "pdu", "stored"), STORED)
def test_list_entry(header: str, pdu: str, stored: r.StoredLine) -> None:
    assert r.read_list_entry(InfoLine(header, pdu)) == stored


def test_message() -> None:
    assert r.read_message(InfoLine("+CMGR: 1,,4", "0004000000")) == r.StoredLine(None, 1, 4, "0004000000")
    assert r.read_message(InfoLine('+CMGR: "REC UNREAD",', "00")) == r.StoredLine(None, 0, None, "00")


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (InfoLine("+CMGL: 3", "00"), r.StoredLine(3, 1, None, "00")),
        (InfoLine("+CMGL: 1,WHAT,,4", "0004000000"), r.StoredLine(1, 1, 4, "0004000000")),
        (InfoLine("+CMGL: 1,WHAT,,4", "0001000000"), r.StoredLine(1, 2, 4, "0001000000")),  # an SMS-SUBMIT: a draft
        (InfoLine("+CMGL: 1,1,,4"), r.StoredLine(1, 1, 4, "+CMGL: 1,1,,4")),
        (InfoLine("+CMGL: 1,0,,4", "000"), r.StoredLine(1, 0, 4, "000")),
        (InfoLine("+CMGL: 1,1,,4", "zz"), r.StoredLine(1, 1, 4, "zz")),
    ],
)
def test_what_lies_at_a_place_is_read_however_broken_it_is(line: InfoLine, stored: r.StoredLine) -> None:
    assert r.read_list_entry(line) == stored
    assert stored.whole == (stored.pdu == "0004000000" or stored.pdu == "0001000000")


@pytest.mark.parametrize("line", [InfoLine("+CMGL: x,1,,4", "00"), InfoLine("+CMGL: ,1,,4", "00"), InfoLine("+CMGL:")])
def test_a_list_entry_without_a_place(line: InfoLine) -> None:
    with pytest.raises(AtResponseError):
        r.read_list_entry(line)


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (InfoLine("+CMGR:", "00"), r.StoredLine(None, 1, None, "00")),
        (InfoLine("+CMGR: 0,,31"), r.StoredLine(None, 0, 31, "+CMGR: 0,,31")),
        (InfoLine("+CMGR: 0,,31", "0791974"), r.StoredLine(None, 0, 31, "0791974")),
    ],
)
def test_a_message_is_read_however_broken_it_is(line: InfoLine, stored: r.StoredLine) -> None:
    assert r.read_message(line) == stored
    assert not stored.whole


@pytest.mark.parametrize("line", [InfoLine("+CMGR:"), InfoLine("+CMGR: 0,,0"), InfoLine("+CMGR: 1,,")])
def test_an_empty_place_has_no_message(line: InfoLine) -> None:
    with pytest.raises(AtResponseError):
        r.read_message(line)


def test_first_takes_the_line_that_can_be_read() -> None:
    lines = [InfoLine("SIM INSERTED"), InfoLine("356938030000013")]
    assert r.first(lines, r.read_imei, "serial number") == "356938030000013"
    assert r.first(["x", "+CSQ: 1,1"], r.read_signal, "signal") == (1, 1)


@pytest.mark.parametrize("lines", [[], ["x"]])
def test_first_of_none(lines: list[str]) -> None:
    with pytest.raises(AtResponseError, match="serial number"):
        r.first(lines, r.read_imei, "serial number (IMEI)")


@pytest.mark.parametrize("name", ["+CREG", "+CGREG", "+CEREG"])
@pytest.mark.parametrize(
    ("value", "stat", "area", "cell"),
    [
        ('2,5,"0502","0404736D"', 5, "0502", "0404736D"),
        ("2,1, 81ED, 1A9CEB", 1, "81ED", "1A9CEB"),
        ("2,1,000B,2816, B, C2816", 1, "000B", "2816"),
        ('3,11,"0001","00000002",7', 11, "0001", "00000002"),
        ('5,"0502","0404736D",7', 5, "0502", "0404736D"),
        ("1, 81ED, 1A9CEB", 1, "81ED", "1A9CEB"),
        ("1,0005,2816", 1, "0005", "2816"),
        ("10", 10, None, None),
        ("2", 2, None, None),
        ("0,0", 0, "0", None),
    ],
)
def test_registration_that_came_unasked(name: str, value: str, stat: int, area: str | None, cell: str | None) -> None:
    reply = r.read_registration(f"{name}: {value}", unsolicited=True)
    assert (reply.source, reply.stat, reply.area, reply.cell) == (name, stat, area, cell)


def test_a_modem_left_in_ucs2() -> None:
    assert r.read_operator('+COPS: 0,0,"004D0065006700610046006F006E",7') == "MegaFon"
    assert r.read_operator('+COPS: 0,0,"041C0422042100200052005500530000"') == "МТС RUS"
    assert r.read_operator('+COPS: 0,0,"4E2D56FD79FB52A8"') == "中国移动"
    assert r.read_operator('+COPS: 0,2,"25001"') == "25001"
    assert r.read_operator('+COPS: 0,0,"DEADBEEF"') == "DEADBEEF"
    number = "002B00370039003100360031003200330034003500360037"
    assert r.read_own_number(f'+CNUM: "","{number}",145') == "+79161234567"
    assert r.read_own_number('+CNUM: "","003700390031",145') == "+791"
    assert r.read_caller(f'+CLIP: "{number}",145,"",,"",0') == "+79161234567"
    assert r.read_caller('+CLIP: "",128') is None
