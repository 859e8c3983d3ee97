"""SMSC.ru and its twins (smsc.kz, smsc.ua, smscentre.com) over HTTP; docs/dialects/smsc.md says what is served."""

from collections.abc import Callable, Mapping

from modemgw.dialects.seam import Dialect, Route, Steps, WireRequest
from modemgw.dialects.smsc import callbacks, others, tables
from modemgw.dialects.smsc.balance import balance
from modemgw.dialects.smsc.contacts import phones
from modemgw.dialects.smsc.get import get
from modemgw.dialects.smsc.info import info
from modemgw.dialects.smsc.jobs import jobs
from modemgw.dialects.smsc.send import send
from modemgw.dialects.smsc.senders import senders
from modemgw.dialects.smsc.settings import ACCOUNT_SETTINGS, SETTINGS
from modemgw.dialects.smsc.soap import soap
from modemgw.dialects.smsc.status import status
from modemgw.dialects.smsc.templates import templates
from modemgw.dialects.smsc.wire import Params, endpoint

_METHODS = ("GET", "POST")

#: The commands under /sys, each with `.php` behind it.
COMMANDS: Mapping[str, Callable[[Params, WireRequest], Steps]] = {
    "send": send,
    "status": status,
    "balance": balance,
    "get": get,
    "info": info,
    "templates": templates,
    "phones": phones,
    "senders": senders,
    "jobs": jobs,
    "users": others.users,
    "receive_phones": others.receive_phones,
    "tinyurls": others.tinyurls,
    "documents": others.documents,
    "op_templates": others.op_templates,
    "ping": others.ping,
    "wait_call": others.wait_call,
    "get_mnp": others.get_mnp,
}

#: send.php's handler, which mails go to as well.
send_handler = endpoint(send)

DIALECT = Dialect(
    name="smsc",
    title="SMSC.ru",
    callbacks=callbacks.render,
    routes=(
        *(Route(_METHODS, f"/sys/{name}.php", endpoint(serve)) for name, serve in COMMANDS.items()),
        Route(_METHODS, "/sys/soap.php", soap),
        Route(_METHODS, "/rest/send/", endpoint(send, rest=True)),
        Route(_METHODS, "/rest/send", endpoint(send, rest=True)),
        Route(_METHODS, "/sys/*", endpoint(others.unknown)),
    ),
    hosts=(
        "smsc.ru",
        "www.smsc.ru",
        "www2.smsc.ru",
        "www3.smsc.ru",
        "www4.smsc.ru",
        "www5.smsc.ru",
        "m.smsc.ru",
        "smpp.smsc.ru",
        "smpp2.smsc.ru",
        "send.smsc.ru",
        "smsc.kz",
        "www.smsc.kz",
        "www2.smsc.kz",
        "smsc.ua",
        "www.smsc.ua",
        "www2.smsc.ua",
        "smsc.tj",
        "www.smsc.tj",
        "smscentre.com",
        "www.smscentre.com",
        "www2.smscentre.com",
    ),
    refusals=tables.ERRORS,
    states=tables.STATUSES,
    settings=SETTINGS,
    account_settings=ACCOUNT_SETTINGS,
)

__all__ = ["ACCOUNT_SETTINGS", "COMMANDS", "DIALECT", "SETTINGS", "send_handler"]
