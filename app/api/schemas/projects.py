"""Projects, their members, settings and guidelines."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.api.schemas.base import Body, Json, Model, Timestamp


class NewProject(Body):
    slug: str
    name: str
    task: str = "generation"
    languages: list[str] = Field(default_factory=lambda: ["en"])
    domains: list[str] = Field(default_factory=list)
    criteria: list[str | Json] = Field(default_factory=list)
    overlap: int = 1
    base_model: str = "starter"


class NewMember(Body):
    email: str
    role: str


class NewGuideline(Body):
    text: str


class ChangedSettings(Body):
    """A field that is left out stays as it is; `checks` and `rules` are replaced as a whole.

    `criteria` lists all criteria from now on; the parts of a criterion that are left out stay as they are.
    """

    checks: dict[str, str] | None = None
    rules: list[Json] | None = None
    second_opinions: float | None = None
    gold: float | None = None
    gold_first: int | None = None
    least_for_agreement: int | None = None
    overlap: int | None = None
    criteria: list[str | Json] | None = None


class ProjectOut(Model):
    id: str
    slug: str
    name: str
    task: str
    languages: list[str]
    domains: list[str]
    criteria: list[Json]
    overlap: int
    base_model: str
    created_at: Timestamp


class ProjectDetails(ProjectOut):
    counts: dict[str, int] = Field(description="Pairs by state.")


class Member(Model):
    user: str
    role: str


class ProjectSettings(Model):
    checks: dict[str, str]
    rules: list[dict[str, Any]]
    second_opinions: float
    gold: float
    gold_first: int
    least_for_agreement: int
    overlap: int
    criteria: list[Json]


class PublishedGuideline(Model):
    id: str
    number: int
    published_at: Timestamp


class GuidelineOut(PublishedGuideline):
    text: str
