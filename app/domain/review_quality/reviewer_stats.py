"""A reviewer's own numbers, and how long the queue has waited. Reads only."""

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
from app.domain.reviews import queries as reviews_queries
from app.domain.reviews.tables import Review

LEAST = 5
"""Reviews below which no median is told."""
LOOKED_AT = 200
SERVED = ("lease.taken", "lease.taken_over")
DECIDED = ("review.decided", "gold.answered")
LONGEST = timedelta(hours=1)
"""Whoever comes back to a pair after this was not reading it all the time."""


def queue(session: Session, project: Project, user: User) -> dict[str, Any]:
    """{length, oldest}: pairs that wait for a verdict of this user, and since when the first of them does."""
    waiting = reviews_queries.waiting(user, project).subquery()
    length, oldest = session.execute(select(func.count(), func.min(waiting.c.updated_at))).one()
    return {"length": length, "oldest": oldest}


def with_open_comments(session: Session, project: Project, user: User) -> int:
    """Pairs with a remark that waits for an answer, as far as this user may know."""
    statement = select(func.count()).where(Pair.project_id == project.id, comments_queries.unresolved(user))
    return session.scalar(statement.where(Pair.discarded_at.is_(None), Pair.state != "withdrawn")) or 0


def own(session: Session, project: Project, user: User) -> dict[str, Any]:
    """{all, week, month, median_seconds}: standing verdicts of this reviewer; the median is None below five."""
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
    seconds = _seconds(session, project, user) if counts["all"] >= LEAST else []
    return {**counts, "median_seconds": median(seconds) if len(seconds) >= LEAST else None}


def _seconds(session: Session, project: Project, user: User) -> list[float]:
    """From being served a pair to the verdict on it, for the latest of them, as the audit log has both."""
    statement = (
        select(AuditEvent.action, AuditEvent.subject_id, AuditEvent.at)
        .where(AuditEvent.actor == user.id, AuditEvent.project_id == project.id)
        .where(AuditEvent.action.in_((*SERVED, *DECIDED)))
        .order_by(AuditEvent.id.desc())
        .limit(LOOKED_AT)
    )
    return timed((row.action, row.subject_id, row.at) for row in reversed(session.execute(statement).all()))


def timed(events: Iterable[tuple[str, str, datetime]]) -> list[float]:
    """Seconds on each pair, from (action, pair, moment) in order; who left the desk for long was not reading."""
    served: dict[str, datetime] = {}
    found = []
    for action, pair_id, at in events:
        if action in SERVED:
            served[pair_id] = at
        elif pair_id in served and (spent := at - served.pop(pair_id)) < LONGEST:
            found.append(spent.total_seconds())
    return found
