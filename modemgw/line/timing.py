"""How long a line waits for what."""

from __future__ import annotations

from dataclasses import dataclass, field

from modemgw.at import timing as dialogue
from modemgw.at.policy import Waits


@dataclass(frozen=True, slots=True)
class Timing:
    """The spans of a line; those of its dialogue apart."""

    let_go_s: float = 5.0  # a modem waits for an acknowledgement of what was lost no longer; some give up after 15 s
    dialogue: dialogue.Timing = field(default_factory=dialogue.Timing)
    waits: Waits = field(default_factory=Waits)  # of a refused part
