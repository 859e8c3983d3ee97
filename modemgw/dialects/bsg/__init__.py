"""BSG.world: REST under /rest and /v1.0, and what its newer SDK calls under /api; docs/dialects/bsg.md."""

from modemgw.dialects.bsg import callbacks, tables
from modemgw.dialects.bsg.rest import rest
from modemgw.dialects.bsg.settings import ACCOUNT_SETTINGS
from modemgw.dialects.bsg.v2 import v2
from modemgw.dialects.seam import Dialect, Route

DIALECT = Dialect(
    name="bsg",
    title="BSG.world",
    routes=(
        *(
            Route(("*",), f"{base}/{service}/*", rest)
            for base in ("/rest", "/v1.0")
            for service in ("sms", "common", "hlr", "viber", "mnp", "exports")
        ),
        *(Route(("*",), path, v2) for path in ("/api/auth/*", "/api/accounts/*", "/api/campaigns/*")),
    ),
    callbacks=callbacks.render,
    hosts=(
        "app.bsg.hk",
        "app.bsg.world",
        "api.bsg.hk",
        "api.bsg.world",
        "one-api.bsg.world",
    ),
    refusals=tables.ERRORS,
    states=tables.STATES,
    account_settings=ACCOUNT_SETTINGS,
)

__all__ = ["ACCOUNT_SETTINGS", "DIALECT"]
