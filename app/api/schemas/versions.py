"""Versions: frozen lists of revisions with splits."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from app.api.schemas.base import Body, Json, Model, Timestamp

STORED, NAMED = "licence", "license"


def _renamed(fields: Json, old: str, new: str) -> Json:
    return {new if name == old else name: value for name, value in fields.items()}


LicenseKey = Annotated[Json, BeforeValidator(lambda fields: _renamed(fields, STORED, NAMED))]
"""An object whose key `licence` is `license` in responses."""


class NewVersion(Body):
    name: str
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    seed: int = 0
    filters: dict[str, str | list[str] | bool] = Field(default_factory=dict)
    deduplicate: bool = True

    @field_validator("filters")
    @classmethod
    def stored_filters(cls, filters: Json) -> Json:
        return _renamed(filters, NAMED, STORED)


class VersionOut(Model):
    id: str
    number: int
    name: str
    seed: int
    splits: dict[str, float]
    filters: LicenseKey
    deduplicate: bool
    hash: str
    files: Json
    counts: Json
    distribution: LicenseKey
    leak_report: Json
    redactions: Json | None
    created_at: Timestamp
