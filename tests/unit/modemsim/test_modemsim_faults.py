"""Every fault of the simulator strikes where it says, as often as it says, and is gone then."""

from __future__ import annotations

from typing import Any

import pytest
from simrig import Rig, submit

from modemsim.errors import SimError
from modemsim.faults import KINDS, POINTS, FaultError, make

OK = "\r\nOK\r\n"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.setup()
    return rig


SENT = ["submit", "far"]
GOOD = "\r\n+CMGS: 0\r\n\r\nOK\r\n"
NOISE = "\xff\xfe\x80\x00"

# fault, its parameters, what a send answers, what the network has seen
SENDS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("cms_error", {"code": 38}, "\r\n+CMS ERROR: 38\r\n", []),
    ("cms_error", {"code": 500, "when": "instead_of_prompt"}, "\r\n+CMS ERROR: 500\r\n", []),
    ("failed_ok", {}, OK, []),
    ("cmgs_lost", {}, OK, SENT),
    ("taken_error", {"code": 332}, "\r\n+CMS ERROR: 332\r\n", SENT),
    ("taken_error", {"code": 100, "result": "cme"}, "\r\n+CME ERROR: 100\r\n", SENT),
    ("taken_error", {"result": "error"}, "\r\nERROR\r\n", SENT),
    ("ok_lost", {}, "\r\n+CMGS: 0\r\n", SENT),
    ("send_silent", {"accepted": True}, "", SENT),
    ("send_silent", {"accepted": False}, "", []),
    ("no_answer", {"match": "CMGS"}, "", []),
    ("cme_error", {"match": "CMGS", "code": 14}, "\r\n+CME ERROR: 14\r\n", []),
    ("error", {"match": "CMGS"}, "\r\nERROR\r\n", []),
    ("garbage", {"when": "before", "match": "CMGS"}, NOISE + GOOD, SENT),
    ("garbage", {"when": "mid_reply", "position": 3, "match": "CMGS"}, GOOD[:3] + NOISE + GOOD[3:], SENT),
    ("urc", {"when": "mid_reply", "position": 12, "match": "CMGS"}, GOOD[:12] + "\r\nRDY\r\n" + GOOD[12:], SENT),
    ("urc", {"when": "after", "match": "CMGS"}, GOOD + "\r\nRDY\r\n", SENT),
]


@pytest.mark.parametrize(("kind", "params", "answer", "seen"), SENDS)
def test_a_send_meets_a_fault_once(rig: Rig, kind: str, params: dict[str, Any], answer: str, seen: list[str]) -> None:
    rig.modem.fault(kind, **params)
    assert rig.send() == answer
    assert rig.kinds() == seen
    assert rig.send() == f"\r\n+CMGS: {1 if seen else 0}\r\n\r\nOK\r\n", "the next send is well again"
    assert not rig.modem.faults


def test_an_error_of_a_message_that_was_taken_may_come_late(rig: Rig) -> None:
    rig.modem.fault("taken_error", after_s=40.0)
    assert rig.send() == ""
    assert (rig.kinds(), rig.pass_time(39.0)) == (SENT, "")
    assert rig.pass_time(1.0) == "\r\n+CMS ERROR: 500\r\n"
    with pytest.raises(FaultError, match="cms, cme, error"):
        rig.modem.fault("taken_error", result="cmx")


# point, whether the network has the message, what was said before the port went
POINTS_OF_A_SEND = [
    ("command", False, ""),
    ("before_prompt", False, ""),
    ("after_prompt", False, "\r\n> "),
    ("mid_payload", False, "\r\n> "),
    ("not_accepted", False, "\r\n> "),
    ("after_payload", True, "\r\n> "),
    ("before_result", True, "\r\n> "),
    ("mid_reply", True, "\r\n> \r\n+CMGS: "),
    ("after_result", True, "\r\n> \r\n+CMGS: 0\r\n\r\nOK\r\n"),
]


@pytest.mark.parametrize("kind", ["unplug", "reboot", "hang"])
@pytest.mark.parametrize(("at", "accepted", "said"), POINTS_OF_A_SEND)
def test_power_or_answers_are_lost_at_a_point_of_a_send(
    rig: Rig, kind: str, at: str, accepted: bool, said: str
) -> None:
    rig.modem.fault(kind, at=at, match="CMGS", **({"back_s": 2.0} if kind == "unplug" else {}))
    heard = ""
    plugs: list[bool] = []
    rig.modem.on_plug = lambda m: plugs.append(m.plugged)
    command, payload = submit()
    heard += rig.say(command)
    heard += rig.say(payload)
    if kind == "unplug":
        assert plugs == [False], "the port is gone"
        assert not rig.modem.plugged
    assert heard == said
    assert [e.kind for e in rig.network.ledger.entries] == (["submit", "far"] if accepted else [])
    rig.pass_time(4)
    assert rig.modem.plugged
    if kind == "hang":
        assert rig.say("AT\r") == ""
        rig.modem.port_closed(0)
    assert rig.say("AT\r").endswith(OK)
    rig.setup()
    assert "+CMGS: " in rig.send()


