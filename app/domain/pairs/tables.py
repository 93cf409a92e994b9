"""Pair, its immutable Revisions, the tags to filter by and the bands of the duplicate index."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin, now


class Pair(IdTimestampMixin, Base):
    """`state` is derived (states.py) and stored for the lists.

    `reviews_needed` is how many independent reviews this submission needs; null means as many as the project requires.
    A gold pair has known defects: it is served to reviewers and is in no list, count or version.
    """

    __tablename__ = "pairs"
    __table_args__ = (
        Index("ix_pairs_list", "project_id", "state", "id"),
        Index("ix_pairs_newest", "project_id", "id"),
        Index("ix_pairs_author", "project_id", "author_id", "id"),
        Index(
            "ix_pairs_gold", "project_id", "state", sqlite_where=text("is_gold = 1"), postgresql_where=text("is_gold")
        ),
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    round_id: Mapped[str | None] = mapped_column(ForeignKey("rounds.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="draft")
    current_revision_id: Mapped[str] = mapped_column(String(64))
    submitted_revision_id: Mapped[str | None] = mapped_column(String(64))
    discarded_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now)
    reviews_needed: Mapped[int | None] = mapped_column("opinions")
    is_gold: Mapped[bool] = mapped_column(default=False)


class Revision(Base):
    """One saved content, never changed. `id` is the SHA-256 of its canonical JSON.

    `terms_id` is what the author had agreed to; `assistance` and `pasted_share` are declared and counted, not checked;
    `waivers` are [{code, reason}] for warnings that the author explains. Withdrawing blanks the content and keeps the
    id, so that lineage stays complete.
    """

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("pair_id", "number"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"))
    number: Mapped[int]
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    messages: Mapped[list[dict[str, Any]]]
    context: Mapped[list[dict[str, Any]]]
    tags: Mapped[dict[str, Any]]
    source: Mapped[str] = mapped_column(Text, default="")
    licence: Mapped[str] = mapped_column(String(120), default="")
    problems: Mapped[list[dict[str, Any]]]
    prompt: Mapped[str] = mapped_column(Text)
    completion: Mapped[str] = mapped_column(Text)
    terms_id: Mapped[str | None] = mapped_column(String(32))
    assistance: Mapped[str | None] = mapped_column(String(20))
    pasted_share: Mapped[float | None] = mapped_column(Float)
    waivers: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    withdrawn_at: Mapped[datetime | None]


class PairTag(Base):
    """A tag of the current revision."""

    __tablename__ = "pair_tags"
    __table_args__ = (Index("ix_pair_tags_filter", "project_id", "tag", "value", "pair_id"),)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(String(120))
    project_id: Mapped[str] = mapped_column(String(32))


class PairBand(Base):
    """One MinHash band of the current revision's prompt."""

    __tablename__ = "pair_bands"
    __table_args__ = (Index("ix_pair_bands_key", "project_id", "key"),)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    project_id: Mapped[str] = mapped_column(String(32))


class PairText(Base):
    """What searches read of the current revision: its folded text, and marks of its filters (search_queries.py).

    `number` rises with the age of the pair; the database's own index of trigrams is keyed by it.
    """

    __tablename__ = "pair_texts"
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), unique=True)
    marks: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class PairVector(Base):
    """The embedding of the current revision's prompt, as 8-bit codes.

    `position` rises within a project with every row written, so that a process reads only new rows.
    """

    __tablename__ = "pair_vectors"
    __table_args__ = (Index("ix_pair_vectors_position", "project_id", "position", unique=True),)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(32))
    revision_id: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(BigInteger)
    codes: Mapped[bytes]
