"""Terms of contribution: read, accept and withdraw acceptance; admins publish."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions as consent_actions, queries as consent_queries
from app.web.deps import Page, requires

router = APIRouter()


@router.get("/terms", dependencies=[requires(Permission.USE)])
def show(page: Page, version: int | None = None) -> Response:
    versions = consent_queries.versions(page.session)
    current = versions[0] if versions else None
    return page.render(
        "consent/terms.html",
        terms=next((terms for terms in versions if terms.number == version), current),
        current=current,
        versions=versions,
        acceptances=consent_queries.acceptances(page.session, page.user),
        due=consent_queries.terms_to_accept(page.session, page.user),
        error=None,
    )


@router.post("/terms", dependencies=[requires(Permission.MANAGE_TERMS)])
def publish(page: Page) -> Response:
    terms = consent_actions.publish(page.session, page.user, page.form.text("text"))
    return page.redirect("/terms", f"Version {terms.number} published. Everyone will be asked to accept it.")


@router.post("/terms/accept", dependencies=[requires(Permission.USE)])
def accept(page: Page) -> Response:
    number = page.form.number("number", int)
    if number is None:
        raise Invalid("Choose the version to accept.", field="number")
    consent_actions.accept(page.session, page.user, number, how="page")
    return page.redirect("/terms", "Accepted. You can now submit and import pairs.")


@router.post("/terms/withdraw", dependencies=[requires(Permission.USE)])
def withdraw(page: Page) -> Response:
    consent_actions.withdraw(page.session, page.user)
    return page.redirect(
        "/terms", "Acceptance withdrawn. Past contributions keep their terms; you can no longer submit."
    )
