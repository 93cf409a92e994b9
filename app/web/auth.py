"""Sign in with a password, one-time link or single sign-on; second factor; sign out.

A GET never redeems a link, because email scanners open links. Passwords are checked before the transaction begins.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError, NotFound
from app.core.rate_limits import SIGN_IN, SIGN_IN_ALL
from app.core.security import same
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.auth import (
    actions as auth_actions,
    passwords,
    queries as auth_queries,
    second_factor_actions,
    single_sign_on,
)
from app.http.auth import cookie_name, is_secure
from app.http.transactions import Transaction
from app.web.csrf import check_site
from app.web.deps import CsrfForm, Page, redirect, requires, set_cookie
from app.web.render import render

router = APIRouter()
LOGIN_COOKIE = "preceptor_away"
LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
WRONG = "Incorrect email or password. If you forgot your password, ask an admin for a one-time link."
USED = "This sign-in link was already used or has expired. Ask an admin for a new one."


def safe_next(address: str) -> str:
    """Return `address` if it is a path on this site, else the home page. Prevents redirects to another site."""
    return address if LOCAL_PATH.fullmatch(address) else "/"


# --- password ---


@router.get("/sign-in")
def show_password_form(request: Request, session: Transaction, next: str = "") -> Response:
    raw = request.cookies.get(cookie_name(request), "")
    if auth_queries.session_of(session, raw):
        return redirect(request, safe_next(next))
    return _password_page(request, next)


@router.post("/sign-in")
def sign_in_with_password(request: Request, session: Transaction, form: CsrfForm) -> Response:
    """A wrong email and a wrong password get the same response after the same work, so neither can be probed."""
    email, password, then = form.text("email"), form.raw("password"), form.text("next")
    limits, keys = request.app.state.limits, (("account", email.lower()), ("address", _client_address(request)))
    limits.hit(SIGN_IN_ALL, "sign-in")
    for purpose, name in keys:
        limits.hit(SIGN_IN, purpose, name)
    with request.app.state.database.read() as read:
        stored = auth_queries.password_hash(read, email)
    right = passwords.matches(stored, password)
    for purpose, name in keys if right else ():
        limits.forgive(SIGN_IN, purpose, name)
    user = auth_actions.sign_in_with_password(session, email=email, password=password, right=right)
    if user is None:
        return _password_page(request, then, status=401, email=email, error=WRONG)
    return _after_first_factor(request, session, user, "password", then)


def _password_page(request: Request, then: str, *, status: int = 200, email: str = "", error: str = "") -> Response:
    provider = _provider(request)
    return render(
        request,
        "auth/password.html",
        status=status,
        next=safe_next(then),
        email=email,
        error=error,
        provider=provider.name if provider else None,
    )


# --- second factor ---


@router.get("/sign-in/second-factor")
def show_code_form(request: Request, session: Transaction, next: str = "") -> Response:
    if not auth_queries.session_of(session, request.cookies.get(cookie_name(request), ""), pending=True):
        return redirect(request, _with_next("/sign-in", next))
    return render(request, "auth/second_factor.html", next=safe_next(next), error="")


@router.post("/sign-in/second-factor")
def sign_in_with_code(request: Request, session: Transaction, form: CsrfForm) -> Response:
    raw, then = request.cookies.get(cookie_name(request), ""), form.text("next")
    with request.app.state.database.read() as read:
        match = auth_queries.session_of(read, raw, pending=True)
    if match is None:
        return redirect(request, _with_next("/sign-in", then))
    request.app.state.limits.hit(SIGN_IN_ALL, "sign-in")
    request.app.state.limits.hit(SIGN_IN, "second factor", match[0].id)
    user, way = accounts_queries.get_user(session, match[0].id), match[1].way
    if not second_factor_actions.passes(session, user, form.text("code"), key=request.app.state.settings.key):
        error = "Incorrect or already used code. Wait for the next one."
        return render(request, "auth/second_factor.html", status=401, next=safe_next(then), error=error)
    return _start(request, session, user, way, safe_next(then), pending=False)


# --- single sign-on ---


@router.get("/sign-in/oidc")
def start_login(request: Request, next: str = "") -> Response:
    """Redirect to the provider. An encrypted cookie keeps the state that the callback needs."""
    provider = _provider(request)
    if provider is None:
        raise NotFound("Single sign-on is not configured.")
    address, login = single_sign_on.start_login(provider, _callback(request))
    response = redirect(request, address)
    encrypted = single_sign_on.encrypt_state(login, safe_next(next), key=request.app.state.settings.key)
    seconds = single_sign_on.LOGIN_SECONDS
    set_cookie(request, response, LOGIN_COOKIE, encrypted, seconds=seconds, path="/sign-in/oidc")
    return response


@router.get("/sign-in/oidc/callback")
def complete_login(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Handle the provider's callback. The only GET that writes; it requires the cookie that `start_login` set."""
    database, settings, provider = request.app.state.database, request.app.state.settings, _provider(request)
    if provider is None:
        raise NotFound("Single sign-on is not configured.")
    try:
        claims, then = _claims(request, provider, state, code, error)
        with database.session() as session:
            user = auth_actions.sign_in_with_identity(session, claims, new_people=settings.oidc_new_people)
            response = _after_first_factor(request, session, user, "oidc", then)
    except AppError:
        request.app.state.limits.hit(SIGN_IN, "oidc", _client_address(request))
        with database.session() as session:
            auth_actions.sign_in_refused(session, "oidc")
        raise
    response.delete_cookie(LOGIN_COOKIE, path="/sign-in/oidc", secure=is_secure(request))
    return response


