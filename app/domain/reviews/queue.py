"""What a reviewer may take: statements that the database answers from its indexes, however long the queue is.

A submitted pair has neither an opinion nor a lease, so the oldest of them by another author is the next in the index.
What is in review already is asked, pair by pair, whether it wants one more opinion than there are leases on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from app.core.db.base import UtcDateTime, now
from app.domain.accounts.tables import User
from app.domain.pairs.required_reviews import ACCEPTING, REFUSING
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Lease, Review

OPINION, ADJUDICATION, GOLD = "review", "adjudication", "gold"
DECIDING = (OPINION, ADJUDICATION)
NEAR = 1_000
"""The oldest submitted pairs that are looked through for a tag one by one before its index is asked."""


@dataclass(frozen=True)
class QueueParams:
    """By whom, of which project and when it is asked: values, or PARAMETERS of a statement that is made once."""

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


def standing() -> tuple[ColumnElement[bool], ...]:
    """The verdicts that decide the state of the pair as it was submitted last."""
    return (
        Review.pair_id == Pair.id,
        Review.revision_id == Pair.submitted_revision_id,
        Review.undone_at.is_(None),
        Review.kind.in_(DECIDING),
    )


def _count(condition: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _tally(asked: QueueParams, rule: str) -> ScalarSelect[int]:
    """`opinions.more` (rule "more") or "adjudicate" as 1 or 0, said in SQL over a pair's standing verdicts."""
    needed = func.coalesce(Pair.opinions, asked.overlap)
    accepting, refusing = _count(Review.decision.in_(ACCEPTING)), _count(Review.decision.in_(REFUSING))
    held, given = _count(or_(Review.decision == "escalate", Review.kind == ADJUDICATION)), accepting + refusing
    escalated = _count(Review.decision == "escalate") > 0
    settled = or_((accepting >= needed) & (accepting > refusing), (refusing >= needed) & (refusing > accepting))
    if rule == "more":
        found = case((held > 0, 0), (settled, 0), (given < needed, needed - given), (given == needed, 1), else_=0)
    else:
        split = (given > needed) & ~settled
        found = case((_count(Review.kind == ADJUDICATION) > 0, 0), (or_(escalated, split), 1), else_=0)
    return select(found).where(*standing()).correlate(Pair).scalar_subquery()


