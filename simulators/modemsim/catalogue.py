"""The list of personalities in words: what each is, which ports it has, and what is odd about it, read from its keys.

Owns the words; the command and the README show them.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from modemsim.personality import load, names
from modemsim.traits import Personality

# key: what a value other than the usual one means; {v} is the value
WORDS: dict[str, str] = {
    "identity.prefix_replies": "AT+CGMM answers with a prefix",
    "memory.first_index": "indices from {v}",
    "memory.cpms_args": "AT+CPMS with {v} arguments only",
    "memory.cmti_name": "+CMTI says {v} whatever it is",
    "memory.cmti_shift": "+CMTI is off by {v}",
    "memory.full_urc": "full: {v}",
    "memory.empty_slot": "AT+CMGR of an empty slot is OK",
    "memory.cmgl_all": "AT+CMGL=4 is CMS 303",
    "memory.cmgl_stall_nth": "AT+CMGL stalls every {v}. time",
    "memory.cmgd_flags": "AT+CMGD takes no flag",
    "cnmi.only": "AT+CNMI takes {v} only",
    "cnmi.class0": "a flash text is handed over",
    "cnmi.report_memory": "stored reports: {v}",
    "cnmi.cdsi_name": "+CDSI says {v}",
    "cnmi.cdsi_index": "+CDSI says index {v} always",
    "cnmi.sr_readable": "a report in SR is CMS 321",
    "cnmi.sr_listable": "SR cannot be listed",
    "cnmi.sr_deletable": "SR cannot be emptied at once",
    "cnmi.unacked": "without AT+CNMA nothing more comes",
    "cnmi.csms1": "no AT+CSMS=1",
    "form.echo": "echo stays on",
    "form.echo_ctrl_z": "does not echo Ctrl-Z",
    "form.prompt": "prompt {v}",
    "form.prompt_after_s": "prompt after {v} s",
    "form.unknown": "{v}",
    "form.escape": "ESC answers {v}",
    "form.cms_when_cmee0": "plain ERROR under AT+CMEE=0",
    "form.send_failure": "a failed send says OK until AT^SM20=0,0",
    "form.length_error": "a wrong length is CMS {v}",
    "form.urc_while_busy": "URCs wait for the end of a command",
    "form.abort_on_byte": "a byte during AT+CMGS aborts it",
    "form.late_cmgs": "and its +CMGS may come later",
    "form.sends_after": "sends only after AT{v}",
    "form.hex_blocks_cmgs": 'AT+CSCS="HEX" blocks sends',
    "form.bauds": "{v} baud only",
    "form.baud": "slow, at {v} baud",
    "boot.boot_s": "{v} s to the first answer",
    "boot.sms_s": "messages {v} s after the SIM",
    "boot.chatter": "says {v}",
    "boot.sms_chatter": "later {v}",
    "boot.lost_bytes": "loses {v} bytes at power-on",
    "boot.lost_bytes_open": "loses {v} bytes when opened",
    "boot.reset_commands": "reset by {v}",
    "boot.off_commands": "off by {v}",
    "boot.radio_off_kills": "dead after AT+CFUN=0",
    "boot.sim_hotplug": "SIM must be in at power-on",
    "urc.role": "URCs on port {v}",
    "urc.moves": "until {v}",
    "urc.split_s": "{v} s between the two lines of a URC",
    "radio.creg_stat": "+CREG says {v}",
    "radio.cereg_stat": "+CEREG says {v}",
    "radio.mr_wrap_sick": "CMS 1 after TP-MR 255 until a restart",
    "radio.collision_cms": "CMS {v} when a text arrives meanwhile",
    "radio.send_error_after_s": "{v} s to an error of the network",
    "radio.network_cms": "CMS {v} for all trouble of the network",
    "radio.window_s": "texts come {v} s after a boot or a send only",
    "radio.silent_after": "silent after {v} texts",
    "radio.chatter": "chatter {v}",
    "radio.chatter_inside": "chatter inside every {v}. reply",
    "ussd.takes": "USSD in {v}",
    "ussd.gives": "out in {v}",
    "ussd.dcs": "+CUSD without dcs",
    "ussd.quotes": "+CUSD without quotes",
    "ussd.when": "+CUSD before OK",
    "ussd.charset": 'USSD under AT+CSCS="{v}" only',
    "ussd.takes_dcs": "AT+CUSD takes no dcs",
    "ussd.wants_dcs": "AT+CUSD wants its dcs",
    "ussd.error": "USSD: {v}",
    "ussd.unknown": "unknown codes: +CUSD: {v}",
    "ussd.cancel": "AT+CUSD=2: {v}",
    "calls.voice": "no voice",
    "calls.hang_up": "calls end by {v} only",
    "calls.clip_from": "+CLIP from ring {v} on",
    "calls.clip_delay_s": "+CLIP late",
    "calls.missed": "{v}",
    "pin_counter": "tries left: {v}",
}
CHOICES = {"memory.cpms_args", "cnmi.only", "form.bauds", "boot.reset_commands", "boot.off_commands", "urc.moves"}
CHOICES |= {"ussd.takes", "calls.hang_up"}
QUIET = {"boot.boot_s": 2.0}  # shown from this value on


def oddities(made: Personality) -> list[str]:
    """What is unusual about a personality, a phrase each, in the order of `WORDS`."""
    usual = Personality("usual")
    found = []
    for key, words in WORDS.items():
        part, _, name = key.rpartition(".")
        ours, theirs = (made, usual) if not part else (getattr(made, part), getattr(usual, part))
        value = getattr(ours, name)
        if value == getattr(theirs, name) or (key in QUIET and value < QUIET[key]):
            continue
        if key == "urc.moves" and made.urc.role == usual.urc.role:
            continue
        found.append(words.format(v=_shown(value, " or " if key in CHOICES else ", ")))
    if "ME" in made.memory.read and "ME" not in made.memory.receive:
        found.insert(0, "ME refused for what arrives")
    lacks = [c for c in made.refuse if c in ("+CSMP", "+CMMS", "+CUSD", "+CGSN", "+CHUP")]
    found += [f"no AT{c}" for c in lacks]
    found += [f"AT{command}: {error}" for command, error in made.errors.items()]
    if not made.identity.iccid:
        found.append("no ICCID command")
    return found


def _shown(value: Any, between: str) -> str:
    if isinstance(value, str):
        return value.replace("\r", "␍").replace("\n", "␊") or "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return between.join(_shown(v, between) for v in value) or "none"
    if isinstance(value, dict):
        return between.join("AT" + k for k, v in value.items() if v == "at") or "none"
    return str(value)


def ports(made: Personality) -> str:
    """The ports in the order of their interfaces: `0 diag, 2 at`."""
    return ", ".join(f"{p.interface} {p.role}" for p in sorted(made.port, key=lambda p: p.interface))


def markdown() -> str:
    """The table of the README: one row a personality."""
    rows = [
        "| personality | USB id | interfaces | stores in | +CNMI mode; ds; bfr | what is odd |",
        "|---|---|---|---|---|---|",
    ]
    for name in names():
        made = load(name)
        room = made.memory.capacity
        memories = " ".join(f"{m} {room.get(m, '')}".strip() for m in made.memory.receive)
        cnmi = "; ".join(",".join(map(str, v)) for v in (made.cnmi.mode, made.cnmi.ds, made.cnmi.bfr))
        odd = "; ".join(oddities(made)).replace("|", "\\|")
        rows.append(f"| `{name}` | {made.usb.id or '–'} | {ports(made)} | {memories} | {cnmi} | {odd} |")
    return "\n".join(rows) + "\n"


def keys() -> list[str]:
    """All keys of a personality file, `table.key`."""
    found = []
    for top in fields(Personality):
        value = getattr(Personality("x"), top.name)
        if is_dataclass(value) and not isinstance(value, type):
            found += [f"{top.name}.{f.name}" for f in fields(value)]
        else:
            found.append(top.name)
    return found
