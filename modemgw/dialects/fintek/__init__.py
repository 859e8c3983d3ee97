"""The SMS gateway of Fintek Systems (manual of 2023): /api/v1, off unless configured; docs/dialects/fintek.md."""

from modemgw.dialects.fintek import tables
from modemgw.dialects.fintek.requests import api
from modemgw.dialects.fintek.settings import SETTINGS
from modemgw.dialects.seam import Dialect, Route

DIALECT = Dialect(
    name="fintek",
    title="Fintek",
    routes=(Route(("*",), "/api/v1", api), Route(("*",), "/api/v1/", api)),
    refusals=tables.ERRORS,
    states=tables.STATES,
    settings=SETTINGS,
)

__all__ = ["DIALECT", "SETTINGS"]
