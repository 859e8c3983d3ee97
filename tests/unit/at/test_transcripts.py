"""Real and odd dialogues, each in several chunkings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.at.transcript import FOLDER, Cut, bytewise, pieces, play, read, whole

FILES = sorted(FOLDER.glob("*.at"))


def test_there_are_transcripts() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("cut", [whole, bytewise, *(pieces(seed) for seed in range(3))])
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_transcript(path: Path, cut: Cut) -> None:
    for turn, events in play(read(path), cut):
        assert events == turn.expected, f"after {turn.act!r}"
