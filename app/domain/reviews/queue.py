"""The SQL of the review queue: which pairs a reviewer may take. Takes no session.

The database answers these statements from its indexes, however long the queue is. A submitted pair has neither a review
nor a lease, so the index alone gives the oldest one by another author. For a pair in review the statement checks that
it needs more reviews than it has leases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, bindparam, case, exists, func, select, tuple_
from sqlalchemy.orm import aliased

from app.core.db.base import UtcDateTime, now
from app.domain.accounts.tables import User
from app.domain.pairs.states import ACCEPTING, REFUSING, State, share_of
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects.tables import Project
from app.domain.reviews.tables import ADJUDICATION, DECIDING, Lease, Review

NEAR = 1_000
"""How many of the oldest submitted pairs are searched for a tag before the tag's own index is used."""


@dataclass(frozen=True)
class QueueParams:
    """The user, the project and the moment of a query: values, or bind parameters of a prepared statement."""

    user: Any
    project: Any
    overlap: Any
    moment: Any

    @classmethod
    def of(cls, user: User, project: Project) -> QueueParams:
        return cls(user.id, project.id, project.overlap, now())

    def values(self) -> dict[str, Any]:
        return dict(vars(self))


PARAMETERS = QueueParams(
    bindparam("user"), bindparam("project"), bindparam("overlap", type_=Integer), bindparam("moment", type_=UtcDateTime)
)


def deciding_reviews(pair: Any = Pair) -> tuple[ColumnElement[bool], ...]:
    """Conditions on Review: it counts for the state of the submitted revision of a pair, or of each pair."""
    of_submitted = (Review.pair_id == pair.id, Review.revision_id == pair.submitted_revision_id)
    return *of_submitted, Review.undone_at.is_(None), Review.kind.in_(DECIDING)


def _count(condition: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _tally(params: QueueParams, rule: str) -> ScalarSelect[int]:
    """`states.outcome` in SQL over a pair's deciding reviews: how many more to request, or `adjudicate` as 1 or 0."""
    needed = func.coalesce(Pair.reviews_needed, params.overlap)
    accepting, refusing = _count(Review.decision.in_(ACCEPTING)), _count(Review.decision.in_(REFUSING))
    adjudicated, count = _count(Review.kind == ADJUDICATION) > 0, accepting + refusing
    escalated = _count(Review.decision == "escalate") > 0
    settled = ((accepting >= needed) & (accepting > refusing)) | ((refusing >= needed) & (refusing > accepting))
    if rule == "more":
        final = adjudicated | escalated | settled
        result = case((final, 0), (count < needed, needed - count), (count == needed, 1), else_=0)
    else:
        result = case((adjudicated, 0), (escalated | ((count > needed) & ~settled), 1), else_=0)
    return select(result).where(*deciding_reviews()).correlate(Pair).scalar_subquery()


def _leases(params: QueueParams, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    live = select(func.count()).where(Lease.pair_id == Pair.id, Lease.expires_at > params.moment, *conditions)
    return live.correlate(Pair).scalar_subquery()


def _by_others(params: QueueParams, state: ColumnElement[bool]) -> Select[Any]:
    by_other = Pair.author_id != params.user
    return select(Pair).where(Pair.project_id == params.project, state, by_other, Pair.is_gold.is_(False))


def unreviewed(params: QueueParams) -> Select[Any]:
    """Select submitted pairs without a review or a lease."""
    return _by_others(params, Pair.state == State.SUBMITTED)


def in_review(params: QueueParams) -> Select[Any]:
    """Select pairs in review that need one more review than they have reviews and leases, none of them the user's."""
    return _by_others(params, Pair.state == State.IN_REVIEW).where(_needs_review_by(params))


def takeable(params: QueueParams) -> Select[Any]:
    """Select unreviewed pairs and pairs in review, in one statement."""
    needs_review = (Pair.state == State.IN_REVIEW) & _needs_review_by(params)
    return _by_others(params, (Pair.state == State.SUBMITTED) | needs_review)


def _needs_review_by(params: QueueParams) -> ColumnElement[bool]:
    reviewed = select(Review.id).where(*deciding_reviews(), Review.reviewer_id == params.user).correlate(Pair)
    own_leases = _leases(params, Lease.reviewer_id == params.user)
    return ~reviewed.exists() & (own_leases == 0) & (_tally(params, "more") > _leases(params))


def to_adjudicate(params: QueueParams) -> Select[Any]:
    """Select pairs whose reviews stay split, and escalated pairs."""
    in_review = (Pair.project_id == params.project, Pair.state == State.IN_REVIEW, Pair.is_gold.is_(False))
    return select(Pair).where(*in_review, _tally(params, "adjudicate") == 1)


def oldest(pairs: Select[Any], by: Any = Pair.id) -> Select[Any]:
    """The oldest of the pairs that is not in `passed`."""
    return pairs.where(Pair.id.not_in(bindparam("passed", expanding=True))).order_by(by).limit(1)


def oldest_locked(pairs: Select[Any], by: Any = Pair.id) -> Select[Any]:
    """The same, locked; rows that another transaction has locked are skipped. Also loads the submitted revision."""
    statement = oldest(pairs, by).add_columns(Revision).join(Revision, Revision.id == Pair.submitted_revision_id)
    return statement.with_for_update(of=Pair, skip_locked=True).execution_options(populate_existing=True)


NEXT = tuple(oldest_locked(pairs(PARAMETERS)) for pairs in (in_review, unreviewed))
"""Pairs in review come first: they are older, and need only one more review to be decided. These statements are built
once: building the first takes 3 ms, a third of all work of a review (docs/decisions/0013)."""
STILL_NEEDED = in_review(PARAMETERS).where(Pair.id == bindparam("pair"))
"""Whether a pair in review needs a review of this user."""


# --- the queue, filtered by a tag ---
#
# Neither walk over the submitted pairs is always short: the queue's is long where few pairs in it have the tag, the
# tag's is long where most pairs with the tag are decided. So one statement walks the queue up to the pair at place
# NEAR, and another walks the tag from there.


def with_tag(pairs: Select[Any], spellings: Sequence[tuple[str, str]]) -> Select[Any]:
    """Narrow the pairs to those with one of these spellings of a tag."""
    pair_tag = aliased(PairTag)
    spelled = tuple_(pair_tag.tag, pair_tag.value).in_(spellings)
    return pairs.where(exists().where(pair_tag.pair_id == Pair.id, spelled))


def with_tag_from(end: str, tag: str, value: str) -> Select[Any]:
    """Select unreviewed pairs from the id `end` on, from the index of one spelling of a tag."""
    tagged = unreviewed(PARAMETERS).join(PairTag, PairTag.pair_id == Pair.id)
    return tagged.where(
        PairTag.project_id == PARAMETERS.project, PairTag.tag == tag, PairTag.value == value, PairTag.pair_id >= end
    )


# --- gold pairs ---


def gold_is_due(reviewer_id: str, reviewed: int, first: int, share: float) -> bool:
    """Whether the next item of a reviewer with this many reviews is a gold pair. Deterministic in its arguments."""
    return reviewed < first or share_of("gold", reviewer_id, reviewed) < share


def gold_order(reviewer_id: str, pair_ids: Sequence[str]) -> list[str]:
    """Sort gold pairs in an order that differs by reviewer, so that no reviewer can tell another what comes next."""
    return sorted(pair_ids, key=lambda pair_id: share_of("order", reviewer_id, pair_id))
