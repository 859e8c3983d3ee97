"""Why a PDU is refused: one exception that carries the command_status of the answer."""

from __future__ import annotations

from modemgw.domain.refusal import RefusalKind
from modemgw.errors import ModemgwError
from modemgw.smpp.names import Status


class PduRefused(ModemgwError):
    """The request is answered with `status`; `str()` is a sentence for the log."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


#: What the gateway's refusals are in SMPP. Only ESME_RTHROTTLED and ESME_RMSGQFUL mean "the same again, later".
STATUSES: dict[RefusalKind, Status] = {
    RefusalKind.UNAUTHORISED: Status.ESME_RINVPASWD,
    RefusalKind.ADDRESS_NOT_ALLOWED: Status.ESME_RBINDFAIL,
    RefusalKind.ADDRESS_BLOCKED: Status.ESME_RBINDFAIL,
    RefusalKind.FORBIDDEN: Status.ESME_RSUBMITFAIL,
    RefusalKind.BAD_PARAMETER: Status.ESME_RSUBMITFAIL,
    RefusalKind.BAD_NUMBER: Status.ESME_RINVDSTADR,
    RefusalKind.EMPTY_TEXT: Status.ESME_RINVMSGLEN,
    RefusalKind.TEXT_TOO_LONG: Status.ESME_RINVMSGLEN,
    RefusalKind.BAD_TIME: Status.ESME_RINVSCHED,
    RefusalKind.UNKNOWN_LINE: Status.ESME_RINVSRCADR,
    RefusalKind.CANNOT: Status.ESME_RSUBMITFAIL,
    RefusalKind.DUPLICATE: Status.ESME_RSUBMITFAIL,
    RefusalKind.NO_MONEY: Status.ESME_RSUBMITFAIL,
    RefusalKind.NOT_FOUND: Status.ESME_RINVMSGID,
    RefusalKind.CONFLICT: Status.ESME_RSUBMITFAIL,
    RefusalKind.CLIENT_REF_USED: Status.ESME_RSUBMITFAIL,
    RefusalKind.UNAVAILABLE: Status.ESME_RMSGQFUL,
}


def status_of(kind: RefusalKind) -> Status:
    """command_status of a refusal; of a kind that is not in the table, ESME_RSUBMITFAIL."""
    return STATUSES.get(kind, Status.ESME_RSUBMITFAIL)
