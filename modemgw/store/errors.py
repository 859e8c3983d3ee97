"""What can go wrong with the database, in sentences."""

from __future__ import annotations

from modemgw.errors import ModemgwError


class StoreError(ModemgwError):
    """The database cannot be used."""


class StoreUnavailable(StoreError):
    """A write did not become durable; nothing of it was kept. Another try may work."""


class StoreLocked(StoreError):
    """Another process owns the database."""


class StoreCorrupt(StoreError):
    """The file is damaged or is no database of ours."""
