"""What is done about what happens in a dialogue, as a table: phase × event → action."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Phase(Enum):
    """Where the dialogue stands."""

    IDLE = auto()  # nothing was asked
    COMMAND = auto()  # a command is out, its result is due
    PROMPT = auto()  # AT+CMGS is out, nothing of the payload is
    PAYLOAD = auto()  # the payload is out, its result is due: nothing is written
    RESYNC = auto()  # it is being put in step again
    LOST = auto()  # the port is gone


class Event(Enum):
    """What may happen in a phase."""

    INFO = auto()  # an information line of the running command
    OK = auto()
    ERROR = auto()
    PROMPT = auto()
    TIME = auto()  # the limit of what is waited for has passed
    LOST = auto()  # the port is gone


class Action(Enum):
    """What is done about it."""

    IGNORE = auto()
    KEEP = auto()  # a line of the answer
    HURRY = auto()  # the same, and the OK must come soon: `+CMGS: <mr>` is there
    TELL = auto()  # a late line, of a send that was given up
    FINISH = auto()  # this is what was waited for
    LEAVE = auto()  # a prompt that nobody asked for: out of it, without sending


_WAITS: Mapping[Event, Action] = {
    Event.INFO: Action.KEEP,
    Event.OK: Action.FINISH,
    Event.ERROR: Action.FINISH,
    Event.PROMPT: Action.IGNORE,
    Event.TIME: Action.FINISH,
    Event.LOST: Action.FINISH,
}

TABLE: Mapping[Phase, Mapping[Event, Action]] = {
    Phase.IDLE: dict.fromkeys(Event, Action.IGNORE),
    Phase.COMMAND: _WAITS,
    # an OK can only be of something before: a prompt is due, or an error
    Phase.PROMPT: {**_WAITS, Event.INFO: Action.TELL, Event.OK: Action.IGNORE, Event.PROMPT: Action.FINISH},
    Phase.PAYLOAD: {**_WAITS, Event.INFO: Action.HURRY},
    Phase.RESYNC: {**_WAITS, Event.PROMPT: Action.LEAVE},
    Phase.LOST: dict.fromkeys(Event, Action.IGNORE),
}
