"""Kannel's AT driver, unchanged: bearerbox on a modem of `modemsim`, smsbox before it, a web server for its calls."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.interop.daemons import PARTS, PEER, RUSSIAN, ModemSim, Process, program, tail, until

BEARERBOX, SMSBOX = program("bearerbox"), program("smsbox")

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not (BEARERBOX and SMSBOX), reason="Kannel (Debian package kannel) is not installed"),
]

CONFIG = """
group = core
admin-port = {admin}
admin-password = bar
smsbox-port = {box}
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
log-file = "{directory}/bearerbox.log"
log-level = 0
dlr-storage = internal
sms-incoming-queue-limit = 100

group = smsc
smsc = at
smsc-id = modem
modemtype = auto
device = {port}
speed = 115200
my-number = {number}
{modem}

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
log-file = "{directory}/smsbox.log"

group = sendsms-user
username = tester
password = foobar
max-messages = 10
concatenation = true

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{web}/mo?from=%p&to=%P&text=%b&coding=%c&charset=%C"
max-messages = 0
catch-all = true
concatenation = true
omit-empty = true
"""
MODEMS = {
    # messages through the memory; the reports straight to the terminal
    "huawei-e3372": """
sim-buffering = true

group = modems
id = generic
name = Generic

group = modems
id = huawei
name = huawei-e3372
detect-string = huawei
init-string = "AT+CNMI=2,1,0,1,0"
message-storage = ME
speed = 115200
""",
    # all straight to the terminal, with the settings of Kannel's own list for the TC35
    "siemens-mc35i": """
sim-buffering = false

group = modems
id = generic
name = Generic

group = modems
id = siemens
name = siemens-mc35i
detect-string = SIEMENS
detect-string2 = MC35
init-string = "AT+CNMI=3,2,0,1,1"
speed = 19200
enable-hwhs = "AT\\\\Q3"
need-sleep = true
""",
}


class Web:
    """Remembers the queries that Kannel made; answers nothing."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        calls = self.calls

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query, keep_blank_values=True, encoding="latin-1")
                calls.append({"path": parts.path, **{k: v[0] for k, v in query.items()}})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def to(self, path: str) -> list[dict[str, str]]:
        return [c for c in list(self.calls) if c["path"] == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


class Kannel:
    """Both boxes, until the stack unwinds."""

    def __init__(self, sim: ModemSim, web: Web, directory: Path, stack: contextlib.ExitStack) -> None:
        self._directory, self._web = directory, web
        admin, box, self._send = free_ports(3)
        config = directory / "kannel.conf"
        config.write_text(
            CONFIG.format(
                admin=admin,
                box=box,
                send=self._send,
                web=web.port,
                directory=directory,
                port=sim.port(),
                number=sim.number(),
                modem=MODEMS[sim.personality].strip(),
            ),
            encoding="utf-8",
        )
        bearerbox = stack.enter_context(Process([str(BEARERBOX), config], directory / "bearerbox.out"))
        until(lambda: listens(box), lambda: f"bearerbox listens: {self.log()}", bearerbox)
        smsbox = stack.enter_context(Process([str(SMSBOX), config], directory / "smsbox.out"))
        until(lambda: listens(self._send), lambda: f"smsbox listens: {tail(directory / 'smsbox.log')}", smsbox)
        until(lambda: "AT SMSC successfully opened" in self.log(), self.log, bearerbox)

    def log(self) -> str:
        return tail(self._directory / "bearerbox.log", 20_000)

    def send(self, to: str, text: str) -> int:
        """sendsms with all reports asked for; the HTTP status."""
        query = {
            "username": "tester",
            "password": "foobar",
            "from": "13013",
            "to": to,
            "text": text,
            "coding": 2,
            "charset": "UTF-8",
            "dlr-mask": 31,
            "dlr-url": f"http://127.0.0.1:{self._web.port}/dlr?type=%d&id=%F",
        }
        url = f"http://127.0.0.1:{self._send}/cgi-bin/sendsms?{urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.status)


@pytest.fixture
def sim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModemSim]:
    with ModemSim(tmp_path / "sim", request.param) as sim:
        yield sim


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


@pytest.fixture
def kannel(sim: ModemSim, web: Web, tmp_path: Path) -> Iterator[Kannel]:
    with contextlib.ExitStack() as stack:
        yield Kannel(sim, web, tmp_path, stack)


@pytest.mark.parametrize("sim", list(MODEMS), indirect=True)
def test_kannel_identifies_sends_is_told_and_receives(sim: ModemSim, web: Web, kannel: Kannel) -> None:
    assert f"using modem definition <{sim.personality}>" in kannel.log()

    assert kannel.send(PEER, RUSSIAN) == 202
    submits = sim.wait("submit", PARTS, kannel.log)
    assert "".join(e["text"] for e in submits) == RUSSIAN
    assert {e["recipient"] for e in submits} == {PEER}
    assert sim.heard() == [RUSSIAN]
    # Kannel asks for the report of the first part only, and takes it for that of the whole
    until(lambda: {"1", "8"} <= {c["type"] for c in web.to("/dlr")}, lambda: f"{web.calls} {kannel.log()}")
    assert {c["type"]: c["id"] for c in web.to("/dlr")} == {"1": str(submits[0]["mr"]), "8": str(submits[0]["mr"])}
    assert len(web.to("/dlr")) == 2
    assert [e["mr"] for e in sim.entries("report")] == [submits[0]["mr"]]

    assert sim.ctl("inject", RUSSIAN, "--from", PEER) == {"parts": PARTS}
    (call,) = until(lambda: web.to("/mo"), lambda: f"{web.calls} {kannel.log()}")
    assert (call["from"], call["to"]) == (PEER, sim.number())
    assert call["coding"] == "2"
    assert call["text"].encode("latin-1").decode("utf-16-be") == RUSSIAN
    until(lambda: sim.stored() == 0, lambda: f"what was read is deleted: {kannel.log()}")