def _claims(
    request: Request, provider: single_sign_on.Provider, state: str, code: str, error: str
) -> tuple[single_sign_on.Claims, str]:
    login = single_sign_on.decrypt_state(request.cookies.get(LOGIN_COOKIE, ""), key=request.app.state.settings.key)
    if login is None or not same(login[0].state, state):
        raise single_sign_on.SignOnFailed("This sign-in was started in another browser or has expired. Try again.")
    if error or not code:
        raise single_sign_on.SignOnFailed(f"{provider.name} could not sign you in. Try again.")
    return single_sign_on.complete_login(provider, _callback(request), login[0], code), login[1]


def _provider(request: Request) -> single_sign_on.Provider | None:
    settings = request.app.state.settings
    if not settings.oidc_issuer:
        return None
    return single_sign_on.Provider(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_secret, settings.oidc_name
    )


def _callback(request: Request) -> str:
    return f"{request.app.state.settings.url.rstrip('/')}/sign-in/oidc/callback"


# --- one-time link ---


@router.get("/sign-in/{token}")
def show_link(request: Request, session: Transaction, token: str) -> Response:
    user = auth_queries.user_by_link(session, token)
    if user is None:
        raise NotFound(USED)
    return render(request, "auth/link.html", token=token, email=user.email, name=user.name)


@router.post("/sign-in/{token}")
def sign_in_with_link(request: Request, session: Transaction, token: str) -> Response:
    """There is no session yet, so no CSRF token; check_site stops another site from signing a user in."""
    check_site(request)
    with request.app.state.database.read() as read:
        is_valid = auth_queries.user_by_link(read, token) is not None
    if not is_valid:
        request.app.state.limits.hit(SIGN_IN, "link", _client_address(request))
        raise NotFound(USED)
    user = auth_actions.redeem_sign_in_link(session, token)
    return _after_first_factor(request, session, user, "link", "/")


# --- sessions ---


def _after_first_factor(request: Request, session: Session, user: User, way: str, then: str) -> Response:
    """Start a session and redirect to the requested page, or to the second factor if the user has one."""
    pending = auth_queries.has_factor(session, user)
    url = _with_next("/sign-in/second-factor", then) if pending else safe_next(then)
    return _start(request, session, user, way, url, pending=pending)


def _start(request: Request, session: Session, user: User, way: str, url: str, *, pending: bool) -> Response:
    raw = auth_actions.start_session(
        session,
        user,
        user_agent=request.headers.get("user-agent", ""),
        way=way,
        pending=pending,
        replaces=request.cookies.get(cookie_name(request), ""),
    )
    response = redirect(request, url)
    set_session_cookie(request, response, raw)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def set_session_cookie(request: Request, response: Response, raw: str) -> None:
    set_cookie(request, response, cookie_name(request), raw, seconds=auth_actions.SESSION_DAYS * 86400)


@router.post("/sign-out", dependencies=[requires(Permission.USE)])
def sign_out(page: Page) -> Response:
    auth_actions.sign_out(page.session, page.user, page.request.cookies[cookie_name(page.request)])
    return signed_out_page(page)


def signed_out_page(page: Page) -> Response:
    page.request.state.user = None
    response = page.render("auth/signed_out.html", user_id=page.user.id)
    response.delete_cookie(cookie_name(page.request), path="/", secure=is_secure(page.request))
    return response


def _with_next(address: str, then: str) -> str:
    return address if safe_next(then) == "/" else f"{address}?next={quote(then, safe='')}"


def _client_address(request: Request) -> str:
    return request.client.host if request.client else ""
