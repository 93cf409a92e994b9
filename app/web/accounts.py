"""All accounts, for admins: list, invite, change roles, deactivate."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions, queries as auth_queries
from app.domain.projects import queries as projects_queries
from app.http.transactions import DbSession
from app.web.account import browser_name
from app.web.deps import CsrfForm, CurrentUser, form_str, redirect, requires
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter(prefix="/accounts")
MANAGE = requires(Permission.MANAGE_PEOPLE)


def sign_in_url(request: Request, raw: str) -> str:
    """Return the URL of a one-time sign-in link."""
    return f"{request.app.state.settings.url.rstrip('/')}/sign-in/{raw}"


@router.get("", dependencies=[MANAGE])
def index(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _index(request, session, user)


@router.post("", dependencies=[MANAGE])
def invite(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    """Create an account with a one-time sign-in link. Only this response shows the link."""
    values = {name: form_str(form, name) for name in ("email", "name", "is_admin")}
    with form_errors() as result:
        invited, raw = auth_actions.invite(
            session, user, email=values["email"], name=values["name"], is_admin=bool(values["is_admin"])
        )
    if result.error:
        return _index(request, session, user, values=values, error=result.error)
    return _account(request, session, user, invited.id, link=sign_in_url(request, raw))


def _index(
    request: Request,
    session: Session,
    user: User,
    *,
    values: dict[str, str] | None = None,
    error: AppError | None = None,
) -> Response:
    accounts = accounts_queries.people(session)
    ids = [account.id for account in accounts]
    return render(
        request,
        "accounts/list.html",
        accounts=accounts,
        roles=projects_queries.roles_by_user(session),
        seen=auth_queries.last_seen(session, ids),
        ways=auth_queries.ways_of(session, ids),
        values=values or {"email": "", "name": "", "is_admin": ""},
        error=error,
    )


@router.get("/{user_id}", dependencies=[MANAGE])
def show(request: Request, session: DbSession, user: CurrentUser, user_id: str) -> Response:
    return _account(request, session, user, user_id)


def _account(request: Request, session: Session, user: User, user_id: str, *, link: str | None = None) -> Response:
    person = auth_actions.user_for(session, user, user_id)
    return render(
        request,
        "accounts/show.html",
        person=person,
        me=user,
        link=link,
        roles=projects_queries.roles_by_user(session).get(person.id, []),
        ways=auth_queries.ways_of(session, [person.id])[person.id],
        sessions=[(row, browser_name(row.user_agent)) for row in auth_queries.sessions_of(session, person)],
        tokens=accounts_queries.tokens_of(session, person),
    )


@router.post("/{user_id}/link", dependencies=[MANAGE])
def new_link(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    _, raw = auth_actions.new_link(session, user, user_id)
    return _account(request, session, user, user_id, link=sign_in_url(request, raw))


@router.post("/{user_id}/end-sessions", dependencies=[MANAGE])
def end_sessions(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    ended = auth_actions.end_sessions(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"Signed out of {ended} session{'' if ended == 1 else 's'}.")


@router.post("/{user_id}/deactivate", dependencies=[MANAGE])
def deactivate(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.deactivate(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"{person.name} can no longer sign in.")


@router.post("/{user_id}/reactivate", dependencies=[MANAGE])
def reactivate(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.reactivate(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"{person.name} can sign in again.")


@router.post("/{user_id}/role", dependencies=[MANAGE])
def set_role(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.set_admin(session, user, user_id, is_admin=form_str(form, "is_admin") == "yes")
    change = "is now an admin" if person.is_admin else "is no longer an admin"
    return redirect(request, f"/accounts/{user_id}", f"{person.name} {change} and must sign in again.")


@router.post("/{user_id}/reset-factor", dependencies=[MANAGE])
def reset_factor(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    person = auth_actions.reset_factor(session, user, user_id)
    return redirect(request, f"/accounts/{user_id}", f"Two-factor authentication is off for {person.name}.")
