"""The session cookie and the token that every form carries. The token is bound to the session, so nothing is stored."""

from __future__ import annotations

from fastapi import Request

from app.core.errors import Forbidden
from app.core.security import derive, digest, same

COOKIE = "preceptor_session"


def is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    """`__Host-` over https: then no sister domain can plant the cookie."""
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


def csrf_token(request: Request) -> str:
    raw = request.cookies.get(cookie_name(request), "")
    return derive(request.app.state.settings.key, f"csrf:{digest(raw)}")


def check_csrf(request: Request, given: str) -> None:
    """Raises Forbidden when the form was not made for this session."""
    if not same(given, csrf_token(request)):
        raise Forbidden("This form is out of date: reload the page and send it again.", code="csrf")
