"""The README of the simulator is true: its table, its keys, its commands; and the lists of the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from modemsim import catalogue
from modemsim.cli import main
from modemsim.control import ControlServer
from modemsim.personality import load, names

README = (Path(__file__).parents[3] / "simulators" / "README.md").read_text(encoding="utf-8")


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, args)
    return result.exit_code, result.output


def test_the_table_is_up_to_date() -> None:
    table = README.split("<!-- personalities -->\n\n")[1].split("\n<!-- /personalities -->")[0]
    assert run("personalities", "--markdown") == (0, catalogue.markdown())
    assert table == catalogue.markdown(), "put the output of `modemsim personalities --markdown` there"


def test_every_key_is_explained() -> None:
    told = set(re.findall(r"`([a-z_0-9.]+)`", README.split("| key |")[1].split("### All of them")[0]))
    assert set(catalogue.keys()) <= told


def test_every_request_and_option_is_named() -> None:
    requests = {n.removeprefix("_cmd_") for n in dir(ControlServer) if n.startswith("_cmd_")}
    assert requests <= set(README.split("Commands: `")[1].split("`")[0].split())
    options = [o for p in main.params for o in p.opts if o.startswith("--")]
    assert [o for o in options if o not in README] == []


def test_lists_and_one_in_words() -> None:
    status, listed = run("personalities")
    assert status == 0
    assert [line.split()[0] for line in listed.splitlines()] == names()
    status, words = run("personalities", "simcom-a7670")
    assert status == 0
    assert "Ports: 2 diag, 4 at, 5 modem" in words
    assert "  URCs on port modem\n  until AT+CATR=3\n" in words
    status, words = run("personalities", "nokia")
    assert (status, "There is no personality 'nokia'" in words) == (2, True)


ODD = [
    ("generic", ["says RDY"]),
    ("odd-prompt", ["prompt ␍␊>", "prompt after 0.3 s", "says RDY", "loses 2 bytes when opened"]),
    (
        "neoway-m590",
        [
            "AT+CMGR of an empty slot is OK",
            "says MODEM:STARTUP",
            "dead after AT+CFUN=0",
            "SIM must be in at power-on",
            "tries left: none",
            "no AT+CMMS",
            "no AT+CSMP",
        ],
    ),
]


@pytest.mark.parametrize(("name", "phrases"), ODD)
def test_oddities_in_words(name: str, phrases: list[str]) -> None:
    assert catalogue.oddities(load(name)) == phrases
