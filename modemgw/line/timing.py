"""How long a line waits for what."""

from __future__ import annotations

from dataclasses import dataclass, field

from modemgw.at import timing as dialogue


@dataclass(frozen=True, slots=True)
class Timing:
    """The spans of a line; those of its dialogue apart."""

    dialogue: dialogue.Timing = field(default_factory=dialogue.Timing)
