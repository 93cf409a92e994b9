"""What the trainer sends: the report of systems on a test set with each system's answers, and the worker calls.

A system is anything that answers a prompt; a training run's report has the systems "base" and "tuned".
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from trainer.protocol.work import Message, ResolvedRecipe, Work

Outcome = Literal["done", "failed", "cancelled"]
FailureReason = Literal["oom", "disk_full", "timeout", "user_error", "nonfinite_loss", "worker_lost", "crash"]
LOWER_IS_BETTER = frozenset({"absolute_error", "squared_error"})
"""Metrics that count errors. They have no upper bound; every other metric is a share of 1."""


class Interval(Message):
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


class Difference(Interval):
    """A paired difference on the same examples; p is two-sided."""

    p: float


class Comparison(Message):
    """System `a` minus system `b` on one metric."""

    a: str
    b: str
    metric: str
    delta: Difference


class Slice(Message):
    """Scores of the test examples that carry one tag value. `metric` names the report's primary metric."""

    tag: str
    value: str
    n: int
    metric: str
    scores: dict[str, Interval] = Field(description="system -> score")
    comparisons: list[Comparison] = Field(default_factory=list)


class AnswerText(Message):
    text: str
    seconds: float = 0.0


class Answer(Message):
    """One test example with the output of every system. `scores` maps metric -> system -> score."""

    id: str
    prompt: str
    reference: str
    outputs: dict[str, AnswerText]
    scores: dict[str, dict[str, float]]
    tags: dict[str, str] = Field(default_factory=dict)


class Cost(Message):
    seconds: float
    tokens: int
    peak_memory_bytes: int


class Report(Message):
    """The scores of `systems` on one test set. `metrics` maps metric -> system -> interval, `baselines` maps the name
    of a simple method -> metric -> interval. Comparisons are of each later system with the first."""

    n: int
    primary: str
    systems: list[str]
    metrics: dict[str, dict[str, Interval]]
    comparisons: list[Comparison] = Field(default_factory=list)
    baselines: dict[str, dict[str, Interval]] = Field(default_factory=dict)
    slices: list[Slice] = Field(default_factory=list)
    contamination: dict[str, Any] = Field(default_factory=dict)
    cost: Cost
    notes: list[str] = Field(default_factory=list)


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
