"""A full disk: accepting says 503 and why, receiving deletes nothing; both go on by themselves once there is room."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from modemsim.network import Rule
from tests.durability.scene import TO, Scene, scene
from tests.durability.world import Zygote, until
from tests.rig import Rig, running
from tests.rig import until as until_async


def limit_files(s: Scene, size: int | None) -> None:
    """No file of the gateway may grow beyond `size` octets from now on (None: as it likes)."""
    hard = resource.prlimit(s.gateway.pid, resource.RLIMIT_FSIZE)[1]
    soft = hard if size is None else size
    resource.prlimit(s.gateway.pid, resource.RLIMIT_FSIZE, (soft, hard))


async def fill(s: Scene) -> dict[str, Any]:
    """Submit until it is refused; the problem."""
    for n in range(500):
        status, body = await s.gateway.call("POST", "/v1/messages", {"to": TO, "text": f"{n} " * 60})
        if status == 503:
            return dict(body)
        assert status == 202, (status, body)
    raise AssertionError("the disk was never full")


async def test_a_disk_that_takes_no_more_and_then_does(tmp_path: Path, zygote: Zygote) -> None:
    async with scene(tmp_path, zygote) as s:
        wal = s.gateway.database.with_name("modemgw.db-wal")
        limit_files(s, max(wal.stat().st_size, s.gateway.database.stat().st_size) + 40_000)
        problem = await fill(s)
        assert problem["status"] == 503
        assert "database" in problem["detail"]
        status, health = await s.gateway.call("GET", "/health/ready")
        assert (status, health["store"] != "ok") == (503, True), health
        memories = {name: store for name, store in s.sim.modems[0].modem.memories.items() if name != "MT"}
        s.sim.inject("while it is full")
        await s.sim.wait(lambda: [m for store in memories.values() for _, m in store if m.status == 1])  # it was read
        assert sum(len(store) for store in memories.values()) == 1
        on_air = s.on_air
        assert (await s.gateway.call("POST", "/v1/messages", {"to": TO, "text": "no"}))[0] == 503
        assert s.on_air == on_air, "nothing goes out that cannot be journalled"
        limit_files(s, None)
        accepted = await s.gateway.submit(TO, "there is room again")
        await s.gateway.until_message(accepted["id"], "delivered", limit_s=20)
        assert [row["text"] for row in await s.gateway.until_inbox(1)] == ["while it is full"]
        await until(lambda: not any(len(store) for store in memories.values()), "the SIM to be emptied")
        assert (await s.gateway.call("GET", "/health/ready"))[0] == 200
        messages = await s.gateway.everything("/v1/messages")
        for message in messages:
            await s.gateway.until_message(message["id"], "delivered", limit_s=20)
        texts = s.sim.network.far.texts()
        assert sorted(texts) == sorted(message["text"] for message in messages), "each exactly once"


async def test_killed_while_the_disk_is_full(tmp_path: Path, zygote: Zygote) -> None:
    async with scene(tmp_path, zygote) as s:
        wal = s.gateway.database.with_name("modemgw.db-wal")
        limit_files(s, max(wal.stat().st_size, s.gateway.database.stat().st_size) + 40_000)
        await fill(s)
        s.sim.inject("while it is full")
        await s.kill_and_restart()
        assert [row["text"] for row in await s.gateway.until_inbox(1)] == ["while it is full"]
        messages = await s.gateway.everything("/v1/messages")
        for message in messages:
            await s.gateway.until_message(message["id"], "delivered", "unknown", limit_s=20)
        texts = s.sim.network.far.texts()
        assert len(texts) == len(set(texts)), "none twice"


@pytest.mark.parametrize("spare", [0, 2, 10])
async def test_a_database_that_may_not_grow(tmp_path: Path, spare: int) -> None:
    async with running(tmp_path) as rig:
        # a report that cannot be kept is not acknowledged, and the network brings nothing else meanwhile
        rig.sim.network.config.rules.insert(0, Rule("+7916*", plan="never"))
        store = rig.runtime._store
        assert store is not None
        pages = await store.read(lambda con: int(con.execute("PRAGMA page_count").fetchone()[0]))
        _limit_pages(rig, pages + spare)
        accepted = []
        for n in range(300):
            status, body = await rig.call("POST", "/v1/messages", {"to": TO, "text": f"{n} " * 60})
            if status == 503:
                assert "full" in body["detail"]
                break
            accepted.append(body["id"])
        else:
            raise AssertionError("it was never full")
        memories = rig.sim.modems[0].modem.memories
        rig.sim.inject("x" * 160)
        rig.sim.inject("y" * 160)
        await rig.sim.wait(lambda: sum(len(store) for store in memories.values()) > 0 or None, 5)
        _limit_pages(rig, 1 << 30)
        accepted.append((await rig.submit(TO, "there is room again"))["id"])
        for message_id in accepted:
            await rig.until_state(message_id, "sent", limit_s=20)
        assert len(await rig.inbox(2)) == 2

        async def emptied() -> bool:
            return not any(len(store) for store in memories.values())

        await until_async(emptied, 10, lambda: "the SIM to be emptied")
        assert len(rig.sim.network.far.texts()) == len(accepted)


def _limit_pages(rig: Rig, pages: int) -> None:
    """Beside the writer's queue: what it must keep would stand before the pragma."""
    store = rig.runtime._store
    assert store is not None
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
