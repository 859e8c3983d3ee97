"""Causes before what follows from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemgw.doctor.findings import CAUSES, Area, Finding, Verdict, settle
from tests.unit.docs.test_documentation import doc, rows

PROBLEM, WARNING, NOTE = Verdict.PROBLEM, Verdict.WARNING, Verdict.NOTE


def finding(key: str, verdict: Verdict = PROBLEM, subject: str | None = None) -> Finding:
    return Finding(key, Area.MODEM, verdict, f"{key} was seen. And more.", f"mend {key}", subject)


@pytest.mark.parametrize(
    ("findings", "problems"),
    [
        ([finding("queue.stuck"), finding("sim.puk", subject="a")], ["sim.puk"]),
        ([finding("queue.stuck"), finding("service.down", WARNING)], ["service.down"]),  # as bad as what follows
        ([finding("queue.stuck")], ["queue.stuck"]),
        ([finding("line.blocked", subject="a"), finding("sim.puk", subject="a")], ["sim.puk"]),
        ([finding("line.blocked", subject="a"), finding("sim.puk", subject="b")], ["sim.puk", "line.blocked"]),
        ([finding("service.down"), finding("database.corrupt"), finding("disk.full")], ["disk.full"]),
        ([finding("port.missing", subject="a"), finding("usb.storage_mode")], ["usb.storage_mode"]),
        (
            [finding("network.no_registration", subject="a"), finding("network.no_signal", WARNING, "a")],
            ["network.no_signal"],
        ),
        ([finding("config.error"), finding("config.error")], ["config.error"]),
        ([], []),
    ],
)
def test_what_follows_is_no_problem_of_its_own(findings: list[Finding], problems: list[str]) -> None:
    diagnosis = settle(findings)
    assert [f.key for f in diagnosis.problems] == problems
    assert len(diagnosis.findings) == len(dict.fromkeys(findings))  # nothing is hidden
    for told in diagnosis.findings:
        assert (told.because is None) or told.verdict is NOTE


def test_a_chain_leads_to_its_root() -> None:
    diagnosis = settle([finding("queue.stuck"), finding("service.down", WARNING), finding("config.error")])
    because = {f.key: f.because for f in diagnosis.findings}
    assert because == {"queue.stuck": "config.error", "service.down": "config.error", "config.error": None}


def test_settling_twice_changes_nothing() -> None:
    once = settle([finding("queue.stuck"), finding("sim.puk", subject="a"), finding("clock.off", WARNING)])
    assert settle(once.findings) == once


@pytest.mark.parametrize(
    ("findings", "summary"),
    [
        ([], "All is well."),
        ([finding("extras.udev", NOTE)], "No problems. Worth doing: mend extras.udev"),
        (
            [finding("extras.udev", NOTE), finding("extras.metrics", NOTE)],
            "No problems. Worth doing (2 notes ask for something): mend extras.udev",
        ),
        ([finding("sim.puk", subject="a")], "1 problem: a: sim.puk was seen. Do this now: mend sim.puk"),
        (
            [finding("clock.off", WARNING)],
            "No problems. 1 warning: clock.off was seen. Do this now: mend clock.off",
        ),
        (
            [finding("sim.puk", subject="a"), finding("port.held", subject="b"), finding("announce.off", NOTE)],
            "2 problems: b: port.held was seen; a: sim.puk was seen. Do this first: mend port.held",
        ),
    ],
)
def test_the_last_line(findings: list[Finding], summary: str) -> None:
    assert settle(findings).summary == summary


def test_nothing_causes_itself() -> None:
    for effect, causes in CAUSES:
        assert effect not in causes


def test_every_finding_that_is_told_is_documented() -> None:
    documented = set(rows(doc("doctor.md")))
    room = Path(settle.__code__.co_filename).parent
    keys = set()
    for path in room.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        keys |= set(re.findall(r'Finding\(\s*"([a-z_]+\.[a-z_0-9]+)"', text))
        keys |= set(re.findall(r'SimReason\.\w+: \(\s*"([a-z]+\.[a-z_]+)"', text))
    unremarkable = {"configuration.none", "port.of_service", "usb.converter", "line.searching"}
    assert len(keys) > 70
    assert keys - documented == unremarkable
