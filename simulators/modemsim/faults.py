"""Faults on demand: which there are, what they take, and when one strikes. Owns no behaviour:

the engine asks at named points.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modemsim.errors import SimError

SEND_POINTS = (
    "before_prompt",
    "after_prompt",
    "mid_payload",
    "not_accepted",
    "after_payload",
    "before_result",
)
RESULTS = ("cms", "cme", "error")
POINTS = ("now", "command", *SEND_POINTS, "mid_reply", "after_result")


class FaultError(SimError):
    """There is no such fault, or its parameters are wrong."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does, in a sentence, and its parameters with their defaults."""

    what: str
    params: Mapping[str, Any] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "cms_error": Kind(
        "The next sends fail with +CMS ERROR: <code>, after the payload or instead of the prompt; nothing is sent.",
        {"code": 500, "when": "after_payload", "after_s": 0.0},
    ),
    "taken_error": Kind(
        "The network takes the message, and the modem says after `after_s` that it failed: +CMS ERROR: <code>,"
        " +CME ERROR: <code> with `result` = cme, or ERROR with `result` = error.",
        {"code": 500, "result": "cms", "after_s": 0.0},
    ),
    "cme_error": Kind("Commands that match fail with +CME ERROR: <code>.", {"code": 100, "match": "."}),
    "error": Kind("Commands that match fail with ERROR.", {"match": "."}),
    "no_answer": Kind("Commands that match are swallowed: no answer ever comes.", {"match": "."}),
    "send_silent": Kind(
        "No answer comes after the payload; `accepted` says whether the network took the message.",
        {"accepted": True},
    ),
    "late_result": Kind("The network took it, and +CMGS comes `seconds` late.", {"seconds": 5.0}),
    "result_owed": Kind(
        "The network took it, and nothing is said of it; its +CMGS comes behind the next message's payload, whose own"
        " result follows `seconds` later.",
        {"seconds": 1.0},
    ),
    "cmgs_lost": Kind("The network took it, and only OK comes, no +CMGS line."),
    "ok_lost": Kind("The network took it, +CMGS comes, and no OK."),
    "failed_ok": Kind("The send fails and the modem says OK (Siemens)."),
    "prompt_late": Kind("The prompt comes `seconds` late.", {"seconds": 5.0}),
    "prompt_no_space": Kind("The prompt is `>` without its space."),
    "prompt_lost": Kind("No prompt is shown, and the modem waits for the payload."),
    "slow": Kind("Commands that match are answered `seconds` late.", {"seconds": 1.0, "match": "."}),
    "garbage": Kind(
        "Bytes of no meaning (`hex`, or `random` many) come now, or before, in or after the reply to a match.",
        {"hex": "fffe8000", "random": 0, "when": "now", "position": -1, "match": "."},
    ),
    "urc": Kind(
        "An unsolicited line comes now, or before, in (at byte `position`) or after the reply to a match.",
        {"text": "RDY", "when": "now", "position": -1, "match": "."},
    ),
    "reply_cut": Kind(
        "A reply to a match loses `bytes` bytes at byte `position`.", {"bytes": 3, "position": -1, "match": "."}
    ),
    "split_reply": Kind(
        "A reply to a match comes in two pieces, `seconds` apart, cut at byte `position`.",
        {"position": -1, "seconds": 0.2, "match": "."},
    ),
    "unplug": Kind(
        "The port vanishes at a point of the dialogue (or at a command that matches) and is back after `back_s`.",
        {"at": "now", "back_s": 1.0, "bytes": 10, "position": -1, "match": "."},
    ),
    "flap": Kind(
        "A loose cable: the device goes and comes `times` times, `every_s` apart.", {"times": 3, "every_s": 1.0}
    ),
    "storage_mode": Kind(
        "It comes back as the storage device that it was before usb_modeswitch, without ports; a modem after `back_s`.",
        {"back_s": 0.0},
    ),
    "reboot": Kind(
        "The modem restarts by itself at a point of the dialogue; its port stays. It may say nothing of it,"
        " or a last `text` such as UNDER-VOLTAGE POWER DOWN.",
        {"at": "now", "silent": False, "text": "", "bytes": 10, "position": -1, "match": "."},
    ),
    "hang": Kind(
        "All commands go unanswered until a replug, or, with `until` = close, until the port is closed.",
        {"until": "close", "at": "now", "bytes": 10, "position": -1, "match": "."},
    ),
    "urc_lost": Kind("A URC that matches is never said.", {"match": "CMTI|CDSI|CMT|CDS"}),
    "urc_late": Kind("A URC that matches is said `seconds` late.", {"seconds": 2.0, "match": "CMTI|CDSI|CMT|CDS"}),
    "urc_doubled": Kind("A URC that matches is said twice.", {"match": "CMTI|CDSI|CMT|CDS"}),
    "urc_split": Kind(
        "A URC of two lines (+CMT, +CDS) comes in two pieces, `seconds` apart.", {"seconds": 0.5, "match": "CMT|CDS"}
    ),
    "urc_moved": Kind("Unsolicited lines go to another port from now on: at, modem, all or none.", {"role": "modem"}),
    "cmti_wrong": Kind(
        "+CMTI names another memory, or an index that is off by `shift`.", {"memory": "", "shift": 0, "match": "CMTI"}
    ),
    "stored_too": Kind("A message handed over by +CMT is stored as well, and not announced."),
    "bad_scts": Kind("The time stamp of the next message is replaced by `hex`.", {"hex": "2C2C2C2C2C2C2C"}),
    "urc_bare": Kind('+CMTI: "SM",-1 is said instead of the true index.', {"match": "CMTI"}),
    "ussd": Kind(
        "The next USSD request fails: `answer` is error, silent, or the number of a bare +CUSD (2, 4, 5).",
        {"answer": "4"},
    ),
    "echo_stuck": Kind("ATE0 is answered OK and the echo stays on."),
    "lost_bytes": Kind("The next `bytes` bytes of input never reach the modem.", {"bytes": 2}),
    "registration": Kind(
        "Registration is lost (`stat`) and back after `seconds`; 0 is for good.", {"stat": 2, "seconds": 10.0}
    ),
    "circuit": Kind(
        "+CREG alone says `stat`, while +CGREG and +CEREG go on, and messages too; -1 ends it.", {"stat": 0}
    ),
    "deaf": Kind(
        "No message can be delivered to it, though it is registered, until = send or reset.", {"until": "send"}
    ),
    "sim_busy": Kind("Messages fail with CMS 314 for `seconds`, as after a boot.", {"seconds": 5.0}),
    "smsc": Kind("AT+CSCA says `address` from now on; without one, sends fail with CMS 330.", {"address": ""}),
    "mem3": Kind("The memory for arriving messages falls back by itself, as at a boot.", {"memory": "SM"}),
    "signal": Kind("AT+CSQ says `rssi` from now on.", {"rssi": 99}),
    "full": Kind(
        "The memory is filled with old, read messages; `leave` slots stay free.", {"memory": "SM", "leave": 0}
    ),
    "bad_pdu": Kind(
        "A PDU that does not decode lies in the memory, announced or not; `line` (or none) is shown for it.",
        {"memory": "", "hex": "0791FFFFFFFFFFFF0405", "announce": False, "line": ""},
    ),
    "redeliver": Kind("The network delivers the last delivered message once more, octet for octet."),
    "mr_sick": Kind("After mr 255 every send fails with CMS 1 until AT+CFUN=1,1 or a replug."),
    "sim": Kind("The SIM is taken out, or put back in.", {"removed": True}),
    "pin": Kind("The SIM is locked and wants `pin`; `tries` are left.", {"pin": "1234", "tries": 3}),
}

