"""Credentials of a request: a bearer token or a session cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.core.errors import Unauthorized
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.tables import ApiToken, User
from app.domain.auth import queries as auth_queries

COOKIE = "preceptor_session"


def is_secure(request: Request) -> bool:
    """Whether the request came over https; uvicorn accepts X-Forwarded-Proto only from addresses it trusts."""
    return bool(request.scope["scheme"] == "https")


def cookie_name(request: Request) -> str:
    """Name of the session cookie: `__Host-` over https, so that no sibling domain can set it."""
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


def bearer_user(request: Request, session: Session) -> tuple[User, ApiToken] | None:
    """Return the user and the token of the Authorization header, or None."""
    scheme, _, raw = request.headers.get("authorization", "").partition(" ")
    return accounts_queries.user_by_token(session, raw.strip()) if scheme.lower() == "bearer" and raw else None


async def current_user(request: Request) -> User:
    """Return the user that the route's permission was checked for."""
    user: User = request.state.me
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def require_authenticated(request: Request) -> None:
    """Require any valid credential, in a read transaction of its own. Raises Unauthorized."""
    cookie = request.cookies.get(cookie_name(request))
    with request.app.state.database.read() as session:
        if "authorization" in request.headers:
            authenticated = bearer_user(request, session) is not None
        else:
            authenticated = cookie is not None and auth_queries.session_of(session, cookie) is not None
    if not authenticated:
        raise Unauthorized("Sign in first, or send a valid token: Authorization: Bearer ….")
