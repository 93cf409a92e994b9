"""Terms of contribution: their versions, accepting the current one, withdrawing the acceptance."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentUser, requires
from app.api.schemas.consent import Acceptance, Accepted, AllTerms, NewTerms, TermsNumber, TermsOut
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions as consent_actions, queries as consent_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["terms"], route_class=StrictRoute)


@router.get("/terms", dependencies=[requires(Permission.USE)])
def show(session: DbSession, user: CurrentUser) -> AllTerms:
    versions = [TermsOut.model_validate(terms) for terms in consent_queries.versions(session)]
    return AllTerms(
        current=versions[0] if versions else None,
        accepted=consent_queries.accepted_terms_id(session, user) is not None,
        items=versions,
    )


@router.post("/terms", dependencies=[requires(Permission.MANAGE_TERMS)], status_code=201)
def publish(body: NewTerms, session: DbSession, user: CurrentUser) -> TermsOut:
    return TermsOut.model_validate(consent_actions.publish(session, user, body.text))


@router.post("/terms/accept", dependencies=[requires(Permission.USE)])
def accept(body: TermsNumber, session: DbSession, user: CurrentUser) -> Acceptance:
    acceptance = consent_actions.accept(session, user, body.number, how="api")
    return Acceptance(number=body.number, accepted_at=acceptance.created_at, how=acceptance.how)


@router.post("/terms/withdraw", dependencies=[requires(Permission.USE)])
def withdraw(session: DbSession, user: CurrentUser) -> Accepted:
    consent_actions.withdraw(session, user)
    return Accepted(accepted=False)
