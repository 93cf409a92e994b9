"""The caller's own tokens and browser sessions. A token of one project reaches neither."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field

from app.api.deps import CurrentUser, DbSession, requires
from app.api.schemas import Body, Items, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.core.errors import Forbidden, NotFound
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.actions import MAX_TOKEN_DAYS
from app.domain.accounts.permissions import ONLY_PROJECT, Permission
from app.domain.accounts.tables import ApiToken, User
from app.domain.auth import actions as auth_actions, queries as auth_queries
from app.domain.projects import access

router = strict_router("account")
MINE = requires(Permission.USE)


class NewToken(Body):
    name: str
    days: int = Field(default=90, ge=1, le=MAX_TOKEN_DAYS)
    read_only: bool = False
    project: str | None = None


class Token(StoredModel):
    name: str
    scope: str
    read_only: bool
    project_id: str | None
    expires_at: Timestamp
    last_used_at: Timestamp | None


class CreatedToken(Token):
    token: str = Field(description="The token itself; no later response holds it.")


class BrowserSession(StoredModel):
    user_agent: str
    way: str
    last_seen_at: Timestamp
    expires_at: Timestamp
    current: bool = Field(False, description="Whether this request came with it.")


def _account_of(session: DbSession, user: User) -> User:
    """The account of a caller whose token is not limited to one project. Raises NotFound."""
    if session.info.get(ONLY_PROJECT):
        raise NotFound(denied=True)
    return user


@router.get("/tokens", dependencies=[MINE])
def list_tokens(session: DbSession, user: CurrentUser) -> Items[Token]:
    return Items[Token](items=accounts_queries.tokens_of(session, _account_of(session, user)))


@router.post("/tokens", status_code=201, dependencies=[MINE])
def make_token(request: Request, body: NewToken, session: DbSession, user: CurrentUser) -> CreatedToken:
    """The only response that holds the token. A token cannot create one that outlives it."""
    _account_of(session, user)
    own: ApiToken | None = getattr(request.state, "token", None)
    project = access.visible_project(session, user, body.project) if body.project else None
    raw = accounts_actions.create_token(
        session, user, **body.model_dump(exclude={"project"}), project_id=project.id if project else None
    )
    match = accounts_queries.user_by_token(session, raw)
    if match is None or (own is not None and match[1].expires_at > own.expires_at):
        raise Forbidden("A token cannot create one that outlives it; choose fewer days, or create it in the browser.")
    return CreatedToken.of(match[1], token=raw)


@router.delete("/tokens/{token_id}", status_code=204, dependencies=[MINE])
def revoke_token(session: DbSession, user: CurrentUser, token_id: str) -> None:
    accounts_actions.revoke_token(session, _account_of(session, user), token_id, actor=user)


@router.get("/sessions", dependencies=[MINE])
def list_sessions(request: Request, session: DbSession, user: CurrentUser) -> Items[BrowserSession]:
    browser = getattr(request.state, "browser", None)
    mine = auth_queries.sessions_of(session, _account_of(session, user))
    return Items[BrowserSession](
        items=[BrowserSession.of(own, current=browser is not None and own.id == browser.id) for own in mine]
    )


@router.delete("/sessions/{session_id}", status_code=204, dependencies=[MINE])
def revoke_session(session: DbSession, user: CurrentUser, session_id: str) -> None:
    auth_actions.revoke_session(session, _account_of(session, user), session_id)
