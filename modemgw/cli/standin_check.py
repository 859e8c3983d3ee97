"""Whether a client's machine takes modemgw for a provider: names, connections, certificates, and what answers behind.

Looks from where it runs, as a client would; changes nothing, and connects to nothing but the stand-in's address.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 5.0

#: Gives the addresses of a name; raises OSError.
Resolve = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that was looked at: a sentence, and what to do where it is not `well`."""

    well: bool
    sentence: str
    fix: str = ""


def resolve(host: str) -> Sequence[str]:
    """The addresses that a client on this machine gets for a name. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(target[0]) for *_, target in found))


def check(
    hosts: Sequence[str],
    *,
    tls: tuple[str, int] | None,
    plain: tuple[str, int] | None,
    ca: Path,
    resolve: Resolve = resolve,
) -> Iterator[Looked]:
    """Everything that must be so, in the order in which a client meets it."""
    address = (tls or plain or ("", 0))[0]
    lead_here = []
    for host in hosts:
        looked = _resolves(host, address, resolve)
        if looked.well:
            lead_here.append(host)
        yield looked
    if tls is not None:
        yield from _with_tls(lead_here, tls, ca)
    if plain is not None:
        yield _answers(None, lead_here[0] if lead_here else hosts[0], plain)


def _resolves(host: str, address: str, resolve: Resolve) -> Looked:
    try:
        found = resolve(host)
    except OSError as error:
        found, why = [], f"{host} has no address here ({error.strerror or error})"
    else:
        why = f"{host} is {', '.join(found)} here, not {address}"
    if list(found) == [address]:
        return Looked(True, f"{host} is {address}")
    if address in found:
        why += " alone: a client may take another"
    return Looked(False, why, f"put into the hosts file of this machine: {address} {host}")


def _with_tls(hosts: Sequence[str], at: tuple[str, int], ca: Path) -> Iterator[Looked]:
    try:
        ours = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError):
        yield Looked(False, f"the CA {ca} cannot be read", "copy ca.crt here, or say with --dir where it is")
        return
    everybodys = ssl.create_default_context()
    trusted = True
    for host in hosts:
        looked = _handshake(ours, host, at)
        if looked is None and trusted and _handshake(everybodys, host, at) is not None:
            trusted = False
            yield Looked(
                False,
                "this machine does not trust the CA",
                f"let it trust {ca}: `modemgw stand-in … --files-only` tells how; programs with bundles of their own "
                "need it there",
            )
        if looked is not None:
            yield looked
            if _refused(looked):
                return
    if hosts:
        if trusted:
            yield Looked(True, "this machine trusts the CA, and the certificate fits")
        yield _answers(ours, hosts[0], at)


def _refused(looked: Looked) -> bool:
    return looked.fix == _START


_START = "start `modemgw stand-in`, or say with --listen and --listen-http where it is"


def _handshake(context: ssl.SSLContext, host: str, at: tuple[str, int]) -> Looked | None:
    """None where all is well."""
    where = f"{at[0]}:{at[1]}"
    try:
        with (
            socket.create_connection(at, TIMEOUT_S) as sock,
            context.wrap_socket(sock, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return Looked(
            False,
            f"the certificate at {where} is not good for {host}: {error.verify_message.rstrip('.')}",
            f"start `modemgw stand-in` again with {host} among its names, and with this --dir",
        )
    except OSError as error:
        return Looked(False, f"nothing answers with TLS at {where} ({error.strerror or error})", _START)


def _answers(context: ssl.SSLContext | None, host: str, at: tuple[str, int]) -> Looked:
    """Whether a running modemgw stands behind the door."""
    where = f"{'https' if context else 'http'}://{host} at {at[0]}:{at[1]}"
    request = f"GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = b""
    try:
        with ExitStack() as stack:
            sock = stack.enter_context(socket.create_connection(at, TIMEOUT_S))
            if context is not None:
                sock = stack.enter_context(context.wrap_socket(sock, server_hostname=host))
            sock.sendall(request)
            while len(answer) < 65_536 and (chunk := sock.recv(4096)):
                answer += chunk
    except OSError as error:
        if not answer:
            return Looked(False, f"nothing answers at {where} ({error.strerror or error})", _START)
    head = answer.split(b"\r\n", 1)[0].decode("latin-1")
    status = head.split(" ")[1] if head.startswith("HTTP/1.") and " " in head else ""
    if status == "200":
        return Looked(True, f"modemgw answers as {where}")
    if status == "502":
        return Looked(
            False, f"modemgw is not running behind {where}", "start `modemgw run`, or say with --to where it is"
        )
    return Looked(False, f"another program answers at {where}: {head[:80] or 'nothing'}", _START)
