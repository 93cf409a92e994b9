"""A receiver of webhooks on loopback: counts every connection, keeps every request, answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CANARY = "canary-in-the-answer-5c1f"


class Receiver(ThreadingHTTPServer):
    """`answer` is the status and the headers of every answer; its body is a canary."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, str]] = (204, {})

    def verify_request(self, *_: Any) -> bool:
        self.connections += 1
        return True

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append(({name.lower(): one for name, one in self.headers.items()}, body))
        status, headers = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(CANARY) if status != 204 else 0))
        self.end_headers()
        if status != 204:
            self.wfile.write(CANARY.encode())

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def listening() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
