"""Every key of a personality is seen on the wire: one test a key, and a last one that none is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from simrig import FAR, Rig, submit
from terminal import Terminal

from modemsim.catalogue import WORDS, keys
from modemsim.personality import load, scaled
from modemsim.traits import Port

SEEN: set[str] = set()

# Keys that describe rather than bend: seen by the conformance dialogue, by the control socket, or by other files here.
DESCRIBED = {
    "name",
    "title",
    "family",
    "port",
    "accept",
    "usb.id",
    "usb.storage_id",
    "usb.manufacturer",
    "usb.product",
    "usb.serial",
    "usb.tty",
    "identity.manufacturer",
    "identity.model",
    "identity.revision",
    "identity.tac",
    "identity.ati",
    "identity.iccid",
    "memory.read",
    "memory.write",
    "memory.receive",
    "memory.default",
    "memory.capacity",
    "cnmi.mode",
    "cnmi.mt",
    "cnmi.bm",
    "cnmi.ds",
    "cnmi.bfr",
    "cnmi.default",
    "radio.act",
    "form.bauds",
    "form.baud",
    "boot.lost_bytes_open",
}


def seen(*which: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which keys a test shows."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        SEEN.update(which)
        return test

    return mark


def rig(part: str = "", **values: Any) -> Terminal:
    """A generic modem with some keys changed, set up for messages."""
    return settled(Rig(changes={part: values} if part else None))


def settled(made: Rig, cnmi: str = "2,1,0,1,0") -> Terminal:
    t = Terminal(made)
    for command in ("ATE0", "AT+CMEE=1", "AT+CMGF=0", f"AT+CNMI={cnmi}"):
        assert t.run(command)[0] == "OK"
    return t


def bare(t: Terminal, **values: Any) -> Terminal:
    """Change keys of the personality itself."""
    t.rig.modem.personality = replace(t.rig.modem.personality, **values)
    return t


def send(t: Terminal, limit: float = 30, **options: Any) -> str:
    """The line that a whole AT+CMGS ends with, `+CMGS: n` where it was sent."""
    first, second = submit(FAR, **options)
    if not t.prompt(first.rstrip("\r")):
        return t.result(0)[0]
    t.write(second)
    final, lines = t.result(limit)
    return next((line for line in lines if line.startswith("+CMGS")), final)


def incoming(t: Terminal, text: str = "hi", **options: Any) -> None:
    t.rig.network.inject(t.rig.modem.number, text, **options)
    t.pass_time(0)


def restart(t: Terminal) -> None:
    t.rig.modem.power_off()
    t.rig.modem.power_on()


# -- identity, commands


@seen("identity.prefix_replies")
def test_a_model_with_a_prefix() -> None:
    assert rig("identity", prefix_replies=True).run("AT+CGMM") == ("OK", ["+CGMM: Generic LTE"])


@seen("replies", "errors", "refuse", "form.unknown")
def test_replies_errors_and_lacks() -> None:
    t = bare(
        rig("form", unknown="COMMAND NOT SUPPORT"),
        replies={"+X?": ("+X: {imei}",)},
        errors={"+CSCA?": "CMS 320", "+CSMP=*": "CME 4", "+CRES": "ERROR"},
        refuse=("+CESQ",),
    )
    assert t.run("AT+X?") == ("OK", [f"+X: {t.rig.modem.imei}"])
    assert t.run("AT+CSCA?")[0] == "+CMS ERROR: 320"
    assert t.run("AT+CSMP=17,167")[0] == "+CME ERROR: 4"
    assert t.run("AT+CRES")[0] == "ERROR"
    assert t.run("AT+CESQ")[0] == t.run("AT+NONE")[0] == "COMMAND NOT SUPPORT"


COUNTERS = [
    ("+CPINR", "AT+CPINR", "+CPINR: SIM PIN,2,3"),
    ("^CPIN", "AT^CPIN?", "^CPIN: SIM PIN,2,10,2,10,3"),
    ("+QPINC", "AT+QPINC?", '+QPINC: "SC",2,10'),
    ("+SPIC", "AT+SPIC", "+SPIC: 2,10,3,10"),
    ("^SPIC", "AT^SPIC", "^SPIC: 2"),
    ("#PCT", "AT#PCT", "#PCT: 2"),
    ("+UPINCNT", "AT+UPINCNT", "+UPINCNT: 2,3,10,10"),
    ("+CPNNUM", "AT+CPNNUM", "PIN1=2; PUK1=10; PIN2=3; PUK2=10"),
    ("+EPINC", "AT+EPINC?", "+EPINC: 2,3,10,10"),
    ("+CPINC", "AT+CPINC?", "+CPINC: 2,3,10,10"),
    ("*EPIN", "AT*EPIN?", "*EPIN: 2,10,3,10"),
    ("$NWPINR", "AT$NWPINR?", "$NWPINR: PIN1, 2"),
    ("+ZPINPUK", "AT+ZPINPUK=?", "+ZPINPUK: 2,10"),
]


@pytest.mark.parametrize(("counter", "command", "line"), COUNTERS)
@seen("pin_counter")
def test_the_tries_left_are_told_by_one_command_only(counter: str, command: str, line: str) -> None:
    t = bare(rig(), pin_counter=counter)
    t.rig.modem.fault("pin", pin="1234", tries=2)
    final, lines = t.run(command)
    assert (final, lines[0]) == ("OK", line)
    assert all(t.run(c)[0] == "ERROR" for n, c, _ in COUNTERS if n != counter)


def test_a_counter_that_cannot_be_read_and_the_puk() -> None:
    t = bare(rig(), pin_counter="")
    t.rig.modem.fault("pin", pin="1234", tries=1)
    assert all(t.run(c)[0] == "ERROR" for _, c, _ in COUNTERS)
    assert t.run('AT+CPIN="0000"')[0] == "+CME ERROR: 12"
    assert t.value("AT+CPIN?", "+CPIN:") == "SIM PUK"
    assert t.run('AT+CPIN="00000000","4321"')[0] == "+CME ERROR: 16"
    assert t.run('AT+CPIN="12345678","4321"')[0] == "OK"
    assert t.value("AT+CPIN?", "+CPIN:") == "READY"


def test_the_list_of_commands_is_the_model_s_own() -> None:
    commands = Terminal(Rig(personality="telit-le910")).run("AT+CLAC")[1]
    assert {"#PCT", "#CCID", "+CMGS", "#SMSMODE"} <= set(commands)
    assert not {"+CPINR", "+QPINC", "^ICCID", "^CURC"} & set(commands)


def test_the_iccid_is_in_the_file_of_the_card_too() -> None:
    t = Terminal(Rig(personality="nokia-phone"))
    assert t.run("AT+CCID")[0] == "ERROR"
    swapped = t.value("AT+CRSM=176,12258,0,0,10", "+CRSM:").split('"')[1]
    assert "".join(swapped[i + 1] + swapped[i] for i in range(0, 20, 2)).startswith(t.rig.modem.sim.iccid)


# -- memories


@seen("memory.first_index")
def test_indices_from_nought() -> None:
    t = settled(Rig(personality="huawei-e1550"))
    incoming(t)
    assert t.wait_told("+CMTI") == '+CMTI: "SM",0'


@seen("memory.cpms_args")
def test_only_three_arguments_or_only_one() -> None:
    three = rig("memory", cpms_args=(3,))
    assert three.run('AT+CPMS="ME"')[0] == three.run('AT+CPMS="ME","ME"')[0] == "+CMS ERROR: 302"
    assert three.run('AT+CPMS="ME","ME","ME"')[0] == "OK"
    one = rig("memory", cpms_args=(1,))
    assert one.run('AT+CPMS="ME"')[0] == "OK"
    assert one.run('AT+CPMS="ME","ME","ME"')[0] == "+CMS ERROR: 302"


def test_a_memory_that_is_refused_for_what_arrives() -> None:
    t = Terminal(Rig(personality="cinterion-mc75i"))
    assert t.run('AT+CPMS="SM","SM","ME"')[0] == "+CMS ERROR: 302"
    assert t.run('AT+CPMS="ME","ME","SM"')[0] == "OK"


@seen("memory.cmti_name", "memory.cmti_shift")
def test_an_announcement_that_is_not_true() -> None:
    t = rig("memory", cmti_name="SM", cmti_shift=1)
    t.run('AT+CPMS="ME","ME","ME"')
    incoming(t)
    assert t.wait_told("+CMTI") == '+CMTI: "SM",2'
    assert t.value("AT+CPMS?", "+CPMS:").startswith('"ME",1,')


@pytest.mark.parametrize(
    ("name", "room", "said"),
    [
        ("huawei-e1550", 3, '^SMMEMFULL: "SM"'),
        ("simcom-sim7070", 10, "+SMS FULL"),
        ("simcom-sim7600", 23, '+CMTI: "ME",-1'),
    ],
)
@seen("memory.full_urc")
def test_a_full_memory_is_told(name: str, room: int, said: str) -> None:
    made = Rig(personality=name, storage=room)
    t = settled(made)
    for n in range(room):
        incoming(t, str(n))
    t.told.clear()
    made.network.inject(made.modem.number, "one too many")
    assert said in made.heard()
    assert made.network.pending(made.modem.number) == 1


@seen("memory.empty_slot")
def test_an_empty_slot() -> None:
    assert rig("memory", empty_slot="ok").run("AT+CMGR=5") == ("OK", [])
    assert rig().run("AT+CMGR=5")[0] == "+CMS ERROR: 321"


@seen("memory.cmgl_all")
def test_a_list_by_word_only() -> None:
    t = Terminal(Rig(personality="quectel-ep06"))
    incoming(t)
    assert t.run("AT+CMGL=4")[0] == "+CMS ERROR: 303"
    assert t.run('AT+CMGL="ALL"')[1][0].startswith("+CMGL: 0,0,,")


@seen("memory.cmgl_stall_nth", "memory.cmgl_stall_s")
def test_a_list_that_stalls() -> None:
    t = rig("memory", cmgl_stall_nth=2, cmgl_stall_s=1200.0)
    assert t.run("AT+CMGL=4")[0] == "OK"
    t.write("AT+CMGL=4\r")
    assert t.result(1190) == ("", [])
    assert t.result(20)[0] == "OK"
    assert t.run("AT+CMGL=4")[0] == "OK"


@seen("memory.cmgd_flags")
def test_messages_are_deleted_one_by_one() -> None:
    t = rig("memory", cmgd_flags=False)
    incoming(t)
    assert t.run("AT+CMGD=1,4")[0] == "+CMS ERROR: 303"
    assert t.run("AT+CMGD=1")[0] == "OK"


# -- indications and reports


@seen("cnmi.only")
def test_only_some_settings_are_taken() -> None:
    t = Terminal(Rig(personality="cinterion-ehs6"))
    t.run("AT+CMEE=1")
    assert t.run("AT+CNMI=2,1,2,0,1")[0] == "+CMS ERROR: 303"
    assert t.run("AT+CNMI=2,1,0,1,1")[0] == "OK"


@seen("cnmi.class0")
def test_a_flash_text_handed_over() -> None:
    t = rig("cnmi", class0="direct")
    incoming(t, flash=True)
    assert t.wait_told("+CMT").startswith("+CMT: ,")
    assert rig().rig.modem.personality.cnmi.class0 == "store"


@seen("cnmi.report_memory", "cnmi.cdsi_name", "cnmi.cdsi_index")
def test_a_report_stored_elsewhere_than_announced() -> None:
    t = settled(Rig(personality="quectel-ec25"), "2,1,0,2,0")
    assert send(t, report=True) == "+CMGS: 0"
    assert t.wait_told("+CDSI") == '+CDSI: "SM",0'
    assert [len(t.rig.modem.memory(m)) for m in ("SR", "SM", "ME")] == [1, 0, 0]


def test_a_report_announced_and_gone() -> None:
    t = settled(Rig(personality="huawei-mu509"), "2,1,0,2,0")
    send(t, report=True)
    assert t.wait_told("+CDSI") == '+CDSI: "SR",1'
    assert t.run('AT+CPMS="SR"')[0] == "+CMS ERROR: 302"
    assert all(len(m) == 0 for m in t.rig.modem.memories.values())


@seen("cnmi.sr_readable", "cnmi.sr_listable", "cnmi.sr_deletable")
def test_reports_that_lie_in_sr_and_cannot_be_had() -> None:
    t = settled(Rig(changes={"cnmi": {"sr_readable": False, "sr_listable": False, "sr_deletable": False}}), "2,1,0,2,0")
    send(t, report=True)
    assert t.wait_told("+CDSI") == '+CDSI: "SR",1'
    t.run('AT+CPMS="SR"')
    assert t.run("AT+CMGR=1")[0] == "+CMS ERROR: 321"
    assert t.run("AT+CMGL=4")[0] == t.run("AT+CMGD=1,4")[0] == "+CMS ERROR: 303"
    assert t.run("AT+CMGD=1")[0] == "OK"


@seen("cnmi.unacked", "cnmi.ack_timeout_s")
def test_what_is_not_acknowledged() -> None:
    for habit, left in (("disable", "2,0,0,0,0"), ("wait", "2,2,0,1,0")):
        t = settled(Rig(changes={"cnmi": {"unacked": habit, "ack_timeout_s": 3.0}}), "2,2,0,1,0")
        t.run("AT+CSMS=1")
        incoming(t)
        assert t.wait_told("+CMT")
        t.pass_time(4)
        assert t.value("AT+CNMI?", "+CNMI:") == left


@seen("cnmi.csms1")
def test_no_phase_2_plus() -> None:
    assert rig("cnmi", csms1=False).run("AT+CSMS=1")[0] == "+CMS ERROR: 303"


# -- form


@seen("form.echo", "form.echo_ctrl_z")
def test_an_echo_that_stays() -> None:
    for ctrl_z in (True, False):
        made = Rig(changes={"form": {"echo": "always", "echo_ctrl_z": ctrl_z}})
        made.say("ATE0\r")
        assert made.say("AT\r") == "AT\r\r\nOK\r\n"
        first, second = submit()
        made.say(first)
        echo, _, result = made.say(second).partition("\r\n")
        assert echo == (second if ctrl_z else second.rstrip("\x1a"))
        assert result.startswith("+CMGS: ")


PROMPTS = [("odd-prompt", "\r\n>"), ("odd-echo", "> "), ("generic", "\r\n> ")]


@pytest.mark.parametrize(("name", "prompt"), PROMPTS)
@seen("form.prompt")
def test_the_prompt(name: str, prompt: str) -> None:
    made = Rig(personality=name)
    made.say("ATE0\r")
    said = made.say(submit()[0]) or made.pass_time(1)
    assert said.removeprefix(submit()[0]) == prompt


@seen("form.prompt_after_s")
def test_a_slow_prompt() -> None:
    made = Rig(personality="odd-prompt")
    made.say("ATE0\r")
    assert made.say(submit()[0]) == ""
    assert made.pass_time(0.2) == ""
    assert made.pass_time(0.2) == "\r\n>"


@seen("form.escape", "form.cms_when_cmee0")
def test_escape_and_plain_errors() -> None:
    made = Rig(changes={"form": {"escape": "ERROR", "cms_when_cmee0": "plain"}})
    made.say(submit()[0])
    assert made.say("\x1b").endswith("\r\nERROR\r\n")
    assert made.say("AT+CMGR=999\r").endswith("\r\nERROR\r\n")


@seen("form.send_failure", "form.length_error")
def test_a_failure_that_says_ok() -> None:
    t = settled(Rig(personality="siemens-mc35i"), "2,1,0,1,1")
    t.rig.modem.set_registration(2)
    assert send(t) == "OK"
    assert t.run("AT^SM20=0,0")[0] == "OK"
    assert send(t) == "+CMS ERROR: 331"
    assert t.prompt("AT+CMGS=30")
    t.write(submit()[1])
    assert t.result()[0] == "+CMS ERROR: 549"


@seen("form.urc_while_busy")
def test_lines_that_wait_for_the_end_of_a_command() -> None:
    for held in (True, False):
        made = Rig(latency_s=2, changes={"form": {"urc_while_busy": not held}})
        made.setup()
        made.send()
        made.network.inject(made.modem.number, "hi")
        assert ("+CMTI" in made.pass_time(1)) is not held
        assert ("+CMTI" in made.pass_time(2)) is held


@seen("form.abort_on_byte", "form.late_cmgs")
def test_a_byte_that_aborts_a_send_that_goes() -> None:
    made = Rig(latency_s=2, personality="fibocom-g510")
    made.setup()
    assert made.send() == ""
    assert made.say("A") == "\r\nERROR\r\n"
    assert made.pass_time(5) == "\r\n+CMGS: 0\r\n"
    assert made.kinds() == ["submit", "far"]


@seen("urc.split_s")
def test_a_pause_between_the_lines_of_a_urc() -> None:
    t = settled(Rig(changes={"urc": {"split_s": 2.0}}), "2,2,0,1,0")
    incoming(t)
    t.pass_time(1.9)
    assert t.told == []
    t.pass_time(0.2)
    assert [told.split()[:1] for told in t.told] == [["+CMT:"]]


@seen("form.sends_after")
def test_sends_that_want_another_command_first() -> None:
    t = rig("form", sends_after="&F")
    assert send(t) == "+CMS ERROR: 500"
    t.run("AT&F")
    assert send(t) == "+CMGS: 0"


@seen("form.hex_blocks_cmgs")
def test_a_character_set_that_blocks_sends() -> None:
    t = Terminal(Rig(personality="fibocom-l610"))
    t.run('AT+CSCS="HEX"')
    assert send(t) == "+CMS ERROR: 304"
    t.run('AT+CSCS="GSM"')
    assert send(t) == "+CMGS: 0"


@seen("form.max_line")
def test_a_line_that_is_too_long() -> None:
    assert rig("form", max_line=40).run("AT+CGDCONT=" + "1" * 60)[0] == "ERROR"


# -- boot


@seen(
    "boot.boot_s",
    "boot.chatter",
    "boot.late_chatter",
    "boot.sms_chatter",
    "boot.sim_s",
    "boot.sms_s",
    "boot.register_s",
)
def test_the_boot_with_its_chatter() -> None:
    values = {"boot_s": 3.0, "sim_s": 2.0, "sms_s": 4.0, "register_s": 1.0}
    words: dict[str, Any] = {"chatter": ("*ATREADY",), "late_chatter": ("+CPIN: READY",), "sms_chatter": ("SMS DONE",)}
    made = Rig(changes={"boot": {**values, **words}})
    restart(Terminal(made))
    assert made.say("AT\r") == ""
    assert made.pass_time(3.1) == "\r\n*ATREADY\r\n"
    assert made.say("ATE0;+CMEE=1\r").endswith("OK\r\n")
    assert made.say("AT+CPIN?\r") == "\r\n+CME ERROR: 14\r\n"
    assert made.pass_time(2) == "\r\n+CPIN: READY\r\n"
    assert made.say("AT+CMGL=4\r") == "\r\n+CMS ERROR: 314\r\n"
    assert "+CREG: 0,0" in made.say("AT+CREG?\r")
    made.network.inject(made.modem.number, "early")
    assert made.pass_time(2) == ""
    assert "+CREG: 0,1" in made.say("AT+CREG?\r")
    assert made.pass_time(3) == "\r\nSMS DONE\r\n"
    assert "+CMGL: 1" in made.say("AT+CMGL=4\r")


@seen("boot.reset_port", "boot.reset_commands", "boot.off_commands")
def test_restart_and_off() -> None:
    t = Terminal(Rig(personality="telit-le910"))
    assert t.run("AT#REBOOT")[0] == "OK"
    t.pass_time(0.1)
    assert not t.rig.modem.plugged
    t.come_up()
    assert t.rig.modem.plugged
    assert t.run("AT#SHDN")[0] == "OK"
    t.pass_time(0.1)
    assert t.run("AT", 300)[0] == ""
    assert not t.rig.modem.plugged
    serial = Terminal(Rig(personality="simcom-sim800"))
    assert serial.run("AT+CPOWD=1")[0] == "OK"
    serial.pass_time(0.1)
    assert serial.run("AT", 300)[0] == ""
    assert serial.rig.modem.plugged
    serial.rig.modem.unplug()
    serial.rig.modem.replug()
    serial.come_up()


@seen("boot.lost_bytes")
def test_bytes_lost_at_the_start() -> None:
    made = Rig(changes={"boot": {"lost_bytes": 2}})
    restart(Terminal(made))
    made.pass_time(1)
    assert made.say("ATATE0\r").endswith("OK\r\n")
    made = Rig(personality="odd-prompt")
    made.modem.port_opened(0)
    assert made.say("AT\r") == "\r"
    assert made.say("AT\r").endswith("OK\r\n")


@seen("boot.radio_off_kills")
def test_a_modem_that_does_not_outlive_its_radio() -> None:
    t = Terminal(Rig(personality="neoway-m590"))
    assert t.run("AT+CFUN=4")[0] == "OK"
    t.pass_time(0.1)
    assert t.run("AT", 600)[0] == ""
    t.rig.modem.port_closed(0)
    assert t.run("AT", 5)[0] == ""
    t.rig.modem.unplug()
    t.rig.modem.replug()
    t.come_up()


@seen("boot.sim_hotplug")
def test_a_sim_that_must_be_in_at_power_on() -> None:
    t = Terminal(Rig(personality="huawei-e353"))
    t.run("AT+CMEE=1")
    t.rig.modem.fault("sim", removed=True)
    t.rig.modem.fault("sim", removed=False)
    assert t.run("AT+CPIN?")[0] == "+CME ERROR: 10"
    t.rig.modem.reboot()
    t.come_up()
    assert t.value("AT+CPIN?", "+CPIN:") == "READY"


# -- unsolicited lines


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("quectel-rm500q", 'AT+QURCCFG="urcport","usbat"'),
        ("simcom-a7670", "AT+CATR=3"),
        ("huawei-e169", "AT^PORTSEL=1"),
        ("huawei-e169", "AT^CURC=1"),
    ],
)
@seen("urc.role", "urc.moves", "urc.kept")
def test_lines_go_to_another_port_until_a_command_moves_them(name: str, command: str) -> None:
    made = Rig(personality=name)
    made.setup()
    made.network.inject(made.modem.number, "hi")
    made.timeline.run(made.now)
    out = made.modem.take_output()
    assert [p for p, data in out if b"+CMTI" in data] == [1]
    assert made.say(command + "\r").endswith("OK\r\n")
    made.network.inject(made.modem.number, "hi")
    assert "+CMTI" in made.heard()
    made.modem.reboot()
    assert (made.modem.urc_role == "at") is made.modem.personality.urc.kept


# -- radio


@pytest.mark.parametrize(
    ("keys", "creg", "cgreg", "cereg"),
    [
        ({"creg_stat": 0, "cereg_stat": 1}, 0, 0, 1),
        ({"creg_stat": 6, "cgreg_stat": 1, "cereg_stat": 1}, 6, 1, 1),
        ({"creg_stat": 7, "cereg_stat": 7}, 7, 7, 7),
    ],
)
@seen("radio.creg_stat", "radio.cgreg_stat", "radio.cereg_stat")
def test_registered_for_messages_whatever_one_domain_says(
    keys: dict[str, int], creg: int, cgreg: int, cereg: int
) -> None:
    t = rig("radio", **keys)
    for name, stat in (("+CREG", creg), ("+CGREG", cgreg), ("+CEREG", cereg)):
        assert t.value(f"AT{name}?", f"{name}:") == f"0,{stat}"
    assert send(t) == "+CMGS: 0"
    incoming(t)
    assert t.wait_told("+CMTI")


@seen("radio.mr_wrap_sick")
def test_sick_after_255() -> None:
    t = settled(Rig(personality="falcom-a2", mr=255))
    assert send(t) == "+CMGS: 255"
    assert send(t) == send(t) == "+CMS ERROR: 1"
    t.run("AT+CFUN=1,1")
    t.come_up()
    t.run("AT+CMEE=1")
    assert send(t) == "+CMGS: 0"


@seen("radio.collision_cms")
def test_a_collision_with_an_arriving_text() -> None:
    t = settled(Rig(personality="siemens-mc55"), "2,1,0,1,1")
    t.run("AT^SM20=0,0")
    first, second = submit()
    assert t.prompt(first.rstrip("\r"))
    incoming(t)
    t.write(second)
    assert t.result()[0] == "+CMS ERROR: 512"
    assert send(t) == "+CMGS: 0"


@seen("radio.send_error_after_s", "radio.network_cms")
def test_more_than_two_minutes_to_an_error() -> None:
    t = settled(Rig(personality="quectel-eg06"))
    assert send(t) == "+CMGS: 0"
    first, second = submit("+70001112233")
    assert t.prompt(first.rstrip("\r"))
    t.write(second)
    assert t.result(134) == ("", [])
    assert t.result(2)[0] == "+CMS ERROR: 350"
    quick = scaled(load("quectel-eg06"), 0.01)
    assert quick.radio.send_error_after_s == pytest.approx(1.35)
    assert quick.radio.network_cms == 350
    assert scaled(load("odd-slow"), 0.02).form.baud == 480_000


@seen("radio.window_s")
def test_texts_come_after_a_boot_or_a_send_only() -> None:
    t = settled(Rig(personality="ublox-sara-r4"))
    incoming(t)
    assert t.wait_told("+CMTI")
    t.pass_time(20)
    incoming(t)
    assert t.wait_told("+CMTI", 60) == ""
    send(t)
    assert t.wait_told("+CMTI")


@seen("radio.silent_after")
def test_silent_after_a_text() -> None:
    t = settled(Rig(personality="huawei-e173-hangs"))
    incoming(t)
    assert t.run("AT")[0] == "OK"
    incoming(t)
    assert t.run("AT", 60)[0] == ""
    t.rig.modem.unplug()
    t.rig.modem.replug()
    t.come_up()


@seen("radio.chatter", "radio.chatter_every_s", "radio.chatter_inside")
def test_chatter_and_chatter_inside_a_reply() -> None:
    made = Rig(changes={"radio": {"chatter": ("^RSSI:9",), "chatter_every_s": 4.0, "chatter_inside": 2}})
    assert made.pass_time(5) == "\r\n^RSSI:9\r\n"
    made.say("ATE0\r")
    assert made.say("AT+CSQ\r") == "\r\n+CSQ: 20,99\r\n\r\n^RSSI:9\r\n\r\nOK\r\n"
    assert made.say("AT+CSQ\r") == "\r\n+CSQ: 20,99\r\n\r\nOK\r\n"


# -- USSD

PACKED, WIDE = "AA180C3602", "002A0031003000300023"  # *100#
USSD = [
    ({}, '"*100#",15', '+CUSD: 0,"Balance: 123.45 RUB",15'),
    ({"dcs": False, "quotes": False}, '"*100#",15', "+CUSD: 0,Balance: 123.45 RUB"),
    ({"takes": ("packed",), "gives": "packed"}, f'"{PACKED}",15', '+CUSD: 0,"C2303BEC1E9775A0986CE6A2D540D2AA10",15'),
    ({"takes": ("packed",)}, '"*100#",15', "+CUSD: 4"),
    ({"takes": ("ucs2", "plain"), "gives": "hex"}, f'"{WIDE}",15', '+CUSD: 0,"42616C616E63653A203132332E34352052'),
    ({"takes": ("ucs2",), "gives": "ucs2"}, f'"{WIDE}",72', '+CUSD: 0,"00420061006C0061006E00630065003A'),
    ({"unknown": 2}, '"*999#",15', "+CUSD: 2"),
    ({}, '"*999#",15', "+CUSD: 4"),
    ({}, '"*107#",15', "+CUSD: 5"),
    ({}, '"*101#",15', '+CUSD: 0,"04110430043B0430043D0441003A'),
]


@pytest.mark.parametrize(("habits", "asked", "said"), USSD)
@seen("ussd.takes", "ussd.gives", "ussd.dcs", "ussd.quotes", "ussd.unknown")
def test_ussd(habits: dict[str, Any], asked: str, said: str) -> None:
    t = rig("ussd", **habits)
    assert t.run(f"AT+CUSD=1,{asked}")[0] == "OK"
    assert t.wait_told("+CUSD").startswith(said)


@seen("ussd.when")
def test_ussd_before_the_ok() -> None:
    made = Rig(personality="odd-ussd")
    made.setup()
    assert made.say('AT+CUSD=1,"*100#"\r') == ""
    assert made.pass_time(1) == "\r\n+CUSD: 0,Balance: 123.45 RUB\r\n\r\nOK\r\n"


@seen("ussd.charset", "ussd.takes_dcs", "ussd.wants_dcs", "ussd.error")
def test_ussd_that_is_refused() -> None:
    t = rig("ussd", charset="GSM")
    t.run('AT+CSCS="IRA"')
    assert t.run('AT+CUSD=1,"*100#",15')[0] == "+CME ERROR: 100"
    t.run('AT+CSCS="GSM"')
    assert t.run('AT+CUSD=1,"*100#",15')[0] == "OK"
    assert rig("ussd", takes_dcs=False).run('AT+CUSD=1,"*100#",15')[0] == "+CME ERROR: 50"
    assert rig("ussd", wants_dcs=True).run('AT+CUSD=1,"*100#"')[0] == "+CME ERROR: 50"
    assert rig("ussd", error="CME 4").run('AT+CUSD=1,"*100#",15')[0] == "+CME ERROR: 4"
    assert rig("ussd", error="ERROR").run('AT+CUSD=1,"*100#",15')[0] == "ERROR"


@seen("ussd.cancel")
def test_ussd_cancelled_and_menus() -> None:
    t = rig("ussd", cancel="+CUSD: 2")
    t.run('AT+CUSD=1,"*106#",15')
    assert t.wait_told("+CUSD: 1")
    t.run('AT+CUSD=1,"2",15')
    assert t.wait_told("+CUSD: 1")
    t.run('AT+CUSD=1,"1",15')
    assert bytes.fromhex(t.wait_told("+CUSD: 0").split('"')[1]).decode("utf-16-be") == "Заявка принята"
    t.run('AT+CUSD=1,"1",15')
    assert t.wait_told("+CUSD") == "+CUSD: 4"
    t.run("AT+CUSD=2")
    assert t.wait_told("+CUSD") == "+CUSD: 2"
    t.run('AT+CUSD=1,"*108#",15')
    assert t.wait_told("+CUSD", 300) == ""


# -- calls


@seen("calls.ring_every_s", "calls.clip_from", "calls.clip_delay_s", "calls.end", "calls.missed")
def test_a_missed_call() -> None:
    values: dict[str, Any] = {
        "ring_every_s": 4.0,
        "clip_from": 2,
        "clip_delay_s": 0.5,
        "end": ("^CEND:1", "NO CARRIER"),
    }
    made = Rig(changes={"calls": {**values, "missed": "MISSED_CALL: {time} {number}"}})
    made.say("ATE0;+CLIP=1;+CRC=1\r")
    made.modem.voice.incoming("+79990001122", 6)
    assert made.heard() == "\r\n+CRING: VOICE\r\n"
    assert made.pass_time(4.1) == "\r\n+CRING: VOICE\r\n"
    assert made.pass_time(0.5) == '\r\n+CLIP: "+79990001122",145,"",,"",0\r\n'
    assert made.pass_time(2).replace("\r\n", "|") == "|^CEND:1||NO CARRIER||MISSED_CALL: 03:06PM +79990001122|"
    assert [(e.kind, e.sender, e.note) for e in made.network.ledger.entries] == [("call", "+79990001122", "missed")]
    assert made.pass_time(60) == ""


WAYS = [(("+CHUP",), "ATH", "missed"), (("+CHUP",), "AT+CHUP", "rejected"), (("H",), "ATH", "rejected")]


@pytest.mark.parametrize(("ways", "command", "how"), WAYS)
@seen("calls.hang_up")
def test_a_call_is_rejected_where_the_command_does_so(ways: tuple[str, ...], command: str, how: str) -> None:
    t = rig("calls", hang_up=ways)
    t.rig.modem.voice.incoming("", 10)
    t.pass_time(1)
    assert t.wait_told("RING") == "RING"
    assert t.run(command)[0] == "OK"
    t.pass_time(20)
    assert [e.note for e in t.rig.network.ledger.select("call")] == [how]
    assert t.run("AT+CLCC")[1] == []


@seen("calls.voice")
def test_a_modem_without_voice_is_never_rung() -> None:
    t = rig("calls", voice=False)
    t.rig.modem.voice.incoming("+7999")
    assert t.wait_told("RING", 30) == ""
    assert [e.note for e in t.rig.network.ledger.select("call")] == ["unreachable"]
    assert t.run("ATD+7999;")[0] == "+CME ERROR: 4"


# -- ports


def test_ports_without_at_spew_and_remember_what_was_written() -> None:
    made = Rig(personality="quectel-ec25")
    assert made.say("AT\r", port=2) == ""
    assert made.say("AT\r", port=3) == ""
    made.modem.port_opened(3)
    made.now += 1.1
    made.timeline.run(made.now)
    (port, said), *_ = made.modem.take_output()
    assert port == 3
    assert said.startswith(b"$GPGGA,")
    assert said.endswith(b"\r\n")
    made.modem.port_opened(2)
    made.now += 2.1
    made.timeline.run(made.now)
    assert any(p == 2 and data.endswith(b"~") for p, data in made.modem.take_output())
    made.modem.port_closed(2)
    made.modem.port_closed(3)
    made.now += 10
    made.timeline.run(made.now)
    assert made.modem.take_output() == []
    state = {p["role"]: p for p in made.modem.state()["ports"]}
    assert (state["diag"]["written"], state["gps"]["first"]) == (3, b"AT\r".hex())
    assert "written" not in state["at"]


def test_a_port_that_restarts_the_device_when_written_to() -> None:
    t = rig()
    made = Rig()
    made.modem.personality = replace(load("generic"), port=(Port(), Port("diag", 1, on_write="reboot")))
    other = type(made.modem)("m", t.rig.modem.sim, made.network, made.modem.personality, made.modem.rng)
    other.power_on(ready=True)
    other.feed(b"AT", made.now, 1)
    assert other.resets == 1


def test_every_key_is_seen_and_every_oddity_has_words() -> None:
    assert set(keys()) - DESCRIBED - SEEN == set()
    assert set(WORDS) <= set(keys())
    unworded = SEEN - set(WORDS)
    assert unworded == {
        "replies",
        "errors",
        "refuse",
        "memory.cmgl_stall_s",
        "cnmi.ack_timeout_s",
        "form.max_line",
        "boot.late_chatter",
        "boot.sim_s",
        "boot.register_s",
        "boot.reset_port",
        "urc.kept",
        "radio.cgreg_stat",
        "radio.chatter_every_s",
        "calls.ring_every_s",
        "calls.end",
    }
