"""What page routes depend on: the signed-in user, the permission, the posted form, the context of a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import BackgroundTasks, Depends, Request, Response
from fastapi.responses import RedirectResponse
from limits import RateLimitItem
from sqlalchemy.orm import Session

from app.core.errors import Unauthorized
from app.core.storage import Storage
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.actions import save_last_use
from app.domain.accounts.permissions import ROLE_PERMISSIONS, Permission
from app.domain.accounts.tables import User
from app.domain.auth import queries as auth_queries
from app.domain.auth.tables import WebSession
from app.domain.notifications import queries as notifications_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.http.auth import CurrentUser, cookie_name, is_secure
from app.http.route_permissions import authorize
from app.http.transactions import READING, BodyRead, DbSession, Transaction, WriteSlot
from app.settings import Settings
from app.web.csrf import check_csrf, check_site
from app.web.forms import Form
from app.web.render import FLASH_COOKIE, render


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
    user, browser = row
    request.state.browser = browser
    if accounts_queries.is_use_stale(browser.last_seen_at):
        background.add_task(save_last_use, request.app.state.database, WebSession.last_seen_at, browser.id)
    request.state.actor, request.state.me = user.id, user
    unread = notifications_queries.unread(session, user) if request.method == "GET" else 0
    request.state.user = Viewer(user.id, user.name, user.email, user.is_admin, unread)
    return user


def rate_limited(item: RateLimitItem, purpose: str) -> Any:
    """Make a dependency that counts the requests of one browser; list it before `requires`."""

    def count(request: Request, _: WriteSlot) -> None:
        request.app.state.limits.hit(item, purpose, request.cookies.get(cookie_name(request), ""))

    return Depends(count)


async def csrf_form(request: Request, _: BodyRead) -> Form:
    """Return the form of a request that changes something, once it is known to come from one of our pages.

    Checked are the headers that browsers send and the CSRF token (field `csrf`, or header `X-CSRF-Token` of scripts).
    """
    if request.method in READING:
        return Form()
    check_site(request)
    form = Form(await request.form())
    check_csrf(request, str(form.get("csrf") or request.headers.get("X-CSRF-Token") or ""))
    return form


CsrfForm = Annotated[Form, Depends(csrf_form)]


def requires(permission: Permission) -> Any:
    """Make the dependency of a route: authenticate the browser, check the form's CSRF token, then the permission."""

    def check(request: Request, session: Transaction, user: Annotated[User, Depends(signed_in)], _: CsrfForm) -> None:
        request.state.project = authorize(session, user, permission, request.path_params)

    check.permission = permission  # type: ignore[attr-defined]
    return Depends(check)


@dataclass(frozen=True)
class CurrentPage:
    """What the handler of a page works with, once the permission of its route is checked."""

    request: Request
    session: Session
    user: User
    form: Form
    project: Project
    """The project that the permission was checked on; None at run time on pages outside projects."""
    settings: Settings
    storage: Storage

    @property
    def root(self) -> str:
        return f"/projects/{self.project.slug}"

    @property
    def can(self) -> dict[str, bool]:
        """Whether the user's role in the project has each permission, by its name."""
        role = access.role_in(self.session, self.user, self.project)
        held = ROLE_PERMISSIONS[role] if role else frozenset()
        return {permission.name.lower(): permission in held for permission in Permission}

    def render(self, template: str, *, status: int | None = None, **context: Any) -> Response:
        """Render a template; inside a project with `project`, `role` and `can` for the layout, which shows `tab`."""
        if self.project:
            role = access.role_in(self.session, self.user, self.project)
            context = {"project": self.project, "role": role.value if role else None, "can": self.can, **context}
        return render(self.request, template, status=status, **context)

    def redirect(self, url: str, flash: str | None = None) -> Response:
        return redirect(self.request, url, flash)


async def current_page(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> CurrentPage:
    state = request.app.state
    return CurrentPage(request, session, user, form, request.state.project, state.settings, state.storage)


Page = Annotated[CurrentPage, Depends(current_page)]


def current_pair(session: DbSession, pair_id: str) -> Pair:
    return pairs_queries.by_id(session, pair_id)


CurrentPair = Annotated[Pair, Depends(current_pair)]


def redirect(request: Request, url: str, flash: str | None = None) -> RedirectResponse:
    """Redirect (303), with a message that the next page shows."""
    response = RedirectResponse(url, status_code=303)
    if flash:
        set_cookie(request, response, FLASH_COOKIE, quote(flash), seconds=60)
    return response


def set_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int, path: str = "/") -> None:
    """Set a cookie that no script can read and that no other site's form sends."""
    secure = is_secure(request)
    response.set_cookie(name, value, max_age=seconds, path=path, httponly=True, samesite="lax", secure=secure)