def test_every_named_point_is_tested() -> None:
    assert {at for at, _, _ in POINTS_OF_A_SEND} == set(POINTS) - {"now"}


def test_prompt_faults(rig: Rig) -> None:
    command, payload = submit()
    rig.modem.fault("prompt_late", seconds=8)
    assert rig.say(command) == ""
    assert rig.pass_time(7.9) == ""
    assert rig.pass_time(0.1) == "\r\n> "
    assert "+CMGS: 0" in rig.say(payload)
    rig.modem.fault("prompt_no_space")
    assert rig.say(command) == "\r\n>"
    assert "+CMGS: 1" in rig.say(payload)
    rig.modem.fault("prompt_lost")
    assert rig.say(command) == ""
    assert "+CMGS: 2" in rig.say(payload)


def test_a_late_result_and_a_long_way_to_an_error(rig: Rig) -> None:
    command, payload = submit()
    rig.modem.fault("late_result", seconds=60)
    rig.say(command)
    assert rig.say(payload) == ""
    assert rig.kinds() == ["submit", "far"]
    assert rig.pass_time(59) == ""
    assert rig.pass_time(1) == "\r\n+CMGS: 0\r\n\r\nOK\r\n"
    rig.modem.fault("cms_error", code=350, after_s=135)
    rig.say(command)
    assert rig.say(payload) == ""
    assert rig.pass_time(135) == "\r\n+CMS ERROR: 350\r\n"


def test_slow_and_split_replies(rig: Rig) -> None:
    rig.modem.fault("slow", seconds=3, match="CSQ")
    assert rig.say("AT+CSQ\r") == ""
    assert rig.pass_time(3) == "\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    rig.modem.fault("split_reply", position=5, seconds=1, match="CSQ")
    assert rig.say("AT+CSQ\r") == "\r\n+CS"
    assert rig.pass_time(1) == "Q: 20,99\r\n\r\nOK\r\n"


@pytest.mark.parametrize("position", range(22))
def test_a_urc_at_every_byte_of_a_reply(rig: Rig, position: int) -> None:
    rig.modem.fault("urc", when="mid_reply", text="RDY", position=position, match="CSQ")
    reply = "\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    assert rig.say("AT+CSQ\r") == reply[:position] + "\r\nRDY\r\n" + reply[position:]


def test_urcs_lost_late_doubled_bare(rig: Rig) -> None:
    def incoming() -> str:
        rig.network.inject(rig.modem.number, "hi")
        return rig.heard()

    rig.modem.fault("urc_lost", match="CMTI")
    assert incoming() == ""
    rig.modem.fault("urc_late", seconds=2)
    assert incoming() == ""
    assert rig.pass_time(2) == '\r\n+CMTI: "SM",2\r\n'
    rig.modem.fault("urc_doubled")
    assert incoming() == '\r\n+CMTI: "SM",3\r\n\r\n+CMTI: "SM",3\r\n'
    rig.modem.fault("urc_bare")
    assert incoming() == '\r\n+CMTI: "SM",-1\r\n'
    assert incoming() == '\r\n+CMTI: "SM",5\r\n'
    assert rig.kinds().count("delivered") == 5


def test_garbage_and_urcs_now(rig: Rig) -> None:
    rig.modem.fault("garbage")
    assert rig.heard() == "\xff\xfe\x80\x00"
    rig.modem.fault("garbage", random=16)
    assert len(rig.heard()) == 16
    rig.modem.fault("urc", text='^SMMEMFULL: "SM"')
    assert rig.heard() == '\r\n^SMMEMFULL: "SM"\r\n'


def test_a_urc_waits_for_the_end_of_a_payload(rig: Rig) -> None:
    command, payload = submit()
    rig.say(command)
    rig.say(payload[:20])
    rig.network.inject(rig.modem.number, "hi")
    assert rig.heard() == ""
    assert rig.say(payload[20:]) == '\r\n+CMGS: 0\r\n\r\nOK\r\n\r\n+CMTI: "SM",1\r\n'


def test_full_memory_keeps_the_message_in_the_network_until_there_is_room(rig: Rig) -> None:
    rig.modem.fault("full")
    rig.network.inject(rig.modem.number, "hi")
    assert rig.heard() == ""
    assert rig.network.pending(rig.modem.number) == 1
    assert rig.say("AT+CMGD=7\r") == OK + '\r\n+CMTI: "SM",7\r\n'
    assert rig.network.pending(rig.modem.number) == 0


