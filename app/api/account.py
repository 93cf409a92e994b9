"""The caller's own tokens and browser sessions. A token of one project reaches neither."""

from __future__ import annotations

from fastapi import APIRouter, Request

from app.api.deps import CurrentUser, requires
from app.api.schemas.account import BrowserSession, CreatedToken, NewToken, Token
from app.api.schemas.base import Items
from app.api.strict_route import StrictRoute
from app.core.errors import Forbidden, NotFound
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.permissions import ONLY_PROJECT, Permission
from app.domain.accounts.tables import ApiToken, User
from app.domain.auth import actions as auth_actions, queries as auth_queries
from app.domain.projects import access
from app.http.transactions import DbSession

router = APIRouter(tags=["account"], route_class=StrictRoute)
MINE = requires(Permission.USE)


def _account_of(session: DbSession, user: User) -> User:
    """The account of a caller whose token is not limited to one project. Raises NotFound."""
    if session.info.get(ONLY_PROJECT):
        raise NotFound(denied=True)
    return user


@router.get("/tokens", dependencies=[MINE])
def list_tokens(session: DbSession, user: CurrentUser) -> Items[Token]:
    tokens = accounts_queries.tokens_of(session, _account_of(session, user))
    return Items(items=[Token.model_validate(token) for token in tokens])


@router.post("/tokens", status_code=201, dependencies=[MINE])
def make_token(request: Request, body: NewToken, session: DbSession, user: CurrentUser) -> CreatedToken:
    """The only response that holds the token. A token cannot create one that outlives it."""
    _account_of(session, user)
    own: ApiToken | None = getattr(request.state, "token", None)
    project = access.visible_project(session, user, body.project) if body.project else None
    raw = accounts_actions.create_token(
        session,
        user,
        name=body.name,
        days=body.days,
        read_only=body.read_only,
        project_id=project.id if project else None,
    )
    match = accounts_queries.user_by_token(session, raw)
    if match is None or (own is not None and match[1].expires_at > own.expires_at):
        raise Forbidden("A token cannot create one that outlives it; choose fewer days, or create it in the browser.")
    token = Token.model_validate(match[1])
    return CreatedToken(**token.model_dump(mode="python"), token=raw)


@router.delete("/tokens/{token_id}", status_code=204, dependencies=[MINE])
def revoke_token(session: DbSession, user: CurrentUser, token_id: str) -> None:
    accounts_actions.revoke_token(session, _account_of(session, user), token_id, actor=user)


@router.get("/sessions", dependencies=[MINE])
def list_sessions(request: Request, session: DbSession, user: CurrentUser) -> Items[BrowserSession]:
    browser = getattr(request.state, "browser", None)
    items = []
    for web_session in auth_queries.sessions_of(session, _account_of(session, user)):
        item = BrowserSession.model_validate(web_session)
        items.append(item.model_copy(update={"current": browser is not None and web_session.id == browser.id}))
    return Items(items=items)


@router.delete("/sessions/{session_id}", status_code=204, dependencies=[MINE])
def revoke_session(session: DbSession, user: CurrentUser, session_id: str) -> None:
    auth_actions.revoke_session(session, _account_of(session, user), session_id)
