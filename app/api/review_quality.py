"""Gold pairs: marking, retiring, hit rates."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Body, CurrentProject, CurrentUser, requires
from app.api.reviews import gold_json, rates_json
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import access
from app.domain.review_quality import actions as review_quality_actions
from app.domain.review_quality import queries as review_quality_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["reviews"], route_class=StrictRoute)


class RightAnswer(Body):
    decision: str
    ratings: dict[str, int | None] = Field(default_factory=dict)
    explanation: str


@router.post("/pairs/{pair_id}/gold", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def mark(pair_id: str, body: RightAnswer, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return gold_json(
        review_quality_actions.mark(session, user, pairs_queries.by_id(session, pair_id), **body.model_dump())
    )


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[requires(Permission.MANAGE_PROJECT)])
def retire(pair_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = pairs_queries.by_id(session, pair_id)
    review_quality_actions.retire(session, user, pair)
    return {"pair": pair.id, "state": pair.state}


@router.get("/projects/{slug}/gold", dependencies=[requires(Permission.REVIEW_PAIR)])
def rates(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """`rates`: reviewer -> hit rates, one's own or all; `items`: the gold pairs, for who manages the project."""
    manages = access.allows(session, user, Permission.MANAGE_PROJECT, project)
    found = review_quality_queries.gold_answers(session, project) if manages else []
    return {
        "rates": rates_json(session, user, project),
        "items": [gold_json(answer) for answer, _ in found],
        "next": None,
    }
