"""Starts gateways quickly: imports once, then forks a process of its own for each start.

A forked child is a process like any other: killed by SIGKILL it loses what every process loses. What it saves is the
import of the libraries, two thirds of a start. Reads a command a line from stdin:

    start CONFIG LOG    -> "pid N"
    wait PID            -> "status N" (negative: the signal)
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path

from modemgw.config import parse
from modemgw.runtime import serve


def gateway(config: Path) -> int:
    """What `modemgw run --config CONFIG` does, without the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    return asyncio.run(serve(parse(config.read_text())))


def start(config: Path, log: Path) -> int:
    """Fork; the child's pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        status = gateway(config)
    finally:
        os._exit(status)


def main() -> None:
    """Until stdin ends."""
    gc.freeze()
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "start":
            print("pid", start(Path(rest[0]), Path(rest[1])), flush=True)
        elif word == "wait":
            _, status = os.waitpid(int(rest[0]), 0)
            print("status", os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
