"""Terms of contribution: read, accept and withdraw acceptance; admins publish."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions as consent_actions, queries as consent_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentUser, form_number, form_str, redirect, requires
from app.web.render import render

router = APIRouter()


@router.get("/terms", dependencies=[requires(Permission.USE)])
def show(request: Request, session: DbSession, user: CurrentUser, version: int | None = None) -> Response:
    versions = consent_queries.versions(session)
    current = versions[0] if versions else None
    return render(
        request,
        "consent/terms.html",
        terms=next((terms for terms in versions if terms.number == version), current),
        current=current,
        versions=versions,
        acceptances=consent_queries.acceptances(session, user),
        due=consent_queries.terms_to_accept(session, user),
        error=None,
    )


@router.post("/terms", dependencies=[requires(Permission.MANAGE_TERMS)])
def publish(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    terms = consent_actions.publish(session, user, form_str(form, "text"))
    return redirect(request, "/terms", f"Version {terms.number} published. Everyone will be asked to accept it.")


@router.post("/terms/accept", dependencies=[requires(Permission.USE)])
def accept(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    number = form_number(form, "number", int)
    if number is None:
        raise Invalid("Choose the version to accept.", field="number")
    consent_actions.accept(session, user, number, how="page")
    return redirect(request, "/terms", "Accepted. You can now submit and import pairs.")


@router.post("/terms/withdraw", dependencies=[requires(Permission.USE)])
def withdraw(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    consent_actions.withdraw(session, user)
    return redirect(
        request, "/terms", "Acceptance withdrawn. Past contributions keep their terms; you can no longer submit."
    )
