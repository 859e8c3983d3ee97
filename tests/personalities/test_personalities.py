"""Every personality under the real gateway, in compressed time; and docs/modems.md says what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemsim.personality import load, names
from tests.personalities.examine import LIMIT_S, examine
from tests.personalities.table import CHECKED, MODEMS, read_table, scale_of
from tests.sweep import one_of_each

SCALE = 0.02
HANGING = ("identified", "found", "send", "receive", "profile")  # of a model that hangs, the rest is luck
NO_S = 3.0  # how long is waited for what the table says does not work


@pytest.mark.parametrize("name", one_of_each(names(), lambda name: name.partition("-")[0]))
async def test_the_gateway_on(name: str, tmp_path: Path) -> None:
    documented = read_table(MODEMS.read_text(encoding="utf-8")).get(name)
    assert documented is not None, f"{name} is not in docs/modems.md: run python -m tests.personalities"
    limit_s = NO_S if "no" in (documented["identified"], documented["receive"], documented["reports"]) else LIMIT_S
    row = await examine(name, tmp_path, scale_of(name, SCALE), limit_s)
    columns = HANGING if load(name).radio.silent_after else CHECKED
    found = {column: getattr(row, column) for column in columns}
    assert found == {column: documented[column] for column in columns}, row.trouble


def test_the_table_has_no_model_that_is_gone() -> None:
    assert set(read_table(MODEMS.read_text(encoding="utf-8"))) == set(names())
