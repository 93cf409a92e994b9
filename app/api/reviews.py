"""The review queue: taking the next pair, deciding, undoing, adjudicating; leases; outdated approvals."""

from __future__ import annotations

from fastapi import Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.deps import CurrentProject, CurrentUser, DbSession, OwningProject, Tags, requires, tag_of
from app.api.idempotency import Idempotent
from app.api.pairs_schemas import PairOut, PairState, RevisionOut
from app.api.review_quality import GoldAnswerOut
from app.api.schemas import Body, Items, Json, Model, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.projects.tables import Project
from app.domain.reviews import (
    actions as reviews_actions,
    adjudication_actions,
    queries as reviews_queries,
    queue_queries,
)
from app.domain.reviews.tables import GOLD

router = strict_router("reviews")


class Decision(Body):
    decision: str
    ratings: dict[str, int | None] = Field(default_factory=dict)
    comment: str = ""
    messages: list[Json] | None = None


class LeasedDecision(Decision):
    """`revision`, when given, must still be the submitted one."""

    lease: str
    revision: str | None = None


class ReviewAgain(Body):
    """Ids of the pairs; null for all of them, the oldest 500 at a time."""

    pairs: list[str] | None = None


class LeaseOut(Model):
    lease: str = Field(validation_alias="id")
    expires_at: Timestamp


class ServedPair(LeaseOut):
    pair: PairOut


class TakenLease(LeaseOut):
    pair: str = Field(validation_alias="pair_id")


class OpenLease(TakenLease):
    reviewer: str = Field(validation_alias="reviewer_id")
    since: Timestamp = Field(validation_alias="created_at")


class ReviewOut(StoredModel):
    pair_id: str
    revision_id: str
    reviewer_id: str
    decision: str
    ratings: dict[str, int | None]
    comment: str
    guideline_id: str | None
    bulk: bool
    kind: str


class Adjudicated(ReviewOut):
    state: str


class Decided(Adjudicated):
    gold: GoldAnswerOut | None = Field(description="The right answer, when the pair was a gold pair.")
    next: ServedPair | None = Field(None, description="With next=true: the next pair, null when none waits.")


class Disagreement(Model):
    pair: PairOut
    reviews: list[ReviewOut] = Field(serialization_alias="opinions")


class OlderApprovals(Items[str]):
    count: int


class Sent(Model):
    sent: int


class PairDetails(PairOut):
    """A pair with its revisions and the reviews that the caller may see."""

    revisions: list[RevisionOut]
    reviews: list[ReviewOut]


@router.post(
    "/projects/{slug}/reviews/next",
    dependencies=[requires(Permission.REVIEW_PAIR)],
    response_model=ServedPair,
    responses={204: {"description": "No pair waits."}},
)
def take_next(
    project: CurrentProject, session: DbSession, user: CurrentUser, tag: Tags = None
) -> ServedPair | Response:
    """Take the next pair under a lease; a pair that you hold comes first. `tag` (name:value) filters the queue."""
    return _serve(session, user, project, tag_of(tag)) or Response(status_code=204)


def _serve(session: Session, user: User, project: Project, tag: tuple[str, str] | None) -> ServedPair | None:
    lease = reviews_actions.take_next(session, user, project, tag)
    if lease is None:
        return None
    pair = pairs_queries.by_id(session, lease.pair_id)
    state = reviews_queries.shown_state(session, user, pair)
    return ServedPair.of(lease, pair=PairOut.showing(pair, pairs_queries.submitted(session, pair), state=state))


@router.post("/leases/{lease_id}/renew", dependencies=[requires(Permission.REVIEW_PAIR)])
def renew(lease_id: str, session: DbSession, user: CurrentUser) -> LeaseOut:
    return LeaseOut.of(reviews_actions.renew(session, user, lease_id))


@router.post("/leases/{lease_id}/take-over", dependencies=[requires(Permission.MANAGE_PROJECT)])
def take_over(lease_id: str, session: DbSession, user: CurrentUser) -> TakenLease:
    """Take over another reviewer's pair; their later decisions on it get 409."""
    return TakenLease.of(reviews_actions.take_over(session, user, lease_id))


@router.get("/projects/{slug}/leases", dependencies=[requires(Permission.REVIEW_PAIR)])
def leases(project: CurrentProject, session: DbSession) -> Items[OpenLease]:
    return Items[OpenLease](items=[lease for lease, _ in reviews_queries.open_leases(session, project)])


@router.post(
    "/pairs/{pair_id}/reviews",
    status_code=201,
    dependencies=[requires(Permission.REVIEW_PAIR)],
    response_model_exclude_unset=True,
)
def decide(
    pair_id: str,
    project: OwningProject,
    body: LeasedDecision,
    session: DbSession,
    user: CurrentUser,
    once: Idempotent,
    next: bool = False,
    tag: Tags = None,
) -> Decided:
    """Decide on the pair that you hold.

    `next=true` also serves the next pair, as `next`; with `tag` (name:value) the next one that has the tag. A request
    that is sent again is served the pair that is held by then.
    """
    only = tag_of(tag)
    pair = pairs_queries.by_id(session, pair_id)

    def produce() -> Decided:
        review = reviews_actions.decide(session, user, pair, **body.model_dump())
        gold = reviews_queries.gold_answer(session, pair.id) if review.kind == GOLD else None
        return Decided.of(review, state=pair.state, gold=gold)

    decided = once(body, Decided, produce)
    if next:
        decided.next = _serve(session, user, project, only)
    return decided


@router.post("/reviews/{review_id}/undo", dependencies=[requires(Permission.REVIEW_PAIR)])
def undo(review_id: str, session: DbSession, user: CurrentUser) -> PairState:
    review = reviews_queries.by_id(session, review_id)
    reviews_actions.undo(session, user, review)
    return PairState.of(pairs_queries.by_id(session, review.pair_id))


@router.get("/projects/{slug}/adjudications", dependencies=[requires(Permission.REVIEW_PAIR)])
def adjudications(project: CurrentProject, session: DbSession) -> Items[Disagreement]:
    """Pairs that wait for adjudication with all their reviews, the oldest first; 100 at most."""
    return Items[Disagreement](
        items=[
            Disagreement(
                pair=PairOut.showing(pair, pairs_queries.submitted(session, pair)),
                reviews=reviews_queries.of_submission(session, pair),
            )
            for pair in queue_queries.to_adjudicate(session, project)
        ]
    )


@router.post("/pairs/{pair_id}/adjudication", status_code=201, dependencies=[requires(Permission.REVIEW_PAIR)])
def adjudicate(pair_id: str, body: Decision, session: DbSession, user: CurrentUser) -> Adjudicated:
    pair = pairs_queries.by_id(session, pair_id)
    review = adjudication_actions.adjudicate(session, user, pair, **body.model_dump())
    return Adjudicated.of(review, state=pair.state)


@router.get("/projects/{slug}/older-approvals", dependencies=[requires(Permission.READ_PROJECT)])
def older_approvals(project: CurrentProject, session: DbSession) -> OlderApprovals:
    """How many pairs were approved under an older guideline, and the ids of the first 500."""
    count, pairs = reviews_queries.stale_approvals(session, project, limit=adjudication_actions.BATCH)
    return OlderApprovals(count=count, items=[pair.id for pair in pairs])


@router.post("/projects/{slug}/older-approvals/review-again", dependencies=[requires(Permission.MANAGE_PROJECT)])
def review_again(project: CurrentProject, body: ReviewAgain, session: DbSession, user: CurrentUser) -> Sent:
    return Sent(sent=adjudication_actions.review_again(session, user, project, body.pairs))
