"""The timeline's sentences, event by event."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from modemgw.cli.demo_text import demo_text
from modemgw.cli.main import group
from modemgw.cli.story import STATES, headline, summary, timeline
from modemgw.cli.table import shorten, width
from modemgw.domain.states import State


def message(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "account": "shop",
        "to": "+79991234567",
        "state": "queued",
        "text": "x",
        "encoding": "gsm7",
        "part_count": 1,
        "flash": False,
        "error": None,
        "due_at": None,
        "send_at": None,
        "expires_at": None,
        "report": True,
        "on_doubt": "hold",
        "events": [],
    } | changes


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("message.queued", {}, "Accepted from shop and stored durably."),
        ("part.sending", {}, "It was handed to the line a."),
        ("part.sending", {"resend": True}, "It was handed to the line a once more, as its on_doubt rule says."),
        (
            "part.sending",
            {"resend": True, "after": "rejected"},
            "It was handed to the line a once more, though the network may have the first copy: if so, one more copy",
        ),
        ("part.sent", {"mr": 17}, "It was taken by the network through a: the modem said +CMGS: 17."),
        ("part.refused", {"error": "no network.", "code": 331}, "It was refused for now: no network (CMS error 331)"),
        ("part.rejected", {"error": "unknown subscriber", "code": 30}, "It was refused for good: unknown subscriber"),
        ("part.not_sent", {}, "It certainly did not go out; it waits for another try."),
        ("part.unknown", {"error": "unplugged"}, "It may or may not have gone out: unplugged."),
        ("part.resolved", {"by": "late +CMGS"}, "The doubt about it was settled by a late +CMGS."),
        ("receipt.matched", {"meaning": "delivered", "st": 0}, "A status report came for it: delivered (TP-ST 0)."),
        ("receipt.ambiguous", {}, "A status report came that fits it and others as well; it settles nothing."),
        ("message.held", {}, "Nobody could tell whether it went out; it is held and not sent again."),
        ("message.resend", {}, "Nobody could tell whether it went out; it is queued to be sent again."),
        ("message.expired", {}, "Its validity ended before it was delivered."),
        ("line.new_thing", {}, "Line new thing."),
    ],
)
def test_sentences(kind: str, data: dict[str, Any], sentence: str) -> None:
    event = {"at": "2030-01-01T00:00:00.000Z", "kind": kind, "part": 1, "modem": "a", "data": data}
    [(at, found)] = timeline(message(events=[event]))
    assert at
    assert found.startswith(sentence)


def test_parts_are_numbered_where_there_are_several() -> None:
    event = {"at": "2030-01-01T00:00:00.000Z", "kind": "part.sent", "part": 2, "modem": "a", "data": {}}
    assert timeline(message(part_count=3, events=[event]))[0][1] == "Part 2 was taken by the network through a."


def test_what_only_repeats_a_parts_event_is_left_out() -> None:
    events: list[dict[str, Any]] = [
        {"at": "2030-01-01T00:00:00.000Z", "kind": kind, "part": 1, "modem": "a", "data": {}}
        for kind in ("part.sent", "message.sent")
    ]
    assert len(timeline(message(events=events))) == 1
    assert len(timeline(message(events=events, part_count=2))) == 2


def test_every_state_has_a_sentence() -> None:
    assert set(STATES) == {state.value for state in State}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"due_at": "2030-01-01T00:00:00.000Z", "error": "no network."}, "The reason: no network. The next try is due"),
        ({"send_at": "2030-01-01T00:00:00.000Z"}, "It is not sent before"),
        ({"expires_at": "2030-01-01T00:00:00.000Z"}, "Its validity ends at"),
        ({"state": "sent", "report": False}, "No delivery report was asked for."),
        ({"state": "sent"}, "A status report will say whether it was delivered."),
        ({"ahead": 0}, "It is the next."),
        ({"ahead": 12}, "12 go before it."),
        ({"due_at": "2030-01-01T00:00:00.000Z", "send_at": "2030-01-01T00:00:00.000Z"}, "It is not sent before"),
        ({"state": "unknown", "doubt_at": "2030-01-01T00:00:00.000Z"}, "then it stays unknown and is not sent again"),
        (
            {"state": "unknown", "on_doubt": "resend", "doubt_at": "2030-01-01T00:00:00.000Z"},
            "then it is sent again.",
        ),
        ({"state": "unknown"}, "It will not be sent again by itself"),
        ({"state": "unknown", "on_doubt": "resend"}, "It is sent again when the doubt window ends"),
    ],
)
def test_summary(changes: dict[str, Any], says: str) -> None:
    assert says in summary(message(**changes))


def modem(name: str, state: str, reason: str | None = None) -> dict[str, Any]:
    return {"name": name, "state": state, "reason": reason}


SENT_PART = {"seq": 1, "sent_at": "2030-01-01T00:00:00.000Z", "attempts": []}
SEARCHING = modem("a", "searching", "Network: searching for a network.")
WAITS = [
    ({}, [], "There is no modem to send it."),
    ({}, [SEARCHING, modem("b", "ready")], "Ready to take it: b."),
    (
        {},
        [SEARCHING, modem("b", "absent")],
        "No line is ready to take it: a is searching (Network: searching for a network); b is absent.",
    ),
    ({"modem": "a"}, [SEARCHING, modem("b", "ready")], "It must go through a, as was asked for. No line is ready"),
    ({"modem": "a", "parts": [SENT_PART]}, [modem("a", "ready")], "It must go through a, as its other parts did."),
    ({"modem": "c"}, [SEARCHING], "It waits for its turn. It must go through c, and there is no such modem now."),
]


@pytest.mark.parametrize(("changes", "modems", "says"), WAITS)
def test_what_it_waits_for(changes: dict[str, Any], modems: list[dict[str, Any]], says: str) -> None:
    assert says in summary(message(ahead=0, **changes), modems)


def part(state: str, modem: str) -> dict[str, Any]:
    return {"seq": 1, "state": state, "modem": modem, "sent_at": "2030-01-01T00:00:00.000Z", "attempts": []}


HOPE = "A status report will say whether it was delivered."
NO_HOPE = "No delivery reports come through a (AT+CNMI): whether it arrived will not be known."


@pytest.mark.parametrize(
    ("parts", "ways", "says"),
    [
        ([("sent", "a")], {"a": "none", "b": "direct"}, NO_HOPE),
        ([("sent", "a")], {"a": "direct", "b": "none"}, HOPE),
        ([("sent", "a")], {"a": "stored"}, HOPE),
        ([("sent", "a")], {"a": None}, HOPE),  # not set up
        ([("sent", "a")], {}, HOPE),  # not there: it may be back
        ([("sent", "a"), ("sent", "b")], {"a": "none", "b": "direct"}, HOPE),
        ([("sent", "a"), ("delivered", "b")], {"a": "none", "b": "direct"}, NO_HOPE),
    ],
)
def test_no_report_is_promised_of_a_modem_that_offers_none(
    parts: list[tuple[str, str]], ways: dict[str, str | None], says: str
) -> None:
    modems = [modem(name, "ready") | {"reports": way} for name, way in ways.items()]
    sent = message(state="sent", parts=[part(*values) for values in parts], part_count=len(parts))
    told = summary(sent, modems)
    assert says in told
    assert (HOPE in told) != (NO_HOPE in told)


def test_what_can_settle_a_doubt() -> None:
    doubt = message(state="unknown", parts=[part("unknown", "a")])
    without = [modem("a", "ready") | {"reports": "none"}]
    assert "a late answer or a report can still settle it" in summary(doubt)
    assert "; a late answer can still settle it" in summary(doubt, without)
    assert "; a late answer can still settle it" in summary(doubt | {"report": False})


def test_each_attempt_names_its_sim() -> None:
    attempts = [{"imsi": "250010000000001", "number": "+79990000001"}, {"imsi": None, "number": None}]
    events = [
        {"at": "2030-01-01T00:00:00.000Z", "kind": "part.sending", "part": 1, "modem": name, "data": {}}
        for name in "ab"
    ]
    parts = [{"seq": 1, "sent_at": None, "attempts": attempts}]
    first, second = (sentence for _, sentence in timeline(message(events=events, parts=parts)))
    assert first == "It was handed to the line a with the SIM +79990000001, IMSI 250010000000001."
    assert second == "It was handed to the line b."


def test_headline() -> None:
    assert headline(message(part_count=3, encoding="data8", flash=True)) == (
        "Message 7 to +79991234567 (3 parts, 8-bit data, flash): queued"
    )


def test_widths() -> None:
    assert width("Ю👍한") == 5
    assert shorten("ab\ncd", 10) == "ab cd"
    assert shorten("한국어텍스트", 7) == "한국어…"


def test_demo_text_has_lines_to_paste() -> None:
    text = demo_text("http://127.0.0.1:8080", "demo", "p w&", "key", "+79990000001", "+79990000002")
    assert '-d \'{"to": "+79990000002"' in text
    assert "psw=p+w%26&phones=79990000001" in text
    pasted = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in pasted] == ["export", *["modemgw"] * 3, *["curl"] * 4], "ours needs no curl"
    for line in pasted:
        words = shlex.split(line)
        if words[0] == "modemgw":
            command = group.commands[words[1]]
            command.make_context(words[1], words[2:])
    assert all(r"-sw '\n' " in line for line in pasted if line.startswith("curl"))  # the prompt does not stick to it
