"""Jobs: work that outlives its request."""

from __future__ import annotations

from app.api.schemas.base import Json, Model
from app.core import jobs


class JobProgress(Model):
    done: float
    total: float
    eta_seconds: float | None

    @classmethod
    def of(cls, job: jobs.Job) -> JobProgress:
        return cls(done=job.progress_done, total=job.progress_total, eta_seconds=job.eta_seconds)


class JobOut(Model):
    id: str
    kind: str
    state: str
    progress: JobProgress
    result: Json | None
    error: str | None
    attempt: int

    @classmethod
    def of(cls, job: jobs.Job) -> JobOut:
        fields = {name: getattr(job, name) for name in ("id", "kind", "state", "result", "attempt")}
        return cls(**fields, progress=JobProgress.of(job), error=job.error or None)
