"""The crash harness: kills the service at seeded random moments, and compares three ledgers at the end.

    python -m tests.durability.crash --kills 200 --seed 1 --modems 4 --on-doubt hold

The simulated modems and their network live in a process that survives; clients submit over HTTP and messages come in
all the time. Exit status 0: nothing lost, nothing doubled, nothing that the store says is untrue.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

import aiohttp

from tests.durability.verdict import TOKEN, Order, Verdict, judge, text_of
from tests.durability.world import Gateway, Simulator, Zygote, config_text, free_port

#: What the network does with reports, by the first digits of the recipient; all others are delivered once.
PLANS = {"+79162": "never", "+79163": "doubled", "+79164": "failed", "+79165": "trying"}

#: Messages that wait or are in the air at a time, and incoming ones that the SIMs do not have yet.
WINDOW_OUT, WINDOW_IN = 10, 8

CLIENTS = 4

#: Of all starts the share that is killed earlier than at work, and the messages that the others accept before.
AT_WORK, WORK, WORK_LIMIT_S = 0.5, 4, 20.0

#: Everything that was accepted has been tried by then, when nobody kills any more.
SETTLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. `cold_every`: each so many starts by the installed command, the others by fork."""

    kills: int = 200
    seed: int = 1
    modems: int = 4
    on_doubt: str = "hold"
    personality: str = "generic"
    latency_s: float = 0.04
    cold_every: int = 10


