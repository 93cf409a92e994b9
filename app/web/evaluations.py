"""Format an evaluation report for the page: texts and chart positions. Pure; takes the report as stored."""

from __future__ import annotations

from typing import Any

from app.web.render import words
from trainer.protocol import LOWER_IS_BETTER

LEFT, WIDTH = 4.0, 292.0
"""Margin and width of an interval chart in SVG units (the chart is 300 wide)."""


def is_share(name: str, *intervals: dict[str, Any]) -> bool:
    """Return whether a metric is a share of 1, shown as a percentage."""
    return name not in LOWER_IS_BETTER and all(abs(interval["value"]) <= 1 for interval in intervals)


def metric_row(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return the formatted values and chart positions of one metric or slice."""
    base, tuned, delta = result["base"], result["tuned"], result["delta"]
    share = is_share(name, base, tuned)
    low, high = _scale(share, base, tuned)
    reach = max(abs(delta["low"]), abs(delta["high"]), 1e-9)
    return {
        "name": name,
        "words": words(name),
        "share": share,
        "lower_is_better": name in LOWER_IS_BETTER,
        "base": shown(base, share),
        "tuned": shown(tuned, share),
        "delta": signed(delta, share),
        "p": p_value(delta.get("p")),
        "change": change(name, delta),
        "drawing": {
            "base": _positions(base, low, high),
            "tuned": _positions(tuned, low, high),
            "delta": _positions(delta, -reach, reach),
        },
        "ends": (_print(low, share), _print(high, share)),
        "reach": f"{100 * reach:.1f} pts" if share else f"{reach:.3f}",
    }


def change(name: str, delta: dict[str, Any]) -> str:
    """Return better, worse or same. `same`: the interval includes 0."""
    if delta["low"] <= 0 <= delta["high"]:
        return "same"
    return "better" if (delta["value"] > 0) != (name in LOWER_IS_BETTER) else "worse"


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """Return the summary: direction and size of the change, its interval, and the number of examples."""
    row = metric_row(report["primary"], report["metrics"][report["primary"]])
    verb = {"better": "improved", "worse": "got worse", "same": "did not change significantly"}[row["change"]]
    return {"row": row, "verb": verb, "n": report["n"]}


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all metrics, the primary metric first."""
    names = sorted(report["metrics"], key=lambda name: name != report["primary"])
    return [metric_row(name, report["metrics"][name]) for name in names]


def baselines(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of simple methods on the primary metric."""
    primary = report["primary"]
    return [
        {"name": words(name), "value": shown(values[primary], is_share(primary, values[primary]))}
        for name, values in report.get("references", {}).items()
        if primary in values
    ]


def slice_rows(report: dict[str, Any], weak: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the slices, lowest tuned score first. Weak slices have a reason."""
    reasons = {(part["tag"], part["value"]): {name: part[name] for name in ("reason", "surely")} for part in weak}

    def order(row: dict[str, Any]) -> tuple[float, str, str]:
        return row["tuned"]["value"] * (-1 if row["metric"] in LOWER_IS_BETTER else 1), row["tag"], row["value"]

    return [
        metric_row(row["metric"], row)
        | {name: row[name] for name in ("tag", "value", "n")}
        | reasons.get((row["tag"], row["value"]), {"reason": "", "surely": False})
        for row in sorted(report.get("slices", []), key=order)
    ]


def shown(interval: dict[str, Any], share: bool) -> dict[str, str]:
    return {key: _print(interval[key], share) for key in ("value", "low", "high")}


def signed(interval: dict[str, Any], share: bool) -> dict[str, str]:
    """Format differences with their sign. Differences of shares are percentage points."""
    unit = 100 if share else 1
    return {key: f"{interval[key] * unit:+.{1 if share else 3}f}".replace("-", "−") for key in ("value", "low", "high")}


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _print(value: float, share: bool) -> str:
    return (f"{100 * value:.1f}%" if share else f"{value:.3f}").replace("-", "−")


def _scale(share: bool, *intervals: dict[str, Any]) -> tuple[float, float]:
    if share:
        return 0.0, 1.0
    low, high = min(item["low"] for item in intervals), max(item["high"] for item in intervals)
    margin = (high - low) * 0.1 or 1.0
    return low - margin, high + margin


def _positions(interval: dict[str, Any], low: float, high: float) -> dict[str, float]:
    return {
        key: round(LEFT + WIDTH * min(1.0, max(0.0, (interval[key] - low) / (high - low))), 1)
        for key in ("value", "low", "high")
    }
