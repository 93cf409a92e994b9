"""The CSRF token of every form. It is derived from the session, so nothing is stored."""

from __future__ import annotations

from fastapi import Request

from app.core.errors import Forbidden
from app.core.security import derive, digest, same
from app.http.auth import cookie_name


def csrf_token(request: Request) -> str:
    raw = request.cookies.get(cookie_name(request), "")
    return derive(request.app.state.settings.key, f"csrf:{digest(raw)}")


def check_site(request: Request) -> None:
    """Raise Forbidden if the browser reports that another site sent the request."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign:
        raise Forbidden("This form was sent from another site. Open the page here and try again.", code="csrf")


def check_csrf(request: Request, token: str) -> None:
    """Raise Forbidden if the form was not made for this session."""
    if not same(token, csrf_token(request)):
        raise Forbidden("This form has expired. Reload the page and try again.", code="csrf")
