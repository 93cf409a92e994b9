"""One's own account: name, password, second factor, sessions, and API tokens."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Conflict, Invalid
from app.core.rate_limits import SIGN_IN
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.auth import actions as auth_actions, passwords, queries as auth_queries, second_factor_actions
from app.domain.projects import access, queries as projects_queries
from app.http.auth import cookie_name
from app.web.auth import set_session_cookie, signed_out_page
from app.web.deps import Page, rate_limited, requires

router = APIRouter(prefix="/account")
USE = requires(Permission.USE)
SYSTEMS = {"iphone": "iPhone", "ipad": "iPad", "android": "Android", "windows": "Windows", "mac os": "macOS"}
BROWSERS = {"edg": "Edge", "opr": "Opera", "firefox": "Firefox", "chrome": "Chrome", "safari": "Safari"}


# --- name, password, second factor ---


@router.get("", dependencies=[USE])
def show(page: Page) -> Response:
    return _account(page)


@router.post("/name", dependencies=[USE])
def rename(page: Page) -> Response:
    try:
        accounts_actions.rename(page.session, page.user, page.form.text("name"))
    except (Conflict, Invalid) as error:
        return _account(page, error)
    return page.redirect("/account", "Name saved.")


@router.post("/password", dependencies=[rate_limited(SIGN_IN, "password"), USE])
def set_password(page: Page) -> Response:
    current, password = page.form.raw("current"), page.form.raw("password")
    try:
        raw = auth_actions.set_password(
            page.session,
            page.user,
            raw=page.request.cookies[cookie_name(page.request)],
            current=current,
            password=password,
        )
    except (Conflict, Invalid) as error:
        return _account(page, error)
    response = page.redirect("/account", "Password saved. All your other sessions are signed out.")
    set_session_cookie(page.request, response, raw)
    return response


def _account(page: Page, error: AppError | None = None) -> Response:
    return page.render(
        "account/show.html",
        me=page.user,
        error=error,
        password=auth_queries.password_of(page.session, page.user),
        fresh=auth_actions.is_fresh_by_link(page.request.state.browser),
        factor=auth_queries.has_factor(page.session, page.user),
        codes_left=auth_queries.recovery_codes_left(page.session, page.user),
        rules=passwords,
    )


@router.get("/second-factor", dependencies=[USE])
def show_factor(page: Page) -> Response:
    return _factor(page)


@router.post("/second-factor", dependencies=[USE])
def begin_factor(page: Page) -> Response:
    second_factor_actions.begin(page.session, page.user, key=page.settings.key)
    return page.redirect("/account/second-factor")


@router.post("/second-factor/confirm", dependencies=[rate_limited(SIGN_IN, "code"), USE])
def confirm_factor(page: Page) -> Response:
    key, raw = page.settings.key, page.request.cookies[cookie_name(page.request)]
    try:
        codes, raw = second_factor_actions.confirm(page.session, page.user, page.form.text("code"), key=key, raw=raw)
    except (Conflict, Invalid) as error:
        return _factor(page, error)
    response = page.render("account/recovery_codes.html", codes=codes, activated=True)
    set_session_cookie(page.request, response, raw)
    return response


@router.post("/second-factor/codes", dependencies=[rate_limited(SIGN_IN, "code"), USE])
def renew_codes(page: Page) -> Response:
    try:
        codes = second_factor_actions.renew_codes(
            page.session, page.user, page.form.text("code"), key=page.settings.key
        )
    except (Conflict, Invalid) as error:
        return _factor(page, error)
    return page.render("account/recovery_codes.html", codes=codes, activated=False)


@router.post("/second-factor/off", dependencies=[rate_limited(SIGN_IN, "code"), USE])
def switch_factor_off(page: Page) -> Response:
    try:
        second_factor_actions.switch_off(page.session, page.user, page.form.text("code"), key=page.settings.key)
    except (Conflict, Invalid) as error:
        return _factor(page, error)
    return page.redirect("/account", "Two-factor authentication is off.")


def _factor(page: Page, error: AppError | None = None) -> Response:
    """Show the page for the next step: set up, confirm, or manage."""
    factor = auth_queries.factor_of(page.session, page.user)
    context: dict[str, Any] = {"state": "off", "secret": None, "picture": None}
    if factor is not None and factor.confirmed_at is not None:
        context["state"] = "on"
    elif factor is not None:
        secret = second_factor_actions.secret_of(factor, key=page.settings.key)
        context = {"state": "pending", "secret": secret, "picture": second_factor_actions.picture(page.user, secret)}
    left = auth_queries.recovery_codes_left(page.session, page.user)
    return page.render("account/second_factor.html", error=error, codes_left=left, **context)


# --- sessions ---


@router.get("/sessions", dependencies=[USE])
def list_sessions(page: Page) -> Response:
    rows = [(row, browser_name(row.user_agent)) for row in auth_queries.sessions_of(page.session, page.user)]
    return page.render("account/sessions.html", rows=rows, current=page.request.state.browser.id)


@router.post("/sessions/end", dependencies=[USE])
def sign_out_everywhere(page: Page) -> Response:
    auth_actions.sign_out_everywhere(page.session, page.user)
    return signed_out_page(page)


@router.post("/sessions/{session_id}/end", dependencies=[USE])
def revoke_session(page: Page, session_id: str) -> Response:
    auth_actions.revoke_session(page.session, page.user, session_id)
    return page.redirect("/account/sessions", "Session signed out.")


def browser_name(user_agent: str) -> str:
    """Return a readable name, such as "Firefox on Linux"."""
    agent = user_agent.lower()
    name = next((name for part, name in BROWSERS.items() if re.search(rf"\b{part}\w*/", agent)), "Unknown browser")
    system = next((name for part, name in SYSTEMS.items() if part in agent), "Linux" if "linux" in agent else "")
    return f"{name} on {system}" if system else name


# --- tokens ---


@router.get("/tokens", dependencies=[USE])
def list_tokens(page: Page) -> Response:
    return _tokens(page)


@router.post("/tokens", dependencies=[USE])
def create_token(page: Page) -> Response:
    """Create a token. Only this response shows it."""
    values = page.form.texts("name", "days", "project", "read_only")
    try:
        project = access.visible_project(page.session, page.user, values["project"]) if values["project"] else None
        raw = accounts_actions.create_token(
            page.session,
            page.user,
            name=values["name"],
            days=page.form.number("days", int) or 0,
            read_only=bool(values["read_only"]),
            project_id=project.id if project else None,
        )
    except (Conflict, Invalid) as error:
        return _tokens(page, values=values, error=error)
    return _tokens(page, raw=raw)


@router.post("/tokens/{token_id}/revoke", dependencies=[USE])
def revoke_token(page: Page, token_id: str) -> Response:
    accounts_actions.revoke_token(page.session, page.user, token_id, actor=page.user)
    return page.redirect("/account/tokens", "Token revoked.")


def _tokens(
    page: Page, *, raw: str | None = None, values: dict[str, str] | None = None, error: AppError | None = None
) -> Response:
    projects = projects_queries.projects_of(page.session, page.user)
    return page.render(
        "account/tokens.html",
        tokens=accounts_queries.tokens_of(page.session, page.user),
        names={project.id: project.name for project in projects},
        choices=[(project.slug, project.name) for project in projects],
        longest=accounts_actions.MAX_TOKEN_DAYS,
        values=values or {"name": "", "days": "90", "project": "", "read_only": ""},
        raw=raw,
        error=error,
    )
