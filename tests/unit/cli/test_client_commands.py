"""Client commands over a real socket: what they print, and the exit status of every way it can go."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modemgw.cli.exits import Exit
from modemgw.cli.main import group
from modemgw.domain.states import State
from tests.unit.cli.conftest import Service

Invoke = Callable[..., Result]


def test_send(invoke: Invoke, service: Service) -> None:
    result = invoke("send", "+79991234567", "Привет", "--flash", "--priority", "5", "--validity", "60", "--ref", "r1")
    assert result.exit_code == 0, result.output
    assert result.output == "Accepted as message 1 (1 part, ucs2): queued.\n"
    [message] = service.run(service.rig.messages())
    assert (message.flash, message.priority, message.text, message.client_ref) == (True, 5, "Привет", "r1")
    assert message.expires_at == message.created_at + 60_000
    assert message.report


def test_send_reads_standard_input(invoke: Invoke, service: Service) -> None:
    assert invoke("send", "12345", "-", input="two\nlines\n").exit_code == 0
    assert service.run(service.rig.messages())[0].text == "two\nlines"


def test_send_json(invoke: Invoke) -> None:
    assert json.loads(invoke("send", "12345", "x", "--json").output)["id"] == 1


@pytest.mark.parametrize(
    ("state", "arguments", "status", "says"),
    [
        (State.DELIVERED, (), Exit.OK, "It was delivered."),
        (State.SENT, ("--until", "sent"), Exit.OK, "The network took it"),
        (State.SENT, ("--no-report",), Exit.OK, "No delivery report was asked for."),
        (State.SENT, ("--timeout", "0.2"), Exit.UNKNOWN, "The network took it"),
        (State.UNKNOWN, ("--timeout", "0.2"), Exit.UNKNOWN, "It may or may not have gone out"),
        (State.REJECTED, (), Exit.FAILED, "It was refused for good."),
        (State.UNDELIVERABLE, (), Exit.FAILED, "The network could not deliver it."),
        (State.EXPIRED, (), Exit.FAILED, "Its validity ended"),
        (State.CANCELLED, (), Exit.FAILED, "It was cancelled"),
        (State.QUEUED, ("--timeout", "0.2"), Exit.UNKNOWN, "It waits for its turn."),
    ],
)
def test_send_and_wait(
    invoke: Invoke, service: Service, state: State, arguments: tuple[str, ...], status: Exit, says: str
) -> None:
    def network() -> None:
        while not service.run(service.rig.messages()):
            pass
        service.run(service.rig.force(1, state))

    thread = threading.Thread(target=network)
    thread.start()
    result = invoke("send", "12345", "x", "--wait", *arguments)
    thread.join()
    assert result.exit_code == status, result.output
    assert says in result.output


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("send", "nobody", "x"), Exit.USAGE, "modemgw: The recipient 'nobody' is not a telephone number"),
        (("send", "12345", ""), Exit.USAGE, "modemgw: The text is empty; there is nothing to send."),
        (("send", "12345", "x", "--modem", "z"), Exit.USAGE, "modemgw: There is no line named 'z'. There are: a, b."),
        (("send", "12345", "x", "--at", "soon"), Exit.USAGE, "modemgw: send_at is not a time"),
        (("send", "12345"), Exit.USAGE, "Missing argument 'TEXT'"),
        (("show", "7"), Exit.NOT_FOUND, "modemgw: There is no message 7."),
        (("cancel", "7"), Exit.NOT_FOUND, "modemgw: There is no message 7."),
        (("modems", "--api-key", "wrong"), Exit.UNAUTHORISED, "modemgw: The API key is not known."),
        (("modems", "--url", "ftp://x"), Exit.USAGE, "is not the address of a service"),
        (("modems", "--url", "http://x:y"), Exit.USAGE, "is not the address of a service"),
    ],
)
def test_what_goes_wrong_has_a_sentence_and_a_status(
    invoke: Invoke, arguments: tuple[str, ...], status: Exit, says: str
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == status, result.output
    assert says in result.output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--url", "http://[::bad"), "is not the address of a service"),
        (("--api-key", "ключ"), "printable ASCII"),
        (("--api-key", "a\r\nX: y"), "printable ASCII"),
    ],
)
def test_an_address_or_a_key_that_cannot_be(invoke: Invoke, more: tuple[str, ...], says: str) -> None:
    result = invoke("modems", *more)
    assert result.exit_code == Exit.USAGE, result.output
    assert says in result.output


def test_cancel_and_too_late(invoke: Invoke, service: Service) -> None:
    invoke("send", "12345", "x")
    for _ in range(2):
        assert invoke("cancel", "1").output == "Message 1 to 12345 is cancelled.\n"
    invoke("send", "12345", "x")
    service.run(service.rig.force(2, State.SENT))
    result = invoke("cancel", "2")
    assert result.exit_code == Exit.FAILED
    assert result.output == "modemgw: Message 2 is already sent; only a queued one can be cancelled.\n"


def test_show_tells_the_life_in_words(invoke: Invoke, service: Service) -> None:
    invoke("send", "+79991234567", "Привет")
    service.run(service.rig.force(1, State.DELIVERED))
    output = invoke("show", "1").output
    assert output.startswith("Message 1 to +79991234567 (one part, UCS-2): delivered\n  “Привет”\n")
    assert output.endswith("\nIt was delivered.\n")
    assert json.loads(invoke("show", "1", "--json").output)["state"] == "delivered"


def test_outbox_shows_the_newest(invoke: Invoke, service: Service) -> None:
    assert invoke("outbox").output == "There are no messages.\n"
    for number in range(30):
        invoke("send", "12345", f"text {number}")
    lines = invoke("outbox", "--limit", "3").output.splitlines()
    assert lines[0].split() == ["ID", "ACCEPTED", "TO", "STATE", "PARTS", "TEXT"]
    assert [line.split()[0] for line in lines[1:]] == ["28", "29", "30"]
    found = json.loads(invoke("outbox", "--after", "2", "--limit", "4", "--json").output)
    assert [item["id"] for item in found] == [3, 4, 5, 6]
    assert json.loads(invoke("outbox", "--state", "sent", "--json").output) == []


def test_outbox_of_very_many_takes_few_requests(
    invoke: Invoke, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke("send", "12345", "x")
    gateway = service.gateway
    service.run(service.rig.copies(1, 50_000))
    calls = 0
    real: Any = gateway.messages

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return await real(*arguments, **options)

    monkeypatch.setattr(gateway, "messages", counted)
    found = json.loads(invoke("outbox", "--limit", "2", "--json").output)
    assert [item["id"] for item in found] == [50_000, 50_001]
    assert calls < 30


def test_inbox_and_modems(invoke: Invoke, service: Service) -> None:
    for number in range(1, 5):
        service.run(service.rig.receive(f"Ответ {number} 👍"))
    service.run(service.rig.receive(f"Ответ 5 👍{' ' * 70}", lost=1))
    lines = invoke("inbox", "--limit", "2").output.splitlines()
    assert len(lines) == 3
    assert "+79161234567  a      [parts missing: 2] Ответ 5 👍" in lines[-1]
    assert "a     ready  MTS RUS   -71 dBm  +79990000001  SM 3/30" in invoke("modems").output


def test_no_service(anywhere: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = CliRunner().invoke(group, ["modems", "--url", url])
    assert result.exit_code == Exit.NO_SERVICE
    expected = f"modemgw: no service is running at {url} (Connection refused); start it with `modemgw run`\n"
    assert result.output == expected


def test_something_else_answers(service: Service, anywhere: Path) -> None:
    result = CliRunner().invoke(group, ["modems", "--url", f"{service.url}/docs?"])
    assert result.exit_code in {Exit.NO_SERVICE, Exit.NOT_FOUND}


def test_address_and_key_come_from_the_configuration(service: Service, anywhere: Path) -> None:
    listen = service.url.removeprefix("http://")
    (anywhere / "modemgw.toml").write_text(
        f'[http]\nlisten = "{listen}"\n[[account]]\nlogin = "shop"\npassword = "s3cret"\n'
    )
    result = CliRunner().invoke(group, ["modems"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(group, ["modems", "--config", "none.toml"])
    assert (result.exit_code, result.output) == (
        Exit.USAGE,
        "modemgw: none.toml: cannot be read: No such file or directory\n",
    )


def test_the_key_comes_from_the_credentials_file(service: Service, anywhere: Path) -> None:
    result = CliRunner().invoke(group, ["modems", "--url", service.url])
    assert result.exit_code == Exit.UNAUTHORISED
    assert "wants credentials; give --api-key" in result.output
    (anywhere / "modemgw.credentials.toml").write_text('[[account]]\nlogin = "x"\napi_key = "key-of-shop"\n')
    assert CliRunner().invoke(group, ["modems", "--url", service.url]).exit_code == 0


def test_a_modem_is_paused_and_resumed(invoke: Invoke) -> None:
    assert invoke("pause", "a").output == "a is paused: nothing is sent through it until: modemgw resume a\n"
    assert invoke("resume", "a").output == "a sends again.\n"
    result = invoke("pause", "b/c")
    assert (result.exit_code, result.output) == (Exit.NOT_FOUND, "modemgw: There is no line named 'b/c'.\n")


def test_a_waiting_message_is_explained_with_its_lines(invoke: Invoke, service: Service) -> None:
    invoke("send", "+79991234567", "Hello", "--modem", "a")
    assert "It must go through a, as was asked for. Ready to take it: a." in invoke("explain", "1").output
    invoke("pause", "a")
    told = invoke("explain", "1").output
    assert "No line is ready to take it: a is paused (Paused by shop)." in told
    assert told == invoke("show", "1").output


def test_who_waits_is_told_soon_what_for(invoke: Invoke, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemgw.cli.messages.STILL_QUEUED_S", 0.0)
    invoke("pause", "a")
    result = invoke("send", "+79991234567", "Hello", "--modem", "a", "--wait", "--timeout", "0.5")
    assert result.output.count("No line is ready to take it: a is paused (Paused by shop).") == 2, result.output
    assert result.output.startswith("Message 1: ")


def test_client_commands_do_not_load_the_server(anywhere: Path) -> None:
    code = (
        "import sys, modemgw.cli.main; "
        "print([name for name in ('aiohttp', 'pydantic', 'asyncio', 'sqlite3', 'serial') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
