"""Format reports, progress and times for the terminal. Pure except Ticker, which prints."""

from __future__ import annotations

import sys
import time
from typing import Any

LABELS = {"exact_match": "exact match", "f1": "F1", "macro_f1": "macro F1", "rouge_l": "ROUGE-L"}
FRACTIONS = ("exact_match", "accuracy", "f1", "macro_f1", "rouge_l", "rate", "precision", "recall")


def metric_name(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


def number(value: float, name: str) -> str:
    if any(part in name for part in FRACTIONS):
        return f"{100 * value:.1f}%"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def interval(value: dict[str, Any], name: str) -> str:
    return f"{number(value['value'], name)} [{number(value['low'], name)} to {number(value['high'], name)}]"


def difference(delta: dict[str, Any], name: str) -> str:
    """Return a signed difference with its interval; differences of shares are percentage points."""
    if not any(part in name for part in FRACTIONS):
        return interval(delta, name)
    value, low, high = (f"{100 * delta[key]:+.1f}" for key in ("value", "low", "high"))
    return f"{value} points [{low} to {high}]"


def headline(report: dict[str, Any]) -> str:
    """Return one line: base and tuned score with the paired difference, its 95% confidence interval and p."""
    name = report["primary"]
    metric = report["metrics"][name]
    delta = metric["delta"]
    return (
        f"{metric_name(name)} on {report['n']} held-out examples: {number(metric['base']['value'], name)} -> "
        f"{number(metric['tuned']['value'], name)}  (difference {difference(delta, name)}, {p_value(delta['p'])})"
    )


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def table(report: dict[str, Any]) -> list[str]:
    """Return lines with all metrics of base, tuned and difference, then the baselines, each with its 95% interval."""
    rows: list[tuple[str, ...]] = [("", "base", "tuned", "difference")]
    for name, metric in report["metrics"].items():
        rows.append(
            (
                metric_name(name),
                interval(metric["base"], name),
                interval(metric["tuned"], name),
                f"{difference(metric['delta'], name)}, {p_value(metric['delta']['p'])}",
            )
        )
    lines = _aligned(rows)
    if report.get("references"):
        lines.append("Baselines (simple methods on the same examples):")
        for baseline, values in report["references"].items():
            shown = ", ".join(f"{metric_name(name)} {interval(value, name)}" for name, value in values.items())
            lines.append(f"  {baseline.replace('_', ' ')}: {shown}")
    return lines


def leaks(report: dict[str, Any]) -> str:
    """Return the leak report of a version as one sentence."""
    return (
        f"{report['near_duplicates_across_splits']} near-duplicates across splits (similarity {report['threshold']}"
        f" or more), {report['groups']} groups kept together, {report['duplicates_removed']} exact duplicates removed"
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def seconds(value: float | None) -> str:
    if value is None:
        return "?"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def gibibytes(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


def progress(done: float, total: float, eta: float | None) -> str:
    share = min(1.0, done / total) if total else 0.0
    bar = "#" * round(24 * share)
    return f"[{bar:<24}] {100 * share:3.0f}%" + (f", about {seconds(eta)} left" if eta is not None else "")


class Ticker:
    """A status line that updates in place on a terminal; in a log file, one line every ten seconds."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.live = sys.stdout.isatty()
        self._last, self._at, self._width = "", float("-inf"), 0

    def show(self, text: str) -> None:
        line = f"{self.label} {text}"
        if line == self._last:
            return
        if self.live:
            print("\r" + line.ljust(self._width), end="", flush=True)
            self._width = len(line)
        elif time.monotonic() - self._at < 10:
            return
        else:
            print(line, flush=True)
        self._last, self._at = line, time.monotonic()

    def end(self, text: str = "") -> None:
        if self.live and self._last:
            print("\r" + " " * self._width + "\r", end="")
        if text:
            print(text, flush=True)
