"""Review: a verdict on one revision. Lease: who has a pair on the desk."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, Identified


class Lease(Identified, Base):
    """One reviewer's claim on a pair, until `expires_at`."""

    __tablename__ = "leases"
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), unique=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[datetime]


class Review(Identified, Base):
    """`ratings` maps a criterion to 1..5, or to null for "not judged". `bulk` marks an approval at import."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_pair", "pair_id", "id"), Index("ix_reviews_reviewer", "reviewer_id", "id"))
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"))
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"))
    reviewed_revision_id: Mapped[str] = mapped_column(String(64))
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str] = mapped_column(String(20))
    ratings: Mapped[dict[str, Any]]
    comment: Mapped[str] = mapped_column(Text, default="")
    guideline_id: Mapped[str | None] = mapped_column(ForeignKey("guidelines.id"))
    bulk: Mapped[bool] = mapped_column(default=False)
    undone_at: Mapped[datetime | None]
