"""Fixtures for every room. Imports are inside: what a test does not use it does not wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

# how long an example takes is the machine's affair: beside other work none of them is quick
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
async def serve_dialect(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[DialectRig]]]:
    """`rig = await serve_dialect(DIALECT, config=…, account=…)`; see tests/dialect_rig.py. Once a test."""
    from tests.dialect_rig import serving

    async with AsyncExitStack() as stack:

        async def serve(*dialects: Any, **options: Any) -> DialectRig:
            return await stack.enter_async_context(serving(tmp_path, *dialects, **options))

        yield serve
