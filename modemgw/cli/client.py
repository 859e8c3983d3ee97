"""The command line's HTTP client, on the standard library alone so that commands start fast.

Owns finding the service and its credentials, and turning problems into sentences and exit statuses.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlencode, urlsplit

import click

from modemgw.cli.exits import Exit, fail
from modemgw.hidden import Sources, resolve
from modemgw.places import CREDENTIALS_NAME, DEFAULT_LISTEN, DEFAULT_STORE, find_config, is_there, resolve_store

TIMEOUT_S = 30.0

#: Most items one page of the API holds.
PAGE = 1000

_EXITS = {
    401: Exit.UNAUTHORISED,
    403: Exit.UNAUTHORISED,
    404: Exit.NOT_FOUND,
    409: Exit.FAILED,
    424: Exit.FAILED,
    504: Exit.UNKNOWN,
}

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Target:
    """Where the service is and the Authorization header for it."""

    url: str
    authorization: str | None
    accounts: Mapping[str, str] = field(default_factory=dict)  # the same of every account that was seen, by login

    @classmethod
    def find(cls, url: str | None, api_key: str | None, config: Path | None) -> Target:
        """From options and environment, else from the configuration file, else from the credentials file."""
        if url and api_key and config is None:
            return cls(url, f"Bearer {api_key}")
        path = find_config(config)
        document = _toml(path) if path is not None else {}
        # a secret that cannot be had is left out: the service says what is wrong with its configuration
        resolve(document, Sources.of_process(path))
        authorization = f"Bearer {api_key}" if api_key else None
        accounts = _accounts(document)
        if authorization is None:
            authorization = next(iter(accounts.values()), None)
        if authorization is None:
            store = resolve_store(_text(document, "store", "path") or DEFAULT_STORE, path)
            credentials = store.parent / CREDENTIALS_NAME
            if is_there(credentials):
                accounts = _accounts(_toml(credentials))
                authorization = next(iter(accounts.values()), None)
        return cls(url or _url(_text(document, "http", "listen") or DEFAULT_LISTEN), authorization, accounts)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError:
        fail(
            Exit.USAGE,
            f"{path}: this user may not read it; use sudo, or give both --url and --api-key "
            "(or MODEMGW_URL and MODEMGW_API_KEY), and it is not looked at",
        )
    except OSError as error:
        fail(Exit.USAGE, f"{path}: cannot be read: {error.strerror}")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fail(Exit.USAGE, f"{path}: is not TOML: {error}")


def _text(document: dict[str, Any], section: str, key: str) -> str | None:
    table = document.get(section)
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else None


def _accounts(document: dict[str, Any]) -> dict[str, str]:
    """The Authorization header of every account, by login."""
    tables = document.get("account")
    found: dict[str, str] = {}
    for table in tables if isinstance(tables, list) else ():
        if not isinstance(table, dict):
            continue
        api_key, login, password = (table.get(key) for key in ("api_key", "login", "password"))
        name = login if isinstance(login, str) else ""
        if isinstance(api_key, str):
            found.setdefault(name, f"Bearer {api_key}")
        elif name and isinstance(password, str):
            found.setdefault(name, "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode())
    return found


def _url(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    return f"http://{host}:{port}"


class Client:
    """Requests to one service. Every failure ends the command with a sentence and its exit status."""

    def __init__(self, target: Target) -> None:
        self.url = target.url.rstrip("/")
        self._authorization = target.authorization
        self._accounts = target.accounts
        self._limit_s = TIMEOUT_S
        if not (self._authorization or "").isascii() or not (self._authorization or "").isprintable():
            fail(Exit.USAGE, "the API key must be printable ASCII characters")
        try:
            parts = urlsplit(self.url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        except ValueError:
            fail(Exit.USAGE, f"{self.url} is not the address of a service; write http://host:port")
        self._prefix = parts.path

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at the path; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", path + (f"?{urlencode(given)}" if given else ""))

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One request, as JSON both ways."""
        headers = {"Accept": "application/json"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        raw = None
        if body is not None:
            raw = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            try:
                self._connection.request(method, self._prefix + path, raw, headers)
                response = self._connection.getresponse()
                answer = response.read()
            except OSError:
                self._connection.close()
                raise
        except TimeoutError:
            fail(Exit.NO_SERVICE, f"the service at {self.url} does not answer within {self._limit_s:g} s")
        except OSError as error:
            reason = error.strerror or str(error)
            fail(Exit.NO_SERVICE, f"no service is running at {self.url} ({reason}); start it with `modemgw run`")
        except http.client.HTTPException as error:
            fail(Exit.NO_SERVICE, f"what answers at {self.url} does not speak HTTP ({error!r})")
        return self._result(response.status, answer)

    def _result(self, status: int, answer: bytes) -> Any:
        document: Any = None
        with contextlib.suppress(ValueError):
            document = json.loads(answer)
        if status >= 400 or document is None:
            self._refused(status, document)
        return document

    def _refused(self, status: int, document: Any) -> NoReturn:
        if not isinstance(document, dict) or "detail" not in document:
            fail(Exit.NO_SERVICE, f"what answers at {self.url} is not modemgw (HTTP status {status})")
        if status == 401 and self._authorization is None:
            hint = (
                "give --api-key, set MODEMGW_API_KEY, or name the configuration with --config; where it has no "
                f"[[account]], the key is in {CREDENTIALS_NAME} beside the database, and is found in that folder"
            )
            fail(Exit.UNAUTHORISED, f"the service at {self.url} wants credentials; {hint}")
        default = Exit.NO_SERVICE if status >= 500 else Exit.USAGE
        fail(_EXITS.get(status, default), str(document["detail"]))

    def become(self, login: str) -> None:
        """Speak as another account of the configuration from now on."""
        authorization = self._accounts.get(login)
        if authorization is None:
            names = ", ".join(sorted(self._accounts)) or "none"
            fail(Exit.USAGE, f"the configuration has no account {login!r}; there are: {names}")
        self._authorization = authorization

    def patient(self, seconds: float) -> None:
        """Wait for answers at least so long from now on."""
        self._limit_s = max(TIMEOUT_S, seconds)
        self._connection.timeout = self._limit_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._limit_s)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def latest(self, path: str, count: int, **query: Any) -> list[dict[str, Any]]:
        """The newest `count` items of a list that the API gives oldest first, in that order.

        Ids ascend, so their end is found by galloping over `after`; that is some 40 short requests for a million.
        """
        low, step = 0, 1024
        while self.get(path, after=low + step, limit=1, **query)["items"]:
            low, step = low + step, step * 2
        while step > PAGE:
            step //= 2
            if self.get(path, after=low + step, limit=1, **query)["items"]:
                low += step
        window = max(count, PAGE)
        while True:
            found = self._all_after(path, max(0, low + PAGE - window), query)
            if len(found) >= count or window > low + PAGE:
                return found[-count:]
            window *= 8

    def _all_after(self, path: str, after: int, query: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: int | None = after
        while cursor is not None:
            page = self.get(path, after=cursor, limit=PAGE, **query)
            found += page["items"]
            cursor = page["next"]
        return found


def connected(command: F) -> F:
    """Options of every command that talks to the service; the command gets a `client` and `as_json`."""

    @functools.wraps(command)
    def with_client(
        *args: Any, url: str | None, api_key: str | None, config: Path | None, as_json: bool, **kwargs: Any
    ) -> Any:
        client = Client(Target.find(url, api_key, config))
        click.get_current_context().call_on_close(client.close)
        return command(*args, client=client, as_json=as_json, **kwargs)

    decorated: Any = with_client
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
    click.option("--url", envvar="MODEMGW_URL", help="Address of the service [env MODEMGW_URL; else the config's]."),
    click.option("--api-key", envvar="MODEMGW_API_KEY", help="API key [env MODEMGW_API_KEY; else the config's]."),
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration to take address and credentials from.",
    ),
)
