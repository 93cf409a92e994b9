"""Gold pairs and the agreement of reviewers."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Body, Items, Model, Timestamp


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
    reviews: int = Field(alias="opinions")
    lacking: int
    percent: Estimate | None
    alpha: Estimate | None
    gwet: Estimate | None


class ReviewerAgreement(Model):
    reviewers: list[str]
    decision: Agreement


class AgreementReport(Model):
    least: int
    questions: list[Agreement]
    people: list[ReviewerAgreement]