@dataclass
class Run:
    """One run of the harness."""

    plan: Plan
    gateway: Gateway
    sim: Simulator
    rng: random.Random
    orders: list[Order] = field(default_factory=list)
    inbound: dict[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    waiting: int = 0  # parts in the store that wait or are in the air
    brought: int = 0  # injected parts that a SIM has taken
    injected: int = 0
    up_after: list[float] = field(default_factory=list)
    enough: bool = False

    async def go(self) -> Verdict:
        """Kill and restart as planned, let everything settle, compare."""
        for prefix, plan in PLANS.items():
            deliver = plan != "failed"
            await self.sim.ask("rules", add={"pattern": prefix + "*", "plan": plan, "deliver": deliver})
        traffic = [asyncio.create_task(self._watch()), asyncio.create_task(self._inject())]
        clients = [asyncio.create_task(self._client(n)) for n in range(CLIENTS)]
        try:
            for n in range(self.plan.kills):
                await self._life(n)
            self.enough = True
            await self.gateway.start()
            await self.gateway.until_up()
            await asyncio.gather(*clients)
            await self._settle()
        finally:
            for task in (*traffic, *clients):
                task.cancel()
            results = await asyncio.gather(*traffic, *clients, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        await self._look()
        status = await self.gateway.end(SIGTERM)
        verdict = judge(
            self.gateway.database,
            self.orders,
            self.entries,
            self.inbound,
            on_doubt=self.plan.on_doubt,
            modems=self.plan.modems,
            kills=self.kills,
            plans=PLANS,
        )
        if status != 0:
            verdict.lies.append(f"the service ended with status {status} on SIGTERM:\n{self.gateway.tail()}")
        wal = self.gateway.database.with_name(self.gateway.database.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            verdict.lies.append(f"the stopped service left a WAL of {wal.stat().st_size} bytes")
        log = self.gateway.log.read_text("utf-8", "replace")
        for sign in ("Traceback", "was never retrieved", "was never awaited"):
            if sign in log:
                at = log.index(sign)
                verdict.lies.append(f"the log has a bug in it:\n{log[max(0, at - 300) : at + 2500]}")
        return verdict

    async def _life(self, n: int) -> None:
        """From a start to the kill, which comes while it starts, while it sets modems up, or at work."""
        cold = self.plan.cold_every > 0 and n % self.plan.cold_every == self.plan.cold_every - 1
        kind = self.rng.random()
        span = (0.0, 0.12) if kind < 0.2 else (0.1, 0.5) if kind < AT_WORK else (0.4, 1.1)
        delay = self.rng.uniform(*span) + (0.6 if cold else 0.0)
        await self.gateway.start(cold=cold)
        up = asyncio.create_task(self._note_up())
        if kind >= AT_WORK:
            await self._worked()
        await asyncio.sleep(max(0.0, self.gateway.started + delay - time.monotonic()))
        up.cancel()
        self.kills.append(time.time() * 1000)
        await self.gateway.kill()
        with contextlib.suppress(asyncio.CancelledError, AssertionError):
            await up

    async def _worked(self) -> None:
        """Until this start has accepted something: on a busy machine it is killed later, not idle."""
        before, end = self._accepted, time.monotonic() + WORK_LIMIT_S
        while self._accepted < before + WORK and time.monotonic() < end:
            await asyncio.sleep(0.01)

    @property
    def _accepted(self) -> int:
        return sum(order.id is not None for order in self.orders)

    async def _note_up(self) -> None:
        await self.gateway.until_up()
        self.up_after.append(time.monotonic() - self.gateway.started)

    # -- traffic

    async def _client(self, number: int) -> None:
        """Submits messages; asks again with the same client_ref until it has an answer, or gives up."""
        rng = random.Random(f"{self.plan.seed} client {number}")
        while not self.enough:
            if self.waiting >= WINDOW_OUT * self.plan.modems:
                await asyncio.sleep(0.01)
                continue
            order = self._order(rng)
            body = {"to": order.to, "text": order.text, "client_ref": order.token, "on_doubt": self.plan.on_doubt}
            while order.id is None and not order.given_up:
                await self.gateway.up.wait()
                try:
                    status, answer = await self.gateway.call("POST", "/v1/messages", body)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    order.given_up = rng.random() < 0.1
                    await asyncio.sleep(0.005)
                    continue
                assert status in (200, 202), (status, answer)
                order.id = answer["id"]
                self.waiting += answer["parts"]

    def _order(self, rng: random.Random) -> Order:
        token = f"O{len(self.orders):05d}"
        kind = rng.random()
        if kind < 0.1 and self.plan.modems > 1:
            to, length = f"+7900{rng.randrange(self.plan.modems):07d}", 60
        else:
            to = f"+7916{rng.randrange(1, 9)}{rng.randrange(12):06d}"
            length = 60 if kind < 0.8 else rng.choice((200, 400))
        order = Order(token, to, text_of(token, length, wide=rng.random() < 0.2))
        self.orders.append(order)
        return order

    async def _inject(self) -> None:
        rng = random.Random(f"{self.plan.seed} inbound")
        while not self.enough:
            await asyncio.sleep(0.03)
            if self.injected - self.brought >= WINDOW_IN * self.plan.modems:
                continue
            token = f"I{len(self.inbound):05d}"
            text = text_of(token, 60 if rng.random() < 0.8 else 400, wide=rng.random() < 0.3)
            self.inbound[token] = text
            sender = f"+7999{rng.randrange(20):07d}"
            answer = await self.sim.ask("inject", text=text, to=rng.randrange(self.plan.modems), sender=sender)
            self.injected += answer["parts"]

    async def _watch(self) -> None:
        while True:
            await self._look()
            with contextlib.suppress(sqlite3.OperationalError):  # just being made, or closed
                self.waiting = self.gateway.query("SELECT count(*) FROM parts WHERE state IN ('queued', 'sending')")[0][
                    0
                ]
            await asyncio.sleep(0.05)

    async def _look(self) -> None:
        """Read on in the network's ledger."""
        fresh = (await self.sim.ask("ledger", after=len(self.entries)))["entries"]
        self.entries += fresh
        self.brought += sum(entry["kind"] == "delivered" and entry["sender"].startswith("+7999") for entry in fresh)

    async def _settle(self) -> None:
        """Until nothing waits any more: messages, doubts that end by themselves, SIMs, the inbox."""
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            await asyncio.sleep(0.1)
            open_parts = self.gateway.query(
                "SELECT count(*) FROM parts p JOIN messages m ON m.id = p.message_id "
                "WHERE p.state IN ('queued', 'sending') OR (p.state = 'unknown' AND m.doubt_at IS NOT NULL)"
            )[0][0]
            if open_parts:
                continue
            inbox = {
                token[0]
                for (text,) in self.gateway.query("SELECT text FROM inbox WHERE complete")
                if (token := TOKEN.search(text or ""))
            }
            if self.inbound.keys() <= inbox and not any(
                modem["pending"] for modem in (await self.sim.ask("state"))["modems"]
            ):
                await asyncio.sleep(1.2)  # reports of the last messages, the doubled ones too
                return


@contextlib.asynccontextmanager
async def prepared(plan: Plan, directory: Path) -> AsyncIterator[Run]:
    """A simulator that runs and a gateway that may be started."""
    rng = random.Random(plan.seed)
    modems = {f"m{n}": str(directory / f"modem{n}") for n in range(plan.modems)}
    port = free_port()
    config = config_text(
        directory, modems, port, extra="[sending]\ndoubt_window_s = 2\n[receiving]\nsweep_interval_s = 5\n"
    )
    arguments = [
        "--modems",
        str(plan.modems),
        "--seed",
        str(plan.seed),
        "--latency",
        str(plan.latency_s),
        "--report-delay",
        "0.05",
        "--personality",
        plan.personality,
    ]
    zygote = Zygote()
    try:
        async with Simulator(directory, *arguments) as sim, Gateway(directory, config, port, zygote) as gateway:
            yield Run(plan, gateway, sim, rng)
    finally:
        zygote.close()


async def crash(plan: Plan, directory: Path) -> tuple[Verdict, str]:
    """Run the plan; the verdict and the report to print."""
    began = time.monotonic()
    async with prepared(plan, directory) as run:
        verdict = await run.go()
    took = time.monotonic() - began
    up = sorted(run.up_after)
    median = f"{up[len(up) // 2]:.2f} s" if up else "never"
    head = (
        f"{plan.kills} kills, seed {plan.seed}, {plan.modems} modems ({plan.personality}), on_doubt {plan.on_doubt}: "
        f"{took:.0f} s; API up after a start (median): {median}"
    )
    return verdict, f"{head}\n{verdict.table()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="crash", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--modems", type=int, default=4)
    parser.add_argument("--on-doubt", choices=("hold", "resend"), default="hold")
    parser.add_argument("--personality", default="generic")
    parser.add_argument("--latency", type=float, default=0.04)
    parser.add_argument("--cold-every", type=int, default=10, help="each so many starts by the command; 0 none")
    parser.add_argument("--keep", type=Path, help="directory for database, log and ports, kept")
    o = parser.parse_args(arguments)
    plan = Plan(o.kills, o.seed, o.modems, o.on_doubt, o.personality, o.latency, o.cold_every)
    with contextlib.ExitStack() as stack:
        directory = o.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modemgw-crash-")))
        directory.mkdir(parents=True, exist_ok=True)
        verdict, report = asyncio.run(crash(plan, directory))
    print(report)
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
