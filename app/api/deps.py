"""Bearer token or session -> user; the transaction of the request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from limits import RateLimitItem
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.core.errors import Forbidden, Invalid, Unauthorized
from app.core.storage import Storage
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.actions import note_use, used
from app.domain.accounts.permissions import ONLY_PROJECT, Permission, declare
from app.domain.accounts.tables import User
from app.domain.auth import queries as auth_queries
from app.domain.auth.actions import seen
from app.domain.pairs import content as pair_content
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.http.auth import bearer_user, cookie_name
from app.http.transactions import READING, DbSession, Transaction, WriteSlot


class Body(BaseModel):
    """A request's JSON: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def rate_limited(item: RateLimitItem, purpose: str) -> Any:
    """Counts the tries of one credential before the request's transaction begins. Stands before `asks`."""

    def count(request: Request, _: WriteSlot) -> None:
        cookie = request.cookies.get(cookie_name(request), "")
        request.app.state.limits.hit(item, purpose, request.headers.get("authorization") or cookie)

    return Depends(count)


def _note(request: Request, background: BackgroundTasks, token: accounts_queries.Token) -> None:
    """Keep the token for those who ask what it may do, and write down that it was used."""
    request.state.token = token
    if accounts_queries.is_stale(token.last_used_at):
        background.add_task(note_use, request.app.state.database, used, token.id)


def signed_in(request: Request, session: Session, background: BackgroundTasks) -> None:
    """The user of an `api` token; without an Authorization header, of the browser's session.

    Who sends the header speaks by it alone: a cookie beside it is not looked at, valid or not.
    Raises Unauthorised, Forbidden.
    """
    if "authorization" in request.headers:
        _by_token(request, session, background)
        return
    raw = request.cookies.get(cookie_name(request))
    found = auth_queries.session_of(session, raw) if raw else None
    if found is None:
        raise Unauthorized("Send a valid token: Authorization: Bearer ….")
    user, request.state.browser = found
    if accounts_queries.is_stale(request.state.browser.last_seen_at):
        background.add_task(note_use, request.app.state.database, seen, request.state.browser.id)
    request.state.actor, request.state.me = user.id, user
    if request.method not in READING and request.headers.get("sec-fetch-site") != "same-origin":
        raise Forbidden(
            "A session may write only from the application's own pages; scripts use a token.", code="cross_site"
        )


def _by_token(request: Request, session: Session, background: BackgroundTasks) -> None:
    found = _caller(request, session)
    if found is None:
        raise Unauthorized("Send a valid token: Authorization: Bearer ….")
    user, token = found
    request.state.actor = user.id
    if token.scope != "api":
        raise Forbidden("This token is for a trainer; make one for the API.", code="token_scope")
    if token.read_only and request.method not in READING:
        raise Forbidden("This token may only read.", code="read_only")
    if token.project_id:
        session.info[ONLY_PROJECT] = token.project_id
    _note(request, background, token)
    request.state.me = user


def _caller(request: Request, session: Session) -> tuple[User, accounts_queries.Token] | None:
    """Who writes to SQLite is looked up in a reading of its own: a place among the writers is taken for writing."""
    database, glance = request.app.state.database, request.app.state.glance
    if glance is not None:
        with glance.look() as reading:
            found = bearer_user(request, reading)
    elif request.method in READING or not database.is_sqlite:
        found = bearer_user(request, session)
    else:
        with database.connect() as reading:
            found = bearer_user(request, reading)
    if found:
        session.add(found[0])
    return found


async def current_user(request: Request) -> User:
    """Whom the route's door let in."""
    user: User = request.state.me
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def requires(permission: Permission) -> Any:
    """What a route asks the permission door. A route that ends without having asked is refused: it forgot somebody."""

    async def door(request: Request, session: Transaction, background: BackgroundTasks) -> None:
        declare(session, permission)
        if "authorization" in request.headers and request.app.state.glance is not None:
            signed_in(request, session, background)
        else:
            await run_in_threadpool(signed_in, request, session, background)

    door.permission = permission  # type: ignore[attr-defined]
    return Depends(door)


def current_worker(request: Request, session: Transaction, background: BackgroundTasks) -> User:
    """The user behind a `worker` token: the trainer's only credential."""
    found = bearer_user(request, session)
    if found is None:
        raise Unauthorized("Send a worker token: Authorization: Bearer ….")
    session.add(found[0])
    request.state.actor = found[0].id
    if found[1].scope != "worker":
        raise Forbidden("This token is not a trainer's.", code="token_scope")
    _note(request, background, found[1])
    return found[0]


current_worker.permission = "worker"  # type: ignore[attr-defined]


def authenticated_worker(request: Request, background: BackgroundTasks) -> User:
    """The same in a reading of its own, for what takes long to arrive: nothing is held meanwhile."""
    with request.app.state.database.read() as session:
        return current_worker(request, session, background)


authenticated_worker.permission = "worker"  # type: ignore[attr-defined]
CurrentWorker = Annotated[User, Depends(current_worker)]


def project_by_slug(slug: str, session: DbSession, user: CurrentUser) -> Project:
    return access.visible_project(session, user, slug)


CurrentProject = Annotated[Project, Depends(project_by_slug)]


def get_storage(request: Request) -> Storage:
    found: Storage = request.app.state.storage
    return found


StorageDep = Annotated[Storage, Depends(get_storage)]
Limit = Annotated[int, Query(ge=1, le=500)]
Tags = Annotated[list[str] | None, Query()]


def tag_of(given: list[str] | None) -> tuple[str, str] | None:
    """(name, value) of the one tag that may be asked for. Raises Invalid."""
    if not given:
        return None
    if len(given) > 1:
        raise Invalid("Narrow by one tag: send tag once, as name:value.", field="tag")
    return pair_content.tag_of(given[0])
