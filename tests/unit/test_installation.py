"""Sentences that name a command can be pasted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modemgw import installation
from modemgw.cli.main import group


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program in a folder that is not in PATH."""
    program = tmp_path / "bin" / "modemgw"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return program


def test_a_command_is_named_by_its_path_where_no_path_leads_to_it(installed: Path) -> None:
    assert installation.to_paste("sudo modemgw udev install --reload, then plug it in") == (
        f"sudo {installed} udev install --reload, then plug it in"
    )
    assert installation.to_paste("start it: modemgw run") == f"start it: {installed} run"
    assert installation.to_paste("systemctl restart modemgw") == "systemctl restart modemgw"
    assert installation.to_paste("the user that modemgw runs as") == "the user that modemgw runs as"


def test_with_sudo_the_path_is_needed_all_the_same(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert installation.to_paste("see modemgw doctor; sudo modemgw udev check") == (
        f"see modemgw doctor; sudo {installed} udev check"
    )


def test_every_command_that_a_sentence_may_name_exists() -> None:
    named = installation._NAMED.pattern.partition("(?=(?:")[2].partition(")")[0].split("|")
    assert set(named) <= set(group.commands)


@pytest.mark.parametrize(
    ("prefix", "pip", "begins"),
    [
        ("/home/anna/.local/share/pipx/venvs/modemgw", True, "pipx inject modemgw "),
        ("/opt/modemgw", False, "sudo uv pip install --python "),
        ("/opt/modemgw", True, "sudo "),
    ],
)
def test_how_a_package_is_added(prefix: str, pip: bool, begins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(installation, "find_spec", lambda _: object() if pip else None)
    told = installation.how_to_add("udev")
    assert told.startswith(begins)
    assert told.endswith(" 'modemgw[udev]'")
    assert (f"{sys.executable} -m pip install" in told) == (pip and "pipx" not in prefix)
