"""What a trace costs: sends through one modem without a radio, with no tap, with a trace off and with one on.

`python -m tests.bench.trace_cost [SENDS]`; prints sends a second and the processor time of the gateway's side for each.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from modemgw.at.sending import TpduHex
from modemgw.modem.dialogue.driver import DriverSettings
from modemgw.modem.dialogue.driver_at import AtDriver
from modemgw.modem.ports.transport import open_transport
from modemgw.modem.tracing.trace import Tracer
from tests.bench.processes import SimulationProcess

PDU = TpduHex.of(bytes.fromhex("01000B919710325476F80000A0" + "55" * 140))


async def yes() -> bool:
    return True


async def measure(port: str, directory: Path, kind: str, sends: int) -> tuple[float, float]:
    """Sends a second, and microseconds of processor time for each."""
    transport = await open_transport(port)
    tracer = Tracer(directory / kind, on=kind == "on")
    if kind != "none":
        tracer.attach("bench", transport)
    driver = AtDriver(transport, lambda _event: None)
    await driver.initialise(DriverSettings())
    began, used = time.perf_counter(), time.process_time()
    for _ in range(sends):
        await driver.send(PDU, yes())
    took, used = time.perf_counter() - began, time.process_time() - used
    await driver.close()
    tracer.close()
    return sends / took, used / sends * 1e6


async def main(sends: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        simulation = SimulationProcess(Path(name), modems=1)
        for _ in range(3):
            for kind in ("none", "off", "on"):
                rate, used = await measure(simulation.ports[0], Path(name), kind, sends)
                print(f"{kind:>5}: {rate:7.0f} sends/s, {used:6.0f} us of processor time each")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
