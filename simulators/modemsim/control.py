"""The control socket: JSON lines {"cmd": …} in, {"ok":

…} out, for tests in other processes and for `modemsim ctl`.

Owns the words of the protocol; what they do is the simulation's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modemsim.errors import SimError
from modemsim.farend import submit_text
from modemsim.faults import KINDS
from modemsim.network import PLANS, Rule
from modemsim.ussd import DEFAULT_CODES, pushed

if TYPE_CHECKING:
    from modemsim.simulation import Simulation

LINE_LIMIT = 1 << 20


class ControlServer:
    """One Unix socket; any number of clients, one answer line for each request line."""

    def __init__(self, simulation: Simulation, path: Path) -> None:
        self._sim = simulation
        self.path = path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._commands: dict[str, Callable[[dict[str, Any]], Any | Awaitable[Any]]] = {
            name.removeprefix("_cmd_"): getattr(self, name) for name in dir(self) if name.startswith("_cmd_")
        }

    async def start(self) -> None:
        """Listen; raises `SimError` when another simulation has the directory."""
        if self.path.is_socket() and not _stale(self.path):
            raise SimError(f"Another modemsim runs in {self.path.parent}; choose another --dir.")
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._server = await asyncio.start_unix_server(self._client, str(self.path), limit=LINE_LIMIT)
        except OSError as e:
            raise SimError(f"Cannot make the control socket {self.path}: {e}.") from None

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise SimError("A request is a JSON object.")
            return {"ok": True, **(await self.run(request))}
        except json.JSONDecodeError as e:
            return {"ok": False, "error": f"This line is not JSON: {e}."}
        except SimError as e:
            return {"ok": False, "error": str(e)}
        except (KeyError, TypeError, ValueError) as e:
            return {"ok": False, "error": f"The request lacks something or has it wrong: {e!r}."}

    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one request; raises `SimError`."""
        options = dict(request)
        name = options.pop("cmd", None)
        do = self._commands.get(str(name))
        if do is None:
            raise SimError(f"There is no command {name!r}. There are: {', '.join(sorted(self._commands))}.")
        result = do(options)
        if asyncio.iscoroutine(result):
            result = await result
        self._sim.pump()
        return result if isinstance(result, dict) else {"result": result}

    # -- looking

    def _cmd_ping(self, _o: dict[str, Any]) -> Any:
        return {"modems": len(self._sim.modems)}

    def _cmd_modems(self, _o: dict[str, Any]) -> Any:
        rows = [
            {
                "name": h.name,
                "number": h.number,
                "port": h.port,
                "links": [str(p) for p in h.links],
                "plugged": h.modem.plugged,
                "personality": h.modem.personality.name,
                "usb": asdict(h.modem.personality.usb),
                "ports": h.ports(),
            }
            for h in self._sim.modems
        ]
        return {"modems": rows}

    def _cmd_state(self, o: dict[str, Any]) -> Any:
        which = o.get("modem")
        hosts = self._sim.modems if which is None else [self._sim.find(which)]
        return {"modems": [{"port": h.port, **h.modem.state(), "ports": h.ports()} for h in hosts]}

    def _cmd_storage(self, o: dict[str, Any]) -> Any:
        modem = self._sim.find(o.get("modem")).modem
        names = [o["memory"]] if "memory" in o else [n for n in modem.memories if n != "MT"]
        return {
            "storage": {
                n: [{"index": i, "status": m.status, "pdu": m.pdu()} for i, m in modem.memory(n)] for n in names
            }
        }

    def _cmd_ledger(self, o: dict[str, Any]) -> Any:
        ledger = self._sim.network.ledger
        rows = ledger.select(o.get("kind"), modem=o.get("modem"), number=o.get("number"), after=int(o.get("after", 0)))
        out = [e.as_dict() for e in rows]
        if o.get("text"):
            for row in out:
                if row["kind"] in ("submit", "rejected"):
                    row["text"] = submit_text(bytes.fromhex(row["tpdu"]))
        return {"entries": out, "counts": dict(ledger.counts)}

    def _cmd_far(self, o: dict[str, Any]) -> Any:
        number = o.get("number")
        return {"messages": [m.as_dict() for m in self._sim.far if number in (None, m.recipient)]}

    # -- doing

    def _cmd_inject(self, o: dict[str, Any]) -> Any:
        to = o.pop("to", 0)
        if "tpdu" in o:
            self._sim.inject_tpdu(_hex(o["tpdu"]), to, o.get("sender", ""))
            return {"parts": 1}
        if "pdu" in o:
            raw = _hex(o["pdu"])
            self._sim.inject_tpdu(raw[1 + raw[0] :], to, o.get("sender", ""))
            return {"parts": 1}
        if "data" in o:
            o["data"] = _hex(o["data"])
        copies = int(o.pop("count", 1))
        text = o.pop("text", None)
        parts = 0
        for n in range(copies):
            one = text.replace("{n}", str(n)) if text else text
            parts += len(self._sim.inject(one, to, **o))
        return {"parts": parts}

    def _cmd_fault(self, o: dict[str, Any]) -> Any:
        kind = o.pop("fault")
        which = o.pop("modem", 0)
        hosts = self._sim.modems if which == "all" else [self._sim.find(which)]
        for host in hosts:
            host.modem.fault(kind, **o)
        return {}

    def _cmd_faults(self, _o: dict[str, Any]) -> Any:
        return {"faults": {n: {"what": k.what, "params": dict(k.params)} for n, k in sorted(KINDS.items())}}

    def _cmd_clear_faults(self, o: dict[str, Any]) -> Any:
        self._sim.clear_faults(o.get("modem"))
        return {}

    def _cmd_unplug(self, o: dict[str, Any]) -> Any:
        self._sim.unplug(o.pop("modem", 0), float(o.pop("back_s", 0)), **o)
        return {}

    def _cmd_replug(self, o: dict[str, Any]) -> Any:
        self._sim.replug(o.pop("modem", 0), **o)
        return {}

    def _cmd_swap(self, o: dict[str, Any]) -> Any:
        """Exchange the SIM cards of two modems."""
        self._sim.swap(o.get("modem"), o["other"])
        return {}

    def _cmd_reboot(self, o: dict[str, Any]) -> Any:
        self._sim.find(o.get("modem")).modem.reboot(port=o.get("port", "stays"))
        return {}

    def _cmd_registration(self, o: dict[str, Any]) -> Any:
        modem = self._sim.find(o.get("modem")).modem
        modem.set_registration(int(o["stat"]), float(o.get("seconds", 0)))
        return {}

    def _cmd_signal(self, o: dict[str, Any]) -> Any:
        self._sim.find(o.get("modem")).modem.rssi = int(o["rssi"])
        return {}

    def _cmd_pin(self, o: dict[str, Any]) -> Any:
        self._sim.find(o.get("modem")).modem.fault("pin", **{k: v for k, v in o.items() if k != "modem"})
        return {}

    def _cmd_ring(self, o: dict[str, Any]) -> Any:
        self._sim.find(o.get("modem")).modem.voice.incoming(
            str(o.get("number", "+79991112233")), float(o.get("duration_s", 25))
        )
        return {}

    def _cmd_ussd(self, o: dict[str, Any]) -> Any:
        """Let the network start a dialogue (`text`, `reply`), or set what codes lead to (`codes`)."""
        modem = self._sim.find(o.get("modem")).modem
        modem.sim.ussd.update({str(k): str(v) for k, v in o.get("codes", {}).items()})
        if "text" in o:
            pushed(modem, str(o["text"]), reply=bool(o.get("reply", False)))
        return {"codes": {**DEFAULT_CODES, **modem.sim.ussd}}

    def _cmd_rules(self, o: dict[str, Any]) -> Any:
        """Set (`rules`), put before the others (`add`) or show what happens to numbers."""
        config = self._sim.network.config
        if "rules" in o:
            config.rules = [_rule(r) for r in o["rules"]]
        if "add" in o:
            config.rules.insert(0, _rule(o["add"]))
        return {"rules": [asdict(r) for r in config.rules], "plans": sorted(PLANS)}

    def _cmd_network(self, o: dict[str, Any]) -> Any:
        """Set and show latencies and delays."""
        config = self._sim.network.config
        known = {f.name: f for f in fields(config) if f.name.endswith("_s")}
        for key, value in o.items():
            if key not in known:
                raise SimError(f"There is no setting {key!r}. There are: {', '.join(known)}.")
            setattr(config, key, None if value is None else float(value))
        return {k: getattr(config, k) for k in known}

    async def _cmd_wait(self, o: dict[str, Any]) -> Any:
        """Wait until the ledger has `count` entries of `kind`, or `idle`: nothing waits for any SIM."""
        network = self._sim.network
        if o.get("idle"):
            ready: Callable[[], bool] = network.idle
        else:
            kind, count = o["kind"], int(o.get("count", 1))
            if kind not in network.ledger.counts:
                known = ", ".join(network.ledger.counts)
                raise SimError(f"The ledger has no kind {kind!r}. It has: {known}.")

            def ready() -> bool:
                return network.ledger.counts[kind] >= count

        limit = float(o.get("timeout", 10))
        try:
            await self._sim.wait(ready, limit)
        except TimeoutError:
            raise SimError(f"It did not come to that in {limit:g} s.") from None
        return {"counts": dict(network.ledger.counts)}


