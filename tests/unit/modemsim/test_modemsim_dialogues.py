"""The transcripts in dialogues/, byte for byte, and the law that chunks of input change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simrig import DIALOGUES, Rig, transcript

FILES = sorted(DIALOGUES.glob("*.at"), key=lambda p: p.name)


def _other(rig: Rig, mark: str, text: str) -> str:
    """A step that is neither fed nor heard."""
    if mark == "@":
        return rig.pass_time(float(text))
    name, _, rest = text.partition(" ")
    if mark == "!":
        rig.modem.fault(name, **dict(p.split("=", 1) for p in rest.split()))
    elif mark == "+":
        rig.network.inject(rig.modem.number, rest, sender=name)
    else:
        raise AssertionError(f"unknown mark {mark!r}")
    return rig.heard()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_transcript(path: Path) -> None:
    options, steps = transcript(path)
    rig = Rig(personality=options.get("personality", "generic"))
    heard, since = "", ""
    for mark, text in steps:
        if mark == "<":
            assert heard == text, f"after {since!r}"
            heard = ""
            continue
        assert heard == "", f"after {since!r} came more than the transcript has"
        heard += rig.say(text) if mark == ">" else _other(rig, mark, text)
        since = f"{mark} {text}"
    assert heard == ""


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), path=st.sampled_from(FILES))
def test_any_chunking_of_the_input_gives_the_same_output(data: st.DataObject, path: Path) -> None:
    options, steps = transcript(path)

    def play(cuts: list[int] | None) -> list[str]:
        rig = Rig(personality=options.get("personality", "generic"))
        out = []
        for mark, text in steps:
            if mark == "<":
                continue
            if mark != ">":
                out.append(_other(rig, mark, text))
                continue
            heard = ""
            at = 0
            while at < len(text):
                size = len(text) if cuts is None else cuts[at % len(cuts)]
                heard += rig.say(text[at : at + size])
                at += size
            out.append(heard)
        return out

    cuts = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=7))
    assert play(cuts) == play(None)


@settings(max_examples=60)
@given(noise=st.lists(st.binary(max_size=60), max_size=8))
def test_garbage_never_raises_and_the_modem_answers_after_it(noise: list[bytes]) -> None:
    rig = Rig()
    for piece in noise:
        rig.say(piece)
    rig.say(b"\x1b\r")  # whatever prompt it was brought to is left
    rig.pass_time(200)
    rig.modem.reboot()
    rig.pass_time(5)
    assert rig.say("ATE1Q0V1\r").endswith("OK\r\n")
