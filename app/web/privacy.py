"""A user's contributions and data, requests for erasure, and erasing a user."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent_queries
from app.domain.lineage import queries as lineage_queries
from app.domain.privacy import actions as privacy_actions, portability_queries, queries as privacy_queries
from app.web.deps import Page, requires

router = APIRouter()


@router.get("/account/data", dependencies=[requires(Permission.USE)])
def show_own(page: Page) -> Response:
    return page.render(
        "privacy/own.html",
        contributions=lineage_queries.contributions(page.session, page.user),
        acceptances=consent_queries.acceptances(page.session, page.user),
        requested=privacy_queries.has_requested_erasure(page.session, page.user),
    )


@router.get("/account/data.zip", dependencies=[requires(Permission.USE)])
def download_own(page: Page) -> Response:
    return _archive(page, page.user)


@router.post("/account/data/erasure", dependencies=[requires(Permission.USE)])
def request_erasure(page: Page) -> Response:
    privacy_actions.request_erasure(page.session, page.user)
    return page.redirect("/account/data", "Request sent to the admins. Download your data before they delete it.")


@router.get("/accounts/{user_id}/contributions", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def show(page: Page, user_id: str) -> Response:
    person = accounts_queries.get_user(page.session, user_id)
    return page.render(
        "privacy/show.html",
        person=person,
        contributions=lineage_queries.contributions(page.session, person),
        erasure=privacy_queries.erasure_of(page.session, person),
        requested=privacy_queries.has_requested_erasure(page.session, person),
    )


@router.get("/accounts/{user_id}/data.zip", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def download(page: Page, user_id: str) -> Response:
    return _archive(page, accounts_queries.get_user(page.session, user_id))


def _archive(page: Page, person: User) -> Response:
    file = portability_queries.export_archive(page.session, page.user, person)
    headers = {"Content-Disposition": f'attachment; filename="data-{person.id}.zip"'}
    return StreamingResponse(portability_queries.archive_chunks(file), media_type="application/zip", headers=headers)


@router.get("/accounts/{user_id}/erase", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def confirm(page: Page, user_id: str) -> Response:
    return _confirm(page, accounts_queries.get_user(page.session, user_id))


@router.post("/accounts/{user_id}/erase", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def erase(page: Page, user_id: str) -> Response:
    """Erase a user. The admin types the email address to confirm, because a button can be pressed by mistake."""
    person = accounts_queries.get_user(page.session, user_id)
    if page.form.text("email").lower() != person.email:
        return _confirm(page, person, error="The email address does not match. Nothing was erased.")
    state = page.request.app.state
    privacy_actions.erase(page.session, state.storage, page.user, person, content=page.form.text("content"))
    response = page.redirect(f"/accounts/{person.id}/contributions", "Erased.")
    response.background = BackgroundTask(
        privacy_actions.sweep, state.database, state.storage, state.settings.erasures_path
    )
    return response


def _confirm(page: Page, person: User, error: str = "") -> Response:
    return page.render(
        "privacy/erase.html",
        status=422 if error else 200,
        person=person,
        contributions=lineage_queries.contributions(page.session, person),
        error=error,
    )
