"""One's own tokens and browser sessions. A token of one project reaches neither."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.deps import Body, CurrentUser, requires
from app.api.strict_route import StrictRoute
from app.core.errors import Forbidden, NotFound
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import ONLY_PROJECT, Permission
from app.domain.accounts.tables import ApiToken, User
from app.domain.auth import actions as auth_actions
from app.domain.auth import queries as auth_queries
from app.domain.auth.tables import WebSession
from app.domain.projects import access
from app.http.transactions import DbSession

router = APIRouter(tags=["account"], route_class=StrictRoute)
MINE = requires(Permission.USE)


class NewToken(Body):
    name: str
    days: int = Field(default=90, ge=1, le=accounts_actions.MAX_TOKEN_DAYS)
    read_only: bool = False
    project: str | None = None


def token_json(token: ApiToken) -> dict[str, Any]:
    names = ("id", "name", "scope", "read_only", "project_id", "created_at", "expires_at", "last_used_at")
    return {name: getattr(token, name) for name in names}


def session_json(web_session: WebSession, current: str | None) -> dict[str, Any]:
    names = ("id", "user_agent", "way", "created_at", "last_seen_at", "expires_at")
    return {**{name: getattr(web_session, name) for name in names}, "current": web_session.id == current}


def _whole(session: DbSession, user: User) -> User:
    """The account itself is out of reach for a token of one project."""
    if session.info.get(ONLY_PROJECT):
        raise NotFound(denied=True)
    return user


@router.get("/tokens", dependencies=[MINE])
def list_tokens(session: DbSession, user: CurrentUser) -> dict[str, Any]:
    tokens = accounts_queries.tokens_of(session, _whole(session, user))
    return {"items": [token_json(token) for token in tokens], "next": None}


@router.post("/tokens", status_code=201, dependencies=[MINE])
def make_token(request: Request, body: NewToken, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """The only answer that holds the token. A token makes none that outlives it."""
    _whole(session, user)
    own: accounts_queries.Token | None = getattr(request.state, "token", None)
    project = access.visible_project(session, user, body.project) if body.project else None
    raw = accounts_actions.create_token(
        session,
        user,
        name=body.name,
        days=body.days,
        read_only=body.read_only,
        project_id=project.id if project else None,
    )
    made = accounts_queries.user_by_token(session, raw)
    if made is None or (own is not None and made[1].expires_at > own.expires_at):
        raise Forbidden("A token cannot make one that outlives it; give fewer days, or make it in the browser.")
    return {**token_json(session.get_one(ApiToken, made[1].id)), "token": raw}


@router.delete("/tokens/{token_id}", status_code=204, dependencies=[MINE])
def revoke_token(session: DbSession, user: CurrentUser, token_id: str) -> None:
    accounts_actions.revoke_token(session, _whole(session, user), token_id, actor=user)


@router.get("/sessions", dependencies=[MINE])
def list_sessions(request: Request, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    browser = getattr(request.state, "browser", None)
    current = browser.id if browser else None
    found = auth_queries.sessions_of(session, _whole(session, user))
    return {"items": [session_json(one, current) for one in found], "next": None}


@router.delete("/sessions/{session_id}", status_code=204, dependencies=[MINE])
def revoke_session(session: DbSession, user: CurrentUser, session_id: str) -> None:
    auth_actions.revoke_session(session, _whole(session, user), session_id)
