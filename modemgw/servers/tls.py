"""Certificates of our own front doors: read when a door opens, and again when their files have changed."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator

from modemgw.servers.listen import ListenError

log = logging.getLogger(__name__)

#: Seconds between two looks at the files, so that a renewed certificate is served without a restart.
LOOK_S = 30.0


class Certificate:
    """A certificate chain and its key. Calling it gives the context of the next connection."""

    def __init__(self, chain: str, key: str, section: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises ListenError with a sentence if they cannot be used."""
        self._chain = chain
        self._key = key
        self._section = section
        self._monotonic = monotonic
        self._context = self._load()
        self._stamp = self._stamped()
        self._looked_at = monotonic()

    def __call__(self) -> ssl.SSLContext:
        """With what the files hold; with what they held before, where they cannot be used now."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            stamp = self._stamped()
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
        return self._context

    def _renew(self) -> None:
        try:
            self._context = self._load()
        except ListenError as error:
            log.warning("%s; the one from before is served on", error)
        else:
            log.info("The certificate %s of %s was read anew.", self._chain, self._section)

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._chain, self._key)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(f"the certificate {self._chain} of {self._section} cannot be used: {error}") from error
        return context

    def _stamped(self) -> tuple[int, ...]:
        found: list[int] = []
        for path in (self._chain, self._key):
            try:
                known = os.stat(path)
            except OSError:
                found.append(0)
            else:
                found += [known.st_mtime_ns, known.st_ino]
        return tuple(found)


def certificate(chain: str | None, key: str | None, section: str) -> Certificate | None:
    """The certificate of a section of the configuration; None if it has none. Raises ListenError."""
    return None if chain is None or key is None else Certificate(chain, key, section)


def listeners(listen: str, tls_listen: str | None, tls: Certificate | None) -> Iterator[tuple[str, Certificate | None]]:
    """What is listened on: `listen` has TLS where there is a certificate, unless that has an address of its own."""
    yield listen, tls if tls_listen is None else None
    if tls_listen is not None:
        yield tls_listen, tls
