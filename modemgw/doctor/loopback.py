"""A modem sends itself four messages: what was sent, what arrived, what was reported, how long it took, to the letter.

Owns the trials and the judgement, over the HTTP API of whatever service runs. Starting one is `loopback_runtime`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modemgw.doctor.service import Asker, ServiceError
from modemgw.errors import ModemgwError
from modemgw.modem.quirks.learned import LearnedStore, learned_path

#: How long reports and arrivals are waited for after the last message was sent; SMS centres take their time.
PATIENCE_S = 120.0
#: How long the line may take to get ready.
READY_S = 90.0
POLL_S = 0.3

MESSAGES, PARTS = 4, 6

#: The key in the learned profile.
KEY = "loopback"


class LoopbackError(ModemgwError):
    """The trial cannot be made."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One message."""

    name: str
    text: str
    parts: int
    flash: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of a trial. Seconds count from acceptance (`sent_s`) and from sending (the others)."""

    trial: Trial
    message_id: int = 0
    parts: int = 0
    state: str = "not accepted"
    error: str | None = None
    sent_s: float | None = None
    report_s: float | None = None
    delivered: bool = False
    text: str | None = None
    sent_at: str | None = None
    received_at: str | None = None

    @property
    def arrived_s(self) -> float | None:
        """It may arrive before the modem has said that it was sent."""
        if self.sent_at is None or self.received_at is None:
            return None
        return max(0.0, _between(self.sent_at, self.received_at))

    @property
    def exact(self) -> bool:
        """It arrived as it was written."""
        return self.text == self.trial.text

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "trial": self.trial.name,
            "parts": self.parts,
            "state": self.state,
            "error": self.error,
            "sent_s": self.sent_s,
            "arrived_s": self.arrived_s,
            "report_s": self.report_s,
            "text": None if self.text is None else "exact" if self.exact else "changed",
        }


@dataclass(slots=True)
class Verdicts:
    """All trials together."""

    modem: str
    number: str
    outcomes: list[Outcome] = field(default_factory=list)
    learned: str | None = None  # where it was noted
    kept: str | None = None  # what became of messages of others

    @property
    def works(self) -> dict[str, bool]:
        """Which of the abilities were proved."""
        by_name = {outcome.trial.name: outcome for outcome in self.outcomes}
        return {
            "send": any(o.sent_s is not None for o in self.outcomes),
            "receive": any(o.exact for o in self.outcomes),
            "reports": any(o.delivered for o in self.outcomes),
            "flash": by_name["flash"].exact,
            "concatenation": by_name["3 parts"].exact,
            "ucs2": by_name["UCS-2"].exact,
        }

    @property
    def well(self) -> bool:
        return all(self.works.values()) and all(o.exact and o.delivered for o in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "modem": self.modem,
            "number": self.number,
            "works": self.works,
            "well": self.well,
            "trials": [outcome.as_json() for outcome in self.outcomes],
            "learned": self.learned,
            "kept": self.kept,
        }


def trials(token: str) -> tuple[Trial, ...]:
    """GSM 7-bit with characters of the extension table, UCS-2 with one outside the BMP, three parts, class 0."""
    head = f"modemgw loopback {token}"
    words = " ".join(f"word{number:03d}" for number in range(48))
    return (
        Trial("GSM-7", f"{head} GSM-7: @£$ èéùìò ÄÖÑÜ [{{€}}] ~|^ ok", 1),
        Trial("UCS-2", f"{head} UCS-2: Привет, 你好 🙂", 1),
        Trial("3 parts", f"{head} {words} end", 3),
        Trial("flash", f"{head} flash", 1, flash=True),
    )


async def run_trials(url: str, authorization: str | None, modem: str, number: str) -> Verdicts:
    """Send, wait, judge. Raises LoopbackError where the service does not take the messages."""
    asker = Asker(url, authorization)
    token = secrets.token_hex(4)
    verdicts = Verdicts(modem, number, [Outcome(trial) for trial in trials(token)])
    after = await asyncio.to_thread(_last_inbox_id, asker)
    for outcome in verdicts.outcomes:
        await _submit(asker, outcome, modem, number, token)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        await asyncio.gather(*(_follow(asker, outcome) for outcome in verdicts.outcomes if outcome.message_id))
        after = await _collect(asker, verdicts.outcomes, after, modem)
        if all(_over(outcome) for outcome in verdicts.outcomes):
            break
        await asyncio.sleep(POLL_S)
    return verdicts


async def until_ready(url: str, authorization: str | None, modem: str) -> dict[str, Any]:
    """The modem's view once its line is ready. Raises LoopbackError with the reason why it is not."""
    asker = Asker(url, authorization)
    end = time.monotonic() + READY_S
    view: dict[str, Any] = {}
    while time.monotonic() < end:
        body = await asyncio.to_thread(asker.get, "/v1/modems")
        view = next((v for v in (body or {}).get("items", []) if v["name"] == modem), {})
        if view.get("state") == "ready":
            return view
        if view.get("state") in ("blocked", "quarantined", "paused"):
            break
        await asyncio.sleep(POLL_S)
    if not view:
        raise LoopbackError(f"The service has no modem named {modem}; modemgw modems lists them.")
    raise LoopbackError(
        f"{modem} is {view['state']}"
        + (f": {view['reason']}" if view.get("reason") else "")
        + " See modemgw doctor without --loopback."
    )


