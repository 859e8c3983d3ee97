"""A driver over a scripted modem that is sensible unless the script says otherwise."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator

import pytest

from modemgw.at.timing import Timing
from modemgw.modem.dialogue import init_sim
from modemgw.modem.dialogue.driver import ModemEvent
from modemgw.modem.dialogue.driver_at import AtDriver
from modemgw.modem.dialogue.init_sim import RefusedPins
from modemgw.modem.ports.transport import open_transport
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem.peer import ALIVE, OK, Answer, Peer, over, said

SENSIBLE: dict[str, Answer] = {
    r"ATE0|AT\+CMEE=1|AT\+CMGF=0|AT\+C(RE|GRE|ERE)G=2|AT\+COPS=3,0|AT\+CLIP=1|AT\+CFUN=1": OK,
    r"AT\+CGMI": said("Acme", "OK"),
    r"AT\+CGMM": said("M1", "OK"),
    r"AT\+CGMR": said("1.0", "OK"),
    r"AT\+CGSN": said("356938030000013", "OK"),
    r"AT\+CCID": said("+CCID: 8970199000000000007", "OK"),
    r"AT\+CPIN\?": said("+CPIN: READY", "OK"),
    r"AT\+CIMI": said("250011234567890", "OK"),
    r"AT\+CSMS=[01]": said("+CSMS: 1,1,1", "OK"),
    r"AT\+CPMS=\?": said('+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', "OK"),
    r'AT\+CPMS="SM","SM","SM"': said("+CPMS: 1,30,1,30,1,30", "OK"),
    r'AT\+CPMS="ME","ME","ME"': said("+CPMS: 0,23,0,23,0,23", "OK"),
    r'AT\+CPMS="(ME|SR)","SM","SM"': said("+CPMS: 2,23,1,30,1,30", "OK"),
    r"AT\+CPMS\?": said('+CPMS: "SM",1,30,"SM",1,30,"SM",1,30', "OK"),
    r"AT\+CNMI=\?": said("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", "OK"),
    r"AT\+CNMI=2,1,0,1,0": OK,
    r"AT\+CNMI\?": said("+CNMI: 2,1,0,1,0", "OK"),
    r"AT\+CSCA\?": said('+CSCA: "+79168999100",145', "OK"),
    r"AT\+CMMS=\?": said("+CMMS: (0-2)", "OK"),
    r"AT\+CREG\?": said('+CREG: 2,1,"1A2B","01C3D4E5",7', "OK"),
    r"AT\+COPS\?": said('+COPS: 0,0,"Acme Tel",7', "OK"),
    r"AT\+CSQ": said("+CSQ: 20,99", "OK"),
    r"AT\+CNUM": said('+CNUM: ,"+79161234567",145', "OK"),
}


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_sim, "THIS_PROCESS", RefusedPins())


TIMING = Timing(
    quiet_s=0.005, resync_refused_s=0.02, resync_probe_s=(0.4, 0.4, 0.4), sim_busy_pause_s=0.01, not_ready_pause_s=0.01
)


class Rig:
    def __init__(self, peer: Peer, driver: AtDriver, events: list[ModemEvent]) -> None:
        self.peer, self.driver, self.events = peer, driver, events

    def count(self, pattern: str) -> int:
        return sum(1 for line in self.peer.heard if re.fullmatch(pattern, line.decode()))


@contextlib.asynccontextmanager
async def rig(
    script: dict[str, Answer] | None = None,
    *,
    profile: Profile | None = None,
    base: dict[str, Answer] = SENSIBLE,
    timing: Timing = TIMING,
) -> AsyncIterator[Rig]:
    async with Peer(over(script or {}, base, ALIVE)) as peer:
        events: list[ModemEvent] = []
        driver = AtDriver(await open_transport(peer.url), events.append, profile=profile, timing=timing)
        try:
            yield Rig(peer, driver, events)
        finally:
            await driver.close()


class Turns:
    """Answers one after the other; the last one stays."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def __call__(self, peer: Peer, line: bytes) -> bytes:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
