"""People: who has an account, in which roles, seen when; inviting them and letting them go. For admins."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.projects import queries as projects
from app.domain.signin import actions, queries
from app.web.accounts import browser
from app.web.deps import Db, Me, Posted, asks, go, text
from app.web.render import page

router = APIRouter(prefix="/people")
MANAGE = asks(Permission.MANAGE_PEOPLE)


def link_address(request: Request, raw: str) -> str:
    """Where a one-time link leads, to be sent to the person."""
    return f"{request.app.state.settings.url.rstrip('/')}/sign-in/{raw}"


@router.get("", dependencies=[MANAGE])
def index(request: Request, session: Db, user: Me) -> Response:
    return _index(request, session, user)


@router.post("", dependencies=[MANAGE])
def invite(request: Request, session: Db, user: Me, form: Posted) -> Response:
    """The link stands in the answer itself and nowhere else."""
    given = {name: text(form, name) for name in ("email", "name", "is_admin")}
    try:
        invited, raw = actions.invite(
            session, user, email=given["email"], name=given["name"], is_admin=bool(given["is_admin"])
        )
    except AppError as error:
        if error.status not in (409, 422):
            raise
        return _index(request, session, user, given=given, error=error)
    return _person(request, session, user, invited.id, link=link_address(request, raw))


def _index(
    request: Request,
    session: Session,
    user: User,
    *,
    given: dict[str, str] | None = None,
    error: AppError | None = None,
) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    people = accounts.people(session)
    ids = [person.id for person in people]
    return page(
        request,
        "people/list.html",
        people=people,
        roles=projects.roles_by_user(session),
        seen=queries.last_seen(session, ids),
        ways=queries.ways_of(session, ids),
        given=given or {"email": "", "name": "", "is_admin": ""},
        error=error,
    )


@router.get("/{user_id}", dependencies=[MANAGE])
def show(request: Request, session: Db, user: Me, user_id: str) -> Response:
    return _person(request, session, user, user_id)


def _person(request: Request, session: Session, user: User, user_id: str, *, link: str | None = None) -> Response:
    person = actions.person_for(session, user, user_id)
    return page(
        request,
        "people/show.html",
        person=person,
        me=user,
        link=link,
        roles=projects.roles_by_user(session).get(person.id, []),
        ways=queries.ways_of(session, [person.id])[person.id],
        sessions=[(one, browser(one.user_agent)) for one in queries.sessions_of(session, person)],
        tokens=accounts.tokens_of(session, person),
    )


@router.post("/{user_id}/link", dependencies=[MANAGE])
def new_link(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    _, raw = actions.new_link(session, user, user_id)
    return _person(request, session, user, user_id, link=link_address(request, raw))


@router.post("/{user_id}/end-sessions", dependencies=[MANAGE])
def end_sessions(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    ended = actions.end_sessions(session, user, user_id)
    return go(request, f"/people/{user_id}", f"Signed out of {ended} browser{'' if ended == 1 else 's'}.")


@router.post("/{user_id}/deactivate", dependencies=[MANAGE])
def deactivate(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    person = actions.deactivate(session, user, user_id)
    return go(request, f"/people/{user_id}", f"{person.name} may not sign in any more.")


@router.post("/{user_id}/reactivate", dependencies=[MANAGE])
def reactivate(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    person = actions.reactivate(session, user, user_id)
    return go(request, f"/people/{user_id}", f"{person.name} may sign in again.")


@router.post("/{user_id}/role", dependencies=[MANAGE])
def set_role(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    person = actions.set_admin(session, user, user_id, is_admin=text(form, "is_admin") == "yes")
    words = "is an admin now" if person.is_admin else "is no admin any more"
    return go(request, f"/people/{user_id}", f"{person.name} {words}, and signs in again.")


@router.post("/{user_id}/reset-factor", dependencies=[MANAGE])
def reset_factor(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    person = actions.reset_factor(session, user, user_id)
    return go(request, f"/people/{user_id}", f"{person.name} signs in without a second factor now.")
