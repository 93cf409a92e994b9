"""The review queue: taking, deciding, ruling; leases; agreement of opinions; approvals under an older rule."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.deps import Body, CurrentProject, CurrentUser, OwningProject, Tags, requires, tag_of
from app.api.idempotency import Idempotent
from app.api.pairs import pair_json, review_json
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.review_quality import queries as review_quality_queries
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews import adjudication_actions, queue_queries
from app.domain.reviews import queries as reviews_queries
from app.domain.reviews import tables as reviews_tables
from app.domain.reviews.tables import GoldAnswer, Lease, Review
from app.http.transactions import DbSession

router = APIRouter(tags=["reviews"], route_class=StrictRoute)


class Ruling(Body):
    decision: str
    ratings: dict[str, int | None] = Field(default_factory=dict)
    comment: str = ""
    messages: list[dict[str, Any]] | None = None


class Verdict(Ruling):
    """`revision`, when given, must still be the one that is submitted."""

    lease: str
    revision: str | None = None


class Again(Body):
    """Ids of the pairs; null for all, the oldest 500 at a time."""

    pairs: list[str] | None = None


def lease_json(lease: Lease) -> dict[str, Any]:
    return {"lease": lease.id, "expires_at": lease.expires_at}


@router.post("/projects/{slug}/reviews/next", dependencies=[requires(Permission.REVIEW_PAIR)])
def take_next(project: CurrentProject, session: DbSession, user: CurrentUser, tag: Tags = None) -> Any:
    """204 when nothing waits. `tag` (name:value): only a pair that has it; what you hold comes first all the same."""
    only = tag_of(tag)
    served = _serve(session, user, project, only)
    return Response(status_code=204) if served is None else served


def _serve(session: Session, user: User, project: Project, only: tuple[str, str] | None) -> dict[str, Any] | None:
    lease = reviews_actions.take_next(session, user, project, only)
    if lease is None:
        return None
    pair = pairs_queries.by_id(session, lease.pair_id)
    shown = pair_json(pair, pairs_queries.submitted(session, pair))
    return {**lease_json(lease), "pair": {**shown, "state": reviews_queries.shown_state(session, user, pair)}}


@router.post("/leases/{lease_id}/renew", dependencies=[requires(Permission.REVIEW_PAIR)])
def renew(lease_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return lease_json(reviews_actions.renew(session, user, lease_id))


@router.post("/leases/{lease_id}/take-over", dependencies=[requires(Permission.MANAGE_PROJECT)])
def take_over(lease_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """Another's item goes to your desk; what they decide from then on is answered 409."""
    lease = reviews_actions.take_over(session, user, lease_id)
    return {**lease_json(lease), "pair": lease.pair_id}


@router.get("/projects/{slug}/leases", dependencies=[requires(Permission.REVIEW_PAIR)])
def leases(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    found = reviews_queries.open_leases(session, project)
    items = [
        {**lease_json(lease), "pair": pair.id, "reviewer": lease.reviewer_id, "since": lease.created_at}
        for lease, pair in found
    ]
    return {"items": items, "next": None}


@router.post("/pairs/{pair_id}/reviews", status_code=201, dependencies=[requires(Permission.REVIEW_PAIR)])
def decide(
    pair_id: str,
    project: OwningProject,
    body: Verdict,
    session: DbSession,
    user: CurrentUser,
    once: Idempotent,
    next: bool = False,
    tag: Tags = None,
) -> Any:
    """`gold` is null, or the right answer with its explanation where the pair was a gold one.

    `next=true` serves the next item in the same answer, as `next`: null when nothing waits; with `tag` (name:value) the
    next that has it. A request that is sent again is served what is on the desk by then.
    """
    only = tag_of(tag)
    pair = pairs_queries.by_id(session, pair_id)

    def judge() -> dict[str, Any]:
        review = reviews_actions.decide(session, user, pair, **body.model_dump())
        return {**review_json(review), "state": pair.state, "gold": _right_answer(session, review)}

    answer = once(body, judge)
    return {**answer, "next": _serve(session, user, project, only)} if next else answer


@router.post("/reviews/{review_id}/undo", dependencies=[requires(Permission.REVIEW_PAIR)])
def undo(review_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    review = reviews_queries.by_id(session, review_id)
    reviews_actions.undo(session, user, review)
    return {"pair": review.pair_id, "state": pairs_queries.by_id(session, review.pair_id).state}


@router.get("/projects/{slug}/adjudications", dependencies=[requires(Permission.REVIEW_PAIR)])
def adjudications(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """Pairs that wait for a ruling, each with all its opinions, oldest first; 100 at most."""
    return {
        "items": [
            {
                "pair": pair_json(pair, pairs_queries.submitted(session, pair)),
                "opinions": [review_json(review) for review in reviews_queries.of_submission(session, pair)],
            }
            for pair in queue_queries.to_adjudicate(session, project)
        ],
        "next": None,
    }


@router.post("/pairs/{pair_id}/adjudication", status_code=201, dependencies=[requires(Permission.REVIEW_PAIR)])
def adjudicate(pair_id: str, body: Ruling, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = pairs_queries.by_id(session, pair_id)
    review = adjudication_actions.adjudicate(session, user, pair, **body.model_dump())
    return {**review_json(review), "state": pair.state}


@router.get("/projects/{slug}/agreement", dependencies=[requires(Permission.REVIEW_PAIR)])
def agreement(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """Per question: n, percent, alpha and AC1 or AC2 (`gwet`) with 95 % intervals; null below `least` pairs."""
    found = review_quality_queries.report(session, project)
    return {
        "least": found.minimum,
        "questions": [one.as_dict() for one in found.questions],
        "people": [{**one, "decision": one["decision"].as_dict()} for one in found.people],
    }


@router.get("/projects/{slug}/older-approvals", dependencies=[requires(Permission.READ_PROJECT)])
def older_approvals(project: CurrentProject, session: DbSession) -> dict[str, Any]:
    """How many pairs were approved under an older guideline, and the ids of the first 500."""
    count, pairs = reviews_queries.stale_approvals(session, project, limit=adjudication_actions.BATCH)
    return {"count": count, "items": [pair.id for pair in pairs], "next": None}


@router.post("/projects/{slug}/older-approvals/review-again", dependencies=[requires(Permission.MANAGE_PROJECT)])
def review_again(project: CurrentProject, body: Again, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return {"sent": adjudication_actions.review_again(session, user, project, body.pairs)}


def _right_answer(session: Session, review: Review) -> dict[str, Any] | None:
    answer = reviews_queries.gold_answer(session, review.pair_id) if review.kind == reviews_tables.GOLD else None
    return gold_json(answer) if answer else None


def gold_json(answer: GoldAnswer) -> dict[str, Any]:
    names = ("pair_id", "decision", "ratings", "explanation", "active", "created_at")
    return {name: getattr(answer, name) for name in names}


def rates_json(session: Session, user: User, project: Any) -> dict[str, Any]:
    """Everybody's hit rates for who manages the project, one's own otherwise."""
    manages = access.allows(session, user, Permission.MANAGE_PROJECT, project)
    found = review_quality_queries.gold_rates(session, project, None if manages else user)
    return {reviewer: [rate.as_dict() for rate in rates] for reviewer, rates in found.items()}
