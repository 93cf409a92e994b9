"""Terms of contribution: the versions, accepting the current one, taking an acceptance back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, CurrentUser, requires
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions as consent_actions
from app.domain.consent import queries as consent_queries
from app.domain.consent.tables import Terms
from app.http.transactions import DbSession

router = APIRouter(tags=["terms"], route_class=StrictRoute)


class NewTerms(Body):
    text: str


class TermsNumber(Body):
    number: int


def terms_json(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in ("id", "number", "text", "sha256", "created_at")}


@router.get("/terms", dependencies=[requires(Permission.USE)])
def show(session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """`current` is null while nothing was published, and then nobody is asked to accept anything."""
    versions = consent_queries.versions(session)
    return {
        "current": terms_json(versions[0]) if versions else None,
        "accepted": consent_queries.accepted_terms_id(session, user) is not None,
        "items": [terms_json(terms) for terms in versions],
        "next": None,
    }


@router.post("/terms", dependencies=[requires(Permission.MANAGE_TERMS)], status_code=201)
def publish(body: NewTerms, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return terms_json(consent_actions.publish(session, user, body.text))


@router.post("/terms/accept", dependencies=[requires(Permission.USE)])
def accept(body: TermsNumber, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    acceptance = consent_actions.accept(session, user, body.number, how="api")
    return {"number": body.number, "accepted_at": acceptance.created_at, "how": acceptance.how}


@router.post("/terms/withdraw", dependencies=[requires(Permission.USE)])
def withdraw(session: DbSession, user: CurrentUser) -> dict[str, Any]:
    consent_actions.withdraw(session, user)
    return {"accepted": False}
