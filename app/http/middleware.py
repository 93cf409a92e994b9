"""Request guard: trusted hosts, size and content type of requests, security headers of responses.

Pure ASGI, so that streams stay streams. Decides by `scope["path"]` and raw headers, never by an assembled URL. Does not
know who is signed in.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import AppError, TooLarge
from app.http.error_responses import API_PREFIXES, RequestRejected, error_response
from app.http.transactions import IMPORTS
from app.settings import Settings

MIB = 1024 * 1024
DEFAULT_LIMIT = 1 * MIB
TEXT_LIMIT = 8 * MIB
"""For pairs and guidelines. The largest pair has 200,000 characters of messages and 5 million of context documents; one
with several bytes per character must be imported as a file."""
SLACK = 64 * 1024
"""Bytes that a form adds to its file."""
TEXTS = re.compile(r"/(pairs|guidelines|reviews)(/|$)")
ARTIFACTS = "/worker/v1/artifacts/"
HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")

CONTENT_POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind} 'self'" for kind in ("script-src", "style-src", "font-src", "connect-src", "manifest-src")),
        "img-src 'self' data:",
        "form-action 'self'",
        *(f"{kind} 'none'" for kind in ("base-uri", "frame-ancestors", "object-src")),
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
}


class Application(FastAPI):
    """FastAPI behind the request guard, which also wraps the error page of a crash."""

    def build_middleware_stack(self) -> ASGIApp:
        return RequestGuardMiddleware(super().build_middleware_stack(), self.state.settings)


class RequestGuardMiddleware:
    """Rejects bad requests and adds security headers to every response."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.hosts = trusted_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = body_limit(scope["path"], self.settings)
        send = _with_headers(scope, send)
        if rejection := self.rejection(scope, limit):
            await error_response(Request(scope), rejection)(scope, receive, send)
            return
        await self.app(scope, receive if limit is None else _counted(receive, limit), send)

    def rejection(self, scope: Scope, limit: int | None) -> AppError | None:
        headers = Headers(scope=scope)
        if not is_trusted(headers.getlist("host"), self.hosts):
            return RequestRejected(
                400, "host", "The server does not accept this host name; add it to PRECEPTOR_TRUSTED_HOSTS."
            )
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            return RequestRejected(415, "content_encoding", "Send the body uncompressed, without Content-Encoding.")
        if _has_body(headers) and _kind(headers) not in _accepted(scope["path"]):
            accepted = " or ".join(sorted(_accepted(scope["path"])))
            return RequestRejected(415, "content_type", f"Send this as {accepted}.")
        return _too_large(limit) if limit is not None and _content_length(headers) > limit else None


def trusted_hosts(settings: Settings) -> frozenset[str]:
    """Return the host names accepted besides IP addresses: loopback, this machine, PRECEPTOR_URL, and the settings."""
    names = ["localhost", socket.gethostname(), urlsplit(settings.url).hostname or "localhost", *settings.trusted_hosts]
    return frozenset(name.lower().rstrip(".") for name in names)


def is_trusted(hosts: list[str], names: frozenset[str]) -> bool:
    """Whether there is one well-formed Host header with a trusted name.

    An IP address is always trusted: DNS rebinding needs a name.
    """
    match = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None:
        return False
    name = match[1].lower().strip("[]").rstrip(".")
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name in names or any(trusted.startswith("*.") and name.endswith(trusted[1:]) for trusted in names)


def body_limit(path: str, settings: Settings) -> int | None:
    """Return the largest body, in bytes, for this path; None where the route counts the bytes itself."""
    if path.startswith(ARTIFACTS):
        return None
    if path.startswith("/worker/") or IMPORTS.search(path):
        return settings.max_upload_bytes + SLACK
    return TEXT_LIMIT if TEXTS.search(path) else DEFAULT_LIMIT


def _accepted(path: str) -> set[str]:
    if path.startswith(ARTIFACTS):
        return {"", "application/octet-stream"}
    if not path.startswith(API_PREFIXES):
        return {"application/x-www-form-urlencoded", "multipart/form-data"}
    return {"multipart/form-data"} if IMPORTS.search(path) else {"application/json"}


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _kind(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _content_length(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"This request is larger than {limit:,} bytes; send less, or import a file.")


def _counted(receive: Receive, limit: int) -> Receive:
    """Count bytes as they arrive, whatever Content-Length says. Nothing is read beyond the limit."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _too_large(limit).detail, headers={"Connection": "close"})
        return message

    return counted


def _with_headers(scope: Scope, send: Send) -> Send:
    fixed: dict[str, str] = dict(HEADERS)
    if not scope["path"].startswith("/static/"):
        fixed["Cache-Control"] = "no-store"
    if scope["scheme"] == "https":
        fixed["Strict-Transport-Security"] = "max-age=31536000"

    async def with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in fixed.items():
                headers.setdefault(name, value)
            if message["status"] == 413:
                headers["Connection"] = "close"
        await send(message)

    return with_headers
