"""Messages between the application and the trainer, and the recipe a person writes.

The only module of the trainer that the application imports: Pydantic and the standard library, no torch.
Times are seconds, sizes are bytes, losses are nats per label token.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["generation", "classification", "extraction", "translation", "regression", "code"]
Outcome = Literal["done", "failed", "cancelled"]
FailureReason = Literal["oom", "disk_full", "timeout", "user_error", "nonfinite_loss", "worker_lost", "crash"]


class Message(BaseModel):
    """A message of one side: unknown fields are refused so that a typing error cannot pass for a default."""

    model_config = ConfigDict(extra="forbid")


class LoraRecipe(Message):
    """Low-rank adapters (Hu et al. 2021): W + (alpha / rank) B A on each target."""

    rank: int = Field(default=16, ge=1, le=512)
    alpha: float = Field(default=32.0, gt=0, le=4096)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"


class EarlyStopping(Message):
    """Stop when the validation loss has not improved for `patience` evaluations; keep the best checkpoint."""

    patience: int = Field(default=3, ge=1, le=100)
    min_delta: float = Field(default=0.0, ge=0)


class Recipe(Message):
    """How to fine-tune. `learning_rate` None means the default of the method and of the model's size."""

    base_model: str = Field(default="starter", min_length=1, max_length=200)
    method: Literal["full", "lora", "qlora"] = "full"
    epochs: float = Field(default=6.0, gt=0, le=1000)
    max_minutes: float | None = Field(default=None, gt=0, le=60 * 24 * 30)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    batch_tokens: int = Field(default=1024, ge=32, le=1_000_000)
    max_length: int = Field(default=512, ge=16, le=131_072)
    max_new_tokens: int = Field(default=128, ge=1, le=8192)
    lora: LoraRecipe = Field(default_factory=LoraRecipe)
    weight_decay: float = Field(default=0.01, ge=0, le=10)
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of the steps")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    early_stopping: EarlyStopping | None = Field(default_factory=EarlyStopping)
    evaluations: int = Field(default=8, ge=1, le=1000, description="validation passes over a run")
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class ChatMessage(Message):
    role: Literal["system", "user", "assistant"]
    content: str


class Example(Message):
    """One line of a split file (JSON Lines): the last message is the assistant's reference answer."""

    id: str
    messages: list[ChatMessage] = Field(min_length=2)
    tags: dict[str, str] = Field(default_factory=dict)


class DataFile(Message):
    """A split file: a local path when the trainer runs alone, a content address when the application serves it."""

    sha256: str | None = None
    path: str | None = None


class RunSpec(Message):
    """What `python -m trainer run RECIPE.json` reads."""

    recipe: Recipe
    task: Task = "generation"
    train: DataFile
    validation: DataFile
    test: DataFile
    output_dir: str
    contamination: dict[str, Any] = Field(default_factory=dict, description="the version's leak report, passed through")


class Event(Message):
    """One numbered line of a run's progress. `seq` counts from 1 within an attempt's output folder, across resumes."""

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


class Interval(Message):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Difference(Interval):
    """Tuned less base on the same examples, paired; p is two-sided."""

    p: float


class MetricResult(Message):
    base: Interval
    tuned: Interval
    delta: Difference


class Slice(Message):
    """Scores of the test examples that carry one tag value. `metric` names the report's primary metric."""

    tag: str
    value: str
    n: int
    metric: str
    base: Interval
    tuned: Interval
    delta: Difference


class AnswerText(Message):
    text: str
    seconds: float = 0.0


class Answer(Message):
    """One test example answered by both models. `scores` maps metric -> {"base": s, "tuned": s}."""

    id: str
    prompt: str
    reference: str
    base: AnswerText
    tuned: AnswerText
    scores: dict[str, dict[str, float]]
    tags: dict[str, str] = Field(default_factory=dict)


class Cost(Message):
    seconds: float
    tokens: int
    peak_memory_bytes: int


LOWER_IS_BETTER = frozenset({"absolute_error", "squared_error"})
"""Metrics of a report that count what is wrong. They have no upper bound; every other metric is a share of 1."""


class Report(Message):
    """The evaluation of one run. `references` maps a reference's name to metric -> Interval."""

    n: int
    primary: str
    metrics: dict[str, MetricResult]
    references: dict[str, dict[str, Interval]] = Field(default_factory=dict)
    slices: list[Slice] = Field(default_factory=list)
    contamination: dict[str, Any] = Field(default_factory=dict)
    cost: Cost
    notes: list[str] = Field(default_factory=list)


class Artifact(Message):
    """A file of the output folder, addressed by content."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class ClaimRequest(Message):
    worker: str = Field(min_length=1, max_length=100)


class Claim(Message):
    """A job under lease. Every later message carries `job` and the fencing `token`; a stale token is answered 409."""

    job: str
    token: int
    run: str
    attempt: int
    lease_seconds: float
    spec: RunSpec


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
    job: str
    token: int
    outcome: Outcome
    reason: FailureReason | None = None
    error: str = Field(default="", max_length=20_000)
    report: Report | None = None
    answers: list[Answer] = Field(default_factory=list)
    artifacts: list[Artifact] = Field(default_factory=list)
