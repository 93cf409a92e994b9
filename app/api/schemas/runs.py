"""Runs, their reports and answers."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from app.api.schemas.base import Body, Json, Model, Timestamp
from app.api.schemas.jobs import JobProgress
from app.core import jobs
from app.domain.runs.tables import TrainingRun


class NewRun(Body):
    version: str
    recipe: Json = Field(default_factory=dict)


class RunOut(Model):
    id: str
    number: int
    version_id: str
    recipe: Json
    resolved_recipe: Json | None = Field(description='What the trainer used for "auto"; null until the run is done.')
    seed: int
    state: str
    attempt: int
    error: str
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    job: str
    progress: JobProgress
    latest: Json | None = Field(description="The trainer's last event.")

    @classmethod
    def of(cls, run: TrainingRun, job: jobs.Job, latest: dict[str, Any] | None) -> RunOut:
        computed = {"job", "progress", "latest"}
        fields = {name: getattr(run, name) for name in cls.model_fields if name not in computed}
        return cls(**fields, job=job.id, progress=JobProgress.of(job), latest=latest)


class RunReport(Model):
    """What the trainer computed: metric -> {base, tuned, delta}, each with its interval."""

    model_config = ConfigDict(extra="allow")
    n: int
    primary: str
    metrics: dict[str, Json]
    slices: list[Json]


class Answer(Model):
    """One test example with the answers of the base model and of the tuned model."""

    model_config = ConfigDict(extra="allow")
    prompt: str
    reference: str
