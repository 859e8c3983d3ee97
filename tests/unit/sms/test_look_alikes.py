"""Plain signs for their look-alikes: only where it makes GSM 7-bit of a text, and nothing else of it changes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.sms import encode_gsm7, plan, without_look_alikes


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("It’s “ok” – 5\u00a0€…", 'It\'s "ok" - 5 €...'),
        ("a\tb\u2028c", "a b\nc"),
        ("«Shop» ‹b›", '"Shop" <b>'),
        ("cafe\u0301", "café"),  # NFC
        ("soft\u00adhyphen \u200bjoined\ufeff", "softhyphen joined"),
        ("ＡＢ１２！", "AB12!"),
        ("1½ ¼", "11/2 1/4"),
        ("already plain, «sort of», with Ж", "already plain, «sort of», with Ж"),  # UCS-2 all the same
        ("Привет… “мир”", "Привет… “мир”"),
        ("e\u0301 Ж", "é Ж"),
        ("plain [€] text_\n", "plain [€] text_\n"),
        ("", ""),
    ],
)
def test_what_comes_of_a_text(text: str, plain: str) -> None:
    assert without_look_alikes(text) == plain


def test_it_saves_parts() -> None:
    text = "“" + "x" * 150 + "”"
    assert (plan(text).parts, plan(without_look_alikes(text)).parts) == (3, 1)


@given(st.text())
def test_a_text_is_changed_for_gsm_7_bit_or_only_composed(text: str) -> None:
    made = without_look_alikes(text)
    assert without_look_alikes(made) == made
    if made != unicodedata.normalize("NFC", text):
        encode_gsm7(made)
