"""All accounts, for admins: list, invite, change roles, deactivate."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.core.errors import AppError, Conflict, Invalid
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.auth import actions as auth_actions, queries as auth_queries
from app.domain.projects import queries as projects_queries
from app.web.account import browser_name
from app.web.deps import Page, requires

router = APIRouter(prefix="/accounts")
MANAGE = requires(Permission.MANAGE_PEOPLE)


def sign_in_url(request: Request, raw: str) -> str:
    """Return the URL of a one-time sign-in link."""
    return f"{request.app.state.settings.url.rstrip('/')}/sign-in/{raw}"


@router.get("", dependencies=[MANAGE])
def index(page: Page) -> Response:
    return _index(page)


@router.post("", dependencies=[MANAGE])
def invite(page: Page) -> Response:
    """Create an account with a one-time sign-in link. Only this response shows the link."""
    values = page.form.texts("email", "name", "is_admin")
    try:
        invited, raw = auth_actions.invite(
            page.session, page.user, email=values["email"], name=values["name"], is_admin=bool(values["is_admin"])
        )
    except (Conflict, Invalid) as error:
        return _index(page, values=values, error=error)
    return _account(page, invited.id, link=sign_in_url(page.request, raw))


def _index(page: Page, *, values: dict[str, str] | None = None, error: AppError | None = None) -> Response:
    accounts = accounts_queries.people(page.session)
    ids = [account.id for account in accounts]
    return page.render(
        "accounts/list.html",
        accounts=accounts,
        roles=projects_queries.roles_by_user(page.session),
        seen=auth_queries.last_seen(page.session, ids),
        ways=auth_queries.ways_of(page.session, ids),
        values=values or {"email": "", "name": "", "is_admin": ""},
        error=error,
    )


@router.get("/{user_id}", dependencies=[MANAGE])
def show(page: Page, user_id: str) -> Response:
    return _account(page, user_id)


def _account(page: Page, user_id: str, *, link: str | None = None) -> Response:
    person = auth_actions.user_for(page.session, page.user, user_id)
    return page.render(
        "accounts/show.html",
        person=person,
        me=page.user,
        link=link,
        roles=projects_queries.roles_by_user(page.session).get(person.id, []),
        ways=auth_queries.ways_of(page.session, [person.id])[person.id],
        sessions=[(row, browser_name(row.user_agent)) for row in auth_queries.sessions_of(page.session, person)],
        tokens=accounts_queries.tokens_of(page.session, person),
    )


@router.post("/{user_id}/link", dependencies=[MANAGE])
def new_link(page: Page, user_id: str) -> Response:
    _, raw = auth_actions.new_link(page.session, page.user, user_id)
    return _account(page, user_id, link=sign_in_url(page.request, raw))


@router.post("/{user_id}/end-sessions", dependencies=[MANAGE])
def end_sessions(page: Page, user_id: str) -> Response:
    ended = auth_actions.end_sessions(page.session, page.user, user_id)
    return page.redirect(f"/accounts/{user_id}", f"Signed out of {ended} session{'' if ended == 1 else 's'}.")


@router.post("/{user_id}/deactivate", dependencies=[MANAGE])
def deactivate(page: Page, user_id: str) -> Response:
    person = auth_actions.deactivate(page.session, page.user, user_id)
    return page.redirect(f"/accounts/{user_id}", f"{person.name} can no longer sign in.")


@router.post("/{user_id}/reactivate", dependencies=[MANAGE])
def reactivate(page: Page, user_id: str) -> Response:
    person = auth_actions.reactivate(page.session, page.user, user_id)
    return page.redirect(f"/accounts/{user_id}", f"{person.name} can sign in again.")


@router.post("/{user_id}/role", dependencies=[MANAGE])
def set_role(page: Page, user_id: str) -> Response:
    person = auth_actions.set_admin(page.session, page.user, user_id, is_admin=page.form.text("is_admin") == "yes")
    change = "is now an admin" if person.is_admin else "is no longer an admin"
    return page.redirect(f"/accounts/{user_id}", f"{person.name} {change} and must sign in again.")


@router.post("/{user_id}/reset-factor", dependencies=[MANAGE])
def reset_factor(page: Page, user_id: str) -> Response:
    person = auth_actions.reset_factor(page.session, page.user, user_id)
    return page.redirect(f"/accounts/{user_id}", f"Two-factor authentication is off for {person.name}.")
