"""Gold pairs with their hit rates, and the agreement of reviewers."""

from __future__ import annotations

from pydantic import Field

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.pairs_schemas import PairState
from app.api.schemas import Body, Items, Model, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import access
from app.domain.review_quality import actions as review_quality_actions, queries as review_quality_queries

router = strict_router("reviews")


class GoldAnswer(Body):
    decision: str
    ratings: dict[str, int | None] = Field(default_factory=dict)
    explanation: str


class GoldAnswerOut(Model):
    pair_id: str
    decision: str
    ratings: dict[str, int | None]
    explanation: str
    active: bool
    created_at: Timestamp


class Rate(Model):
    """`hits` of `n` with a 95% interval; `within` is the tolerance in levels."""

    name: str
    within: int
    hits: int
    n: int
    low: float
    high: float


class GoldPairs(Items[GoldAnswerOut]):
    rates: dict[str, list[Rate]] = Field(description="Hit rates by reviewer: the caller's, or all for a project admin.")


class Estimate(Model):
    value: float | None
    low: float | None
    high: float | None


class Agreement(Model):
    """One question: null coefficients while `lacking` more pairs with two reviews are needed."""

    name: str
    n: int
    reviews: int = Field(serialization_alias="opinions")
    lacking: int
    percent: Estimate | None
    alpha: Estimate | None
    gwet: Estimate | None


class ReviewerAgreement(Model):
    reviewers: list[str]
    decision: Agreement


class AgreementReport(Model):
    least: int = Field(validation_alias="minimum")
    questions: list[Agreement]
    people: list[ReviewerAgreement]


@router.post("/pairs/{pair_id}/gold", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def mark(pair_id: str, body: GoldAnswer, session: DbSession, user: CurrentUser) -> GoldAnswerOut:
    pair = pairs_queries.by_id(session, pair_id)
    return GoldAnswerOut.of(review_quality_actions.mark(session, user, pair, **body.model_dump()))


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[requires(Permission.MANAGE_PROJECT)])
def retire(pair_id: str, session: DbSession, user: CurrentUser) -> PairState:
    pair = pairs_queries.by_id(session, pair_id)
    review_quality_actions.retire(session, user, pair)
    return PairState.of(pair)


@router.get("/projects/{slug}/gold", dependencies=[requires(Permission.REVIEW_PAIR)])
def gold_pairs(project: CurrentProject, session: DbSession, user: CurrentUser) -> GoldPairs:
    """Hit rates on gold pairs, and for a project admin the gold pairs."""
    manages = access.allows(session, user, Permission.MANAGE_PROJECT, project)
    rates = review_quality_queries.gold_rates(session, project, None if manages else user)
    answers = review_quality_queries.gold_answers(session, project) if manages else []
    return GoldPairs(rates=rates, items=[answer for answer, _ in answers])


@router.get("/projects/{slug}/agreement", dependencies=[requires(Permission.REVIEW_PAIR)])
def agreement(project: CurrentProject, session: DbSession) -> AgreementReport:
    """Per question: n, percent, alpha and AC1 or AC2 (`gwet`) with 95% intervals; null below `least` pairs."""
    return AgreementReport.of(review_quality_queries.report(session, project))
