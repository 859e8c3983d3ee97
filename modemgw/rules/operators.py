"""How each operator tells the balance of a SIM: data/balance.toml, by the beginning of the IMSI."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Operator:
    """A row of the table. `source` says how sure it is: operator, several, one, unchecked."""

    name: str
    plmn: tuple[str, ...]
    code: str
    currency: str
    source: str
    pattern: re.Pattern[str] | None = None


@cache
def operators() -> tuple[Operator, ...]:
    """All rows."""
    text = resources.files("modemgw.rules").joinpath("data/balance.toml").read_text(encoding="utf-8")
    return tuple(
        Operator(
            row["name"],
            tuple(row["plmn"]),
            row["code"],
            row["currency"],
            row["source"],
            re.compile(row["pattern"], re.IGNORECASE) if "pattern" in row else None,
        )
        for row in tomllib.loads(text)["operator"]
    )


def operator_of(imsi: str | None) -> Operator | None:
    """The operator whose subscription it is (not the network it is in)."""
    best: tuple[int, Operator] | None = None
    for operator in operators():
        for plmn in operator.plmn:
            if imsi is not None and imsi.startswith(plmn) and (best is None or len(plmn) > best[0]):
                best = len(plmn), operator
    return best[1] if best is not None else None
