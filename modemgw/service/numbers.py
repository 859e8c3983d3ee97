"""What public data say of a number: country, operator, region, time zones. Needs the extra `numbers` (phonenumbers).

Imported with the first question, in a thread: the data of the regions take some 100 MB. A number that was taken to
another operator is still told as its first one's.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from modemgw.domain.requests import NumberFacts
from modemgw.installation import how_to_add
from modemgw.service.ports import Clock

log = logging.getLogger(__name__)

#: Numbers that are remembered.
CACHE = 10_000

#: Where most people of a country with several time zones live; its mobile numbers tell no more than the country.
_MAIN_ZONE = {
    "RU": "Europe/Moscow",
    "KZ": "Asia/Almaty",
    "US": "America/New_York",
    "CA": "America/Toronto",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "MX": "America/Mexico_City",
    "ID": "Asia/Jakarta",
    "MN": "Asia/Ulaanbaatar",
    "ES": "Europe/Madrid",
    "PT": "Europe/Lisbon",
    "CL": "America/Santiago",
    "CD": "Africa/Kinshasa",
    "NZ": "Pacific/Auckland",
    "EC": "America/Guayaquil",
}

_ODD = re.compile(r"[^0-9+]")


@dataclass(frozen=True, slots=True)
class _Facts:
    country: str
    country_code: str
    operator: str
    region: str
    zones: tuple[str, ...]


class Numbers:
    """Answers LookupNumber."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._missing = False
        self._known = functools.lru_cache(maxsize=CACHE)(_facts)

    async def lookup(self, number: str) -> NumberFacts | None:
        """Facts of an international number, with plus or without; None if it can be none, or for want of data."""
        digits = _international(number)
        if digits is None or self._missing:
            return None
        try:
            # the first question reads the data, which takes half a second
            facts = self._known(digits) if _loaded() else await asyncio.to_thread(self._known, digits)
        except ImportError:
            self._missing = True
            log.warning("Nothing is known of numbers; add the extra: %s", how_to_add("numbers"))
            return None
        if facts is None:
            return None
        offsets = dict.fromkeys(_offset_s(zone, self._clock()) for zone in facts.zones)
        return NumberFacts(
            facts.country,
            facts.country_code,
            facts.operator,
            facts.region,
            tuple(offset for offset in offsets if offset is not None),
        )


@functools.lru_cache(maxsize=CACHE)
def country_of(number: str) -> str:
    """The country of an international number (ISO 3166, "RU"); empty for any other number, or for want of data."""
    digits = _international(number)
    if digits is None:
        return ""
    try:
        import phonenumbers
    except ImportError:
        log.warning("Routes by country need the extra: %s", how_to_add("numbers"))
        return ""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse("+" + digits)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _international(number: str) -> str | None:
    digits = _ODD.sub("", number)
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("00"):
        digits = digits[2:]
    elif len(digits) == 11 and digits.startswith("8"):
        digits = "7" + digits[1:]
    elif len(digits) == 10 and digits.startswith("9"):
        digits = "7" + digits
    return f"+{digits}" if 7 <= len(digits) <= 15 and digits.isascii() and digits.isdigit() else None


@functools.cache
def _library() -> tuple[ModuleType, Any, Any, Any]:
    import phonenumbers
    from phonenumbers import carrier, geocoder, timezone

    return phonenumbers, carrier, geocoder, timezone


def _loaded() -> bool:
    return _library.cache_info().currsize > 0


def _facts(number: str) -> _Facts | None:
    phonenumbers, carrier, geocoder, timezone = _library()
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    code = phonenumbers.region_code_for_number(parsed) or ""
    if not code:
        return None
    country = geocoder.country_name_for_number(parsed, "ru") or geocoder.country_name_for_number(parsed, "en")
    region = geocoder.description_for_number(parsed, "ru") or geocoder.description_for_number(parsed, "en")
    zones = [zone for zone in timezone.time_zones_for_number(parsed) if zone != "Etc/Unknown"]
    main = _MAIN_ZONE.get(code)
    if main in zones or (main is not None and not zones):
        zones = [main, *(zone for zone in zones if zone != main)]
    return _Facts(
        country=country,
        country_code=code,
        operator=carrier.name_for_number(parsed, "ru") or carrier.name_for_number(parsed, "en"),
        region="" if region == country else region,
        zones=tuple(zones),
    )


def _offset_s(zone: str, now: int) -> int | None:
    try:
        offset = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    except (KeyError, ValueError, OSError):  # no such zone here
        return None
    return None if offset is None else int(offset.total_seconds())
