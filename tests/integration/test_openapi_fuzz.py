"""Requests that `/openapi.json` makes possible, and many that it does not: no traceback, no stuck service."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from tests.rig import API_KEY, running

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
)


async def test_generated_requests_get_answers_and_the_service_stays_well(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{rig.runtime.url}/openapi.json",
            "--header",
            f"Authorization: Bearer {API_KEY}",
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance",
            "--exclude-path",
            "/v1/events",
            "--max-examples",
            "15",
            "--seed",
            "7",
            "--no-color",
            "--request-timeout",
            "10",
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()[-6000:]
        await rig.call("POST", "/v1/modems/m0/resume")  # it may have been paused
        accepted = await rig.submit("+79161234567", "still here")
        await rig.until_state(accepted["id"], "delivered", limit_s=60)