def _rule(given: dict[str, Any]) -> Rule:
    known = {f.name for f in fields(Rule)}
    wrong = set(given) - known
    if wrong or "pattern" not in given:
        raise SimError(f"A rule has a pattern and may have {', '.join(sorted(known - {'pattern'}))}.")
    rule = replace(Rule(str(given["pattern"])), **{k: v for k, v in given.items() if k != "pattern"})
    if rule.plan not in PLANS:
        raise SimError(f"There is no plan {rule.plan!r}. There are: {', '.join(PLANS)}.")
    return rule


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SimError(f"{text!r} is not hexadecimal.") from None


def _stale(path: Path) -> bool:
    """Whether nobody listens on a socket file any more."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return True
    return False


class ControlClient:
    """Talks to a running modemsim from a program that blocks."""

    def __init__(self, directory: Path | str) -> None:
        """Connect; raises `SimError` when no simulation runs there."""
        path = Path(directory) / "control.sock"
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise SimError(f"No modemsim runs in {directory}; start one with: modemsim --dir {directory}") from None
        self._file = self._socket.makefile("rb")

    def request(self, cmd: str, **options: Any) -> dict[str, Any]:
        """One request; the answer, or `SimError` with what was wrong."""
        self._socket.sendall(json.dumps({"cmd": cmd, **options}).encode() + b"\n")
        line = self._file.readline()
        if not line:
            raise SimError("The simulation ended.")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise SimError(answer["error"])
        return answer

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
