"""SIGTERM: the part in the air is finished, nothing new begins, nothing is left half done, and it ends soon."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from signal import SIGTERM
from typing import Any

import aiohttp
import pytest

from tests.durability.scene import SILENT, TO, Scene, scene
from tests.durability.world import Zygote, until
from tests.rig import API_KEY
from tests.sweep import every

SOON_S = 25.0  # a drain may take 90 s

TEXT = "The quick brown fox jumps over the lazy dog 0123456789. " * 7


def left(s: Scene) -> int:
    """Bytes of the WAL."""
    wal = s.gateway.database.with_name(s.gateway.database.name + "-wal")
    return wal.stat().st_size if wal.exists() else 0


async def test_the_part_in_the_air_is_finished_and_nothing_new_begins(tmp_path: Path, zygote: Zygote) -> None:
    async with scene(tmp_path, zygote, latency=0.6) as s:
        ids = [(await s.gateway.submit(SILENT, f"text {n}"))["id"] for n in range(3)]
        await s.until_journalled()
        ending = asyncio.create_task(s.gateway.end(SIGTERM))
        refused: int | None = None
        while not ending.done() and refused is None:
            try:
                status, problem = await s.gateway.call("POST", "/v1/messages", {"to": TO, "text": "late"})
            except (aiohttp.ClientError, OSError):
                break
            if status == 503:
                refused = status
                assert "shutting down" in problem["detail"]
            else:  # the signal was not there yet
                ids.append(problem["id"])
        assert await ending == 0
        assert refused == 503
        assert left(s) == 0
        assert s.on_air == 1
        states = [row[0] for row in s.gateway.query("SELECT state FROM messages ORDER BY id")]
        assert states == ["sent"] + ["queued"] * (len(ids) - 1)
        await s.gateway.start()
        await s.gateway.until_up()
        for message_id in ids:
            await s.gateway.until_message(message_id, "sent", "delivered")
        assert s.on_air == len(ids)


async def test_a_message_of_three_parts_is_finished_after_the_next_start(tmp_path: Path, zygote: Zygote) -> None:
    async with scene(tmp_path, zygote, latency=0.4) as s:
        message = await s.gateway.submit(SILENT, TEXT)
        await s.until_journalled()
        assert await s.gateway.end(SIGTERM) == 0
        assert s.on_air == 1
        assert [row[0] for row in s.gateway.query("SELECT state FROM parts ORDER BY seq")] == [
            "sent",
            "queued",
            "queued",
        ]
        await s.gateway.start()
        await s.gateway.until_up()
        await s.gateway.until_message(message["id"], "sent")
        assert s.on_air == 3
        assert s.sim.network.far.texts() == [TEXT]


async def test_a_send_without_an_end_is_in_doubt_when_the_limit_has_passed(tmp_path: Path, zygote: Zygote) -> None:
    async with scene(tmp_path, zygote, sending="drain_limit_s = 1") as s:
        s.sim.fault("send_silent", accepted=True)
        await s.gateway.submit(SILENT, "hello")
        await s.sim.wait_for_count("submit", 1)
        began = time.monotonic()
        assert await s.gateway.end(SIGTERM) == 0
        assert time.monotonic() - began < SOON_S
        assert (s.attempts(), left(s)) == (["unknown"], 0)
        assert s.gateway.query("SELECT state FROM messages") == [("unknown",)]


# what the modem is going through when the signal comes
TROUBLES: list[tuple[str, dict[str, Any]]] = [
    ("unplug", {"back_s": 60.0}),
    ("unplug", {"back_s": 0.3}),
    ("reboot", {}),
    ("hang", {"until": "replug"}),
    ("sim", {"removed": True}),
    ("pin", {"pin": "1234"}),
    ("registration", {"stat": 2, "seconds": 60.0}),
    ("no_answer", {"match": ".", "count": 0}),
    ("error", {"match": "CPMS", "count": 0}),
]


@pytest.mark.parametrize("after_s", every(2, [0.3, 2.5]))
@pytest.mark.parametrize(("kind", "params"), TROUBLES, ids=[f"{kind}-{params}" for kind, params in TROUBLES])
async def test_it_ends_soon_whatever_the_modem_is_at(
    tmp_path: Path, zygote: Zygote, kind: str, params: dict[str, Any], after_s: float
) -> None:
    async with scene(tmp_path, zygote) as s:
        s.sim.fault(kind, **params)
        s.sim.unplug(0, back_s=0.02) if kind in ("hang", "no_answer", "error") else None
        await s.gateway.submit(TO, "waits")
        await asyncio.sleep(after_s)
        began = time.monotonic()
        assert await s.gateway.end(SIGTERM) == 0, s.gateway.tail()
        assert time.monotonic() - began < SOON_S
        assert left(s) == 0
        assert "Traceback" not in s.gateway.log.read_text()


@pytest.mark.parametrize("after_s", every(2, [0.0, 0.02, 0.05, 0.1, 0.2, 0.3]))
async def test_it_ends_soon_while_it_starts(tmp_path: Path, zygote: Zygote, after_s: float) -> None:
    async with scene(tmp_path, zygote) as s:
        await s.gateway.kill()
        await s.gateway.start()
        await asyncio.sleep(after_s)
        began = time.monotonic()
        status = await s.gateway.end(SIGTERM)
        assert status in (0, -SIGTERM), s.gateway.tail()  # before it listens to signals it is simply ended
        assert time.monotonic() - began < SOON_S
        await s.gateway.start()
        await s.gateway.until_ready()


async def test_followers_of_events_do_not_hold_it_up(tmp_path: Path, zygote: Zygote) -> None:
    async with (
        scene(tmp_path, zygote) as s,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}", "Accept": "text/event-stream"}) as http,
        http.get(f"{s.gateway.url}/v1/events") as response,
    ):
        assert response.status == 200
        began = time.monotonic()
        assert await s.gateway.end(SIGTERM) == 0
        assert time.monotonic() - began < SOON_S


async def test_what_was_accepted_is_in_every_copy_of_the_files(tmp_path: Path, zygote: Zygote) -> None:
    """A copy of database and WAL at any instant, as a power failure would leave them, has all that was accepted."""
    import sqlite3

    async with scene(tmp_path, zygote, latency=0.02) as s:
        for n in range(30):
            accepted = await s.gateway.submit(TO, f"text {n}")
            copy = tmp_path / f"copy{n}.db"
            copy.write_bytes(s.gateway.database.read_bytes())
            wal = s.gateway.database.with_name("modemgw.db-wal")
            copy.with_name(copy.name + "-wal").write_bytes(wal.read_bytes())
            db = sqlite3.connect(copy)
            try:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert db.execute("SELECT max(id) FROM messages").fetchone() == (accepted["id"],)
                # nothing is on the air that this copy would send again
                sent = s.on_air
                journalled = db.execute("SELECT count(*) FROM attempts").fetchone()[0]
                assert journalled >= sent - 1
            finally:
                db.close()
        await until(lambda: s.on_air == 30, "all on the air")
