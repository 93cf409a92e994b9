"""Versions: frozen lists of revisions with splits."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Body, Json, Model, Timestamp


class NewVersion(Body):
    name: str
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    seed: int = 0
    filters: dict[str, str | list[str] | bool] = Field(default_factory=dict)
    deduplicate: bool = True


class VersionOut(Model):
    id: str
    number: int
    name: str
    seed: int
    splits: dict[str, float]
    filters: Json
    deduplicate: bool
    hash: str
    files: Json
    counts: Json
    distribution: Json
    leak_report: Json
    redactions: Json | None
    created_at: Timestamp
