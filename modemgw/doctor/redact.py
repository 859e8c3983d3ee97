"""What may leave the machine: numbers hashed, texts gone, secrets gone, identities shortened. Pure; opens nothing.

The same number gives the same hash within one bundle and another in the next; its country stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from modemgw.modem.tracing.pdu_redact import KEPT_OF_ICCID, KEPT_OF_IMEI, KEPT_OF_IMSI, Redactor

REMOVED = "<removed>"

#: Whole values that are people's, by the name of their key.
_GONE = frozenset(
    {
        "text",
        "data",
        "pdus",
        "pdu",
        "hex",
        "body",
        "headers",
        "extra",
        "client_ref",
        "url",
        "callback_url",
        "login",
        "password",
        "api_key",
        "callback_secret",
        "callback_secret_old",
        "secret",
        "pin",
        "account",
        "raw",
        "udh",
        "reply",
        "answer",
        "code",
    }
)
_NUMBERS = frozenset({"to", "from", "number", "recipient", "sender", "caller", "called", "smsc", "tail"})
_IDENTITIES = {"imei": KEPT_OF_IMEI, "imsi": KEPT_OF_IMSI, "iccid": KEPT_OF_ICCID}
#: Kinds of events whose `text` is the modem's or the network's own word.
_OWN_WORDS = frozenset({"line.registration", "line.power"})

_SECRET_KEY = re.compile(r"pass|secret|token|key|pin|credential", re.IGNORECASE)

#: Settings whose strings tell nothing of anybody.
_SAFE_SETTINGS = frozenset(
    {
        "listen",
        "tls_listen",
        "driver",
        "profile",
        "cnmi",
        "name",
        "imei",
        "port",
        "on_doubt",
        "hlr",
        "long_inbound",
        "callback_format",
        "balance_mode",
        "currency",
        "country",
        "default",
        "mode",
        "calls",
    }
)

# Calling codes of one and two digits (ITU-T E.164); all others have three.
_ONE = frozenset("17")
_TWO = frozenset(
    {
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    }
)

#: Also as people write them: +7 (999) 123-45-67, 8 999 123-45-67, (999) 123 45 67.
_LONG = re.compile(
    r"\+[0-9][0-9 ().-]{6,}[0-9]"
    r"|(?<![0-9.-])(?:[0-9][ -]?)?\(?[0-9]{3}\)?[ -]?[0-9]{3}[ -][0-9]{2}[ -]?[0-9]{2}(?![0-9])"
    r"|\+?[0-9]{7,}|\+[0-9]{5,}"
)
_HEX = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{16,}(?![0-9A-Za-z])")
_QUOTED_TEXT = re.compile(r"'[^']{4,}'")
_HOME = re.compile(r"/(home|Users)/[^/\s:]+")
_CREDENTIALS = re.compile(r"://[^/\s@]+@")
_QUERY = re.compile(r"(https?://[^\s?]+)\?\S+")


class Scrubber:
    """One bundle's redaction. `secrets` are strings that must not appear anywhere."""

    def __init__(self, salt: bytes, secrets: Iterable[str] = ()) -> None:
        self.salt = salt
        self._redactor = Redactor(salt)
        known = sorted({secret for secret in secrets if len(secret) >= 3}, key=len, reverse=True)
        self._secrets = re.compile("|".join(_bounded(s) for s in known)) if known else None

    def number(self, number: str) -> str:
        """A telephone number: its country stays, the rest is hashed; a name is removed."""
        digits = number.lstrip("+")
        if not digits.isdigit():
            return REMOVED if number else number
        if len(digits) < 7:
            return "#" + self._redactor.digits(digits)
        return "#" + self._redactor.digits(digits, _country(digits))

    def identity(self, digits: str) -> str:
        """IMEI, IMSI or ICCID, of the length and shape they have."""
        if len(digits) >= 18:
            keep = KEPT_OF_ICCID
        elif len(digits) in (14, 16) or (len(digits) == 15 and _luhn(digits)):
            keep = KEPT_OF_IMEI
        else:
            keep = KEPT_OF_IMSI
        return self._redactor.digits(digits, keep)

    def text(self, text: str) -> str:
        """A sentence, a line of a log, an answer of a modem."""
        if self._secrets is not None:
            text = self._secrets.sub("<secret>", text)
        text = _HOME.sub(r"/\1/<user>", text)
        text = _CREDENTIALS.sub("://<removed>@", text)
        text = _QUERY.sub(rf"\1?{REMOVED}", text)
        text = _HEX.sub("<hex>", text)
        return _LONG.sub(lambda found: self._digits(re.sub("[^0-9+]", "", found[0])), text)

    def _digits(self, run: str) -> str:
        return self.identity(run) if not run.startswith("+") and len(run) >= 14 else self.number(run)

    def value(self, value: Any, kind: str = "") -> Any:
        """A JSON value, by the names of its keys. `kind` is that of the event it is the data of."""
        if isinstance(value, Mapping):
            return {str(key): self._of_key(str(key), item, kind) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, kind) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _of_key(self, key: str, value: Any, kind: str) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if key in _IDENTITIES and isinstance(value, str):
            return self._redactor.digits(value, _IDENTITIES[key])
        if key in _NUMBERS and isinstance(value, str | int):
            return self.number(str(value))
        if key == "text" and kind in _OWN_WORDS:
            return self.value(value, kind)
        if key in _GONE and value not in ("", [], {}) and not (key == "code" and isinstance(value, int)):
            return self.value(value, kind) if key == "data" and isinstance(value, Mapping) else REMOVED
        return self.value(value, kind)

    def settings(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration: all keys, figures and switches; of the strings those that tell nothing."""
        return {key: self._setting(key, value) for key, value in document.items()}

    def _setting(self, key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.settings(value)
        if isinstance(value, list):
            return [self._setting(key, item) for item in value]
        if isinstance(value, bool):
            return value
        text = str(value)
        if key in ("number", "smsc"):
            return self.number(text)
        if isinstance(value, int | float):  # in a configuration that is in error also a PIN, without its quotes
            return REMOVED if _is_secret(key) else value
        if key in _SAFE_SETTINGS:
            return self.text(text)
        return REMOVED

    def log_line(self, line: str) -> str | None:
        """A line of the log; None for what may hold texts: debugging, and lines that continue another."""
        if re.search(r"\b(INFO|WARNING|ERROR|CRITICAL)\b", line[:80]) is None:
            return self.text(line) if line.startswith("  File ") else None
        return self.text(_QUOTED_TEXT.sub(f"'{REMOVED}'", line))


def secrets_in(document: Any) -> set[str]:
    """Every string of a configuration that is nobody else's business: passwords, keys, PINs, logins, URLs."""
    found: set[str] = set()

    def walk(value: Any, key: str) -> None:
        if isinstance(value, Mapping):
            for name, item in value.items():
                walk(item, str(name))
        elif isinstance(value, list):
            for item in value:
                walk(item, key)
        elif isinstance(value, str | int) and not isinstance(value, bool) and _is_secret(key):
            found.add(str(value))

    walk(document, "")
    return found


def _is_secret(key: str) -> bool:
    return key in _GONE or _SECRET_KEY.search(key) is not None


def _bounded(secret: str) -> str:
    """The secret as a word of its own: a PIN of four digits is not looked for in figures."""
    left = r"(?<![0-9A-Za-z])" if secret[0].isalnum() else ""
    right = r"(?![0-9A-Za-z])" if secret[-1].isalnum() else ""
    plain = re.escape(secret)
    return f"{left}{plain}{right}" if len(secret) < 8 else plain


def _country(digits: str) -> int:
    if digits[:1] in _ONE:
        return 1
    return 2 if digits[:2] in _TWO else 3


def _luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
