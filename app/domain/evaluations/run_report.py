"""The public shape of a training run's report: the systems "base" and "tuned" side by side.

Pure: converts stored `trainer.protocol` payloads. Its field names are public (GET /runs/{id}/report and /answers).
"""

from __future__ import annotations

from typing import Any

from trainer.protocol import Report

BASE, TUNED = "base", "tuned"


def report_view(report: dict[str, Any]) -> dict[str, Any]:
    """Convert a `Report` payload: {n, primary, metrics: {metric: {base, tuned, delta}}, references, slices, …}."""
    metrics = {
        name: {**scores, "delta": _delta(report["comparisons"], name)} for name, scores in report["metrics"].items()
    }
    slices = [
        {name: part[name] for name in ("tag", "value", "n", "metric")}
        | part["scores"]
        | {"delta": _delta(part["comparisons"], part["metric"])}
        for part in report["slices"]
    ]
    view = {"n": report["n"], "primary": report["primary"], "metrics": metrics, "references": report["baselines"]}
    return view | {"slices": slices} | {name: report[name] for name in ("contamination", "cost", "notes")}


def missing_scores(report: Report) -> list[str]:
    """Name the metrics and slices that lack a system's score or the comparison of "tuned" with "base"."""
    parts = [(metric, metric, scores, report.comparisons) for metric, scores in report.metrics.items()]
    parts += [(f"{part.tag}={part.value}", part.metric, part.scores, part.comparisons) for part in report.slices]
    return [
        name
        for name, metric, scores, comparisons in parts
        if not {BASE, TUNED} <= scores.keys()
        or (TUNED, BASE, metric) not in {(item.a, item.b, item.metric) for item in comparisons}
    ]


def answer_view(answer: dict[str, Any]) -> dict[str, Any]:
    """Convert an `Answer` payload: {id, prompt, reference, base: {text, seconds}, tuned: {…}, scores, tags}."""
    shown = {name: answer[name] for name in ("id", "prompt", "reference", "scores", "tags")}
    return {**shown, **answer["outputs"]}


def is_right(answer: dict[str, Any], system: str, metric: str) -> bool:
    """Whether a system's score on this answer is full."""
    return bool(answer["scores"].get(metric, {}).get(system, 0.0) >= 1.0)


def _delta(comparisons: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    delta: dict[str, Any] = next(
        item["delta"] for item in comparisons if (item["a"], item["b"], item["metric"]) == (TUNED, BASE, metric)
    )
    return delta
