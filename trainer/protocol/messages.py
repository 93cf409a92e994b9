"""The worker calls: claim, heartbeat, events, finish. Knows nothing of how work is done."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trainer.protocol.base import Message
from trainer.protocol.recipe import ResolvedRecipe
from trainer.protocol.report import Answer, Report
from trainer.protocol.work import Work

Outcome = Literal["done", "failed", "cancelled"]
FailureReason = Literal["oom", "disk_full", "timeout", "user_error", "nonfinite_loss", "worker_lost", "crash"]


class Event(Message):
    """One numbered line of progress. `seq` counts from 1 within an output folder, across resumes."""

    seq: int = Field(ge=1)
    kind: Literal["phase", "train", "validation", "log"]
    step: int = Field(default=0, ge=0)
    total_steps: int = Field(default=0, ge=0)
    epoch: float = 0.0
    loss: float | None = None
    learning_rate: float | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    message: str = ""


class Artifact(Message):
    """A file of the output folder, addressed by content."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class ClaimRequest(Message):
    worker: str = Field(min_length=1, max_length=100)


class Claim(Message):
    """A job under lease. Every later message carries `job` and the fencing `token`; a stale token is answered 409.

    `subject` is the id of what the work belongs to, the same for every attempt; it names the trainer's folder.
    """

    job: str
    token: int
    subject: str
    attempt: int
    lease_seconds: float
    work: Work


class Heartbeat(Message):
    job: str
    token: int
    done: float = 0.0
    total: float = 0.0
    eta_seconds: float | None = None


class HeartbeatReply(Message):
    cancel: bool


class Events(Message):
    job: str
    token: int
    events: list[Event] = Field(max_length=1000)


class Finish(Message):
    """The end of an attempt. `recipe` is what a training run used, without "auto"."""

    job: str
    token: int
    outcome: Outcome
    reason: FailureReason | None = None
    error: str = Field(default="", max_length=20_000)
    recipe: ResolvedRecipe | None = None
    report: Report | None = None
    answers: list[Answer] = Field(default_factory=list)
    artifacts: list[Artifact] = Field(default_factory=list)
