"""The token that every form carries. The token is bound to the session, so nothing is stored."""

from __future__ import annotations

from fastapi import Request

from app.core.errors import Forbidden
from app.core.security import derive, digest, same
from app.http.auth import cookie_name


def csrf_token(request: Request) -> str:
    raw = request.cookies.get(cookie_name(request), "")
    return derive(request.app.state.settings.key, f"csrf:{digest(raw)}")


def check_site(request: Request) -> None:
    """Raises Forbidden when the browser says that another site's page sent this."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign:
        raise Forbidden("This form came from another site; open the page here and send it again.", code="csrf")


def check_csrf(request: Request, given: str) -> None:
    """Raises Forbidden when the form was not made for this session."""
    if not same(given, csrf_token(request)):
        raise Forbidden("This form is out of date: reload the page and send it again.", code="csrf")
