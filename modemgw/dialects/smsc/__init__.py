"""SMSC.ru and its twins (smsc.kz, smsc.ua, smscentre.com) over HTTP: send, cost, status and balance."""

from modemgw.dialects.seam import Dialect, Route
from modemgw.dialects.smsc.balance import balance
from modemgw.dialects.smsc.send import send
from modemgw.dialects.smsc.status import status
from modemgw.dialects.smsc.wire import endpoint

_METHODS = ("GET", "POST")

DIALECT = Dialect(
    name="smsc",
    title="SMSC.ru",
    routes=(
        Route(_METHODS, "/sys/send.php", endpoint(send)),
        Route(_METHODS, "/sys/status.php", endpoint(status)),
        Route(_METHODS, "/sys/balance.php", endpoint(balance)),
        Route(_METHODS, "/rest/send/", endpoint(send, rest=True)),
        Route(_METHODS, "/rest/send", endpoint(send, rest=True)),
    ),
)

__all__ = ["DIALECT"]
