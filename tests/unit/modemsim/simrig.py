"""A bench without event loop: modems of one network, driven by hand, with time that only the test moves."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from modemgw.sms import Address, SmsSubmit, encode_gsm7, encode_pdu
from modemsim.engine import SimModem
from modemsim.network import Network, NetworkConfig
from modemsim.personality import load
from modemsim.simcard import SimCard, luhn
from modemsim.storage import Storage
from modemsim.timeline import Timeline

DIALOGUES = Path(__file__).parent / "dialogues"
FAR = "+79991234567"


class Rig:
    """`rig.say("AT\\r")` gives what the first modem answers; `rig.pass_time(s)` what it says meanwhile."""

    def __init__(
        self,
        modems: int = 1,
        personality: str = "generic",
        *,
        storage: int = 30,
        mr: int = 0,
        seed: int = 1,
        changes: dict[str, dict[str, Any]] | None = None,
        **network: Any,
    ) -> None:
        self.now = 100.0
        self.timeline = Timeline(self.now, 1_750_000_000.0)
        self.network = Network(self.timeline, random.Random(seed), NetworkConfig(**network))
        model = load(personality)
        for part, values in (changes or {}).items():
            model = replace(model, **{part: replace(getattr(model, part), **values)})
        self.modems: list[SimModem] = []
        for i in range(modems):
            sim = SimCard(
                number=f"+7900000000{i}",
                imsi=f"25099000000000{i}",
                iccid=luhn(f"8970199{i:011d}"),
                sm=Storage("SM", storage, model.memory.first_index),
                smsc="+79000009999",
                mr=mr,
            )
            modem = SimModem(f"modem{i}", sim, self.network, model, random.Random(seed + i), serial=i + 1)
            self.network.attach(modem)
            modem.power_on(ready=True)
            self.modems.append(modem)
        self.modem = self.modems[0]

    def say(self, text: str | bytes, which: int = 0, port: int = 0) -> str:
        """Feed bytes and take what the modem says at once."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        self.modems[which].feed(data, self.now, port)
        return self.heard(which, port)

    def heard(self, which: int = 0, port: int = 0) -> str:
        """What was said since the last time."""
        self.timeline.run(self.now)
        out = b"".join(data for p, data in self.modems[which].take_output() if p == port)
        return out.decode("latin-1")

    def pass_time(self, seconds: float, which: int = 0) -> str:
        """Let time pass; what was said meanwhile."""
        self.now += seconds
        self.timeline.run(self.now)
        return self.heard(which)

    def setup(self, which: int = 0, *, cnmi: str = "2,1,0,1,0") -> None:
        """What every program does first: echo off, numeric errors, PDU mode, indications."""
        for command in ("ATE0", "AT+CMEE=1", "AT+CMGF=0", f"AT+CNMI={cnmi}"):
            assert self.say(command + "\r", which).endswith("\r\nOK\r\n")

    def send(self, to: str = FAR, text: str = "hello", *, report: bool = False, which: int = 0) -> str:
        """A whole AT+CMGS; what came after the Ctrl-Z (or instead of the prompt)."""
        first, second = submit(to, text, report=report)
        answer = self.say(first, which) or self.pass_time(self.modems[which].personality.form.prompt_after_s, which)
        if not answer.endswith("> "):
            return answer
        return self.say(second, which)

    def kinds(self) -> list[str]:
        """The kinds of the ledger's entries, in order."""
        return [e.kind for e in self.network.ledger.entries]


def submit(to: str = FAR, text: str = "hello", *, report: bool = False) -> tuple[str, str]:
    """The two things to write for an AT+CMGS."""
    pdu = encode_pdu(SmsSubmit(da=Address.parse(to), ud=encode_gsm7(text), srr=report))
    return f"AT+CMGS={pdu.length}\r", pdu.hex + "\x1a"


def transcript(path: Path) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Settings (`key: value`) and steps of a dialogue file.

    `>` is fed (with CR unless it ends in a backslash), `<` must be the answer to the byte, `@` lets seconds
    pass, `!` gives a fault, `+` is an incoming message. Python escapes hold; a comment starts with `#`.
    """
    settings: dict[str, str] = {}
    steps: list[tuple[str, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        mark, _, rest = line.partition(" ")
        if mark.endswith(":"):
            settings[mark[:-1]] = rest.strip()
        elif mark == "<" and steps and steps[-1][0] == "<":
            steps[-1] = ("<", steps[-1][1] + unescape(rest))
        elif mark == ">":
            steps.append((">", unescape(rest[:-1]) if rest.endswith("\\") else unescape(rest) + "\r"))
        else:
            steps.append((mark, unescape(rest)))
    return settings, steps


def unescape(text: str) -> str:
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")
