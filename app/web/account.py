"""My account: name, password, second factor, the browsers that are signed in, and tokens for scripts."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.core.rate_limits import SIGN_IN
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from app.domain.auth import passwords, second_factor
from app.domain.auth import queries as auth_queries
from app.domain.projects import access
from app.domain.projects import queries as projects_queries
from app.http.auth import cookie_name, is_secure
from app.http.transactions import DbSession
from app.web.auth import keep
from app.web.deps import CsrfForm, CurrentUser, form_number, form_str, rate_limited, redirect, requires
from app.web.render import render

router = APIRouter(prefix="/account")
MINE = requires(Permission.USE)
SYSTEMS = {"iphone": "iPhone", "ipad": "iPad", "android": "Android", "windows": "Windows", "mac os": "macOS"}
BROWSERS = {"edg": "Edge", "opr": "Opera", "firefox": "Firefox", "chrome": "Chrome", "safari": "Safari"}


# --- name, password, second factor ---


@router.get("", dependencies=[MINE])
def show(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _account(request, session, user)


@router.post("/name", dependencies=[MINE])
def rename(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    try:
        accounts_actions.rename(session, user, form_str(form, "name"))
    except AppError as error:
        return _account(request, session, user, error)
    return redirect(request, "/account", "Your name is changed.")


@router.post("/password", dependencies=[rate_limited(SIGN_IN, "password"), MINE])
def set_password(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    current, password = str(form.get("current") or ""), str(form.get("password") or "")
    raw = request.cookies[cookie_name(request)]
    try:
        raw = auth_actions.set_password(session, user, raw=raw, current=current, password=password)
    except AppError as error:
        return _account(request, session, user, error)
    response = redirect(request, "/account", "The password is set. All your other browsers are signed out.")
    keep(request, response, raw)
    return response


def _account(request: Request, session: Session, user: User, error: AppError | None = None) -> Response:
    if error is not None and error.status not in (409, 422):
        raise error
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


@router.get("/second-factor", dependencies=[MINE])
def show_factor(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _factor(request, session, user)


@router.post("/second-factor", dependencies=[MINE])
def begin_factor(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    second_factor.begin(session, user, key=request.app.state.settings.key)
    return redirect(request, "/account/second-factor")


@router.post("/second-factor/confirm", dependencies=[rate_limited(SIGN_IN, "code"), MINE])
def confirm_factor(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    key, raw = request.app.state.settings.key, request.cookies[cookie_name(request)]
    try:
        codes, raw = second_factor.confirm(session, user, form_str(form, "code"), key=key, raw=raw)
    except AppError as error:
        return _factor(request, session, user, error)
    response = render(request, "account/recovery_codes.html", codes=codes, begun=True)
    keep(request, response, raw)
    return response


@router.post("/second-factor/codes", dependencies=[rate_limited(SIGN_IN, "code"), MINE])
def renew_codes(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    try:
        codes = second_factor.renew_codes(session, user, form_str(form, "code"), key=request.app.state.settings.key)
    except AppError as error:
        return _factor(request, session, user, error)
    return render(request, "account/recovery_codes.html", codes=codes, begun=False)


@router.post("/second-factor/off", dependencies=[rate_limited(SIGN_IN, "code"), MINE])
def switch_factor_off(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    try:
        second_factor.switch_off(session, user, form_str(form, "code"), key=request.app.state.settings.key)
    except AppError as error:
        return _factor(request, session, user, error)
    return redirect(request, "/account", "The second factor is off.")


def _factor(request: Request, session: Session, user: User, error: AppError | None = None) -> Response:
    """The page for what comes next: beginning, confirming, or looking after it."""
    if error is not None and error.status not in (409, 422):
        raise error
    factor = auth_queries.factor_of(session, user)
    shown: dict[str, Any] = {"state": "off", "secret": None, "picture": None}
    if factor is not None and factor.confirmed_at is not None:
        shown["state"] = "on"
    elif factor is not None:
        secret = second_factor.secret_of(factor, key=request.app.state.settings.key)
        shown = {"state": "begun", "secret": secret, "picture": second_factor.picture(user, secret)}
    left = auth_queries.recovery_codes_left(session, user)
    status = error.status if error else 200
    return render(request, "account/second_factor.html", status=status, error=error, codes_left=left, **shown)


# --- browsers ---


@router.get("/sessions", dependencies=[MINE])
def list_sessions(request: Request, session: DbSession, user: CurrentUser) -> Response:
    rows = [(one, browser(one.user_agent)) for one in auth_queries.sessions_of(session, user)]
    return render(request, "account/sessions.html", rows=rows, current=request.state.browser.id)


@router.post("/sessions/end", dependencies=[MINE])
def sign_out_everywhere(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    auth_actions.sign_out_everywhere(session, user)
    request.state.user = None
    response = render(request, "auth/signed_out.html", who=user.id)
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request))
    return response


@router.post("/sessions/{session_id}/end", dependencies=[MINE])
def revoke_session(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, session_id: str
) -> Response:
    auth_actions.revoke_session(session, user, session_id)
    return redirect(request, "/account/sessions", "That browser is signed out.")


def browser(user_agent: str) -> str:
    """What a person calls it: Firefox on Linux."""
    agent = user_agent.lower()
    name = next((words for part, words in BROWSERS.items() if re.search(rf"\b{part}\w*/", agent)), "A browser")
    system = next((words for part, words in SYSTEMS.items() if part in agent), "Linux" if "linux" in agent else "")
    return f"{name} on {system}" if system else name


# --- tokens ---


@router.get("/tokens", dependencies=[MINE])
def list_tokens(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return _tokens(request, session, user)


@router.post("/tokens", dependencies=[MINE])
def make_token(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    """The token stands in the answer itself and nowhere else."""
    given = {name: form_str(form, name) for name in ("name", "days", "project", "read_only")}
    try:
        project = access.visible_project(session, user, given["project"]) if given["project"] else None
        raw = accounts_actions.make_token(
            session,
            user,
            name=given["name"],
            days=form_number(form, "days", int) or 0,
            read_only=bool(given["read_only"]),
            project_id=project.id if project else None,
        )
    except AppError as error:
        return _tokens(request, session, user, given=given, error=error)
    return _tokens(request, session, user, raw=raw)


@router.post("/tokens/{token_id}/revoke", dependencies=[MINE])
def revoke_token(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, token_id: str) -> Response:
    accounts_actions.revoke_token(session, user, token_id, actor=user)
    return redirect(request, "/account/tokens", "The token is revoked; who still sends it is refused.")


def _tokens(
    request: Request,
    session: Session,
    user: User,
    *,
    raw: str | None = None,
    given: dict[str, str] | None = None,
    error: AppError | None = None,
) -> Response:
    if error is not None and error.status not in (409, 422):
        raise error
    mine = projects_queries.projects_of(session, user)
    return render(
        request,
        "account/tokens.html",
        tokens=accounts_queries.tokens_of(session, user),
        names={project.id: project.name for project in mine},
        choices=[(project.slug, project.name) for project in mine],
        longest=accounts_actions.LONGEST_DAYS,
        given=given or {"name": "", "days": "90", "project": "", "read_only": ""},
        raw=raw,
        error=error,
    )
