"""`modemgw callbacks` against the real API, with callbacks that are given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modemgw.cli.exits import Exit
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackState, CallbackView
from modemgw.domain.refusal import Refusal, RefusalKind
from tests.unit.cli.conftest import Invoke, Service


class Callbacks:
    """Three callbacks; what is asked to be replayed is kept."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        states = (CallbackState.DONE, CallbackState.FAILED, CallbackState.WAITING)
        self.views = [
            CallbackView(
                id=n,
                state=state,
                format="native",
                event_id=n,
                message_id=n if n < 3 else None,
                inbox_id=None if n < 3 else 9,
                method="POST",
                url="https://shop.example/cb?md5=secret",
                created_at=1_800_000_000_000,
                due_at=None,
                ended_at=None,
                tries=n,
                status=500 if n == 2 else None,
                error="The receiver answered 500; 2xx is expected." if n == 2 else None,
            )
            for n, state in enumerate(states, 1)
        ]

    async def list(
        self, account: Account, *, state: CallbackState | None = None, after: int = 0, limit: int = 100
    ) -> list[CallbackView]:
        return [view for view in self.views if view.id > after and state in (None, view.state)][:limit]

    async def replay(self, account: Account, **asked: Any) -> int:
        self.asked.append(asked)
        if asked["id"] == 99:
            raise Refusal(RefusalKind.NOT_FOUND, "There is no callback 99.")
        return 1 if asked["id"] else 2


@pytest.fixture
def callbacks(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callbacks:
    found = Callbacks()
    monkeypatch.setattr(service.gateway, "callbacks", found)
    return found


def test_they_are_listed(invoke: Invoke, callbacks: Callbacks) -> None:
    result = invoke("callbacks")
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.output.splitlines()] == ["ID", "1", "2", "3"]
    assert "message 2" in result.output
    assert "inbox 9" in result.output
    assert "answered 500" in result.output
    assert "secret" not in result.output


def test_by_state_and_as_json(invoke: Invoke, callbacks: Callbacks) -> None:
    result = invoke("callbacks", "--state", "failed", "--json")
    (item,) = json.loads(result.output)
    assert (item["id"], item["state"], item["status"]) == (2, "failed", 500)


@pytest.mark.parametrize(
    ("arguments", "asked", "said"),
    [
        (["17"], {"id": 17, "failed": False, "since": None}, "1 callback will be made again."),
        (["--all-failed"], {"id": None, "failed": True, "since": None}, "2 callbacks will be made again."),
        (
            ["--since", "2030-01-31T09:00:00+03:00"],
            {"id": None, "failed": False, "since": 1_896_069_600_000},
            "2 callbacks will be made again.",
        ),
    ],
)
def test_replay(invoke: Invoke, callbacks: Callbacks, arguments: list[str], asked: Any, said: str) -> None:
    result = invoke("callbacks", "replay", *arguments)
    assert (result.exit_code, result.output.strip()) == (0, said)
    assert callbacks.asked == [asked]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], Exit.USAGE),
        (["17", "--all-failed"], Exit.USAGE),
        (["--since", "yesterday"], Exit.USAGE),
        (["99"], Exit.NOT_FOUND),
    ],
)
def test_what_cannot_be_replayed_says_so(
    invoke: Invoke, callbacks: Callbacks, arguments: list[str], status: Exit
) -> None:
    assert invoke("callbacks", "replay", *arguments).exit_code == int(status)
