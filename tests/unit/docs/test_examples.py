"""Commands and configurations that README, CONTRIBUTING and docs/ show are taken by the program."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from modemgw.cli.main import group as modemgw
from modemgw.config import parse
from modemgw.modem.quirks.profile_file import check_text
from modemsim.cli import main as modemsim
from modemsim.personality import load

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "simulators").glob("*.md")])
PROGRAMS: dict[str, click.Group] = {"modemgw": modemgw, "modemsim": modemsim}
SIGNS = {"|", "||", "&&", "&", ";", "(", ")", "{", "}", ">", ">>"}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Place and text of every fenced block in a language."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}", found[1]


def typed() -> Iterator[tuple[str, str, list[str]]]:
    """Place, program and arguments of every call of ours in the shell's blocks; `$name` as the block sets it."""
    for place, block in blocks("sh"):
        names = dict(re.findall(r'^(\w+)="(.*)"$', block, re.MULTILINE))
        for line in block.replace("\\\n", " ").splitlines():
            for name, value in names.items():
                line = line.replace(f"${name} ", f"{value} ")
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split, lexer.commenters = True, "#"
            for words in simple_commands(list(lexer)):
                name = words[0].rpartition("/")[2] if words else ""
                if name in PROGRAMS:
                    yield f"{place}: {line.strip()}", name, words[1:]


def simple_commands(words: list[str]) -> Iterator[list[str]]:
    """What stands between the shell's signs, without `sudo` and the user that it names."""
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in SIGNS:
            command.append(word)
            continue
        if command[:1] == ["sudo"]:
            command = command[3:] if command[1:2] == ["-u"] else command[1:]
        yield command
        command = []


def read(command: click.Command, name: str, arguments: list[str]) -> None:
    """Parse as click would before it calls anything; click.UsageError of what it does not take."""
    with command.make_context(name, arguments, resilient_parsing=False) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            if rest:
                name_below, below, left = command.resolve_command(context, rest)
                assert below is not None
                read(below, f"{name} {name_below}", left)


@pytest.mark.parametrize(("place", "program", "arguments"), [pytest.param(*case, id=case[0]) for case in typed()])
def test_a_command_is_one(place: str, program: str, arguments: list[str]) -> None:
    read(PROGRAMS[program], program, arguments)


@pytest.mark.parametrize("text", [pytest.param(text, id=place) for place, text in blocks("toml")])
def test_a_configuration_is_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    text = re.sub(r'^(\w+_file = )".*"', rf'\1"{tmp_path / "secret"}"', text, flags=re.MULTILINE)
    table = tomllib.loads(text)
    if "match" in table:
        assert check_text("example", "example.toml", text)[1] == []
    elif "identity" in table:
        (tmp_path / "example.toml").write_text(text, encoding="utf-8")
        load(str(tmp_path / "example.toml"))
    else:
        parse(text)


def test_an_example_that_is_wrong_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        read(modemgw, "modemgw", ["send", "--no-such-option"])
    with pytest.raises(click.UsageError):
        read(modemgw, "modemgw", ["callbacks", "replay", "seventeen"])
