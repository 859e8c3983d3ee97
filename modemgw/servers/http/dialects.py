"""Runs the providers' dialects: a request becomes a WireRequest, the dialect's commands go to the gateway.

Owns bytes, limits and the mapping of commands to the gateway. Knows nothing of any provider.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from modemgw.config import HttpSettings
from modemgw.dialects.seam import (
    Authenticate,
    Balance,
    Command,
    Dialect,
    FindMessage,
    GetBalance,
    Handler,
    ListModems,
    Quote,
    Quoted,
    Submit,
    WireRequest,
)
from modemgw.domain.refusal import Refusal
from modemgw.servers.http.access import read_body
from modemgw.service.gateway import Gateway


class DialectShell:
    """Serves each dialect at its provider's own paths and again under /<dialect>/."""

    def __init__(self, gateway: Gateway, settings: HttpSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._gateway = gateway
        self._read_timeout_s = settings.read_timeout_s
        self._clock = clock

    def register(self, router: web.UrlDispatcher, dialect: Dialect) -> None:
        """Add the dialect's routes."""
        for route in dialect.routes:
            for prefix in ("", f"/{dialect.name}"):
                serve = self._serve(route.handler, route.path)
                for method in route.methods:
                    router.add_route(method, prefix + route.path, serve)

    def _serve(self, handler: Handler, path: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            body = await read_body(request, self._read_timeout_s)
            wire = WireRequest(
                method=request.method,
                path=path,
                raw_query=request.raw_path.partition("?")[2].encode("utf-8", "surrogateescape"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
                remote=request.remote or "",
                now=int(self._clock() * 1000),
            )
            steps = handler(wire)
            try:
                command = next(steps)
                while True:
                    try:
                        result = await self._run(command)
                    except Refusal as refusal:
                        command = steps.throw(refusal)
                    else:
                        command = steps.send(result)
            except StopIteration as stop:
                answer = stop.value
            finally:
                steps.close()
            headers = {**answer.headers, "Content-Type": answer.content_type}
            return web.Response(body=answer.body, status=answer.status, headers=headers)

        return serve

    async def _run(self, command: Command) -> Any:
        """The result of one command; its refusal goes back into the dialect."""
        gateway = self._gateway
        match command:
            case Authenticate():
                return gateway.authenticate(
                    login=command.login,
                    password=command.password,
                    api_key=command.api_key,
                    md5=command.md5,
                    remote=command.remote,
                )
            case Submit():
                if len(command.submissions) == 1:
                    try:
                        return [await gateway.submit(command.account, command.submissions[0])]
                    except Refusal as refusal:
                        return [refusal]
                return await gateway.submit_many(command.account, command.submissions)
            case Quote():
                return [self._quote(command, index) for index in range(len(command.submissions))]
            case FindMessage():
                return await gateway.find_message(command.account, id=command.id, ref=command.ref, to=command.to)
            case GetBalance():
                return Balance(command.account.balance, command.account.currency)
            case ListModems():
                return gateway.modems()
        raise TypeError(f"the shell cannot run {type(command).__name__}")

    def _quote(self, command: Quote, index: int) -> Quoted | Refusal:
        try:
            return self._gateway.quote(command.account, command.submissions[index])
        except Refusal as refusal:
            return refusal
