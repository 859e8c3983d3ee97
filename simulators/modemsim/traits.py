"""What can be odd about a modem model: the keys of a personality file, their meaning and their sane values.

Owns names and defaults, no behaviour and no reading of files. Every key is explained in `simulators/README.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SPEAKING = ("at", "modem")  # roles of ports that answer AT
ICCID_COMMANDS = ("+CCID", "^ICCID", "+ICCID", "+QCCID", "+ZGETICCID")
ROLES = (*SPEAKING, "diag", "gps", "log", "audio")


# the words that a key may have, where only some have a meaning
WORDS_OF: Mapping[str, tuple[str, ...]] = {
    "usb.tty": ("ttyUSB", "ttyACM"),
    "memory.empty_slot": ("321", "ok"),
    "cnmi.class0": ("store", "direct"),
    "cnmi.unacked": ("disable", "wait"),
    "form.echo": ("settable", "always"),
    "form.escape": ("OK", "ERROR"),
    "form.cms_when_cmee0": ("numeric", "plain"),
    "form.send_failure": ("error", "ok"),
    "boot.reset_port": ("stays", "vanishes"),
    "urc.role": ("at", "modem", "all", "none"),
    "ussd.gives": ("plain", "packed", "ucs2", "hex"),
    "ussd.when": ("after", "before"),
}


@dataclass(frozen=True, slots=True)
class Port:
    """One serial port of the device, as its USB interface describes it."""

    role: str = "at"  # at; modem (AT and data); diag, gps, log and audio speak no AT
    interface: int = 0  # bInterfaceNumber
    usb_class: str = "ff/ff/ff"  # bInterfaceClass/SubClass/Protocol
    endpoints: int = 3  # 3 with an interrupt IN
    on_write: str = "swallow"  # a port that speaks no AT: "swallow", or "reboot"


@dataclass(frozen=True, slots=True)
class Usb:
    """What the USB bus sees. A module on a serial line has the id of a usual adapter, or none."""

    id: str = ""  # "2c7c:0125"
    storage_id: str = ""  # what it is before usb_modeswitch: "12d1:1446"
    manufacturer: str = ""
    product: str = ""
    serial: str = ""  # iSerialNumber; the same on all sticks of a kind, or none
    tty: str = "ttyUSB"  # or ttyACM


@dataclass(frozen=True, slots=True)
class Identity:
    """What AT+CGMI, CGMM, CGMR and ATI say; `{imei}` in an ATI line stands for the IMEI."""

    manufacturer: str = "modemsim"
    model: str = "generic"
    revision: str = "1.0"
    tac: str = "35000000"
    ati: tuple[str, ...] = ()
    prefix_replies: bool = False  # "+CGMI: x" instead of "x"
    # the commands that tell the ICCID, with their reply
    iccid: Mapping[str, str] = field(default_factory=lambda: {c: f"{c}: {{iccid}}" for c in ICCID_COMMANDS})


@dataclass(frozen=True, slots=True)
class Memory:
    """Message memories and AT+CPMS."""

    read: tuple[str, ...] = ("SM", "ME", "SR")
    write: tuple[str, ...] = ("SM", "ME")
    receive: tuple[str, ...] = ("SM", "ME")
    default: tuple[str, ...] = ("SM", "SM", "SM")
    capacity: Mapping[str, int] = field(default_factory=dict)
    first_index: int = 1
    cpms_args: tuple[int, ...] = (1, 2, 3)  # how many arguments AT+CPMS= takes
    cmti_name: str = ""  # the memory that +CMTI names, when it is not the true one
    cmti_shift: int = 0  # +CMTI names the true index plus this
    full_urc: str = ""  # sent when a message finds no room
    empty_slot: str = "321"  # AT+CMGR of an empty slot: "321" or "ok"
    cmgl_all: bool = True  # AT+CMGL=4 works in PDU mode (else CMS 303, and "ALL" works)
    cmgl_stall_nth: int = 0  # every nth AT+CMGL takes cmgl_stall_s
    cmgl_stall_s: float = 1200.0
    cmgd_flags: bool = True  # AT+CMGD=1,4 works (else CMS 303: only single messages)


@dataclass(frozen=True, slots=True)
class Cnmi:
    """AT+CNMI: the values accepted, the setting at power-on, and what is odd about each."""

    mode: tuple[int, ...] = (0, 1, 2, 3)
    mt: tuple[int, ...] = (0, 1, 2, 3)
    bm: tuple[int, ...] = (0, 2)
    ds: tuple[int, ...] = (0, 1, 2)
    bfr: tuple[int, ...] = (0, 1)
    only: tuple[str, ...] = ()  # whole settings, such as "2,1,0,2,1": any other is refused
    default: tuple[int, ...] = (0, 0, 0, 0, 0)
    class0: str = "store"  # a class 0 message under mt=1: "store" or "direct"
    report_memory: str = "SR"  # where reports under ds=2 go; "" for nowhere: announced and gone
    cdsi_name: str = "SR"  # the memory that +CDSI names
    cdsi_index: int = -1  # a fixed index that +CDSI names instead of the true one
    sr_readable: bool = True  # AT+CMGR reads a status report from memory SR
    sr_listable: bool = True  # AT+CMGL lists memory SR
    sr_deletable: bool = True  # AT+CMGD with a flag empties memory SR
    unacked: str = "disable"  # CSMS=1 and no CNMA in time: "disable" routing (27.005) or "wait"
    ack_timeout_s: float = 15.0
    csms1: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """The outer form of the dialogue."""

    echo: str = "settable"  # or "always"
    echo_ctrl_z: bool = True  # the Ctrl-Z that ends a payload is echoed, as all that is typed (TS 27.005 3.5.1)
    prompt: str = "\r\n> "
    prompt_after_s: float = 0.0
    unknown: str = "ERROR"  # the answer to a command it does not have
    escape: str = "OK"  # the answer to ESC at the prompt
    cms_when_cmee0: str = "numeric"  # or "plain"
    send_failure: str = "error"  # or "ok": a failed send answers OK (Siemens, until AT^SM20=0,0)
    length_error: int = 304
    urc_while_busy: bool = True  # URCs come while a command runs (never in a payload)
    abort_on_byte: bool = False  # a byte while AT+CMGS waits for the network ends the command
    late_cmgs: bool = False  # the +CMGS of a send that was aborted so comes all the same, later
    sends_after: str = ""  # a command, such as "&F", without which since power-on a send fails with CMS 500
    hex_blocks_cmgs: bool = False  # under AT+CSCS="HEX" a send fails with CMS 304
    bauds: tuple[int, ...] = ()  # the only line speeds it understands; at another both sides see garbage
    baud: int = 0  # the speed of its lines whatever the terminal sets, an octet at a time; 0: that of the simulation
    max_line: int = 1024


@dataclass(frozen=True, slots=True)
class Boot:
    """What happens at power-on and after AT+CFUN=1,1."""

    boot_s: float = 0.2  # until the first command is answered
    sim_s: float = 0.0  # and until the SIM is
    sms_s: float = 0.0  # and until messages work: CMS 314 before
    register_s: float = 0.1  # from the SIM until it is registered
    reset_port: str = "stays"  # or "vanishes"
    chatter: tuple[str, ...] = ()  # lines said at power-on
    late_chatter: tuple[str, ...] = ()  # lines said once the SIM is ready
    sms_chatter: tuple[str, ...] = ()  # lines said once messages work
    lost_bytes: int = 0  # input swallowed after power-on
    lost_bytes_open: int = 0  # input swallowed after each opening of the port
    reset_commands: tuple[str, ...] = ()  # further commands that restart the modem
    off_commands: tuple[str, ...] = ()  # commands that switch it off, until its power is cut
    radio_off_kills: bool = False  # AT+CFUN=0 or 4 ends all answers until its power is cut
    sim_hotplug: bool = True  # a SIM put in is seen without a restart


@dataclass(frozen=True, slots=True)
class Urc:
    """The port on which unsolicited lines come, and the commands that move them."""

    role: str = "at"  # of the port: at, modem, all, none
    # a command (as it is said, in capitals) to a role, or "here": the port on which it was given
    moves: Mapping[str, str] = field(default_factory=dict)
    kept: bool = False  # a move outlives a restart
    split_s: float = 0.0  # a pause between the two lines of +CMT and +CDS


@dataclass(frozen=True, slots=True)
class Radio:
    """The radio side of the model."""

    creg_stat: int = 1  # what +CREG says once it is registered
    cgreg_stat: int = -1  # what +CGREG says; -1: the same
    cereg_stat: int = 1
    act: int = 7
    mr_wrap_sick: bool = False  # after mr 255 sends fail with CMS 1 until a reset
    collision_cms: int = 0  # a send that meets an incoming message fails with this
    send_error_after_s: float = 0.0  # how long a send that the network refuses takes
    network_cms: int = 0  # the one code that stands for all troubles of the network
    window_s: float = 0.0  # texts reach it only so long after a boot or a send; 0: always
    silent_after: int = 0  # it answers nothing more after so many messages came in, until a restart
    chatter: tuple[str, ...] = ()  # URCs said every now and then
    chatter_every_s: float = 0.0
    chatter_inside: int = 0  # every nth reply has the chatter in its middle


@dataclass(frozen=True, slots=True)
class Ussd:
    """AT+CUSD (TS 27.007 7.15): how texts go in and come out."""

    takes: tuple[str, ...] = ("plain",)  # codings of the request that it understands: plain, packed, ucs2
    gives: str = "plain"  # coding of the answer: plain, packed, ucs2, hex; what has no GSM letters is ucs2 always
    dcs: bool = True  # the answer carries its <dcs>
    quotes: bool = True  # the answer is quoted
    when: str = "after"  # the answer comes "after" the OK, or "before" it as a line of the reply
    charset: str = ""  # "GSM": any other AT+CSCS fails with CME 100
    takes_dcs: bool = True  # AT+CUSD=1,"…",15 is understood (else CME 50)
    wants_dcs: bool = False  # AT+CUSD=1,"…" without <dcs> fails with CME 50
    error: str = ""  # the answer to every request: "ERROR", "CME 30"
    unknown: int = 4  # the +CUSD of a code that the network does not know
    cancel: str = ""  # what follows AT+CUSD=2, such as "+CUSD: 2"


@dataclass(frozen=True, slots=True)
class Calls:
    """Incoming calls."""

    voice: bool = True  # False: calls never reach it
    ring_every_s: float = 5.0
    clip_from: int = 1  # +CLIP comes from the nth RING on
    clip_delay_s: float = 0.0  # and so long after it
    hang_up: tuple[str, ...] = ("H", "+CHUP")  # what ends a call; another of the two says OK and does nothing
    end: tuple[str, ...] = ("NO CARRIER",)  # said when the caller gives up
    missed: str = ""  # and after it, with {number} and {time}


@dataclass(frozen=True, slots=True)
class Personality:
    """One modem model."""

    name: str
    title: str = ""
    family: str = ""  # the row of the table of families
    port: tuple[Port, ...] = (Port(),)  # the AT port first
    pin_counter: str = "+CPINR"  # the command that tells the tries left; "" when none does
    accept: tuple[str, ...] = ()  # commands answered OK with any argument
    refuse: tuple[str, ...] = ()  # commands of the simulator that this model lacks
    replies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)  # commands that fail: "ERROR", "CME 4", "CMS 302"
    usb: Usb = field(default_factory=Usb)
    identity: Identity = field(default_factory=Identity)
    memory: Memory = field(default_factory=Memory)
    cnmi: Cnmi = field(default_factory=Cnmi)
    form: Form = field(default_factory=Form)
    boot: Boot = field(default_factory=Boot)
    urc: Urc = field(default_factory=Urc)
    radio: Radio = field(default_factory=Radio)
    ussd: Ussd = field(default_factory=Ussd)
    calls: Calls = field(default_factory=Calls)

    @property
    def ports(self) -> int:
        return len(self.port)

    @property
    def at_port(self) -> int:
        """The place of the port to talk to."""
        return 0
