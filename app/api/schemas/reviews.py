"""The review queue: leases, reviews and adjudications."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field

from app.api.schemas.base import Body, Items, Json, Model, Timestamp
from app.api.schemas.pairs import PairOut, RevisionOut
from app.api.schemas.review_quality import GoldAnswerOut
from app.domain.reviews.tables import Lease


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
    lease: str
    expires_at: Timestamp

    @classmethod
    def of(cls, lease: Lease, **more: Any) -> Self:
        return cls(lease=lease.id, expires_at=lease.expires_at, **more)


class ServedPair(LeaseOut):
    pair: PairOut


class TakenLease(LeaseOut):
    pair: str


class OpenLease(TakenLease):
    reviewer: str
    since: Timestamp


class ReviewOut(Model):
    id: str
    pair_id: str
    revision_id: str
    reviewer_id: str
    decision: str
    ratings: dict[str, int | None]
    comment: str
    guideline_id: str | None
    created_at: Timestamp
    bulk: bool
    kind: str


class Adjudicated(ReviewOut):
    state: str


class Decided(Adjudicated):
    gold: GoldAnswerOut | None = Field(description="The right answer, when the pair was a gold pair.")
    next: ServedPair | None = Field(None, description="With next=true: the next pair, null when none waits.")


class PairState(Model):
    pair: str
    state: str


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
