"""A weak slice scores below the whole test, or above it for an error metric."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.findings.queries import weak_slices
from app.web import evaluations
from trainer.evaluation.metrics import BY_TASK
from trainer.protocol import LOWER_IS_BETTER


def interval(value: float, reach: float) -> dict[str, float]:
    return {"value": value, "low": value - reach, "high": value + reach}


def report(metric: str, overall: float, slices: dict[str, float], reach: float) -> dict[str, Any]:
    parts = [{"tag": "ward", "value": name, "n": 30, "tuned": interval(at, reach)} for name, at in slices.items()]
    return {"primary": metric, "metrics": {metric: {"tuned": interval(overall, reach)}}, "slices": parts}


@pytest.mark.parametrize(
    ("metric", "weak"),
    [
        ("exact_match", [("low", "significantly below average"), ("lowish", "below average (50.0%), not significant")]),
        (
            "absolute_error",
            [("high", "significantly above average"), ("highish", "above average (0.5), not significant")],
        ),
    ],
)
def test_weak_slices_significant_first(metric: str, weak: list[tuple[str, str]]) -> None:
    slices = {"highish": 0.52, "low": 0.2, "same": 0.5, "high": 0.8, "lowish": 0.48}
    parts = weak_slices(report(metric, 0.5, slices, 0.1))
    assert [(part["value"], part["surely"]) for part in parts] == [(weak[0][0], True), (weak[1][0], False)]
    for part, (_, words) in zip(parts, weak, strict=True):
        assert words in part["reason"] and ("%" in part["reason"]) == (metric == "exact_match")


@pytest.mark.parametrize("metric", sorted({name for names in BY_TASK.values() for name in names}))
def test_page_calls_a_smaller_error_better(metric: str) -> None:
    rose = {"value": 0.3, "low": 0.2, "high": 0.4}
    assert evaluations.change(metric, rose) == ("worse" if metric in LOWER_IS_BETTER else "better")
    row = evaluations.metric_row(metric, {"base": interval(0.4, 0.1), "tuned": interval(0.7, 0.1), "delta": rose})
    assert row["lower_is_better"] == (metric in LOWER_IS_BETTER) and row["share"] != row["lower_is_better"]
