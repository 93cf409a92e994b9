"""What the routes of the API depend on: the caller, the permission, the project, common parameters."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Query, Request
from limits import RateLimitItem
from sqlalchemy.orm import Session

from app.core.errors import Forbidden, Invalid, Unauthorized
from app.core.paging import MAX_LIMIT
from app.core.storage import Storage
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.actions import save_last_use
from app.domain.accounts.permissions import ONLY_PROJECT, Permission
from app.domain.accounts.tables import ApiToken, User
from app.domain.auth import queries as auth_queries
from app.domain.auth.tables import WebSession
from app.domain.pairs import content as pair_content
from app.domain.projects.tables import Project
from app.http import route_permissions
from app.http.auth import CurrentUser as CurrentUser, bearer_user, cookie_name
from app.http.transactions import READING, DbSession as DbSession, Transaction, WriteSlot

MISSING = "Send a valid token: Authorization: Bearer …."


def rate_limited(item: RateLimitItem, purpose: str) -> Any:
    """Make a dependency that counts the requests of one credential; list it before `requires`."""

    def count(request: Request, _: WriteSlot) -> None:
        cookie = request.cookies.get(cookie_name(request), "")
        request.app.state.limits.hit(item, purpose, request.headers.get("authorization") or cookie)

    return Depends(count)


def _token_of(
    request: Request, session: Session, background: BackgroundTasks, scope: str, missing: str, other: str
) -> tuple[User, ApiToken]:
    """Return the Authorization header's user and token, and record their use. Raises Unauthorized, Forbidden."""
    match = bearer_user(request, session)
    if match is None:
        raise Unauthorized(missing)
    user, token = match
    request.state.actor, request.state.token = user.id, token
    if token.scope != scope:
        raise Forbidden(other, code="token_scope")
    if accounts_queries.is_use_stale(token.last_used_at):
        background.add_task(save_last_use, request.app.state.database, ApiToken.last_used_at, token.id)
    return match


def signed_in(request: Request, session: Session, background: BackgroundTasks) -> User:
    """Return the user of an `api` token or, without an Authorization header, of the browser session.

    A request with the header is judged by the header alone: its cookies are ignored, valid or not.
    Raises Unauthorized, Forbidden.
    """
    if "authorization" in request.headers:
        return _token_user(request, session, background)
    raw = request.cookies.get(cookie_name(request))
    signed = auth_queries.session_of(session, raw) if raw else None
    if signed is None:
        raise Unauthorized(MISSING)
    user, browser = signed
    request.state.browser = browser
    if accounts_queries.is_use_stale(browser.last_seen_at):
        background.add_task(save_last_use, request.app.state.database, WebSession.last_seen_at, browser.id)
    request.state.actor = user.id
    if request.method not in READING and request.headers.get("sec-fetch-site") != "same-origin":
        raise Forbidden(
            "A session may write only from the application's own pages; scripts use a token.", code="cross_site"
        )
    return user


def _token_user(request: Request, session: Session, background: BackgroundTasks) -> User:
    other = "This is a worker token; create one for the API."
    user, token = _token_of(request, session, background, "api", MISSING, other)
    if token.read_only and request.method not in READING:
        raise Forbidden("This token may only read.", code="read_only")
    if token.project_id:
        session.info[ONLY_PROJECT] = token.project_id
    return user


def requires(permission: Permission) -> Any:
    """Make the dependency of a route: authenticate the caller and check the permission before the handler runs.

    On SQLite a request that writes is authorized in a read transaction of its own, since a write transaction would keep
    other writers waiting. The handler then reads the project again, in its own transaction.
    """

    def check(request: Request, session: Transaction, background: BackgroundTasks) -> None:
        database, state = request.app.state.database, request.state
        if request.method in READING or not database.is_sqlite:
            state.me = signed_in(request, session, background)
            session.add(state.me)
            state.project = route_permissions.authorize(session, state.me, permission, request.path_params)
            return
        with database.read() as snapshot:
            state.me = signed_in(request, snapshot, background)
            state.project = route_permissions.authorize(snapshot, state.me, permission, request.path_params)
        session.info |= {key: snapshot.info[key] for key in (ONLY_PROJECT,) if key in snapshot.info}
        session.add(state.me)
        if state.project is not None:
            session.add(state.project)
            session.expire(state.project)

    check.permission = permission  # type: ignore[attr-defined]
    return Depends(check)


def current_worker(request: Request, session: Transaction, background: BackgroundTasks) -> User:
    """Return the user of a `worker` token, the trainer's only credential. Raises Unauthorized, Forbidden."""
    missing = "Send a worker token: Authorization: Bearer …."
    other = "This is not a worker token; create one with `preceptor token create --worker`."
    user, _ = _token_of(request, session, background, "worker", missing, other)
    session.add(user)
    return user


current_worker.permission = "worker"  # type: ignore[attr-defined]


def authenticated_worker(request: Request, background: BackgroundTasks) -> User:
    """Do the same in a read transaction of its own, so that none is open while a long upload arrives."""
    with request.app.state.database.read() as session:
        return current_worker(request, session, background)


authenticated_worker.permission = "worker"  # type: ignore[attr-defined]
CurrentWorker = Annotated[User, Depends(current_worker)]


OwningProject = route_permissions.CurrentProject
"""The project of the object that the path names."""


async def project_by_slug(slug: str, project: OwningProject) -> Project:
    """Return the project of a path with `{slug}`; the parameter is here for the OpenAPI document."""
    return project


CurrentProject = Annotated[Project, Depends(project_by_slug)]


def get_storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


StorageDep = Annotated[Storage, Depends(get_storage)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Tags = Annotated[list[str] | None, Query()]


def tag_of(tags: list[str] | None) -> tuple[str, str] | None:
    """Return (name, value) of the only tag. Raises Invalid."""
    if not tags:
        return None
    if len(tags) > 1:
        raise Invalid("Filter by one tag: send tag once, as name:value.", field="tag")
    return pair_content.tag_of(tags[0])
