"""A reviewer's own numbers, and how long their queue has waited."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.comments import queries as comments_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import queue
from app.domain.reviews.queue import QueueParams
from app.domain.reviews.tables import Review

MIN_REVIEWS = 5
"""Reviews below which no median is shown."""
MAX_EVENTS = 200
SERVED = ("lease.taken", "lease.taken_over")
DECIDED = ("review.decided", "gold.answered")
LONGEST = timedelta(hours=1)
"""A longer time between lease and decision includes a break and is not counted."""


def oldest_waiting(session: Session, project: Project, user: User) -> datetime | None:
    """Since when the oldest pair waits for a review by this user."""
    waiting = queue.takeable(QueueParams.of(user, project)).subquery()
    oldest: datetime | None = session.scalar(select(func.min(waiting.c.updated_at)))
    return oldest


def with_open_comments(session: Session, project: Project, user: User) -> int:
    """How many pairs have an open comment that this user may see."""
    statement = select(func.count()).where(Pair.project_id == project.id, comments_queries.unresolved(user))
    return session.scalar(statement.where(Pair.discarded_at.is_(None), Pair.state != "withdrawn")) or 0


def reviewer_counts(session: Session, project: Project, user: User) -> dict[str, Any]:
    """{all, week, month, median_seconds}: this reviewer's reviews, without undone ones.

    The median is None below MIN_REVIEWS.
    """
    today = datetime.combine(now().date(), time(), now().tzinfo)
    week, month = today - timedelta(days=today.weekday()), today.replace(day=1)
    in_week, in_month = (func.count().filter(Review.created_at >= since) for since in (week, month))
    statement = (
        select(func.count().label("all"), in_week.label("week"), in_month.label("month"))
        .join(Pair, Pair.id == Review.pair_id)
        .where(
            Review.reviewer_id == user.id,
            Pair.project_id == project.id,
            Review.undone_at.is_(None),
            Review.bulk.is_(False),
        )
    )
    counts = dict(session.execute(statement).mappings().one())
    seconds = _seconds(session, project, user) if counts["all"] >= MIN_REVIEWS else []
    return {**counts, "median_seconds": median(seconds) if len(seconds) >= MIN_REVIEWS else None}


def _seconds(session: Session, project: Project, user: User) -> list[float]:
    """Seconds from lease to decision of the latest reviews, read from the audit log."""
    statement = (
        select(AuditEvent.action, AuditEvent.subject_id, AuditEvent.at)
        .where(AuditEvent.actor == user.id, AuditEvent.project_id == project.id)
        .where(AuditEvent.action.in_((*SERVED, *DECIDED)))
        .order_by(AuditEvent.id.desc())
        .limit(MAX_EVENTS)
    )
    return seconds_per_pair((row.action, row.subject_id, row.at) for row in reversed(session.execute(statement).all()))


def seconds_per_pair(events: Iterable[tuple[str, str, datetime]]) -> list[float]:
    """Seconds on each pair, from (action, pair, moment) in order; times with a long break are left out."""
    served: dict[str, datetime] = {}
    seconds = []
    for action, pair_id, at in events:
        if action in SERVED:
            served[pair_id] = at
        elif pair_id in served and (spent := at - served.pop(pair_id)) < LONGEST:
            seconds.append(spent.total_seconds())
    return seconds
