"""What a reviewer may take: statements that the database answers from its indexes, however long the queue is.

A submitted pair has neither an opinion nor a lease, so the oldest of them by another author is the next in the index.
What is in review already is asked, pair by pair, whether it wants one more opinion than there are leases on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from app.core.database import Utc, now
from app.domain.accounts.tables import User
from app.domain.pairs.opinions import ACCEPTING, REFUSING
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Lease, Review

OPINION, ADJUDICATION, GOLD = "review", "adjudication", "gold"
DECIDING = (OPINION, ADJUDICATION)


@dataclass(frozen=True)
class Asked:
    """By whom, of which project and when it is asked: values, or PARAMETERS of a statement that is made once."""

    user: Any
    project: Any
    overlap: Any
    moment: Any

    @classmethod
    def of(cls, user: User, project: Project) -> Asked:
        return cls(user.id, project.id, project.overlap, now())

    def values(self) -> dict[str, Any]:
        return asdict(self)


PARAMETERS = Asked(
    bindparam("user"), bindparam("project"), bindparam("overlap", type_=Integer), bindparam("moment", type_=Utc)
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


def _tally(asked: Asked, rule: str) -> ScalarSelect[int]:
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


def _leases(asked: Asked, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    held = select(func.count()).where(Lease.pair_id == Pair.id, Lease.expires_at > asked.moment, *conditions)
    return held.correlate(Pair).scalar_subquery()


def _of(asked: Asked, state: State) -> Select[Any]:
    return select(Pair).where(
        Pair.project_id == asked.project, Pair.state == state, Pair.author_id != asked.user, Pair.is_gold.is_(False)
    )


def fresh(asked: Asked) -> Select[Any]:
    """Pairs that nobody has looked at yet."""
    return _of(asked, State.SUBMITTED)


def begun(asked: Asked) -> Select[Any]:
    """Pairs in review that want another opinion than those given and those being written, this user's among neither."""
    return _of(asked, State.IN_REVIEW).where(_wanted_of(asked))


def takeable(asked: Asked) -> Select[Any]:
    """Fresh or begun, in one statement."""
    return select(Pair).where(
        Pair.project_id == asked.project,
        Pair.author_id != asked.user,
        Pair.is_gold.is_(False),
        or_(Pair.state == State.SUBMITTED, and_(Pair.state == State.IN_REVIEW, _wanted_of(asked))),
    )


def _wanted_of(asked: Asked) -> ColumnElement[bool]:
    judged = select(Review.id).where(*standing(), Review.reviewer_id == asked.user).correlate(Pair)
    own = _leases(asked, Lease.reviewer_id == asked.user)
    return and_(~judged.exists(), own == 0, _tally(asked, "more") > _leases(asked))


def _next(found: Select[Any]) -> Select[Any]:
    """The oldest of them that is not among the `passed`, locked; what another has locked is left out. Beside it what is
    to be judged, so that it need not be asked for."""
    oldest = found.where(Pair.id.not_in(bindparam("passed", expanding=True))).order_by(Pair.id).limit(1)
    oldest = oldest.add_columns(Revision).join(Revision, Revision.id == Pair.submitted_revision_id)
    return oldest.with_for_update(of=Pair, skip_locked=True).execution_options(populate_existing=True)


NEXT = (_next(begun(PARAMETERS)), _next(fresh(PARAMETERS)))
"""What was begun comes first: it is older, and half an opinion helps nobody."""
WANTED = begun(PARAMETERS).where(Pair.id == bindparam("pair"))
"""Whether a pair in review wants the opinion of this user."""


def to_adjudicate(asked: Asked) -> Select[Any]:
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
    started = select(func.count()).select_from(begun(Asked.of(user, project)).subquery())
    return all_ - mine - gold + (session.scalar(started) or 0)


def submitted_of(ids: Sequence[str]) -> Select[Any]:
    """The revisions that these pairs have submitted."""
    return select(Pair.submitted_revision_id).where(Pair.id.in_(ids))
