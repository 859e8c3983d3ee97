"""Extended grapheme clusters: one line a rule of UAX #29."""

from __future__ import annotations

import pytest

from modemgw.sms.grapheme import clusters


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a|b",
        "\r\n|a",  # GB3
        "\r|\r\n|\n|a",
        "a|\r|\u0308",  # GB4, GB5
        "\u0308|\n|\u200d",
        "\u1100\u1161\u11a8|\u1100",  # GB6 to GB8
        "\uac00\u11a8|\uac01|\u1161",
        "\uac01\u11a8|\uac00\u1161",
        "\ua960\ud7b0\ud7cb|a",
        "e\u0301|e",  # GB9
        "e\u0301\u0300\u200d|e",
        "a\u200c|b",
        "x\U000e0061\U000e007f|x",
        "\u0e01\u0e33|\u0e01",  # GB9a
        "\u0915\u093e|\u0915",
        "\u1000|\u102b",
        "\u0600a|\u0600\u0661|a",  # GB9b
        "\u0600|\n",
        "\u0915\u094d\u0937|\u0915",  # GB9c
        "\u0915\u094d\u200d\u0937|a",
        "\u0915\u093c\u094d\u0937|a",
        "\u0915\u094d\u200c|\u0937",
        "\u0915\u0903|\u0937",
        "\u0995\u09cd\u09a4\u09cd\u09b0|\u0995",
        "a\u094d|\u0915",
        "👨\u200d👩\u200d👧\u200d👦|👨",  # GB11
        "👍🏽|👍",
        "👩🏽\u200d🚀|a",
        "❤\ufe0f\u200d🔥|a",
        "a\u200d|👨",
        "👨\u200d\u200d|👨",
        "👨\u200d\u0308|👨",
        "👨\u0903\u200d|👨",
        "\u0600👨\u200d👩|a",
        "🇷🇺|🇺🇸|🇷",  # GB12, GB13
        "a|🇷🇺|🇺",
        "🇷\u0308|🇺🇸",
        "\u0600🇷🇺|🇺",
        "1\ufe0f\u20e3|2",
        "🏴\U000e0067\U000e0062\U000e007f|🏴",
        "©|®|a",
        "\u2028|a|\u2029",
    ],
)
def test_where_clusters_end(text: str) -> None:
    expected = text.split("|") if text else []
    assert list(clusters("".join(expected))) == expected
