"""Who sends a request: a bearer token or a session cookie."""

from __future__ import annotations

from fastapi import Request
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.core.errors import Unauthorized
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.tables import User
from app.domain.auth import queries as auth_queries

COOKIE = "preceptor_session"


def is_secure(request: Request) -> bool:
    """As the server was reached; uvicorn believes X-Forwarded-Proto only from the addresses it is told to trust."""
    return bool(request.scope["scheme"] == "https")


def cookie_name(request: Request) -> str:
    """`__Host-` over https: then no sister domain can plant the cookie."""
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


def bearer_user(request: Request, database: Session | Connection) -> tuple[User, accounts_queries.Token] | None:
    """Whose token the request brings, if anybody's; the user is of no session yet."""
    scheme, _, raw = request.headers.get("authorization", "").partition(" ")
    return accounts_queries.user_by_token(database, raw.strip()) if scheme.lower() == "bearer" and raw else None


def require_authenticated(request: Request) -> None:
    """Whether this is anybody at all, asked in a reading of its own. Raises Unauthorised."""
    cookie = request.cookies.get(cookie_name(request))
    with request.app.state.database.read() as session:
        if "authorization" in request.headers:
            found = bearer_user(request, session) is not None
        else:
            found = cookie is not None and auth_queries.session_of(session, cookie) is not None
    if not found:
        raise Unauthorized("Sign in first, or send a valid token: Authorization: Bearer ….")
