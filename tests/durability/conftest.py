"""What durability tests share: how many kills, and the process that forks gateways."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.durability.world import Zygote


@pytest.fixture(scope="session")
def kills() -> int | None:
    """Kills of the crash harness, from MODEMGW_KILLS; None: as few as show something."""
    value = os.environ.get("MODEMGW_KILLS")
    return int(value) if value else None


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """One process with the imports for all tests."""
    made = Zygote()
    yield made
    made.close()
