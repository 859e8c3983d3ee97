"""What a dialect lets the configuration set: one `Setting` a key, in its `settings` and `account_settings`.

Tables only; config/dialects.py holds sections against them. GetSettings gives `{}` where there is no section: use
`with_defaults` then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """A key: its type (`str int float bool`, or `list[str]`, `dict[str, list[str]]` and the like), the value it has
    where it is left out, and what it is for. `choices` are the only values it may have, `least` the smallest number.
    """

    type: Any
    default: Any
    about: str
    choices: tuple[str, ...] = ()
    least: int | None = None


#: The keys of a section. A plain tuple (type, default, about) is as good as a Setting.
Table = Mapping[str, Any]


def setting_of(value: Any) -> Setting:
    """A Setting from what a table has."""
    if isinstance(value, tuple):
        return Setting(*value)
    return Setting(value.type, value.default, value.about, value.choices, value.least)


def with_defaults(table: Table, section: Mapping[str, Any]) -> dict[str, Any]:
    """The section with everything that it leaves out."""
    return {name: setting_of(value).default for name, value in table.items()} | dict(section)
