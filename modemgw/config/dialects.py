"""Sections of the dialects, `[smsc]` and `[account.smsc]`, checked against the tables that the dialects declare.

Owns taking them out of the document and making models of tables. config/__init__.py words the complaints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from modemgw.dialects.seam import Dialect
from modemgw.dialects.settings import Table, setting_of

Tables = Mapping[str, tuple[Table, Table]]


def tables_of(dialects: Iterable[Dialect]) -> Tables:
    """The settings of each dialect, and those of an account, by its name."""
    return {dialect.name: (dialect.settings, dialect.account_settings) for dialect in dialects}


@dataclass(slots=True)
class Sections:
    """What was taken out of a document. `accounts` has (index of the account, dialect, table)."""

    rest: dict[str, Any]
    dialects: dict[str, Any] = field(default_factory=dict)
    accounts: list[tuple[int, str, Any]] = field(default_factory=list)


def take_out(document: Mapping[str, Any], names: Iterable[str]) -> Sections:
    """The document without what belongs to dialects, and that."""
    known = frozenset(names)
    found = Sections({key: value for key, value in document.items() if key not in known})
    found.dialects = {key: value for key, value in document.items() if key in known}
    accounts = document.get("account")
    if isinstance(accounts, list):
        found.rest["account"] = [
            {key: value for key, value in account.items() if key not in known} if isinstance(account, dict) else account
            for account in accounts
        ]
        found.accounts = [
            (index, key, value)
            for index, account in enumerate(accounts)
            if isinstance(account, dict)
            for key, value in account.items()
            if key in known
        ]
    return found


def model_of(table: Table, base: type[BaseModel]) -> type[BaseModel]:
    """A model of a section. Fields have the keys as aliases: a key may have any name."""
    fields: dict[str, Any] = {}
    for number, (name, value) in enumerate(table.items()):
        setting = setting_of(value)
        kind: Any = Literal[setting.choices] if setting.choices else setting.type
        if setting.least is not None:
            kind = Annotated[kind, Field(ge=setting.least)]
        fields[f"key_{number}"] = (kind, Field(default=setting.default, alias=name))
    model: type[BaseModel] = create_model("Section", __base__=base, **fields)
    return model