PERSISTENT = frozenset({"echo_stuck", "mr_sick"})


@dataclass(slots=True)
class Fault:
    """One fault that waits for its moment. `count` strikes (0:

    no end), each with `probability`, after `skip` chances.
    """

    kind: str
    params: dict[str, Any]
    count: int = 1
    probability: float = 1.0
    skip: int = 0
    struck: int = 0
    match: re.Pattern[str] | None = None

    def __getitem__(self, key: str) -> Any:
        return self.params[key]

    def describe(self) -> dict[str, Any]:
        """For the control socket."""
        return {
            "fault": self.kind,
            **self.params,
            "count": self.count,
            "probability": self.probability,
            "skip": self.skip,
            "struck": self.struck,
        }


def make(kind: str, *, count: int | None = None, probability: float = 1.0, skip: int = 0, **params: Any) -> Fault:
    """Check and build a fault; raises `FaultError` with what there is to choose from."""
    spec = KINDS.get(kind)
    if spec is None:
        raise FaultError(f"There is no fault {kind!r}. There are: {', '.join(sorted(KINDS))}.")
    values = dict(spec.params)
    for key, value in params.items():
        if key not in values:
            takes = ", ".join(sorted(values)) or "no parameters"
            raise FaultError(f"The fault {kind!r} has no parameter {key!r}; it takes {takes}.")
        values[key] = _convert(kind, key, values[key], value)
    if values.get("at", "now") not in POINTS:
        raise FaultError(f"There is no point {values['at']!r}. There are: {', '.join(POINTS)}.")
    if values.get("result", "cms") not in RESULTS:
        raise FaultError(f"There is no result {values['result']!r}. There are: {', '.join(RESULTS)}.")
    if not 0 < probability <= 1:
        raise FaultError(f"A probability is above 0 and at most 1, not {probability}.")
    try:
        match = re.compile(values["match"], re.IGNORECASE) if "match" in values else None
    except re.error as e:
        raise FaultError(f"{values['match']!r} is no regular expression: {e}.") from None
    if count is None:
        count = 0 if kind in PERSISTENT else 1
    return Fault(kind, values, count, probability, skip, 0, match)


def _convert(kind: str, key: str, default: Any, value: Any) -> Any:
    if isinstance(default, bool):
        if isinstance(value, str):
            value = value.strip().lower() in ("1", "true", "yes", "on")
        return bool(value)
    try:
        converted = type(default)(value)
    except (TypeError, ValueError):
        raise FaultError(
            f"The parameter {key!r} of the fault {kind!r} is of type {type(default).__name__}; {value!r} is not."
        ) from None
    if key == "hex":
        try:
            bytes.fromhex(converted)
        except ValueError:
            raise FaultError(f"{value!r} is not hexadecimal.") from None
    return converted


class FaultBox:
    """The faults that wait in one modem."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self, kind: str | None = None) -> int:
        """Take back all faults, or those of one kind; how many there were."""
        before = len(self._waiting)
        self._waiting = [f for f in self._waiting if kind is not None and f.kind != kind]
        return before - len(self._waiting)

    def describe(self) -> list[dict[str, Any]]:
        return [f.describe() for f in self._waiting]

    def take(self, kind: str, text: str | None = None, where: Callable[[Fault], bool] | None = None) -> Fault | None:
        """The fault of this kind that strikes now, counted; None mostly."""
        for fault in self._waiting:
            if fault.kind != kind or (where is not None and not where(fault)):
                continue
            if text is not None and fault.match is not None and not fault.match.search(text):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1 and self._rng.random() >= fault.probability:
                continue
            fault.struck += 1
            if fault.count:
                fault.count -= 1
                if not fault.count:
                    self._waiting.remove(fault)
            return fault
        return None
