"""A user's contributions and data, requests for erasure, and erasing a user."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent_queries
from app.domain.lineage import queries as lineage_queries
from app.domain.privacy import actions as privacy_actions, portability_queries, queries as privacy_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentUser, form_str, redirect, requires
from app.web.render import render

router = APIRouter()


@router.get("/account/data", dependencies=[requires(Permission.USE)])
def show_own(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return render(
        request,
        "privacy/own.html",
        contributions=lineage_queries.contributions(session, user),
        acceptances=consent_queries.acceptances(session, user),
        requested=privacy_queries.has_requested_erasure(session, user),
    )


@router.get("/account/data.zip", dependencies=[requires(Permission.USE)])
def download_own(session: DbSession, user: CurrentUser) -> Response:
    return _archive(session, user, user)


@router.post("/account/data/erasure", dependencies=[requires(Permission.USE)])
def request_erasure(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    privacy_actions.request_erasure(session, user)
    return redirect(request, "/account/data", "Request sent to the admins. Download your data before they delete it.")


@router.get("/accounts/{user_id}/contributions", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def show(request: Request, session: DbSession, user: CurrentUser, user_id: str) -> Response:
    person = accounts_queries.get_user(session, user_id)
    return render(
        request,
        "privacy/show.html",
        person=person,
        contributions=lineage_queries.contributions(session, person),
        erasure=privacy_queries.erasure_of(session, person),
        requested=privacy_queries.has_requested_erasure(session, person),
    )


@router.get("/accounts/{user_id}/data.zip", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def download(session: DbSession, user: CurrentUser, user_id: str) -> Response:
    return _archive(session, user, accounts_queries.get_user(session, user_id))


def _archive(session: Session, viewer: User, person: User) -> Response:
    file = portability_queries.export_archive(session, viewer, person)
    headers = {"Content-Disposition": f'attachment; filename="data-{person.id}.zip"'}
    return StreamingResponse(portability_queries.archive_chunks(file), media_type="application/zip", headers=headers)


@router.get("/accounts/{user_id}/erase", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def confirm(request: Request, session: DbSession, user: CurrentUser, user_id: str) -> Response:
    return _confirm(request, session, accounts_queries.get_user(session, user_id))


@router.post("/accounts/{user_id}/erase", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def erase(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    """Erase a user. The admin types the email address to confirm, because a button can be pressed by mistake."""
    person = accounts_queries.get_user(session, user_id)
    if form_str(form, "email").lower() != person.email:
        return _confirm(request, session, person, error="The email address does not match. Nothing was erased.")
    state = request.app.state
    privacy_actions.erase(session, state.storage, user, person, content=form_str(form, "content"))
    response = redirect(request, f"/accounts/{person.id}/contributions", "Erased.")
    response.background = BackgroundTask(
        privacy_actions.sweep, state.database, state.storage, state.settings.erasures_path
    )
    return response


def _confirm(request: Request, session: Session, person: User, error: str = "") -> Response:
    return render(
        request,
        "privacy/erase.html",
        status=422 if error else 200,
        person=person,
        contributions=lineage_queries.contributions(session, person),
        error=error,
    )
