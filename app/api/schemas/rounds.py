"""Rounds with their targets and progress, and the progress of a project."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.api.schemas.base import Body, Json, Model, Timestamp


class NewRound(Body):
    """A target is {"tags": {name: value, … 1 to 4}, "count": n}; an assignee {"user" or "email", "count"}."""

    title: str
    brief: str = ""
    targets: list[Json] = Field(default_factory=list)
    deadline: str | None = Field(None, description="The last day, 2026-11-30.")
    assignees: list[Json] = Field(default_factory=list)


class ChangedRound(Body):
    """A field that is left out stays as it is."""

    title: str | None = None
    brief: str | None = None
    targets: list[Json] | None = None
    deadline: str | None = None
    assignees: list[Json] | None = None

    def changes(self) -> dict[str, Any]:
        """Only the deadline can be removed by null; elsewhere null means the same as leaving the field out."""
        fields = self.model_dump(exclude_unset=True)
        return {name: value for name, value in fields.items() if value is not None or name == "deadline"}


class Target(Model):
    """`tag` and `value` repeat a single tag; a target without tags counts any pair of the round."""

    count: int
    tags: dict[str, str] = Field(default_factory=dict)
    tag: str = ""
    value: str = ""


class Assignee(Model):
    user: str
    count: int | None


class RoundOut(Model):
    id: str
    number: int
    title: str
    brief: str
    state: str
    guideline_id: str | None
    created_at: Timestamp
    closed_at: Timestamp | None
    targets: list[Target]
    deadline: str | None
    assignees: list[Assignee]


class Counts(Model):
    written: int
    submitted: int
    returned: int
    approved: int
    rejected: int


class TargetProgress(Target, Counts):
    label: str
    lacking: int
    to_write: int


class PersonProgress(Counts):
    user: str
    assigned: bool
    count: int | None
    lacking: int | None


class Forecast(Model):
    expected: int
    low: int
    high: int
    days: int


class Throughput(Model):
    target: int
    done: int
    forecast: Forecast | None
    needed_per_day: float | None
    words: str
    behind: bool


class RoundProgress(RoundOut):
    """A round with its progress. An author sees only their own row of `people`; reviewers see all rows."""

    progress: list[TargetProgress]
    people: list[PersonProgress]
    total: int
    reached: int
    throughput: Throughput | None


class Day(Model):
    day: str
    approved: int


class CoverageCell(Model):
    domain: str | None
    language: str | None
    written: int
    approved: int


class AuthorCounts(Model):
    draft: int
    submitted: int
    changes_requested: int
    approved: int
    rejected: int
    approved_week: int
    approved_month: int


class ReviewerCounts(Model):
    all: int
    week: int
    month: int
    median_seconds: float | None


class OwnWork(Model):
    pairs: AuthorCounts
    reviews: ReviewerCounts


class ProjectProgress(Model):
    counts: dict[str, int]
    rounds: list[RoundProgress]
    approved_by_day: list[Day]
    coverage: list[CoverageCell]
    own: OwnWork
