"""People: who has an account, in which roles, seen when; inviting them and letting them go. For admins."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from app.domain.auth import queries as auth_queries
from app.domain.projects import queries as projects_queries
from app.http.transactions import DbSession
from app.web.account import browser
from app.web.deps import CsrfForm, CurrentUser, form_str, redirect, requires
from app.web.render import render

router = APIRouter(prefix="/accounts")
MANAGE = requires(Permission.MANAGE_PEOPLE)


def link_address(request: Request, raw: str) -> str:
    """Where a one-time link leads, to be sent to the person."""
    return f"{request.app.state.settings.url.rstrip('/')}/sign-in/{raw}"


@router.get("", dependencies=[MANAGE])
def index(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _index(request, session, user)


@router.post("", dependencies=[MANAGE])
def invite(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    """The link stands in the answer itself and nowhere else."""
    given = {name: form_str(form, name) for name in ("email", "name", "is_admin")}
    try:
        invited, raw = auth_actions.invite(
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
    people = accounts_queries.people(session)
    ids = [person.id for person in people]
    return render(
        request,
        "accounts/list.html",
        people=people,
        roles=projects_queries.roles_by_user(session),
        seen=auth_queries.last_seen(session, ids),
        ways=auth_queries.ways_of(session, ids),
        given=given or {"email": "", "name": "", "is_admin": ""},
        error=error,
    )


@router.get("/{user_id}", dependencies=[MANAGE])
def show(request: Request, session: DbSession, user: CurrentUser, user_id: str) -> Response:
    return _person(request, session, user, user_id)


def _person(request: Request, session: Session, user: User, user_id: str, *, link: str | None = None) -> Response:
    person = auth_actions.person_for(session, user, user_id)
    return render(
        request,
        "accounts/show.html",
        person=person,
        me=user,
        link=link,
        roles=projects_queries.roles_by_user(session).get(person.id, []),
        ways=auth_queries.ways_of(session, [person.id])[person.id],
        sessions=[(one, browser(one.user_agent)) for one in auth_queries.sessions_of(session, person)],
        tokens=accounts_queries.tokens_of(session, person),
    )


@router.post("/{user_id}/link", dependencies=[MANAGE])
def new_link(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    _, raw = auth_actions.new_link(session, user, user_id)
    return _person(request, session, user, user_id, link=link_address(request, raw))


@router.post("/{user_id}/end-sessions", dependencies=[MANAGE])
def end_sessions(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    ended = auth_actions.end_sessions(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"Signed out of {ended} browser{'' if ended == 1 else 's'}.")


@router.post("/{user_id}/deactivate", dependencies=[MANAGE])
def deactivate(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.deactivate(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"{person.name} may not sign in any more.")


@router.post("/{user_id}/reactivate", dependencies=[MANAGE])
def reactivate(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.reactivate(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"{person.name} may sign in again.")


@router.post("/{user_id}/role", dependencies=[MANAGE])
def set_role(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.set_admin(session, user, user_id, is_admin=form_str(form, "is_admin") == "yes")
    words = "is an admin now" if person.is_admin else "is no admin any more"
    return redirect(request, f"/accounts/{user_id}", f"{person.name} {words}, and signs in again.")


@router.post("/{user_id}/reset-factor", dependencies=[MANAGE])
def reset_factor(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.reset_factor(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"{person.name} signs in without a second factor now.")
