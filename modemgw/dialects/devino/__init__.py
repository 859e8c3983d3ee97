"""Devino Telecom and its white labels: /rest, the 1C text protocol, WebService.asmx; docs/dialects/devino.md."""

from collections.abc import Callable, Mapping

from modemgw.dialects.devino import callbacks, reading, tables
from modemgw.dialects.devino.entrance import session_id
from modemgw.dialects.devino.older import balance_script, state_script
from modemgw.dialects.devino.send import send, send_by_time_zone
from modemgw.dialects.devino.settings import ACCOUNT_SETTINGS, SETTINGS
from modemgw.dialects.devino.soap import soap
from modemgw.dialects.devino.wire import Params, endpoint
from modemgw.dialects.seam import Dialect, Route, Steps, WireRequest

_METHODS = ("GET", "POST")

#: The calls of both versions, below /rest and below /rest/v2.
CALLS: Mapping[str, Callable[[Params, WireRequest], Steps]] = {
    "User/SessionId": session_id,
    "User/Balance": reading.balance,
    "Sms/Send": send,
    "Sms/SendBulk": send,
    "Sms/SendByTimeZone": send_by_time_zone,
    "Sms/SendByTimeZoneToAddresses": send_by_time_zone,
    "Sms/State": reading.state,
    "Sms/In": reading.incoming,
    "Sms/Statistics": reading.statistics,
    "Viber/Send": reading.viber,
    "Viber/SendBulk": reading.viber,
    "Viber/SendWithResend": reading.viber,
    "Viber/SendWithResendBulk": reading.viber,
    "Viber/State": reading.viber,
}

DIALECT = Dialect(
    name="devino",
    title="Devino Telecom",
    callbacks=callbacks.render,
    on_reply=callbacks.on_reply,
    routes=(
        *(
            Route(_METHODS, f"{base}/{name}", endpoint(serve), any_case=True)
            for base in ("/rest", "/rest/v2")
            for name, serve in CALLS.items()
        ),
        # not /rest/*, nor /rest/Viber/*: another provider has calls there
        Route(_METHODS, "/rest/User/*", endpoint(reading.unknown), any_case=True),
        Route(_METHODS, "/rest/v2/*", endpoint(reading.unknown), any_case=True),
        Route(_METHODS, "/1c/1c_b.php", balance_script, any_case=True),
        Route(_METHODS, "/1c/1c_i.php", state_script, any_case=True),
        Route(_METHODS, "/1c_b.php", balance_script, any_case=True),
        Route(_METHODS, "/1c_i.php", state_script, any_case=True),
        Route(_METHODS, "/WebService.asmx", soap, any_case=True),
    ),
    hosts=(
        "integrationapi.net",
        "www.integrationapi.net",
        "ws.devinosms.com",
        "gw1.devinosms.com",
        "webservice.devinosms.com",
        "ws.devinotele.com",
        "xmlapi.devinotele.com",
    ),
    refusals=tables.ERRORS,
    states=tables.STATES,
    settings=SETTINGS,
    account_settings=ACCOUNT_SETTINGS,
)

__all__ = ["ACCOUNT_SETTINGS", "CALLS", "DIALECT", "SETTINGS"]
