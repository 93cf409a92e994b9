"""Terms of contribution: reading, accepting, taking back; admins publish."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions as consent_actions
from app.domain.consent import queries as consent_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentUser, form_number, form_str, redirect, requires
from app.web.render import render

router = APIRouter()


@router.get("/terms", dependencies=[requires(Permission.USE)])
def show(request: Request, session: DbSession, user: CurrentUser, version: int | None = None) -> Response:
    versions = consent_queries.versions(session)
    shown = next((one for one in versions if one.number == version), versions[0] if versions else None)
    return render(
        request,
        "consent/terms.html",
        shown=shown,
        current=versions[0] if versions else None,
        versions=versions,
        acceptances=consent_queries.acceptances(session, user),
        due=consent_queries.due(session, user),
        error=None,
    )


@router.post("/terms", dependencies=[requires(Permission.MANAGE_TERMS)])
def publish(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    terms = consent_actions.publish(session, user, form_str(form, "text"))
    return redirect(request, "/terms", f"Version {terms.number} is in force. Everybody is asked to accept it.")


@router.post("/terms/accept", dependencies=[requires(Permission.USE)])
def accept(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    wanted = form_number(form, "number", int)
    if wanted is None:
        raise Invalid("Say which version you accept.", field="number")
    consent_actions.accept(session, user, wanted, how="page")
    return redirect(request, "/terms", "Accepted. You may submit and import from now on.")


@router.post("/terms/withdraw", dependencies=[requires(Permission.USE)])
def withdraw(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    consent_actions.withdraw(session, user)
    return redirect(
        request, "/terms", "Taken back. What you gave stays under the terms it came by; you may submit no more."
    )
