"""A report in words and drawings. Pure: takes the report as stored, returns what to print and where bars stand."""

from __future__ import annotations

from typing import Any

from app.web.render import words
from trainer.protocol import LOWER_IS_BETTER

LEFT, WIDTH = 4.0, 292.0
"""Margin and width of an interval drawing in its own units (the drawing is 300 wide)."""


def is_share(name: str, *intervals: dict[str, Any]) -> bool:
    """Whether a metric is a share of 1, printed in percent."""
    return name not in LOWER_IS_BETTER and all(abs(one["value"]) <= 1 for one in intervals)


def metric_row(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """One metric (or slice): printed values, and the drawing's positions."""
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
        "verdict": verdict(name, delta),
        "drawing": {
            "base": _place(base, low, high),
            "tuned": _place(tuned, low, high),
            "delta": _place(delta, -reach, reach),
        },
        "ends": (_print(low, share), _print(high, share)),
        "reach": f"{100 * reach:.1f} pts" if share else f"{reach:.3f}",
    }


def verdict(name: str, delta: dict[str, Any]) -> str:
    """better | worse | same: the interval decides, not the value."""
    if delta["low"] <= 0 <= delta["high"]:
        return "same"
    return "better" if (delta["value"] > 0) != (name in LOWER_IS_BETTER) else "worse"


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """The report in one sentence: what changed, by how much, how sure, on how many examples."""
    row = metric_row(report["primary"], report["metrics"][report["primary"]])
    verb = {"better": "improved", "worse": "got worse", "same": "did not change beyond chance"}[row["verdict"]]
    return {"row": row, "verb": verb, "n": report["n"]}


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """All metrics, the primary one first."""
    names = sorted(report["metrics"], key=lambda name: name != report["primary"])
    return [metric_row(name, report["metrics"][name]) for name in names]


def references(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What simple methods reach on the primary metric, to read the tuned score against."""
    primary = report["primary"]
    return [
        {"name": words(name), "value": shown(values[primary], is_share(primary, values[primary]))}
        for name, values in report.get("references", {}).items()
        if primary in values
    ]


def slice_rows(report: dict[str, Any], weak: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Slices, the weakest tuned score first, each with the reason when it is a weak one."""
    known = {(one["tag"], one["value"]): one for one in weak}
    worst_first = sorted(
        report.get("slices", []),
        key=lambda one: (
            one["tuned"]["value"] * (-1 if one["metric"] in LOWER_IS_BETTER else 1),
            one["tag"],
            one["value"],
        ),
    )
    return [
        metric_row(one["metric"], one)
        | {
            "tag": one["tag"],
            "value": one["value"],
            "n": one["n"],
            "reason": known.get((one["tag"], one["value"]), {}).get("reason", ""),
            "surely": known.get((one["tag"], one["value"]), {}).get("surely", False),
        }
        for one in worst_first
    ]


def shown(interval: dict[str, Any], share: bool) -> dict[str, str]:
    return {key: _print(interval[key], share) for key in ("value", "low", "high")}


def signed(interval: dict[str, Any], share: bool) -> dict[str, str]:
    """Differences carry their sign; those of shares are percentage points."""
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
    low, high = min(one["low"] for one in intervals), max(one["high"] for one in intervals)
    room = (high - low) * 0.1 or 1.0
    return low - room, high + room


def _place(interval: dict[str, Any], low: float, high: float) -> dict[str, float]:
    return {
        key: round(LEFT + WIDTH * min(1.0, max(0.0, (interval[key] - low) / (high - low))), 1)
        for key in ("value", "low", "high")
    }
