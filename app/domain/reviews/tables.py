"""Review: a decision on one revision. Lease: a reviewer's hold on a pair. GoldAnswer: a gold pair's right decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin, now

REVIEW, ADJUDICATION, GOLD = "review", "adjudication", "gold"
DECIDING = (REVIEW, ADJUDICATION)
"""The kinds of review that decide a pair's state."""


class Lease(IdTimestampMixin, Base):
    """One reviewer's claim on a pair, until `expires_at`. A pair that needs several reviews may have several leases."""

    __tablename__ = "leases"
    __table_args__ = (UniqueConstraint("pair_id", "reviewer_id"),)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"))
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[datetime]


class Review(IdTimestampMixin, Base):
    """`ratings` maps a criterion to 1..5, or to null for "not rated". `bulk` marks an approval at import.

    `kind` is review, adjudication or gold. Once the pair was sent to review again it is old_review or
    old_adjudication: these stay in the history and no longer decide the state.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        Index("ix_reviews_pair", "pair_id", "id"),
        Index("ix_reviews_reviewer", "reviewer_id", "id"),
        Index("ix_reviews_judged", "pair_id", "reviewer_id"),
    )
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"))
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"))
    reviewed_revision_id: Mapped[str] = mapped_column(String(64))
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str] = mapped_column(String(20))
    ratings: Mapped[dict[str, Any]]
    comment: Mapped[str] = mapped_column(Text, default="")
    guideline_id: Mapped[str | None] = mapped_column(ForeignKey("guidelines.id"))
    bulk: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str] = mapped_column(String(16), default=REVIEW)
    undone_at: Mapped[datetime | None]


class GoldAnswer(Base):
    """The right decision on a gold pair, which is served like any other pair to train and measure reviewers."""

    __tablename__ = "gold_answers"
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    decision: Mapped[str] = mapped_column(String(20))
    ratings: Mapped[dict[str, Any]]
    explanation: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=now)
