"""The report of systems on a test set: scores with intervals, comparisons, slices, and each system's answers.

A system is anything that answers a prompt; a training run's report has the systems "base" and "tuned".
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from trainer.protocol.base import Message

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
