"""The command: it serves until told to stop, sub-commands talk to it, bad input is a sentence and status 2."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from modemsim.cli import main

COMMAND = [sys.executable, "-m", "modemsim.cli"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("sim")
    with subprocess.Popen(
        [*COMMAND, "--modems", "2", "--dir", str(directory), "--number", "+79160000001", "--latency", "0.01"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Serving"):
                break
        assert lines[0] == f"modem0  {directory}/modem0  +79160000001  generic"
        assert lines[1] == f"modem1  {directory}/modem1  +79000000001  generic"
        yield directory
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert list(directory.iterdir()) == []


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, args)
    return result.exit_code, result.output


def test_ctl(served: Path) -> None:
    ctl = ("ctl", "--dir", str(served))
    status, out = run(*ctl, "inject", "hello {n}", "--count", "2", "--from", "Bank")
    assert (status, json.loads(out)) == (0, {"parts": 2})
    assert run(*ctl, "inject", "--data", "00ff", "--to", "modem1")[0] == 0
    assert run(*ctl, "inject", "--tpdu", "0405")[0] == 0
    assert run(*ctl, "wait", "delivered", "4")[0] == 0
    assert run(*ctl, "wait", "idle")[0] == 0
    assert run(*ctl, "wait", "far", "--timeout", "0.01")[0] == 1
    status, out = run(*ctl, "state", "-m", "+79160000001")
    assert json.loads(out)["modems"][0]["storage"]["SM"] == [3, 30]
    assert run(*ctl, "fault", "pin", "pin=0123", "--modem", "1") == (0, "{}\n")
    assert json.loads(run(*ctl, "state", "-m", "1")[1])["modems"][0]["sim"] == "SIM PIN"
    assert run(*ctl, "unplug", "--back", "0.1")[0] == 0
    assert json.loads(run(*ctl, "rule", "+1*", "plan=failed", "deliver=false")[1])["rules"][0] == {
        "pattern": "+1*",
        "cms": 0,
        "plan": "failed",
        "status": None,
        "delay_s": None,
        "deliver": False,
    }
    assert run(*ctl, "ring", "--number", "+7999", "--duration", "0.1", "-m", "0")[0] == 0
    assert json.loads(run(*ctl, "ussd", "Hi", "--code", "*7#=A", "-m", "0")[1])["codes"]["*7#"] == "A"
    assert run(*ctl, "unplug", "-m", "1", "--renumber")[0] == 0
    assert run(*ctl, "replug", "-m", "1")[0] == 0
    assert json.loads(run(*ctl, "state", "-m", "1")[1])["modems"][0]["port"].endswith("/modem2")
    assert run(*ctl, "unplug", "-m", "1")[0] == 0
    assert run(*ctl, "replug", "-m", "1", "--port", "other")[0] == 0
    assert run(*ctl, "swap", "0", "1")[0] == 0
    assert run(*ctl, "swap", "1", "modem0")[0] == 0
    for command in ("storage", "clear-faults", "replug", "reboot", "ledger", "far", "network"):
        assert run(*ctl, command)[0] == 0, command
    assert run(*ctl, "registration", "2", "--seconds", "1")[0] == 0
    assert run(*ctl, "raw", '{"cmd": "ping"}') == (0, '{\n  "modems": 2\n}\n')


WRONG = [
    ([], "Say where the ports go"),
    (["--dir", "x", "--personality", "nokia"], "There is no personality 'nokia'"),
    (["--tcp", "nowhere"], "is not HOST:PORT"),
    (["--dir", "x", "--number", "abc"], "is not a telephone number"),
    (["--dir", "x", "--modems", "many"], "not a valid int"),
    (["--dir", "/proc/nope"], "Cannot"),
    (["ctl", "--dir", "/nowhere", "state"], "No modemsim runs in /nowhere"),
    (["ctl", "--dir", "/nowhere", "inject"], "There is nothing to send"),
    (["ctl", "--dir", "/nowhere", "fault", "urc", "text"], "is not KEY=VALUE"),
    (["ctl", "--dir", "/nowhere", "raw", "x"], "A request is a JSON object"),
]


@pytest.mark.parametrize(("args", "says"), WRONG)
def test_bad_input_is_a_sentence_and_status_2(args: list[str], says: str) -> None:
    status, out = run(*args)
    assert status == 2
    assert says in out


def test_a_modem_for_each_personality_under_names_of_a_kernel(tmp_path: Path) -> None:
    options = ["-p", "quectel-ec25", "-p", "telit-he910", "--names", "tty", "--time-scale", "0.1", "--cold"]
    with subprocess.Popen([*COMMAND, "--dir", str(tmp_path), *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(2)]
        assert lines == [
            ["modem0", f"{tmp_path}/ttyUSB2", "+79000000000", "quectel-ec25"],
            ["modem1", f"{tmp_path}/ttyACM0", "+79000000001", "telit-he910"],
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


def test_lists() -> None:
    assert "quectel-ec25" in run("personalities")[1]
    assert "send_silent: No answer comes" in run("faults")[1]
