"""Reads of reviews, leases and the queue."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.core.database import now
from app.core.errors import NotFound
from app.domain.accounts.tables import User
from app.domain.pairs.states import QUEUED
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Lease, Review


def of_pair(session: Session, pair: Pair) -> list[Review]:
    """Standing reviews, oldest first."""
    return list(
        session.scalars(select(Review).where(Review.pair_id == pair.id, Review.undone_at.is_(None)).order_by(Review.id))
    )


def live_lease(session: Session, pair: Pair) -> Lease | None:
    return session.scalar(select(Lease).where(Lease.pair_id == pair.id, Lease.expires_at > now()))


def lease_of(session: Session, user: User, project: Project) -> Lease | None:
    """The item that is on the user's desk."""
    return session.scalar(
        select(Lease)
        .join(Pair, Pair.id == Lease.pair_id)
        .where(Lease.reviewer_id == user.id, Lease.expires_at > now(), Pair.project_id == project.id)
    )


def waiting(user: User, project: Project) -> Select[Any]:
    """Pairs this user may take: in the queue, not their own work, not judged by them, on nobody else's desk."""
    judged = select(Review.pair_id).where(
        Review.pair_id == Pair.id,
        Review.reviewer_id == user.id,
        Review.undone_at.is_(None),
        Review.revision_id == Pair.submitted_revision_id,
    )
    leased = select(Lease.pair_id).where(
        Lease.pair_id == Pair.id, Lease.expires_at > now(), Lease.reviewer_id != user.id
    )
    return select(Pair).where(
        Pair.project_id == project.id,
        Pair.state.in_(QUEUED),
        Pair.author_id != user.id,
        ~judged.exists(),
        ~leased.exists(),
    )


def queue_length(session: Session, project: Project, user: User) -> int:
    return session.scalar(select(func.count()).select_from(waiting(user, project).subquery())) or 0


def latest_by(session: Session, user: User, project: Project) -> Review | None:
    """The user's last standing decision in this project."""
    return session.scalar(
        select(Review)
        .join(Pair, Pair.id == Review.pair_id)
        .where(
            Review.reviewer_id == user.id,
            Pair.project_id == project.id,
            Review.undone_at.is_(None),
            Review.bulk.is_(False),
        )
        .order_by(Review.id.desc())
        .limit(1)
    )


def by_id(session: Session, review_id: str) -> Review:
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound()
    return review
