"""The table of docs/modems.md: written from a run, and read back by the test that holds it up to date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from modemsim.personality import load
from tests.personalities.examine import Row

MODEMS = Path(__file__).parents[2] / "docs" / "modems.md"

#: Columns: the attribute of a row and the head in the document.
COLUMNS = {
    "name": "personality",
    "identified": "identified",
    "found": "by itself",
    "send": "sends",
    "receive": "receives",
    "reports": "reports",
    "reset": "reset",
    "replug": "replug",
    "renamed": "renamed",
    "ready_s": "ready",
    "reset_s": "after reset",
    "replug_s": "after replug",
    "profile": "profile",
    "oddities": "oddities",
}
#: Those that a compressed run must find the same.
CHECKED = ("identified", "found", "send", "receive", "reports", "reset", "replug", "renamed", "profile")

HEAD = """# Modems

What `modemgw` does with each model that the [simulator](../simulators/README.md) plays: made by
`python -m tests.personalities`, and held up to date by a test. **None of this was tried on the modem itself.** The
personalities were written from what users of the real ones reported; a model that is not here is used as well, with the
profile of its family or the general one.

| column | meaning |
|---|---|
| identified | maker, model, IMEI and IMSI are told right |
| by itself | found and set up without a `[[modem]]`; `-` for one on a serial line, which is configured by its port |
| sends, receives | a text in the GSM alphabet, one in UCS-2 with an emoji, one of three parts |
| reports | delivery reports arrive: handed over (CDS) or stored and announced (CDSI); `-` where the model has none |
| reset | the modem is reset by the command of its profile, and works again; `-` where the profile knows none |
| replug, renamed | unplugged and plugged in again; the same with its ports under other names |
| ready, after reset, after replug | until it can send: from a cold start, the command, the plug; boot and all |

"""


TROUBLE = ("", "## What does not work, and why", "")


def scale_of(name: str, scale: float) -> float:
    """The scale for a model: one that takes minutes over an answer is shortened more."""
    return scale / 20 if load(name).memory.cmgl_stall_nth else scale


def write_table(rows: Sequence[Row]) -> str:
    """The whole document."""
    lines = [f"| {' | '.join(COLUMNS.values())} |", f"|{'---|' * len(COLUMNS)}"]
    ordered = sorted(rows, key=lambda row: row.name)
    lines += [f"| {' | '.join(_cell(row, column) for column in COLUMNS)} |" for row in ordered]
    return HEAD + "\n".join([*lines, *TROUBLE, *(_trouble(ordered) or ["Nothing."])]) + "\n"


def renew_table(text: str, rows: Sequence[Row]) -> str:
    """The document with these models' rows and troubles written anew."""
    fresh = {row.name: f"| {' | '.join(_cell(row, column) for column in COLUMNS)} |" for row in rows}
    table, _, told = text.partition("\n".join(TROUBLE) + "\n")
    lines = table.splitlines()
    named = {line.split("`")[1]: line for line in lines if line.startswith("| `")} | fresh
    head = [line for line in lines if not line.startswith("| `")]
    old = [line for line in told.splitlines() if line.startswith("- `") and line.split("`")[1] not in fresh]
    troubles = sorted([*old, *_trouble(rows)]) or ["Nothing."]
    return "\n".join([*head, *(named[name] for name in sorted(named)), *TROUBLE, *troubles]) + "\n"


def _trouble(rows: Sequence[Row]) -> list[str]:
    return [f"- `{row.name}`: {text}." for row in rows for text in map(_plain, row.trouble)]


def _plain(text: str) -> str:
    """Without the names of this run."""
    found = re.match(r"([^:]+): (.*): \S+ at \S+: (\w+), (.*)", text)
    if found is None:
        return text.rstrip(".: ")
    why = found[4] if found[4] != "None" else found[2]
    return f"{found[1]}: {found[3]}. {why}".rstrip(".: ")


def _cell(row: Row, column: str) -> str:
    value = getattr(row, column)
    if column == "name":
        return f"`{value}`"
    if column == "oddities":
        return "; ".join(value).replace("|", "\\|").replace("\r", "\\r").replace("\n", "\\n")
    if isinstance(value, float):
        return f"{value:.0f} s" if value else "-"
    return str(value) or "-"


def read_table(text: str) -> dict[str, dict[str, str]]:
    """The rows by name, each by attribute."""
    rows: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) >= len(COLUMNS) - 1:
            row = dict(zip(COLUMNS, cells, strict=False))
            rows[cells[0].strip("`")] = {
                key: "" if value == "-" and key == "profile" else value for key, value in row.items()
            }
    return rows
