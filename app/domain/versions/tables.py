"""DatasetVersion: a frozen list of revisions with their splits. Never updated."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class DatasetVersion(IdTimestampMixin, Base):
    """`hash` is the SHA-256 of the manifest; `files` maps a split to its content address.

    `redactions` maps a split to the file that replaces it after a withdrawal: {sha256, size, examples, removed}.
    """

    __tablename__ = "dataset_versions"
    __table_args__ = (UniqueConstraint("project_id", "number"),)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    seed: Mapped[int]
    splits: Mapped[dict[str, Any]]
    filters: Mapped[dict[str, Any]]
    deduplicate: Mapped[bool]
    hash: Mapped[str] = mapped_column(String(64))
    files: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]]
    distribution: Mapped[dict[str, Any]]
    leak_report: Mapped[dict[str, Any]]
    redactions: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_by: Mapped[str] = mapped_column(String(32))


class VersionItem(Base):
    """A revision in a version. Revisions with the same `cluster` are near-duplicates and have the same split."""

    __tablename__ = "version_items"
    version_id: Mapped[str] = mapped_column(ForeignKey("dataset_versions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id"), index=True)
    pair_id: Mapped[str] = mapped_column(String(32))
    split: Mapped[str] = mapped_column(String(12))
    cluster: Mapped[int]