def test_an_undecodable_pdu_lies_in_the_memory(rig: Rig) -> None:
    rig.modem.fault("bad_pdu", announce=True)
    assert rig.heard() == '\r\n+CMTI: "SM",1\r\n'
    assert rig.say("AT+CMGR=1\r") == "\r\n+CMGR: 0,,2\r\n0791FFFFFFFFFFFF0405\r\n\r\nOK\r\n"


def test_echo_that_stays(rig: Rig) -> None:
    rig.say("ATE1\r")
    rig.modem.fault("echo_stuck")
    assert rig.say("ATE0\r") == "ATE0\r" + OK
    assert rig.say("ATE0\r") == "ATE0\r" + OK
    rig.modem.faults.clear("echo_stuck")
    rig.say("ATE0\r")
    assert rig.say("AT\r") == OK


def test_bytes_lost_at_the_start(rig: Rig) -> None:
    rig.modem.fault("lost_bytes", bytes=1)
    assert rig.say("AT\r") == ""
    assert rig.say("AT\r") == OK


def test_mr_wrap_sickness_is_healed_by_a_reset() -> None:
    rig = Rig(mr=254)
    rig.setup()
    rig.modem.fault("mr_sick")
    answers = [rig.send() for _ in range(4)]
    assert [a.split()[1] if "+CMGS" in a else a.strip() for a in answers] == [
        "254",
        "255",
        "+CMS ERROR: 1",
        "+CMS ERROR: 1",
    ]
    rig.say("AT+CFUN=1,1\r")
    rig.pass_time(3)
    rig.setup()
    assert "+CMGS: 0" in rig.send()


def test_registration_lost_and_back(rig: Rig) -> None:
    rig.modem.fault("registration", stat=2, seconds=10)
    assert rig.send() == "\r\n+CMS ERROR: 331\r\n"
    rig.network.inject(rig.modem.number, "hi")
    assert rig.heard() == ""
    assert rig.pass_time(10) == '\r\n+CMTI: "SM",1\r\n'
    assert "+CMGS: 0" in rig.send()


def test_redelivery_is_the_same_octets(rig: Rig) -> None:
    rig.network.inject(rig.modem.number, "hi")
    rig.pass_time(3)
    rig.modem.fault("redeliver")
    rig.heard()
    delivered = [e.tpdu for e in rig.network.ledger.select("delivered")]
    assert len(delivered) == 2
    assert delivered[0] == delivered[1]


def test_redelivery_of_nothing_is_a_sentence(rig: Rig) -> None:
    with pytest.raises(SimError, match="Nothing was delivered"):
        rig.modem.fault("redeliver")


def test_a_hang_is_ended_by_closing_the_port_or_by_a_replug_only(rig: Rig) -> None:
    rig.modem.fault("hang", until="replug")
    assert rig.say("AT\r") == ""
    rig.modem.port_closed(0)
    assert rig.say("AT\r") == ""
    rig.modem.unplug(1)
    rig.pass_time(3)
    assert OK in rig.say("AT\r")


def test_count_skip_and_probability(rig: Rig) -> None:
    rig.modem.fault("error", match="CSQ", count=2, skip=1)
    assert ["ERROR" in rig.say("AT+CSQ\r") for _ in range(5)] == [False, True, True, False, False]
    rig.modem.fault("error", match="CSQ", count=0, probability=0.5)
    struck = sum("ERROR" in rig.say("AT+CSQ\r") for _ in range(200))
    assert 60 < struck < 140


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("cms_errr", {}, "There is no fault 'cms_errr'. There are: bad_pdu"),
        ("cms_error", {"codee": 1}, "has no parameter 'codee'; it takes after_s, code, when"),
        ("cms_error", {"code": "x"}, "is of type int; 'x' is not"),
        ("unplug", {"at": "somewhere"}, "There is no point 'somewhere'"),
        ("error", {"match": "("}, "is no regular expression"),
        ("garbage", {"hex": "zz"}, "'zz' is not hexadecimal"),
        ("error", {"probability": 0.0}, "A probability is above 0"),
    ],
)
def test_a_wrong_fault_is_a_sentence(kind: str, params: dict[str, Any], says: str) -> None:
    with pytest.raises(FaultError) as caught:
        make(kind, **params)
    assert says in str(caught.value)


def test_every_fault_can_be_ordered(rig: Rig) -> None:
    rig.network.inject(rig.modem.number, "hi")
    rig.heard()
    for kind in KINDS:
        rig.modem.fault(kind)
        rig.modem.replug()


def test_a_failure_that_says_ok_is_a_habit_that_a_command_ends() -> None:
    rig = Rig(personality="siemens-mc35i")
    rig.setup(cnmi="2,1,0,1,1")
    rig.modem.fault("cms_error", code=38, count=2)
    assert rig.send() == OK
    rig.say("AT^SM20=0,0\r")
    assert rig.send() == "\r\n+CMS ERROR: 38\r\n"
