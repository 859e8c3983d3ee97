"""The crash harness, short. MODEMGW_KILLS=200 makes it longer, MODEMGW_SEED gives it other moments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.durability.crash import Plan, crash

SEED = int(os.environ.get("MODEMGW_SEED", "1"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("on_doubt", "few", "share"), [("hold", 12, 1.0), ("resend", 6, 0.34)])
async def test_nothing_is_lost_or_doubled_by_kills(
    tmp_path: Path, kills: int | None, on_doubt: str, few: int, share: float
) -> None:
    count = few if kills is None else max(1, int(kills * share))
    verdict, report = await crash(Plan(kills=count, seed=SEED, on_doubt=on_doubt), tmp_path)
    print(report)
    assert verdict.ok, report
    assert verdict.accepted > count, report  # the harness waits for so many
    assert verdict.inbound > count / 2, report
