"""Terms of contribution: the versions, accepting the current one, taking an acceptance back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, Db, Me, asks
from app.api.strict import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions, queries
from app.domain.consent.tables import Terms

router = APIRouter(tags=["terms"], route_class=StrictRoute)


class NewTerms(Body):
    text: str


class TermsNumber(Body):
    number: int


def terms_json(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in ("id", "number", "text", "sha256", "created_at")}


@router.get("/terms", dependencies=[asks(Permission.USE)])
def show(session: Db, user: Me) -> dict[str, Any]:
    """`current` is null while nothing was published, and then nobody is asked to accept anything."""
    versions = queries.versions(session)
    return {
        "current": terms_json(versions[0]) if versions else None,
        "accepted": queries.standing(session, user) is not None,
        "items": [terms_json(terms) for terms in versions],
        "next": None,
    }


@router.post("/terms", dependencies=[asks(Permission.MANAGE_TERMS)], status_code=201)
def publish(body: NewTerms, session: Db, user: Me) -> dict[str, Any]:
    return terms_json(actions.publish(session, user, body.text))


@router.post("/terms/accept", dependencies=[asks(Permission.USE)])
def accept(body: TermsNumber, session: Db, user: Me) -> dict[str, Any]:
    acceptance = actions.accept(session, user, body.number, how="api")
    return {"number": body.number, "accepted_at": acceptance.created_at, "how": acceptance.how}


@router.post("/terms/withdraw", dependencies=[asks(Permission.USE)])
def withdraw(session: Db, user: Me) -> dict[str, Any]:
    actions.withdraw(session, user)
    return {"accepted": False}
