"""Signing in by a one-time link, and out. A GET never uses the link up: mail scanners open links."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.core.errors import Forbidden, NotFound
from app.domain.signin import actions, queries
from app.web.csrf import cookie_name, is_secure
from app.web.deps import Db, Posted, go
from app.web.render import page

router = APIRouter()


@router.get("/sign-in/{token}")
def ask(request: Request, session: Db, token: str) -> Response:
    user = queries.user_by_link(session, token)
    if user is None:
        raise NotFound("This sign-in link has been used or has expired; ask an admin for a new one.")
    return page(request, "accounts/sign_in.html", token=token, email=user.email, name=user.name)


@router.post("/sign-in/{token}")
def sign_in(request: Request, session: Db, token: str) -> Response:
    """No CSRF token, for there is no session yet; a foreign page may not sign a person in as somebody else."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("Open the sign-in link itself and press the button there.")
    user = actions.redeem_sign_in_link(session, token)
    raw = actions.start_session(session, user)
    response = go(request, "/")
    response.set_cookie(
        cookie_name(request),
        raw,
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
        path="/",
        max_age=30 * 86400,
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@router.post("/sign-out")
def sign_out(request: Request, session: Db, form: Posted) -> Response:
    raw = request.cookies.get(cookie_name(request))
    if raw:
        actions.end_session(session, raw)
    response = page(request, "accounts/signed_out.html")
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request))
    return response
