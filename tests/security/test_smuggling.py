"""Requests that a proxy and the server could read differently: refused before the application."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import LiveServer

pytestmark = pytest.mark.assurance

SMUGGLED = {
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "an empty host": b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "a host in the target": b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "two lengths": b"POST /projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"POST /projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "a length in words": b"POST /projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: ten\r\n\r\n",
    "a folded header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n evil.example\r\n\r\n",
    "a space before the colon": b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "an unknown transfer coding": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a broken chunk": b"POST /projects HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a header without end": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000,
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("request_", SMUGGLED.values(), ids=SMUGGLED)
def test_a_request_that_two_readers_could_read_differently(live_server: LiveServer, request_: bytes) -> None:
    assert b" 400 " in said_by(live_server.url, request_)[0]


def test_a_second_request_cannot_hide_in_a_first(live_server: LiveServer) -> None:
    """Content-Length beside Transfer-Encoding: refused, or the connection ends after one answer."""
    hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"POST /projects HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
    answers = said_by(live_server.url, head + str(len(hidden)).encode() + b"\r\n\r\n" + hidden)
    assert len(answers) == 1 or b" 400 " in answers[0]


def said_by(url: str, request_: bytes) -> list[bytes]:
    """The status lines of what comes back until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=3) as line:
        said = b""
        try:
            line.sendall(request_)
            while more := line.recv(65536):
                said += more
        except OSError:
            pass
    return [one for one in said.split(b"\r\n") if one.startswith(b"HTTP/1.1 ")] or [b" 400 (closed without a word)"]
