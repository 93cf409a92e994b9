"""Review: a verdict on one revision. Lease: who has a pair on the desk."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin, now


class Lease(IdTimestampMixin, Base):
    """One reviewer's claim on a pair, until `expires_at`. Several may stand where several opinions are wanted."""

    __tablename__ = "leases"
    __table_args__ = (UniqueConstraint("pair_id", "reviewer_id"),)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"))
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[datetime]


class Review(IdTimestampMixin, Base):
    """`ratings` maps a criterion to 1..5, or to null for "not judged". `bulk` marks an approval at import.

    `kind` is review, adjudication or gold; old_review and old_adjudication once the pair was sent to review again: they
    stay in its history and no longer decide its state.
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
    kind: Mapped[str] = mapped_column(String(16), default="review")
    undone_at: Mapped[datetime | None]


class GoldAnswer(Base):
    """The right verdict on a gold pair: one with known defects, served like any other, that teaches and measures."""

    __tablename__ = "gold_answers"
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    decision: Mapped[str] = mapped_column(String(20))
    ratings: Mapped[dict[str, Any]]
    explanation: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=now)
