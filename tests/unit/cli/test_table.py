"""What a terminal is shown of texts that came from outside."""

from __future__ import annotations

import json

import pytest

from modemgw.cli.table import print_json, print_table, printable, say

HOSTILE = "a\x1b]0;title\x07b\x9b2Jc\u202ed\u2066e\u2028f\rg\x00h"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, "a ]0;title b 2Jc d e f g h"),
        ("two\nlines", "two lines"),
        ("👩\u200d👩\u200d👧 ❤\ufe0f", "👩\u200d👩\u200d👧 ❤\ufe0f"),
        ("Привет, ١٢٣ ñ", "Привет, ١٢٣ ñ"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_cell_of_a_table_and_not_the_last_alone(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("FROM", "TEXT"), [("BANK\r\n1  ok", HOSTILE)], empty="")
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    assert not set(out) & set("\x1b\x9b\x07\r\u202e\u2066\u2028")


def test_sentences_keep_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one {HOSTILE}\ntwo")
    assert capsys.readouterr().out.splitlines() == ["one a ]0;title b 2Jc d e f g h", "two"]


def test_json_has_all_of_it_and_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": HOSTILE, "nested": ["я\x85"]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"text": HOSTILE, "nested": ["я\x85"]}
    assert all(char.isprintable() or char == "\n" for char in out)
    assert "я" in out
