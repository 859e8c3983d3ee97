"""docs/architecture.md names files and things that are there, and every rule that a comment cites."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", PAGE)))
NAMED = [
    (path, name)
    for path, names in re.findall(r"`((?:\w+/)+\w+\.py)` \((`\w+`(?:, `\w+`)*)\)", PAGE)
    for name in re.findall(r"\w+", names)
]


@pytest.mark.parametrize("path", PATHS)
def test_a_file_is_there(path: str) -> None:
    assert (ROOT / "modemgw" / path).exists()


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_name_is_in_its_file(path: str, name: str) -> None:
    text = (ROOT / "modemgw" / path).read_text(encoding="utf-8")
    assert re.search(rf"^(?:class |def |async def ){name}\b|^{name}\b.* = ", text, re.MULTILINE)


def test_every_room_is_in_the_contributors_table() -> None:
    rooms = {path.name for path in (ROOT / "modemgw").iterdir() if (path / "__init__.py").exists()}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert {room for room in rooms if f"`modemgw/{room}" not in table} == set()


def test_rules_that_are_cited_are_there() -> None:
    rules = set(re.findall(r"^(\d+)\. \*\*", PAGE, re.MULTILINE))
    cited = {}
    for path in [*(ROOT / "modemgw").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        for number in re.findall(r"architecture\.md,? rule (\d+)", text):
            cited[number] = path
        if path != Path(__file__):
            assert not re.search(r"\b(?:DESIGN|HOUSE|STYLE)\b rule|\(quirks ", text), f"{path} cites what is not here"
    assert len(rules) == 11
    assert set(cited) <= rules
