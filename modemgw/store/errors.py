"""What is wrong with a database that cannot be opened, in sentences. One that is open raises domain.refusal's
StoreUnavailable."""

from __future__ import annotations

from modemgw.errors import ModemgwError


class StoreError(ModemgwError):
    """The database cannot be used."""


class StoreLocked(StoreError):
    """Another process owns the database."""


class StoreCorrupt(StoreError):
    """The file is damaged or is no database of ours."""
