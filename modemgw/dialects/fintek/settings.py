"""What can be set about this dialect. Without an account it is off: the provider knows no authorisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemgw.dialects.settings import Setting, with_defaults

REFUSE, SMS = "refuse", "sms"
CHECK, SEND = "check", "send"
SCHEDULE, DEADLINE = "schedule", "deadline"

SETTINGS: Mapping[str, Setting] = {
    "account": Setting(str, "", "Login of the account that all requests belong to; without it the dialect is off."),
    "allow": Setting(
        list[str], ["127.0.0.1/32"], "Addresses and networks that may ask; others are refused. Never empty by default."
    ),
    "routes": Setting(
        dict[str, list[str]], {}, "Names of routes, each with the lines it stands for; an empty list is any line."
    ),
    "voice": Setting(str, REFUSE, "What voice=1 gets: an error, or the text as an SMS.", (REFUSE, SMS)),
    "debug": Setting(
        str,
        CHECK,
        "What mode=debug does: everything is looked at and nothing sent, or it is sent as without it.",
        (CHECK, SEND),
    ),
    "time_limit": Setting(
        str,
        SCHEDULE,
        "What timeLimit is: the time to send at, or the time after which it is not sent.",
        (SCHEDULE, DEADLINE),
    ),
    "utc_offset": Setting(int, 3, "Hours from UTC of timeLimit and of the times in answers.", least=-12),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that hold for a request."""

    account: str
    allow: tuple[str, ...]
    routes: Mapping[str, tuple[str, ...]]
    voice: str
    debug: str
    time_limit: str
    utc_offset: int

    @staticmethod
    def of(section: Mapping[str, Any]) -> Options:
        """From the section, with or without what it leaves out."""
        given = with_defaults(SETTINGS, section)
        return Options(
            account=given["account"],
            allow=tuple(given["allow"]),
            routes={name: tuple(lines) for name, lines in given["routes"].items()},
            voice=given["voice"],
            debug=given["debug"],
            time_limit=given["time_limit"],
            utc_offset=given["utc_offset"],
        )
