"""The review queue."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.deps import Body, Db, InProject, Me, asks
from app.api.pairs import pair_json, review_json
from app.api.strict import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pair_queries
from app.domain.reviews import actions, queries

router = APIRouter(tags=["reviews"], route_class=StrictRoute)


class Verdict(Body):
    lease: str
    decision: str
    ratings: dict[str, int | None] = Field(default_factory=dict)
    comment: str = ""
    messages: list[dict[str, Any]] | None = None


@router.post("/projects/{slug}/reviews/next", response_model=None, dependencies=[asks(Permission.REVIEW_PAIR)])
def take_next(project: InProject, session: Db, user: Me) -> dict[str, Any] | Response:
    lease = actions.take_next(session, user, project)
    if lease is None:
        return Response(status_code=204)
    pair = pair_queries.by_id(session, lease.pair_id)
    return {
        "lease": lease.id,
        "expires_at": lease.expires_at,
        "pair": pair_json(pair, pair_queries.submitted(session, pair)),
    }


@router.post("/leases/{lease_id}/renew", dependencies=[asks(Permission.REVIEW_PAIR)])
def renew(lease_id: str, session: Db, user: Me) -> dict[str, Any]:
    lease = actions.renew(session, user, lease_id)
    return {"lease": lease.id, "expires_at": lease.expires_at}


@router.post("/pairs/{pair_id}/reviews", status_code=201, dependencies=[asks(Permission.REVIEW_PAIR)])
def decide(pair_id: str, body: Verdict, session: Db, user: Me) -> dict[str, Any]:
    pair = pair_queries.by_id(session, pair_id)
    review = actions.decide(session, user, pair, **body.model_dump())
    return {**review_json(review), "state": pair_queries.by_id(session, pair_id).state}


@router.post("/reviews/{review_id}/undo", dependencies=[asks(Permission.REVIEW_PAIR)])
def undo(review_id: str, session: Db, user: Me) -> dict[str, Any]:
    review = queries.by_id(session, review_id)
    actions.undo(session, user, review)
    return {"pair": review.pair_id, "state": pair_queries.by_id(session, review.pair_id).state}