def note_learned(store_path: Path, view: dict[str, Any], verdicts: Verdicts) -> None:
    """Write what was proved to the learned profile beside the database, as its owner."""
    if not view.get("imei"):
        return
    path = learned_path(store_path)
    learned = LearnedStore(path).of(view["imei"], view.get("firmware") or "", view.get("model") or "")
    times = {
        name: round(max(values), 1)
        for name in ("sent_s", "arrived_s", "report_s")
        if (values := [v for o in verdicts.outcomes if (v := getattr(o, name)) is not None])
    }
    learned.put(KEY, {"at": datetime.now(UTC).isoformat(timespec="seconds"), **verdicts.works, **times})
    verdicts.learned = str(path)
    with contextlib.suppress(OSError):  # root must not take the file away from the service's user
        owner = store_path.parent.stat() if not store_path.exists() else store_path.stat()
        if os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid)


# ---------------------------------------------------------------- one message


async def _submit(asker: Asker, outcome: Outcome, modem: str, number: str, token: str) -> None:
    trial = outcome.trial
    body = {
        "to": number,
        "text": trial.text,
        "modem": modem,
        "flash": trial.flash,
        "report": True,
        "on_doubt": "hold",
        "validity_s": 600,
        "client_ref": f"loopback-{token}-{trial.name}",
    }
    status, answer = await asyncio.to_thread(asker.call, "POST", "/v1/messages", body)
    if status not in (200, 202) or not isinstance(answer, dict):
        detail = answer.get("detail") if isinstance(answer, dict) else None
        raise LoopbackError(f"The service does not take the message: {detail or f'status {status}'}")
    outcome.message_id, outcome.state, outcome.parts = int(answer["id"]), str(answer["state"]), int(answer["parts"])


async def _follow(asker: Asker, outcome: Outcome) -> None:
    with contextlib.suppress(ServiceError):
        message = await asyncio.to_thread(asker.get, f"/v1/messages/{outcome.message_id}")
        if message is None:
            return
        outcome.state, outcome.error = message["state"], message["error"]
        sent = [part["sent_at"] for part in message["parts"]]
        if sent and all(sent):
            outcome.sent_at = max(sent)
            outcome.sent_s = _between(message["created_at"], max(sent))
        done = [part["done_at"] for part in message["parts"]]
        received = [receipt["received_at"] for part in message["parts"] for receipt in part["receipts"]]
        if message["state"] == "delivered" and all(done) and received and outcome.sent_s is not None:
            outcome.delivered = True
            outcome.report_s = max(0.0, _between(max(sent), max(received)))


async def _collect(asker: Asker, outcomes: Sequence[Outcome], after: int, modem: str) -> int:
    """Take what has arrived; where to go on."""
    try:
        page = await asyncio.to_thread(asker.get, f"/v1/inbox?after={after}&limit=100")
    except ServiceError:
        return after
    for item in (page or {}).get("items", []):
        text = item["text"] or ""
        best = next((o for o in outcomes if text == o.trial.text), None)
        if best is None:  # changed on its way: by what it has of the beginning
            best = next((o for o in outcomes if o.text is None and _alike(text, o.trial)), None)
        if best is None or item["modem"] != modem:
            after = max(after, int(item["id"]))
            continue
        if not item["complete"]:
            return after  # it is looked at again
        best.text, best.received_at = text, item["received_at"]
        after = max(after, int(item["id"]))
    return after


def _alike(text: str, trial: Trial) -> bool:
    words = trial.text.split()
    return text.startswith(" ".join(words[:3])) and (words[3] in text or trial.name == "3 parts")


def _over(outcome: Outcome) -> bool:
    lost = outcome.state in ("undeliverable", "expired", "rejected", "cancelled")
    return lost or (outcome.delivered and outcome.text is not None)


def _between(earlier: str, later: str) -> float:
    return round((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds(), 2)


def _last_inbox_id(asker: Asker) -> int:
    """By galloping: lists go oldest first."""

    def beyond(after: int) -> bool:
        return bool((asker.get(f"/v1/inbox?after={after}&limit=1") or {}).get("items"))

    if not beyond(0):
        return 0
    low, step = 0, 1
    while beyond(low + step):
        low, step = low + step, step * 2
    while step > 1:
        step //= 2
        if beyond(low + step):
            low += step
    return low + 1
