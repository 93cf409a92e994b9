"""What page routes depend on: the signed-in user, the permission, the posted form, the context of a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import BackgroundTasks, Depends, Request
from fastapi.responses import RedirectResponse
from limits import RateLimitItem
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import Invalid, Unauthorized
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.actions import save_last_use
from app.domain.accounts.permissions import ROLE_PERMISSIONS, Permission
from app.domain.accounts.tables import User
from app.domain.auth import queries as auth_queries
from app.domain.auth.actions import mark_seen
from app.domain.notifications import queries as notifications_queries
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.http.auth import CurrentUser as CurrentUser, cookie_name, is_secure
from app.http.route_permissions import CurrentProject as CurrentProject, authorize
from app.http.transactions import READING, BodyRead, Transaction, WriteSlot
from app.web.csrf import check_csrf, check_site
from app.web.render import FLASH_COOKIE


@dataclass(frozen=True)
class Viewer:
    """What the layout shows of the signed-in user. Unlike the row it outlives the transaction, for error pages."""

    id: str
    name: str
    email: str
    is_admin: bool
    unread: int = 0


def signed_in(request: Request, session: Transaction, background: BackgroundTasks) -> User:
    raw = request.cookies.get(cookie_name(request))
    row = auth_queries.session_of(session, raw) if raw else None
    if row is None:
        raise Unauthorized("You are not signed in, or your session has ended.")
    user, request.state.browser = row
    if accounts_queries.is_use_stale(request.state.browser.last_seen_at):
        background.add_task(save_last_use, request.app.state.database, mark_seen, request.state.browser.id)
    request.state.actor, request.state.me = user.id, user
    unread = notifications_queries.unread(session, user) if request.method == "GET" else 0
    request.state.user = Viewer(user.id, user.name, user.email, user.is_admin, unread)
    return user


def rate_limited(item: RateLimitItem, purpose: str) -> Any:
    """Make a dependency that counts the requests of one browser; list it before `requires`."""

    def count(request: Request, _: WriteSlot) -> None:
        request.app.state.limits.hit(item, purpose, request.cookies.get(cookie_name(request), ""))

    return Depends(count)


async def csrf_form(request: Request, _: BodyRead) -> FormData:
    """Return the form of a request that changes something, once it is known to come from one of our pages.

    Checked are the headers that browsers send and the CSRF token (field `csrf`, or header `X-CSRF-Token` of scripts).
    """
    if request.method in READING:
        return FormData()
    check_site(request)
    form = await request.form()
    check_csrf(request, str(form.get("csrf") or request.headers.get("X-CSRF-Token") or ""))
    return form


CsrfForm = Annotated[FormData, Depends(csrf_form)]


def requires(permission: Permission) -> Any:
    """Make the dependency of a route: authenticate the browser, check the form's CSRF token, then the permission."""

    def check(request: Request, session: Transaction, user: Annotated[User, Depends(signed_in)], _: CsrfForm) -> None:
        request.state.project = authorize(session, user, permission, request.path_params)

    check.permission = permission  # type: ignore[attr-defined]
    return Depends(check)


def form_str(form: FormData, name: str, default: str = "") -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else default


def form_number(form: FormData, name: str, kind: type[float] | type[int] = float) -> Any:
    """Return a number of the form, None when the field is empty. Raises Invalid."""
    raw = form_str(form, name)
    if not raw:
        return None
    try:
        return kind(raw.replace(",", "."))
    except ValueError:
        raise Invalid(f"{raw!r} is not a number.", field=name) from None


def project_context(session: Session, user: User, project: Project, tab: str | None = None) -> dict[str, Any]:
    """Return what the layout needs: the project, the user's role in it, and `can.<permission>`."""
    role = access.role_in(session, user, project)
    held = ROLE_PERMISSIONS[role] if role else frozenset()
    can = {permission.name.lower(): permission in held for permission in Permission}
    return {"project": project, "role": role.value if role else None, "can": can, "tab": tab}


def redirect(request: Request, url: str, flash: str | None = None) -> RedirectResponse:
    """Redirect (303), with a message that the next page shows."""
    response = RedirectResponse(url, status_code=303)
    if flash:
        response.set_cookie(
            FLASH_COOKIE, quote(flash), max_age=60, httponly=True, samesite="lax", secure=is_secure(request)
        )
    return response
