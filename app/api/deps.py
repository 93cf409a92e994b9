"""Bearer token or session -> user; the transaction of the request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.core.errors import Forbidden, Unauthorised
from app.core.storage import Storage
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission, was_asked
from app.domain.accounts.tables import ApiToken, User
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.signin import queries as signin

READING = ("GET", "HEAD")
COOKIES = ("__Host-preceptor_session", "preceptor_session")


class Body(BaseModel):
    """A request's JSON: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def transaction(request: Request) -> Iterator[Session]:
    """One request, one transaction, committed before the answer leaves."""
    database = request.app.state.database
    with database.read() if request.method in READING else database.session() as session:
        yield session


Db = Annotated[Session, Depends(transaction, scope="function")]


def bearer(request: Request, session: Session) -> tuple[User, ApiToken] | None:
    scheme, _, raw = request.headers.get("authorization", "").partition(" ")
    return accounts.user_by_token(session, raw.strip()) if scheme.lower() == "bearer" and raw else None


def signed_in(request: Request, session: Db) -> User:
    """The user of an `api` token, or of the browser's session. Raises Unauthorised, Forbidden."""
    if found := bearer(request, session):
        user, token = found
        if token.scope != "api":
            raise Forbidden("This token is for a trainer; make one for the API.")
        if token.read_only and request.method not in READING:
            raise Forbidden("This token may only read.")
        return user
    raw = next((request.cookies[name] for name in COOKIES if name in request.cookies), None)
    user_of_session = signin.user_by_session(session, raw) if raw else None
    if user_of_session is None:
        raise Unauthorised("Send a valid token: Authorization: Bearer ….")
    if request.method not in READING and request.headers.get("sec-fetch-site") != "same-origin":
        raise Forbidden("A session may write only from the application's own pages; scripts use a token.")
    return user_of_session


Me = Annotated[User, Depends(signed_in)]


def asks(permission: Permission) -> Any:
    """What a route asks the permission door. A route that ends without having asked is refused: it forgot somebody."""

    def door(session: Db, _: Me) -> Iterator[None]:
        yield
        if permission is not Permission.USE and not was_asked(session, permission):
            raise RuntimeError(f"the route declares {permission} and did not ask for it")

    door.permission = permission  # type: ignore[attr-defined]
    return Depends(door, scope="function")


def worker(request: Request, session: Db) -> User:
    """The user behind a `worker` token: the trainer's only credential."""
    found = bearer(request, session)
    if found is None:
        raise Unauthorised("Send a worker token: Authorization: Bearer ….")
    if found[1].scope != "worker":
        raise Forbidden("This token is not a trainer's.")
    return found[0]


Worker = Annotated[User, Depends(worker)]


def the_project(slug: str, session: Db, user: Me) -> Project:
    return access.visible_project(session, user, slug)


InProject = Annotated[Project, Depends(the_project)]


def storage(request: Request) -> Storage:
    found: Storage = request.app.state.storage
    return found


Files = Annotated[Storage, Depends(storage)]
Limit = Annotated[int, Query(ge=1, le=500)]
