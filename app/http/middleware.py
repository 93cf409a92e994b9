"""What stands before both faces: trusted hosts, the size and kind of what comes in, headers on all that goes out.

Pure ASGI, so that streams stay streams. Decides by `scope["path"]` and raw headers, never by an assembled URL; knows
nobody who is signed in.
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
from app.http.error_responses import API_PREFIXES, ErrorPages, error_response
from app.http.transactions import IMPORTS
from app.settings import Settings

MIB = 1024 * 1024
DEFAULT_LIMIT = 1 * MIB
TEXT_LIMIT = 8 * MIB
"""Pairs and guidelines. The largest pair has 200,000 characters of messages and 5 million of context documents; in a
script of several bytes a character it comes as a file (imports)."""
SLACK = 64 * 1024
"""What a form adds to its file."""
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


class RequestRejected(AppError):
    """A request that no route gets to see."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail, code=code)
        self.status = status


class Application(FastAPI):
    """FastAPI behind the edge, which so stands before the page of a crash too."""

    def build_middleware_stack(self) -> ASGIApp:
        return RequestGuardMiddleware(super().build_middleware_stack(), self.state.settings, self.state.error_pages)


class RequestGuardMiddleware:
    def __init__(self, app: ASGIApp, settings: Settings, error_pages: ErrorPages) -> None:
        self.app = app
        self.error_pages = error_pages
        self.settings = settings
        self.hosts = trusted_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = body_limit(scope["path"], self.settings)
        send = _with_headers(scope, send)
        if refusal := self.refusal(scope, limit):
            await error_response(Request(scope), refusal, self.error_pages)(scope, receive, send)
            return
        await self.app(scope, receive if limit is None else _counted(receive, limit), send)

    def refusal(self, scope: Scope, limit: int | None) -> AppError | None:
        headers = Headers(scope=scope)
        if not is_trusted(headers.getlist("host"), self.hosts):
            return RequestRejected(
                400, "host", "This address is not one that the server answers to; see PRECEPTOR_TRUSTED_HOSTS."
            )
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            return RequestRejected(415, "content_encoding", "Send the body as it is, without Content-Encoding.")
        if _has_body(headers) and _kind(headers) not in _accepted(scope["path"]):
            accepted = " or ".join(sorted(_accepted(scope["path"])))
            return RequestRejected(415, "content_type", f"Send this as {accepted}.")
        return _too_large(limit) if limit is not None and _announced(headers) > limit else None


def trusted_hosts(settings: Settings) -> frozenset[str]:
    """Names besides literal addresses: loopback, the machine's own, PRECEPTOR_URL's, and those of the settings."""
    names = ["localhost", socket.gethostname(), urlsplit(settings.url).hostname or "localhost", *settings.trusted_hosts]
    return frozenset(name.lower().rstrip(".") for name in names)


def is_trusted(given: list[str], names: frozenset[str]) -> bool:
    """One well-formed Host header with a trusted name. A literal address is: rebinding needs a name to rebind."""
    found = HOST.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        return False
    name = found[1].lower().strip("[]").rstrip(".")
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name in names or any(one.startswith("*.") and name.endswith(one[1:]) for one in names)


def body_limit(path: str, settings: Settings) -> int | None:
    """Bytes that a request to this path may bring; None where the route counts them itself."""
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


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"This request is larger than {limit:,} bytes; send less, or import a file.")


def _counted(receive: Receive, limit: int) -> Receive:
    """Bytes as they arrive, whatever Content-Length says; the rest is not read."""
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
