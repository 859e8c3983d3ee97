"""Who is asking and what they sent: Authorization headers to accounts, bodies within their limits of size and time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets

from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError

from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.servers.http.connection import Connection
from modemgw.servers.http.peer import Peers
from modemgw.servers.http.problems import RequestProblem
from modemgw.service.core import Gateway

#: How many different good headers are remembered; each account normally sends one or two.
_MAX_KNOWN = 1024


class Keyring:
    """Accounts by Authorization header.

    A header that proved good is remembered under a keyed hash, so that the table's timing tells nothing, and is
    compared in constant time when it comes again; one that was wrong is never remembered.
    """

    def __init__(self, gateway: Gateway, peers: Peers | None = None) -> None:
        self._gateway = gateway
        self._peers = peers or Peers()
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[bytes, Account]] = {}

    async def account(self, request: web.Request) -> Account:
        """The account of a request. Raises Refusal: UNAUTHORISED, ADDRESS_NOT_ALLOWED, ADDRESS_BLOCKED."""
        header = request.headers.get("Authorization")
        if header is None:
            raise Refusal(
                RefusalKind.UNAUTHORISED,
                "Send the header Authorization: Bearer <api key>, or HTTP Basic with login and password.",
            )
        raw = header.encode("utf-8", "surrogateescape")
        # by address as well: what one has shown lets nobody else guess at it for nothing
        remote = self._peers.address(request)
        digest = hashlib.blake2b(f"{remote} ".encode() + raw, key=self._key, digest_size=32).digest()
        known = self._known.get(digest)
        if known is not None and hmac.compare_digest(known[0], raw):
            self._gateway.check(known[1], remote)
            _trust(request, known[1])
            return known[1]
        account = await self._authenticate(header, remote)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[digest] = (raw, account)
        _trust(request, account)
        return account

    async def _authenticate(self, header: str, remote: str | None) -> Account:
        scheme, _, value = header.partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and value:
            return await self._gateway.authenticate(api_key=value, remote=remote)
        if scheme.lower() == "basic":
            login, password = _basic(value)
            return await self._gateway.authenticate(login=login, password=password, remote=remote)
        raise Refusal(RefusalKind.UNAUTHORISED, "The Authorization header must be Bearer <api key> or Basic.")


def _trust(request: web.Request, account: Account) -> None:
    """The connection has shown right credentials."""
    if isinstance(request.protocol, Connection):
        request.protocol.trust(account)


def _basic(value: str) -> tuple[str, str]:
    try:
        login, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise Refusal(RefusalKind.UNAUTHORISED, "The Basic credentials are not base64 of login:password.") from None
    if not (login and password):
        raise Refusal(RefusalKind.UNAUTHORISED, "The Basic credentials lack a login or a password.")
    return login, password


async def read_body(request: web.Request, timeout_s: float) -> bytes:
    """The whole body. Raises RequestProblem 408 when it dribbles, HTTPRequestEntityTooLarge when it is too large."""
    length = request.content_length
    if length is not None and length > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, length)
    try:
        if request.content.is_eof():  # it came with the headers: nothing to wait for
            return await _whole(request)
        async with asyncio.timeout(timeout_s):
            return await _whole(request)
    except TimeoutError:
        raise RequestProblem(408, f"The body did not arrive within {timeout_s:g} s.", close=True) from None
    except (web.RequestPayloadError, PayloadEncodingError) as error:
        raise RequestProblem(400, f"The body cannot be read: {error}.", close=True) from error


async def _whole(request: web.Request) -> bytes:
    """All of the body, or nothing of it: what has come is not kept alive by the exception that ends it."""
    limit = request.client_max_size
    body = bytearray()
    try:
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > limit:
                raise web.HTTPRequestEntityTooLarge(limit, len(body))
    except BaseException:
        body.clear()
        raise
    return bytes(body)
