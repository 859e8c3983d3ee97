"""python-gsmmodem-new, unchanged, connects to a simulated modem, sends with a delivery report, and receives."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemsim import Rule, ThreadedSimulation
from tests.interop.daemons import PARTS, RUSSIAN, ModemSim, until
from tests.sweep import every

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its regular expressions are no raw strings
    gsmmodem = pytest.importorskip("gsmmodem.modem")

PEER = "+79991234567"


def _quietly(handle: Callable[..., None]) -> Callable[..., None]:
    """The library's notification threads outlive close(): one that ends with an exception must not be blamed on
    whatever test runs by then."""

    def handled(*args: Any, **kwargs: Any) -> None:
        with contextlib.suppress(Exception):
            handle(*args, **kwargs)

    return handled


_HANDLER = "_GsmModem__threadedHandleModemNotification"
setattr(gsmmodem.GsmModem, _HANDLER, _quietly(getattr(gsmmodem.GsmModem, _HANDLER)))


@pytest.fixture(params=["generic", "simcom-sim800"])
def sim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ThreadedSimulation]:
    # reports wait a little: the library reads a stored report in the middle of the next part's payload
    with ThreadedSimulation(modems=2, dir=tmp_path, personality=request.param, report_delay=0.3) as sim:
        yield sim


Connect = Callable[..., Any]


@pytest.fixture
def connect(sim: ThreadedSimulation) -> Iterator[Connect]:
    opened = []

    def connect(which: int = 0, pin: str | None = None, **callbacks: Any) -> Any:
        modem = gsmmodem.GsmModem(sim.modems[which].port, 115200, **callbacks)
        modem.connect(pin)
        opened.append(modem)
        return modem

    yield connect
    for modem in opened:
        modem.close()


class Received:
    """A callback that a test can wait for."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._news = threading.Condition()

    def __call__(self, item: Any) -> None:
        with self._news:
            self.items.append(item)
            self._news.notify_all()

    def wait(self, count: int) -> list[Any]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.items) >= count, 60)
        return self.items


def test_identity(sim: ThreadedSimulation, connect: Connect) -> None:
    modem = connect()
    own = sim.modems[0].modem
    assert modem.manufacturer == own.personality.identity.manufacturer
    assert modem.model == own.personality.identity.model
    assert modem.imei == own.imei
    assert modem.imsi == own.sim.imsi
    assert modem.networkName == "modemsim"
    assert modem.signalStrength == 20
    assert modem.smsc == "+79000009999"
    assert modem.waitForNetworkCoverage(5) == 20


def test_a_text_goes_out_and_its_report_comes(sim: ThreadedSimulation, connect: Connect) -> None:
    modem = connect(smsStatusReportCallback=lambda _report: None)
    sms = modem.sendSms(PEER, "hello, world", waitForDeliveryReport=True, deliveryTimeout=10)
    assert sms.status == 1, "delivered"
    assert sms.reference == sim.network.ledger.select("submit")[0].mr
    assert [m.text for m in sim.far] == ["hello, world"]


def test_a_long_text_goes_out(sim: ThreadedSimulation, connect: Connect) -> None:
    # without reports: the library stumbles over three at once
    sim.call(lambda s: s.network.config.rules.insert(0, Rule("*", plan="never")))
    connect().sendSms(PEER, "Привет, мир! " * 12)
    assert [m.text for m in sim.far] == ["Привет, мир! " * 12]
    assert sim.network.ledger.counts["submit"] == sim.far[0].total == 3


def test_texts_come_in(sim: ThreadedSimulation, connect: Connect) -> None:
    received = Received()
    modem = connect(smsReceivedCallbackFunc=received)
    for n, (sender, text) in enumerate([(PEER, "hello"), ("Bank", "Ваш код 1234"), (PEER, "[]{}€")], 1):
        sim.inject(text, 0, sender=sender)
        last = received.wait(n)[-1]
        assert (last.number, last.text) == (sender, text)
        # the next only once this one is deleted: the library loses a +CMTI that comes within a command
        sim.wait(lambda s: not any(len(m) for m in s.modems[0].modem.memories.values()))
    assert modem.alive


def test_from_one_sim_to_the_other(sim: ThreadedSimulation, connect: Connect) -> None:
    received = Received()
    connect(1, smsReceivedCallbackFunc=received)
    connect(0).sendSms(sim.modems[1].number, "from SIM to SIM")
    got = received.wait(1)[0]
    assert (got.number, got.text) == (sim.modems[0].number, "from SIM to SIM")


def test_an_error_and_a_pin(sim: ThreadedSimulation, connect: Connect) -> None:
    sim.fault("pin", pin="4321")
    modem = connect(pin="4321")
    sim.wait(lambda s: s.modems[0].modem.reachable)
    sim.fault("cms_error", code=38)
    with pytest.raises(gsmmodem.CmsError) as caught:
        modem.sendSms(PEER, "fails")
    assert caught.value.code == 38
    modem.sendSms(PEER, "goes")
    assert [m.text for m in sim.far] == ["goes"]


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModemSim]:
    """The command instead of the library, and a second between two things that come in: the library reads each one
    in a thread of its own, and loses what is announced meanwhile."""
    options = ("--report-delay", "2", "--deliver-latency", "1")
    with ModemSim(tmp_path / "served", request.param, *options) as served:
        yield served


@pytest.mark.timeout(240)
@pytest.mark.parametrize("served", every(2, ["quectel-ec25", "siemens-mc35i"]), indirect=True)
def test_a_long_text_with_reports_out_and_one_in(served: ModemSim) -> None:
    received, reports = Received(), Received()
    # the EC25 announces stored reports under a wrong name, so it is asked to hand them over
    cnmi = "2,1,0,1" if served.personality == "quectel-ec25" else ""
    modem = gsmmodem.GsmModem(
        served.port(), 115200, smsReceivedCallbackFunc=received, smsStatusReportCallback=reports, AT_CNMI=cnmi
    )
    modem.connect()
    try:
        state = served.state()
        assert (modem.imei, modem.imsi) == (state["imei"], state["imsi"])
        sms = modem.sendSms(PEER, RUSSIAN)
        submits = served.wait("submit", PARTS)
        assert served.heard() == [RUSSIAN]
        assert sms.reference == submits[-1]["mr"]
        reports.wait(PARTS)
        assert [r.reference for r in reports.items] == [e["mr"] for e in submits]
        assert {r.deliveryStatus for r in reports.items} == {0}
        assert sms.status == sms.DELIVERED

        served.ctl("inject", RUSSIAN, "--from", PEER)
        parts = received.wait(PARTS)
        # it gives the parts as they come, with their headers: what a program on it does next
        assert [p.udh[0].number for p in parts] == [1, 2, 3]
        assert {(p.udh[0].parts, p.number) for p in parts} == {(PARTS, PEER)}
        assert len({p.udh[0].reference for p in parts}) == 1
        assert "".join(p.text for p in parts) == RUSSIAN
        until(lambda: served.stored() == 0, lambda: "the last part is deleted")
    finally:
        modem.close()
