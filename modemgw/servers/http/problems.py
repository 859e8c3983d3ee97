"""Everything that goes wrong over HTTP as RFC 9457 problem+json: one table from refusals to statuses.

Owns status codes and bodies of errors. Why something is refused is decided elsewhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web
from pydantic import ValidationError

from modemgw.domain.refusal import ClientRefUsed, Refusal, RefusalKind

log = logging.getLogger(__name__)

#: In the header `Server` of every answer: which versions are behind it is nobody's business.
SERVER_NAME = "modemgw"

#: kind -> (HTTP status, title); a test holds it to naming every kind.
REFUSALS: dict[RefusalKind, tuple[int, str]] = {
    RefusalKind.UNAUTHORISED: (401, "Wrong or missing credentials"),
    RefusalKind.FORBIDDEN: (403, "Not allowed"),
    RefusalKind.ADDRESS_NOT_ALLOWED: (403, "Address not allowed"),
    RefusalKind.ADDRESS_BLOCKED: (429, "Address blocked"),
    RefusalKind.BAD_PARAMETER: (422, "Bad parameter"),
    RefusalKind.BAD_NUMBER: (422, "Not a phone number"),
    RefusalKind.EMPTY_TEXT: (422, "Empty text"),
    RefusalKind.TEXT_TOO_LONG: (422, "Text too long"),
    RefusalKind.BAD_TIME: (422, "Bad time"),
    RefusalKind.UNKNOWN_LINE: (422, "Unknown modem"),
    RefusalKind.CANNOT: (422, "A SIM cannot do this"),
    RefusalKind.DUPLICATE: (429, "Too many of the same"),
    RefusalKind.NO_MONEY: (402, "No money left"),
    RefusalKind.NOT_FOUND: (404, "Not found"),
    RefusalKind.CONFLICT: (409, "Too late"),
    RefusalKind.CLIENT_REF_USED: (409, "Reference used before"),
    RefusalKind.UNAVAILABLE: (503, "Not available now"),
}

#: status -> (type, title, detail) of what HTTP itself gets wrong.
HTTP_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "Bad request", "The request is not valid HTTP."),
    404: ("not_found", "Not found", "There is nothing at this address; /docs lists what there is."),
    405: ("method_not_allowed", "Method not allowed", "This address does not take that method."),
    408: ("timeout", "Too slow", "The request did not arrive in time."),
    413: ("too_large", "Too large", "The request is larger than this server takes."),
    415: ("not_json", "Not JSON", "Send JSON, with the header Content-Type: application/json."),
    421: ("wrong_host", "Wrong host", "This server is not known by that name."),
    417: ("expectation_failed", "Expectation failed", "Only Expect: 100-continue is known."),
    500: ("internal", "Internal error", "modemgw made a mistake; its log has the details."),
    501: ("not_installed", "Not installed", "This needs a package that is not installed."),
    424: ("ussd_failed", "Refused by the network", "The modem or the network refused the USSD request."),
    503: ("unavailable", "Not available now", "Try again in a moment."),
    504: ("no_answer", "No answer", "The network did not answer in time."),
}

CONTENT_TYPE = "application/problem+json"


class RequestProblem(Exception):
    """Ends a request with this problem."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        errors: Sequence[tuple[str, str]] = (),
        *,
        kind: str | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.kind = kind
        self.close = close


def problem(
    status: int,
    kind: str,
    title: str,
    detail: str,
    errors: Sequence[tuple[str, str]] = (),
    more: Mapping[str, object] | None = None,
) -> web.Response:
    """A response with problem details; `errors` are pairs of field and sentence, `more` other members of the body."""
    body: dict[str, object] = {"type": f"/docs#{kind}", "title": title, "status": status, "detail": detail}
    body |= more or {}
    if errors:
        body["errors"] = [{"field": field, "detail": sentence} for field, sentence in errors]
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    response = web.Response(body=raw, status=status, content_type=CONTENT_TYPE)
    if status == 401:
        response.headers.add("WWW-Authenticate", 'Bearer realm="modemgw"')
        response.headers.add("WWW-Authenticate", 'Basic realm="modemgw", charset="UTF-8"')
    elif status in {429, 503}:
        response.headers["Retry-After"] = "5" if status == 503 else "60"
    return response


def of_refusal(refusal: Refusal) -> web.Response:
    """The problem a refusal is for the native API."""
    status, title = REFUSALS[refusal.kind]
    detail = str(refusal)
    errors = [(refusal.field, detail)] if refusal.field else ()
    more = {"id": refusal.message_id} if isinstance(refusal, ClientRefUsed) else {}
    response = problem(status, refusal.kind.value, title, detail, errors, more)
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


def of_status(
    status: int, detail: str | None = None, errors: Sequence[tuple[str, str]] = (), kind: str | None = None
) -> web.Response:
    """The problem an HTTP status is."""
    default_kind, title, sentence = HTTP_ERRORS.get(status, ("http", "HTTP error", "The request failed."))
    return problem(status, kind or default_kind, title, detail or sentence, errors)


def of_validation(error: ValidationError, *, status: int, what: str) -> RequestProblem:
    """What pydantic found, field by field; a body that is not JSON at all is a 400 with the position."""
    details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        reason = str(details[0].get("ctx", {}).get("error", details[0]["msg"]))
        return RequestProblem(400, f"The body is not JSON: {reason}.", kind="not_json")
    errors = []
    for item in details:
        field = ".".join(str(step) for step in item["loc"]) or what
        kind = item["type"]
        if kind == "extra_forbidden":
            sentence = "is not known here"
        elif kind == "missing":
            sentence = "is missing"
        elif kind in _TYPES:
            sentence = _TYPES[kind]
        else:
            sentence = item["msg"].replace("Input should", "must").replace("String should", "must")
        errors.append((field, sentence))
    detail = "; ".join(f"{field} {sentence}" for field, sentence in errors[:5])
    if len(errors) > 5:
        detail += f"; and {len(errors) - 5} more"
    return RequestProblem(status, f"{detail}.", errors, kind="bad_parameter")


_TYPES = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
}


@web.middleware
async def as_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turns whatever is raised below into a problem."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return of_refusal(refusal)
    except RequestProblem as raised:
        response = of_status(raised.status, raised.detail, raised.errors, raised.kind)
        if raised.close:
            response.force_close()
        return response
    except web.HTTPException as error:
        return _of_http_exception(error)
    except ConnectionError:
        raise  # the client has gone
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return of_status(500)


def _of_http_exception(error: web.HTTPException) -> web.Response:
    if error.status < 400:
        raise error
    detail = None
    if isinstance(error, web.HTTPMethodNotAllowed):
        detail = f"This address takes {', '.join(sorted(error.allowed_methods))}, not {error.method}."
    response = of_status(error.status, detail)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    if error.status == 413:
        response.force_close()
    return response
