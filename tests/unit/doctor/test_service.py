"""What the doctor's client makes of addresses, keys and answers that are odd. It never raises, and always ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modemgw.doctor import service
from modemgw.doctor.service import Standing, look_at_service

LIVE = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"status": "live"}'


@contextmanager
def answering(*answers: bytes, drops: bool = False) -> Iterator[str]:
    """A server of one answer to each connection in order, the last again and again; `drops`: then bytes without end."""
    over = threading.Event()

    def serve() -> None:
        left = list(answers)
        while not over.is_set():
            try:
                there, _ = listener.accept()
            except OSError:
                return
            with there:
                try:
                    there.recv(65536)
                    there.sendall(left.pop(0) if len(left) > 1 else left[0])
                    while drops and not over.wait(0.02):
                        there.sendall(b"[")
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def said(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("url", ["http://[::bad", "http://127.0.0.1:99999999", "http://", "http://127.0.0.1:x"])
def test_no_address(url: str) -> None:
    assert look_at_service(url, None).standing in (Standing.DOWN, Standing.OTHER)


@pytest.mark.parametrize("key", ["Bearer ключ", "Bearer a\r\nX-More: y", "Bearer \x00"])
def test_a_key_that_no_request_can_hold_is_a_wrong_key(key: str) -> None:
    with answering(LIVE, said(b"{}"), said(b"{}", "401 Unauthorized")) as url:
        facts = look_at_service(url, key)
    assert facts.standing is Standing.UNAUTHORISED
    assert facts.has_credentials


@pytest.mark.parametrize("body", [b'{"items": [1, "x"]}', b'{"items": 5}', b"[]", b"[" * 200_000])
def test_answers_of_another_shape(body: bytes) -> None:
    with answering(LIVE, said(b'{"queued": "many", "lines": 7}'), said(body)) as url:
        facts = look_at_service(url, None)
    assert facts.modems == []
    assert facts.queued == 0


def test_an_answer_that_comes_by_drops_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LIMIT_S", 0.3)
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", drops=True) as url:
        assert look_at_service(url, None).standing is Standing.SILENT
