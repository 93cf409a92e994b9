"""One's own account: name, password, second factor, sessions, and API tokens."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.core.rate_limits import SIGN_IN
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions, passwords, queries as auth_queries, second_factor_actions
from app.domain.projects import access, queries as projects_queries
from app.http.auth import cookie_name, is_secure
from app.http.transactions import DbSession
from app.web.auth import set_session_cookie
from app.web.deps import CsrfForm, CurrentUser, form_number, form_str, rate_limited, redirect, requires
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter(prefix="/account")
USE = requires(Permission.USE)
SYSTEMS = {"iphone": "iPhone", "ipad": "iPad", "android": "Android", "windows": "Windows", "mac os": "macOS"}
BROWSERS = {"edg": "Edge", "opr": "Opera", "firefox": "Firefox", "chrome": "Chrome", "safari": "Safari"}


# --- name, password, second factor ---


@router.get("", dependencies=[USE])
def show(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _account(request, session, user)


@router.post("/name", dependencies=[USE])
def rename(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    with form_errors() as result:
        accounts_actions.rename(session, user, form_str(form, "name"))
    if result.error:
        return _account(request, session, user, result.error)
    return redirect(request, "/account", "Name saved.")


@router.post("/password", dependencies=[rate_limited(SIGN_IN, "password"), USE])
def set_password(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    current, password = str(form.get("current") or ""), str(form.get("password") or "")
    with form_errors() as result:
        raw = auth_actions.set_password(
            session, user, raw=request.cookies[cookie_name(request)], current=current, password=password
        )
    if result.error:
        return _account(request, session, user, result.error)
    response = redirect(request, "/account", "Password saved. All your other sessions are signed out.")
    set_session_cookie(request, response, raw)
    return response


def _account(request: Request, session: Session, user: User, error: AppError | None = None) -> Response:
    return render(
        request,
        "account/show.html",
        me=user,
        error=error,
        password=auth_queries.password_of(session, user),
        fresh=auth_actions.is_fresh_by_link(request.state.browser),
        factor=auth_queries.has_factor(session, user),
        codes_left=auth_queries.recovery_codes_left(session, user),
        rules=passwords,
    )


@router.get("/second-factor", dependencies=[USE])
def show_factor(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _factor(request, session, user)


@router.post("/second-factor", dependencies=[USE])
def begin_factor(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    second_factor_actions.begin(session, user, key=request.app.state.settings.key)
    return redirect(request, "/account/second-factor")


@router.post("/second-factor/confirm", dependencies=[rate_limited(SIGN_IN, "code"), USE])
def confirm_factor(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    key, raw = request.app.state.settings.key, request.cookies[cookie_name(request)]
    with form_errors() as result:
        codes, raw = second_factor_actions.confirm(session, user, form_str(form, "code"), key=key, raw=raw)
    if result.error:
        return _factor(request, session, user, result.error)
    response = render(request, "account/recovery_codes.html", codes=codes, activated=True)
    set_session_cookie(request, response, raw)
    return response


@router.post("/second-factor/codes", dependencies=[rate_limited(SIGN_IN, "code"), USE])
def renew_codes(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    with form_errors() as result:
        codes = second_factor_actions.renew_codes(
            session, user, form_str(form, "code"), key=request.app.state.settings.key
        )
    if result.error:
        return _factor(request, session, user, result.error)
    return render(request, "account/recovery_codes.html", codes=codes, activated=False)


@router.post("/second-factor/off", dependencies=[rate_limited(SIGN_IN, "code"), USE])
def switch_factor_off(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    with form_errors() as result:
        second_factor_actions.switch_off(session, user, form_str(form, "code"), key=request.app.state.settings.key)
    if result.error:
        return _factor(request, session, user, result.error)
    return redirect(request, "/account", "Two-factor authentication is off.")


def _factor(request: Request, session: Session, user: User, error: AppError | None = None) -> Response:
    """Show the page for the next step: set up, confirm, or manage."""
    factor = auth_queries.factor_of(session, user)
    context: dict[str, Any] = {"state": "off", "secret": None, "picture": None}
    if factor is not None and factor.confirmed_at is not None:
        context["state"] = "on"
    elif factor is not None:
        secret = second_factor_actions.secret_of(factor, key=request.app.state.settings.key)
        context = {"state": "pending", "secret": secret, "picture": second_factor_actions.picture(user, secret)}
    left = auth_queries.recovery_codes_left(session, user)
    return render(request, "account/second_factor.html", error=error, codes_left=left, **context)


# --- sessions ---


@router.get("/sessions", dependencies=[USE])
def list_sessions(request: Request, session: DbSession, user: CurrentUser) -> Response:
    rows = [(row, browser_name(row.user_agent)) for row in auth_queries.sessions_of(session, user)]
    return render(request, "account/sessions.html", rows=rows, current=request.state.browser.id)


@router.post("/sessions/end", dependencies=[USE])
def sign_out_everywhere(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    auth_actions.sign_out_everywhere(session, user)
    request.state.user = None
    response = render(request, "auth/signed_out.html", user_id=user.id)
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request))
    return response


@router.post("/sessions/{session_id}/end", dependencies=[USE])
def revoke_session(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, session_id: str
) -> Response:
    auth_actions.revoke_session(session, user, session_id)
    return redirect(request, "/account/sessions", "Session signed out.")


def browser_name(user_agent: str) -> str:
    """Return a readable name, such as "Firefox on Linux"."""
    agent = user_agent.lower()
    name = next((name for part, name in BROWSERS.items() if re.search(rf"\b{part}\w*/", agent)), "Unknown browser")
    system = next((name for part, name in SYSTEMS.items() if part in agent), "Linux" if "linux" in agent else "")
    return f"{name} on {system}" if system else name


# --- tokens ---


@router.get("/tokens", dependencies=[USE])
def list_tokens(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _tokens(request, session, user)


@router.post("/tokens", dependencies=[USE])
def create_token(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    """Create a token. Only this response shows it."""
    values = {name: form_str(form, name) for name in ("name", "days", "project", "read_only")}
    with form_errors() as result:
        project = access.visible_project(session, user, values["project"]) if values["project"] else None
        raw = accounts_actions.create_token(
            session,
            user,
            name=values["name"],
            days=form_number(form, "days", int) or 0,
            read_only=bool(values["read_only"]),
            project_id=project.id if project else None,
        )
    if result.error:
        return _tokens(request, session, user, values=values, error=result.error)
    return _tokens(request, session, user, raw=raw)


@router.post("/tokens/{token_id}/revoke", dependencies=[USE])
def revoke_token(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, token_id: str) -> Response:
    accounts_actions.revoke_token(session, user, token_id, actor=user)
    return redirect(request, "/account/tokens", "Token revoked.")


def _tokens(
    request: Request,
    session: Session,
    user: User,
    *,
    raw: str | None = None,
    values: dict[str, str] | None = None,
    error: AppError | None = None,
) -> Response:
    projects = projects_queries.projects_of(session, user)
    return render(
        request,
        "account/tokens.html",
        tokens=accounts_queries.tokens_of(session, user),
        names={project.id: project.name for project in projects},
        choices=[(project.slug, project.name) for project in projects],
        longest=accounts_actions.MAX_TOKEN_DAYS,
        values=values or {"name": "", "days": "90", "project": "", "read_only": ""},
        raw=raw,
        error=error,
    )
