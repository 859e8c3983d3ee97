"""The virtual network: routing, number forms, keeping and re-delivering, reports, the ledger, far phones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from simrig import FAR, Rig

from modemgw.sms import Direction, SmsDeliver, SmsStatusReport, decode_tpdu
from modemsim.errors import SimError
from modemsim.network import PLANS, Network, Rule
from modemsim.tpdu import TpduError, number, parse_submit, timestamp


def reports(rig: Rig, which: int = 0) -> list[tuple[int, int]]:
    """(mr, status) of the status reports that reached a modem."""
    out = []
    for e in rig.network.ledger.select("report", modem=f"modem{which}"):
        report = decode_tpdu(bytes.fromhex(e.tpdu), Direction.TO_MS)
        assert isinstance(report, SmsStatusReport)
        assert report.mr == e.mr
        out.append((report.mr, report.st))
    return out


@pytest.mark.parametrize("to", ["+79000000001", "89000000001", "79000000001", "9000000001"])
def test_a_text_reaches_the_other_sim_however_its_number_is_written(to: str) -> None:
    rig = Rig(2)
    rig.setup()
    rig.setup(1)
    assert rig.send(to, "hello", report=True).startswith("\r\n+CMGS: 0\r\n\r\nOK\r\n\r\n+CDS: 25\r\n")
    assert rig.heard(1) == '\r\n+CMTI: "SM",1\r\n'
    assert rig.kinds() == ["submit", "delivered", "report"]
    stored = rig.modems[1].sim.sm.get(1)
    assert stored is not None
    deliver = decode_tpdu(stored.tpdu, Direction.TO_MS)
    assert isinstance(deliver, SmsDeliver)
    assert (str(deliver.oa), deliver.text) == ("+79000000000", "hello")
    assert reports(rig) == [(0, 0)]


def test_a_short_code_keeps_its_form() -> None:
    rig = Rig()
    rig.setup()
    rig.send("900", "balance")
    assert rig.network.far.messages[0].recipient == "900"


# plan -> (status, seconds after the send) of each report, with a report delay of 2 s
EXPECTED = {
    "delivered": [(0x00, 2)],
    "trying": [(0x30, 2), (0x00, 4)],
    "trying_failed": [(0x30, 2), (0x45, 4)],
    "failed": [(0x43, 2)],
    "expired": [(0x46, 2)],
    "gave_up": [(0x62, 2)],
    "never": [],
    "late": [(0x00, 21)],
    "doubled": [(0x00, 2), (0x00, 2)],
    "out_of_order": [(0x00, 4)],
}


@pytest.mark.parametrize("plan", sorted(PLANS))
def test_reports_come_as_the_plan_says(plan: str) -> None:
    rig = Rig(report_delay_s=2.0)
    rig.setup()
    rig.network.config.rules.insert(0, Rule("+7999*", plan=plan))
    rig.send(report=True)
    start = rig.timeline.wall()
    for _ in range(30):
        rig.pass_time(1.0)
    seen = [(e.status, round(e.t - start)) for e in rig.network.ledger.select("report")]
    assert seen == EXPECTED[plan]


def test_reports_out_of_order_are_reversed() -> None:
    rig = Rig()
    rig.setup()
    rig.network.config.rules.insert(0, Rule("*", plan="out_of_order"))
    for _ in range(3):
        rig.send(report=True)
    rig.pass_time(1)
    assert [mr for mr, _ in reports(rig)] == [2, 1, 0]


def test_a_rule_may_name_the_status_and_refuse() -> None:
    rig = Rig()
    rig.setup()
    rig.network.config.rules[:0] = [Rule("+7999*1", cms=21), Rule("+7999*", status=0x41, deliver=False)]
    assert "+CMS ERROR: 21" in rig.send("+79990000001")
    rig.send("+79990000002", report=True)
    assert reports(rig) == [(1, 0x41)]
    assert rig.network.far.messages == []
    assert rig.kinds() == ["rejected", "submit", "report"]


def test_what_a_full_sim_refuses_comes_when_there_is_room() -> None:
    rig = Rig(storage=3)
    rig.setup()
    for n in range(10):
        rig.network.inject(rig.modem.number, f"message {n}")
    rig.heard()
    seen = []
    for _ in range(10):
        for index, stored in list(rig.modem.sim.sm):
            deliver = decode_tpdu(stored.tpdu, Direction.TO_MS)
            assert isinstance(deliver, SmsDeliver)
            seen.append(deliver.text)
            rig.say(f"AT+CMGD={index}\r")
    assert seen == [f"message {n}" for n in range(10)]
    assert rig.network.idle()


def test_a_full_sim_does_not_hold_up_reports() -> None:
    rig = Rig(storage=1)
    rig.setup()
    rig.modem.fault("full")
    rig.network.inject(rig.modem.number, "waits")
    rig.send(report=True)
    assert reports(rig) == [(0, 0)]


def test_what_comes_while_it_is_unplugged_waits_for_it() -> None:
    rig = Rig()
    rig.setup()
    rig.modem.unplug(3)
    rig.network.inject(rig.modem.number, "hi")
    rig.pass_time(2)
    assert rig.network.pending(rig.modem.number) == 1
    rig.pass_time(5)
    assert len(rig.modem.sim.sm) == 1


def test_a_direct_message_that_is_not_acknowledged_comes_again() -> None:
    rig = Rig(retry_s=2.0, changes={"cnmi": {"unacked": "wait", "ack_timeout_s": 5.0}})
    rig.say("AT+CSMS=1\r")
    rig.setup(cnmi="2,2,0,1,0")
    rig.network.inject(rig.modem.number, "hi")
    first = rig.heard()
    assert first.startswith("\r\n+CMT: ,21\r\n")
    assert rig.pass_time(5.5) == ""
    assert rig.pass_time(2) == first
    rig.say("AT+CNMA=0\r")
    assert rig.network.idle()
    assert rig.kinds() == ["inject", "refused", "delivered"]


def test_indications_wait_in_mode_0_and_are_said_or_dropped_when_it_ends() -> None:
    rig = Rig()
    rig.setup(cnmi="0,1,0,0,0")
    rig.network.inject(rig.modem.number, "hi")
    assert rig.heard() == ""
    assert rig.say("AT+CNMI=2,1\r") == '\r\nOK\r\n\r\n+CMTI: "SM",1\r\n'
    rig.say("AT+CNMI=0,1,0,0,1\r")
    rig.network.inject(rig.modem.number, "ho")
    assert rig.say("AT+CNMI=2,1\r") == "\r\nOK\r\n"


def test_reports_go_where_cnmi_says() -> None:
    rig = Rig()
    rig.setup(cnmi="2,1,0,2,0")
    assert rig.send(report=True).endswith('\r\n+CDSI: "SR",1\r\n')
    rig.say("AT+CNMI=2,1,0,0,0\r")
    assert "CDS" not in rig.send(report=True)


def test_radio_time_and_the_kept_link() -> None:
    rig = Rig(latency_s=3.0, linked_latency_s=0.5)
    rig.setup()
    assert rig.send() == ""
    assert rig.pass_time(2.9) == ""
    assert "+CMGS: 0" in rig.pass_time(0.2)
    rig.say("AT+CMMS=1\r")
    assert rig.send() == ""
    assert "+CMGS: 1" in rig.pass_time(0.6)
    rig.pass_time(6)  # the link is gone
    assert rig.send() == ""
    assert rig.pass_time(0.6) == ""
    assert "+CMGS: 2" in rig.pass_time(3)


@pytest.mark.parametrize(("unplug_at", "accepted"), [(0.5, False), (2.5, True)])
def test_half_of_the_radio_time_is_the_way_there(unplug_at: float, accepted: bool) -> None:
    rig = Rig(latency_s=3.0)
    rig.setup()
    rig.send()
    rig.pass_time(unplug_at)
    rig.modem.unplug(0.1)
    rig.pass_time(10)
    assert rig.kinds() == (["submit", "far"] if accepted else [])


def test_mr_counts_per_sim_and_wraps_and_the_pdus_own_is_ignored() -> None:
    rig = Rig(mr=254)
    rig.setup()
    assert [rig.send().split()[1] for _ in range(3)] == ["254", "255", "0"]
    assert [e.mr for e in rig.network.ledger.select("submit")] == [254, 255, 0]
    assert [int(e.tpdu[2:4], 16) for e in rig.network.ledger.select("submit")] == [254, 255, 0]


@pytest.mark.parametrize(
    ("text", "options", "parts"),
    [
        ("hi", {}, 1),
        ("Привет, мир! " * 12, {"ref_bits": 16}, 3),
        ("long " * 80, {"ref": 7}, 3),
        ("şŞğĞ", {"single": 1}, 1),
        ("नमस्ते", {"locking": 6, "single": 6}, 1),
        ("ğ" * 200, {"single": 1}, 3),
        (None, {"data": bytes(range(256))}, 2),
        ("flash", {"flash": True}, 1),
        ("port", {"ports": (2948, 9200)}, 1),
    ],
)
def test_what_is_composed_reads_back(text: str | None, options: dict[str, object], parts: int) -> None:
    rig = Rig()
    made = rig.network.inject(rig.modem.number, text, sender="Bank", **options)
    assert len(made) == parts
    rig.network.far.receive(FAR, "Bank", made[-1], 0.0)
    for raw in made[:-1]:
        rig.network.far.receive(FAR, "Bank", raw, 0.0)
    message = rig.network.far.messages[0]
    assert message.complete
    assert message.text == text
    if text is None:
        assert message.data == bytes(range(256))
    assert message.flash is bool(options.get("flash"))


def test_parts_in_any_order_missing_or_twice() -> None:
    rig = Rig()
    made = rig.network.inject(rig.modem.number, "long " * 80, ref=7, order=[3, 1, 1])
    assert made[1] == made[2]
    assert len(set(made)) == 2
    with pytest.raises(SimError, match="There are 3 parts"):
        rig.network.inject(rig.modem.number, "long " * 80, order=[4])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n: n.inject("+4912345", "hi"), "No SIM here has the number"),
        (lambda n: n.inject("+79000000000"), "There is nothing to send"),
        (lambda n: n.inject("+79000000000", "x", sender="a name far too long"), "cannot be written"),
    ],
)
def test_what_cannot_be_injected_is_a_sentence(call: Callable[[Network], object], says: str) -> None:
    rig = Rig()
    with pytest.raises(SimError, match=says):
        call(rig.network)


BAD_SUBMITS = [
    ("", "shorter than any"),
    ("00000B919799214365F7000005E8329BFD06", "TP-MTI is 0"),
    ("2100FF919799214365F7000005E8329BFD06", "255 semi-octets"),
    ("2100140199214365F70000", "ends inside TP-DA"),
    ("21000B119799214365F7000005E8329BFD06", "no extension bit"),
    ("21000B919799214365F7000005E8329BFD", "5 octets of user data and 4"),
    ("21000B919799214365F7000005E8329BFD0600", "5 octets of user data and 6"),
    ("21000B919799214365F70000A1E8329BFD06", "161 septets"),
    ("21000B919799214365F700088DE8329BFD06", "141 octets"),
    ("61000B919799214365F7000405090000FF06", "header is longer"),
    ("31000B919799214365F70000", "ends before TP-UDL"),
]


@pytest.mark.parametrize(("pdu", "says"), BAD_SUBMITS)
def test_a_bad_submit_is_refused_with_its_field(pdu: str, says: str) -> None:
    with pytest.raises(TpduError, match=says):
        parse_submit(bytes.fromhex(pdu))


def test_numbers_and_times() -> None:
    assert number("+79001").field() == bytes.fromhex("05919700F1")
    with pytest.raises(TpduError):
        number("x")
    assert timestamp(1_750_000_000, 12).hex() == "52605181600421"
    assert timestamp(1_750_000_000, -14).hex() == "52605111630449"


def test_a_delivery_takes_its_time_whatever_the_modem_does_meanwhile() -> None:
    rig = Rig(deliver_latency_s=2.0)
    rig.setup(cnmi="2,1,0,0,0")
    for n in range(3):
        rig.network.inject(rig.modem.number, f"text {n}", sender=FAR)
    assert rig.pass_time(1.9) == ""
    for index in (1, 2, 3):
        assert rig.pass_time(0.1) == f'\r\n+CMTI: "SM",{index}\r\n'
        # memory that becomes free is no reason to be quicker
        assert rig.say("AT+CMGD=30\r").endswith("\r\nOK\r\n")
        assert rig.say("AT+CNMI=2,1,0,0,0\r").endswith("\r\nOK\r\n")
        assert rig.pass_time(1.9) == ""
    assert rig.network.idle()


def test_what_waits_for_room_comes_as_soon_as_there_is_some() -> None:
    rig = Rig(storage=1, deliver_latency_s=2.0)
    rig.setup(cnmi="2,1,0,0,0")
    for text in ("one", "two"):
        rig.network.inject(rig.modem.number, text, sender=FAR)
    assert rig.pass_time(2) == '\r\n+CMTI: "SM",1\r\n'
    assert rig.pass_time(20) == ""
    assert "+CMTI" in rig.say("AT+CMGD=1\r")
    assert rig.network.idle()