def _leases(asked: QueueParams, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    held = select(func.count()).where(Lease.pair_id == Pair.id, Lease.expires_at > asked.moment, *conditions)
    return held.correlate(Pair).scalar_subquery()


def _of(asked: QueueParams, state: State) -> Select[Any]:
    return select(Pair).where(
        Pair.project_id == asked.project, Pair.state == state, Pair.author_id != asked.user, Pair.is_gold.is_(False)
    )


def unreviewed(asked: QueueParams) -> Select[Any]:
    """Pairs that nobody has looked at yet."""
    return _of(asked, State.SUBMITTED)


def in_review(asked: QueueParams) -> Select[Any]:
    """Pairs in review that want another opinion than those given and those being written, this user's among neither."""
    return _of(asked, State.IN_REVIEW).where(_wanted_of(asked))


def takeable(asked: QueueParams) -> Select[Any]:
    """Fresh or begun, in one statement."""
    return select(Pair).where(
        Pair.project_id == asked.project,
        Pair.author_id != asked.user,
        Pair.is_gold.is_(False),
        or_(Pair.state == State.SUBMITTED, and_(Pair.state == State.IN_REVIEW, _wanted_of(asked))),
    )


def _wanted_of(asked: QueueParams) -> ColumnElement[bool]:
    judged = select(Review.id).where(*standing(), Review.reviewer_id == asked.user).correlate(Pair)
    own = _leases(asked, Lease.reviewer_id == asked.user)
    return and_(~judged.exists(), own == 0, _tally(asked, "more") > _leases(asked))


def _oldest(found: Select[Any], by: Any = Pair.id) -> Select[Any]:
    """The oldest of them that is not among the `passed`."""
    return found.where(Pair.id.not_in(bindparam("passed", expanding=True))).order_by(by).limit(1)


def _next(found: Select[Any], by: Any = Pair.id) -> Select[Any]:
    """The same, locked; what another has locked is left out. Beside it what is to be judged, so that it need not be
    asked for."""
    oldest = _oldest(found, by).add_columns(Revision).join(Revision, Revision.id == Pair.submitted_revision_id)
    return oldest.with_for_update(of=Pair, skip_locked=True).execution_options(populate_existing=True)


NEXT = tuple(_next(found(PARAMETERS)) for found in (in_review, unreviewed))
"""What was begun comes first: it is older, and half an opinion helps nobody."""
WANTED = in_review(PARAMETERS).where(Pair.id == bindparam("pair"))
"""Whether a pair in review wants the opinion of this user."""


# --- the queue of one tag ---


@dataclass(frozen=True)
class TagFilteredQueue:
    """The statements that find the oldest pair with one of the spellings `spelt` of a tag.

    Neither walk through the submitted pairs is short everywhere: the queue's own is long where few of it have the tag,
    the tag's own where most that have it are decided. So the queue's is gone as far as `end`, and the tag's from there.
    """

    begun: Select[Any]
    fresh: Select[Any]
    near: Select[Any]
    far: Select[Any]

    @classmethod
    def made(cls, finish: Callable[..., Select[Any]]) -> TagFilteredQueue:
        held = aliased(PairTag)
        spelt = tuple_(held.tag, held.value).in_(bindparam("spelt", expanding=True))
        has_it = exists().where(held.pair_id == Pair.id, spelt)
        near = unreviewed(PARAMETERS).where(has_it)
        far = (
            unreviewed(PARAMETERS)
            .join(held, held.pair_id == Pair.id)
            .where(
                held.project_id == PARAMETERS.project,
                held.tag == bindparam("tag"),
                held.value == bindparam("value"),
                held.pair_id >= bindparam("end"),
            )
        )
        return cls(
            finish(in_review(PARAMETERS).where(has_it)),
            finish(near),
            finish(near.where(Pair.id < bindparam("end"))),
            finish(far, held.pair_id),
        )


TAKING, LOOKING = TagFilteredQueue.made(_next), TagFilteredQueue.made(_oldest)
"""With a lock, and without one."""
END = (
    select(Pair.id)
    .where(Pair.project_id == PARAMETERS.project, Pair.state == State.SUBMITTED)
    .order_by(Pair.id)
    .offset(bindparam("near"))
    .limit(1)
)


def tag_filtered(
    session: Session, by: TagFilteredQueue, asked: dict[str, Any], spelt: Sequence[tuple[str, str]]
) -> Pair | None:
    """What NEXT finds, among the pairs with one of these spellings of a tag."""
    given = {**asked, "spelt": spelt}
    if (pair := _first(session, by.begun, given)) is not None:
        return pair
    end = session.scalar(END, {"project": asked["project"], "near": NEAR})
    if end is None:
        return _first(session, by.fresh, given)
    if (pair := _first(session, by.near, {**given, "end": end})) is not None:
        return pair
    # One statement for each spelling: over two ranges at once the index gives no order. Only the oldest is locked.
    ranges = [{**asked, "tag": tag, "value": value, "end": end} for tag, value in spelt]
    seen = [(pair.id, number) for number, one in enumerate(ranges) if (pair := _first(session, LOOKING.far, one))]
    found = (_first(session, by.far, ranges[number]) for _, number in sorted(seen))
    return next((pair for pair in found if pair is not None), None)


def _first(session: Session, statement: Select[Any], given: dict[str, Any]) -> Pair | None:
    found: Pair | None = session.scalar(statement, given)
    return found


def to_adjudicate(asked: QueueParams) -> Select[Any]:
    """Pairs whose opinions are split for good, or that somebody escalated."""
    return select(Pair).where(
        Pair.project_id == asked.project,
        Pair.state == State.IN_REVIEW,
        Pair.is_gold.is_(False),
        _tally(asked, "adjudicate") == 1,
    )


def length(session: Session, user: User, project: Project) -> int:
    """How many pairs wait for this user. The fresh ones are counted in the index, own and gold ones taken off."""
    submitted = select(func.count()).where(Pair.project_id == project.id, Pair.state == State.SUBMITTED)
    own = submitted.where(Pair.author_id == user.id, Pair.is_gold.is_(False))
    parts = (submitted, own, submitted.where(Pair.is_gold))
    all_, mine, gold = (session.scalar(part) or 0 for part in parts)
    started = select(func.count()).select_from(in_review(QueueParams.of(user, project)).subquery())
    return all_ - mine - gold + (session.scalar(started) or 0)


def submitted_of(ids: Sequence[str]) -> Select[Any]:
    """The revisions that these pairs have submitted."""
    return select(Pair.submitted_revision_id).where(Pair.id.in_(ids))
