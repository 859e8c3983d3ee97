"""The running service as its HTTP API tells of it: up or not, its lines, and whether it knows the credentials.

A client of the standard library that never ends the program: what does not work is what is to be found out.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

LIMIT_S = 10.0
MOST_OCTETS = 16 << 20

_IN_A_HEADER = re.compile(r"[\x20-\x7e]+")


class Standing(StrEnum):
    """What is at the address."""

    UP = "up"
    DOWN = "down"  # nobody listens
    SILENT = "silent"  # somebody listens and says nothing
    OTHER = "other"  # another program
    UNAUTHORISED = "unauthorised"  # it is modemgw, and the credentials are wrong


@dataclass(slots=True)
class ServiceFacts:
    """What was learned. `modems` are bodies of GET /v1/modems."""

    url: str
    standing: Standing = Standing.DOWN
    why: str = ""
    ready: bool = False
    store: str = "ok"
    queued: int = 0
    modems: list[dict[str, Any]] = field(default_factory=list)
    has_credentials: bool = False

    @property
    def running(self) -> bool:
        return self.standing in (Standing.UP, Standing.UNAUTHORISED)


class ServiceError(Exception):
    """A request did not work; `standing` says what that means."""

    def __init__(self, standing: Standing, why: str) -> None:
        self.standing = standing
        super().__init__(why)


class Asker:
    """GET and POST of JSON."""

    def __init__(self, url: str, authorization: str | None) -> None:
        self.url = url.rstrip("/")
        # of a configuration that is in error: no request can hold it, and without it the answer is 401 as well
        self._authorization = authorization if authorization and _IN_A_HEADER.fullmatch(authorization) else None

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON (None where it is none). Raises ServiceError."""
        try:
            parts = urlsplit(self.url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(parts.hostname or "", parts.port, timeout=LIMIT_S)
        except ValueError as error:
            raise ServiceError(Standing.DOWN, f"{self.url} is no address: {error}") from error
        headers = {"Accept": "application/json"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        raw = None
        if body is not None:
            raw = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, parts.path + path, raw, headers)
            response = connection.getresponse()
            answer = _all_of(response)
        except TimeoutError as error:
            raise ServiceError(Standing.SILENT, f"no answer within {LIMIT_S:g} s") from error
        except http.client.HTTPException as error:
            raise ServiceError(Standing.OTHER, f"it does not speak HTTP ({type(error).__name__})") from error
        except OSError as error:
            raise ServiceError(Standing.DOWN, error.strerror or str(error)) from error
        finally:
            connection.close()
        try:
            return response.status, json.loads(answer)
        except (ValueError, RecursionError):
            return response.status, None

    def get(self, path: str) -> Any:
        """The JSON of a GET that succeeds, else None. Raises ServiceError."""
        status, body = self.call("GET", path)
        return body if status == 200 else None


def _all_of(response: http.client.HTTPResponse) -> bytes:
    """The body, up to MOST_OCTETS. TimeoutError also where it comes by drops."""
    until = time.monotonic() + LIMIT_S
    answer = bytearray()
    while len(answer) < MOST_OCTETS and (some := response.read1(1 << 16)):
        answer += some
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(answer)


def look_at_service(url: str, authorization: str | None) -> ServiceFacts:
    """Never raises."""
    facts = ServiceFacts(url, has_credentials=authorization is not None)
    asker = Asker(url, authorization)
    try:
        status, live = asker.call("GET", "/health/live")
        if status != 200 or not isinstance(live, dict) or live.get("status") != "live":
            facts.standing, facts.why = Standing.OTHER, f"GET /health/live gives status {status}"
            return facts
        _, ready = asker.call("GET", "/health/ready")
        if isinstance(ready, dict):
            facts.ready = bool(ready.get("ready"))
            facts.store = str(ready.get("store", "ok"))
            queued = ready.get("queued")
            facts.queued = queued if isinstance(queued, int) else 0
            facts.modems = _dicts(ready.get("lines"))
        status, modems = asker.call("GET", "/v1/modems")
        if status == 200 and isinstance(modems, dict):
            facts.modems = _dicts(modems.get("items"))
            facts.standing = Standing.UP
        else:
            facts.standing = Standing.UNAUTHORISED
            facts.why = str(modems.get("detail", "")) if isinstance(modems, dict) else ""
    except ServiceError as error:
        facts.standing, facts.why = error.standing, str(error)
    return facts


def _dicts(items: object) -> list[dict[str, Any]]:
    return [dict(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def listens(listen: str) -> bool:
    """Somebody takes connections at `host:port`."""
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            return True
    except (OSError, ValueError):
        return False
