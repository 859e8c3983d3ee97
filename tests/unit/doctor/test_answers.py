"""What the answers of a modem mean to the doctor, where a refusal must not be taken for a fact."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modemgw.at import commands
from modemgw.doctor.asking import Answers, Heard, Probe
from modemgw.doctor.checks_modem import check_serving
from modemgw.doctor.checks_network import messages
from modemgw.doctor.findings import Verdict
from modemgw.doctor.wanted import Wanted
from modemgw.line.diagnostics import NO_ANSWER


def answers(said: dict[str, tuple[str, ...]] | None = None, refused: dict[str, str] | None = None) -> Answers:
    found = Answers("/dev/ttyUSB0", Probe(Heard.MODEM), 115200)
    found.said.update(said or {})
    found.refused.update(refused or {})
    return found


WANTED = Wanted("a", "/dev/ttyUSB0")
CSCA = commands.SMSC_ASK.text


@pytest.mark.parametrize(
    ("given", "key", "verdict"),
    [
        (answers({CSCA: ('+CSCA: "+79000009999",145',)}), "smsc.known", Verdict.OK),
        (answers({CSCA: ('+CSCA: "",129',)}), "smsc.missing", Verdict.PROBLEM),
        (answers(refused={CSCA: "ERROR"}), "smsc.untold", Verdict.NOTE),
        (answers(refused={CSCA: "+CMS ERROR: 302"}), "smsc.untold", Verdict.NOTE),
        (answers({CSCA: ()}), "smsc.untold", Verdict.NOTE),
    ],
)
def test_the_address_of_the_centre(given: Answers, key: str, verdict: Verdict) -> None:
    found = [(f.key, f.verdict) for f in messages(given, WANTED) if f.key.startswith("smsc.")]
    assert found == [(key, verdict)]


@pytest.mark.parametrize(
    ("refused", "silent"),
    [({"AT+CNMI?": "ERROR"}, False), ({"AT+CNMI?": NO_ANSWER}, True), ({"AT+CMGF?": NO_ANSWER}, True)],
)
def test_a_line_in_use_that_does_not_answer_is_a_problem(refused: dict[str, str], silent: bool) -> None:
    found = list(check_serving(answers(refused=refused), WANTED, datetime.now(UTC)))
    told = [f for f in found if f.key == "modem.silent"]
    assert bool(told) is silent
    if told:
        assert told[0].verdict is Verdict.PROBLEM
        assert "another program" in told[0].seen
        assert "fuser" in (told[0].fix or "")
