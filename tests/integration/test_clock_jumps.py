"""The clock of the machine is set while the service runs: nothing expires, nothing is sent twice, and it is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from modemgw.clock import ServiceClock
from tests.rig import Json, Rig, running, until

HOUR = 3_600


class Wall:
    """The wall clock of the machine, as somebody sets it."""

    def __init__(self) -> None:
        self.set_by_s = 0

    def __call__(self) -> int:
        return time.time_ns() + self.set_by_s * 1_000_000_000


async def told(rig: Rig, by_s: int) -> None:
    async def look() -> Json | None:
        items = (await rig.get("/v1/events?limit=1000"))["items"]
        found = [item["data"]["by_s"] for item in items if item["kind"] == "clock.jumped"]
        return {"by_s": found} if by_s in found else None

    await until(look, 20, lambda: f"the event of a jump by {by_s} s")


@pytest.mark.parametrize("by_s", [-365 * 24 * HOUR, HOUR, 96 * HOUR])
async def test_what_waits_is_sent(tmp_path: Path, by_s: int, caplog: pytest.LogCaptureFixture) -> None:
    wall = Wall()
    async with running(tmp_path, clock=ServiceClock(wall=wall)) as rig:
        await rig.call("POST", "/v1/modems/m0/pause")
        waiting = [(await rig.submit("+79161234567", f"text {n}", validity_s=600))["id"] for n in range(3)]
        at = time.strftime("%Y-%m-%dT00:00:00.000Z", time.gmtime(time.time() + 7 * 24 * HOUR))
        scheduled = (await rig.submit("+79161234567", "later", send_at=at))["id"]
        wall.set_by_s = by_s
        await told(rig, by_s)
        assert "The clock was set" in caplog.text
        for message_id in waiting:
            assert (await rig.message(message_id))["state"] == "queued"
        after = await rig.submit("+79161234567", "after", validity_s=600)
        wall.set_by_s = 0
        await told(rig, -by_s)
        await rig.call("POST", "/v1/modems/m0/resume")
        for message_id in (*waiting, after["id"]):
            await rig.until_state(message_id, "delivered", limit_s=30)
        assert (await rig.message(scheduled))["send_at"] == at
        assert len(rig.sim.network.ledger.select("submit")) == 4
