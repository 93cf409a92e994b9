"""What a reviewer may take: statements that the database answers from its indexes, however long the queue is.

A submitted pair has neither an opinion nor a lease, so the oldest of them by another author is the next in the index.
What is in review already is asked, pair by pair, whether it wants one more opinion than there are leases on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.core.database import now
from app.domain.accounts.tables import User
from app.domain.pairs.opinions import ACCEPTING, REFUSING
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Lease, Review

OPINION, ADJUDICATION, GOLD = "review", "adjudication", "gold"
DECIDING = (OPINION, ADJUDICATION)


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


def _tally(project: Project, rule: str) -> ScalarSelect[int]:
    """`opinions.more` (rule "more") or "adjudicate" as 1 or 0, said in SQL over a pair's standing verdicts."""
    needed = func.coalesce(Pair.opinions, project.overlap)
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


def _leases(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    held = select(func.count()).where(Lease.pair_id == Pair.id, Lease.expires_at > now(), *conditions)
    return held.correlate(Pair).scalar_subquery()


def _of(user: User, project: Project, state: State) -> Select[Any]:
    return select(Pair).where(
        Pair.project_id == project.id, Pair.state == state, Pair.author_id != user.id, Pair.is_gold.is_(False)
    )


def fresh(user: User, project: Project) -> Select[Any]:
    """Pairs that nobody has looked at yet."""
    return _of(user, project, State.SUBMITTED)


def begun(user: User, project: Project) -> Select[Any]:
    """Pairs in review that want another opinion than those given and those being written, this user's among neither."""
    return _of(user, project, State.IN_REVIEW).where(_wanted_of(user, project))


def takeable(user: User, project: Project) -> Select[Any]:
    """Fresh or begun, in one statement."""
    return select(Pair).where(
        Pair.project_id == project.id,
        Pair.author_id != user.id,
        Pair.is_gold.is_(False),
        or_(Pair.state == State.SUBMITTED, and_(Pair.state == State.IN_REVIEW, _wanted_of(user, project))),
    )


def _wanted_of(user: User, project: Project) -> ColumnElement[bool]:
    judged = select(Review.id).where(*standing(), Review.reviewer_id == user.id).correlate(Pair)
    return and_(~judged.exists(), _leases(Lease.reviewer_id == user.id) == 0, _tally(project, "more") > _leases())


def to_adjudicate(project: Project) -> Select[Any]:
    """Pairs whose opinions are split for good, or that somebody escalated."""
    return select(Pair).where(
        Pair.project_id == project.id,
        Pair.state == State.IN_REVIEW,
        Pair.is_gold.is_(False),
        _tally(project, "adjudicate") == 1,
    )


def length(session: Session, user: User, project: Project) -> int:
    """How many pairs wait for this user. The fresh ones are counted in the index, own and gold ones taken off."""
    submitted = select(func.count()).where(Pair.project_id == project.id, Pair.state == State.SUBMITTED)
    own = submitted.where(Pair.author_id == user.id, Pair.is_gold.is_(False))
    parts = (submitted, own, submitted.where(Pair.is_gold))
    all_, mine, gold = (session.scalar(part) or 0 for part in parts)
    return all_ - mine - gold + (session.scalar(select(func.count()).select_from(begun(user, project).subquery())) or 0)


def submitted_of(ids: Sequence[str]) -> Select[Any]:
    """The revisions that these pairs have submitted."""
    return select(Pair.submitted_revision_id).where(Pair.id.in_(ids))
