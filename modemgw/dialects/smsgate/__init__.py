"""The "smsgate" platform of many Russian brands: XML, GET and JSON; docs/dialects/smsgate.md says what is served."""

from __future__ import annotations

from modemgw.dialects.seam import Dialect, Route
from modemgw.dialects.smsgate import callbacks, core, tables
from modemgw.dialects.smsgate.documents import PAGES, endpoint, unknown
from modemgw.dialects.smsgate.plain import sendsms, sendsmsjson
from modemgw.dialects.smsgate.settings import ACCOUNT_SETTINGS, SETTINGS

_METHODS = ("GET", "POST")

DIALECT = Dialect(
    name=core.NAME,
    title="smsgate",
    callbacks=callbacks.render,
    on_reply=callbacks.on_reply,
    routes=(
        *(Route(_METHODS, f"/xml/{name}", endpoint(page)) for name, page in PAGES.items()),
        Route(_METHODS, "/xml", endpoint(PAGES[""])),
        Route(_METHODS, "/xml/*", endpoint(unknown)),
        Route(_METHODS, "/sendsms.php", sendsms),
        Route(_METHODS, "/sendsmsjson.php", sendsmsjson),
    ),
    refusals=tables.ERRORS,
    states=tables.STATES,
    settings=SETTINGS,
    account_settings=ACCOUNT_SETTINGS,
)

__all__ = ["ACCOUNT_SETTINGS", "DIALECT", "SETTINGS"]
