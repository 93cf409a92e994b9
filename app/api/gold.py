"""Gold pairs: marking, retiring, hit rates."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Body, Db, InProject, Me, asks
from app.api.reviews import gold_json, rates_json
from app.api.strict import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pair_queries
from app.domain.projects import access
from app.domain.reviews import calibration, queries

router = APIRouter(tags=["reviews"], route_class=StrictRoute)


class RightAnswer(Body):
    decision: str
    ratings: dict[str, int | None] = Field(default_factory=dict)
    explanation: str


@router.post("/pairs/{pair_id}/gold", status_code=201, dependencies=[asks(Permission.MANAGE_PROJECT)])
def mark(pair_id: str, body: RightAnswer, session: Db, user: Me) -> dict[str, Any]:
    return gold_json(calibration.mark(session, user, pair_queries.by_id(session, pair_id), **body.model_dump()))


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[asks(Permission.MANAGE_PROJECT)])
def retire(pair_id: str, session: Db, user: Me) -> dict[str, Any]:
    pair = pair_queries.by_id(session, pair_id)
    calibration.retire(session, user, pair)
    return {"pair": pair.id, "state": pair.state}


@router.get("/projects/{slug}/gold", dependencies=[asks(Permission.REVIEW_PAIR)])
def rates(project: InProject, session: Db, user: Me) -> dict[str, Any]:
    """`rates`: reviewer -> hit rates, one's own or all; `items`: the gold pairs, for who manages the project."""
    access.require(session, user, Permission.REVIEW_PAIR, project)
    manages = access.allows(session, user, Permission.MANAGE_PROJECT, project)
    found = queries.gold_answers(session, project) if manages else []
    return {
        "rates": rates_json(session, user, project),
        "items": [gold_json(answer) for answer, _ in found],
        "next": None,
    }
