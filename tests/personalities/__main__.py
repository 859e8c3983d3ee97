"""`python -m tests.personalities [NAME …]`: the real gateway on every simulated model, and docs/modems.md written anew.

Each model has a process of its own. Without `--scale` all takes as long as it would, and the document is written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from modemsim.personality import names
from tests.personalities.examine import Row, examined_within
from tests.personalities.table import CHECKED, MODEMS, renew_table, scale_of, write_table

LIMIT_S = 900.0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.personalities", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; their rows are written anew")
    parser.add_argument("--jobs", type=int, default=8, help="models at a time (8)")
    parser.add_argument("--scale", type=float, default=1.0, help="what the models' times are multiplied by (1)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(words)


async def _one(name: str, scale: float) -> Row:
    with tempfile.TemporaryDirectory(prefix="modemgw-personality-") as directory:
        return await examined_within(name, Path(directory), scale, LIMIT_S)


async def _all(wanted: Sequence[str], jobs: int, scale: float) -> list[Row]:
    turns = asyncio.Semaphore(jobs)

    async def run(name: str) -> Row:
        async with turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.personalities",
                "--one",
                name,
                "--scale",
                str(scale_of(name, scale)),
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await process.communicate()
        row = Row(**json.loads(said.decode().splitlines()[-1]))
        answers = " ".join(f"{column}={getattr(row, column)}" for column in CHECKED)
        print(f"{name}: {answers} ready={row.ready_s:.1f}s {row.trouble or ''}", flush=True)
        return row

    return await asyncio.gather(*(run(name) for name in wanted))


def main(words: Sequence[str] | None = None) -> int:
    """0: all was examined, whatever came of it."""
    given = _arguments(words)
    if given.one:
        logging.basicConfig(level=logging.ERROR)
        print(json.dumps(asdict(asyncio.run(_one(given.names[0], given.scale)))))
        return 0
    rows = asyncio.run(_all(given.names or names(), given.jobs, given.scale))
    if given.scale == 1:
        old = MODEMS.read_text(encoding="utf-8") if given.names else ""
        MODEMS.write_text(renew_table(old, rows) if given.names else write_table(rows), encoding="utf-8")
        print(f"{MODEMS} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
