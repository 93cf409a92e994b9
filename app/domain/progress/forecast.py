"""Forecast how many pairs will be approved by the deadline, with an interval that is wide after few days. Pure.

Takes daily counts and reads no clock. The model: days are alike, and vary more than a Poisson process by a factor (the
dispersion), which is estimated from the same days. Both the daily rate and the dispersion are uncertain, more so after
fewer days. Draws are seeded: the same days give the same forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

WINDOW = 14
MIN_DAYS = 3
DRAWS = 4000
COVERAGE = 0.95


@dataclass(frozen=True)
class Forecast:
    """The total at the deadline with a 95% interval, from the last `days` days."""

    expected: int
    low: int
    high: int
    days: int
    per_day: float


def days_before(
    by_day: Mapping[date, int], *, opened: date, today: date, window: int = WINDOW
) -> tuple[list[int], dict[date, int]]:
    """The counts of the last `window` whole days since the opening, and the running total of every day."""
    first = max(opened, today - timedelta(days=window))
    recent = [by_day.get(first + timedelta(days=at), 0) for at in range((today - first).days)]
    running, total = {}, sum(n for day, n in by_day.items() if day < opened)
    for at in range((today - opened).days + 1):
        day = opened + timedelta(days=at)
        total += by_day.get(day, 0)
        running[day] = total
    return recent, running


def forecast(daily: Sequence[int], *, before: int, done: int, days_left: int, seed: int = 0) -> Forecast | None:
    """The total after `days_left` more days, including today. None for fewer than MIN_DAYS days.

    `daily` are counts of whole days, `before` is the total after the last of them, `done` the total now. Today counts
    as a future day whose count is at least what it has now.
    """
    if len(daily) < MIN_DAYS or days_left < 1:
        return None
    per_day = float(np.mean(daily))
    sums = before + _future(np.asarray(daily, float), days_left, np.random.default_rng(seed))
    low, high = np.quantile(sums, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], method="inverted_cdf")
    expected = round(before + per_day * days_left)
    return Forecast(max(done, expected), max(done, int(low)), max(done, int(high)), len(daily), per_day)


def needed_per_day(target: int, *, done: int, days_left: int) -> float | None:
    """Pairs per day that still reach the target; None after the deadline."""
    return max(0, target - done) / days_left if days_left > 0 else None


def on_line(target: int, *, opened: date, deadline: date, day: date) -> float:
    """The value after a day of the straight line from 0 at the opening to the target at the end of the deadline."""
    length = max(1, (deadline - opened).days + 1)
    return target * min(1.0, max(0, (day - opened).days + 1) / length)


def words(forecast: Forecast | None, *, target: int, done: int, deadline: date, today: date) -> str:
    """The forecast in one sentence, with the number of days behind it."""
    by = f"{deadline:%b} {deadline.day}"
    if done >= target:
        return f"Reached: {done:,} of {target:,}."
    if today > deadline:
        return f"The deadline of {by} has passed with {done:,} of {target:,}."
    if forecast is None:
        return f"{done:,} of {target:,} so far. A forecast needs {MIN_DAYS} full days of work."
    return (
        f"At this rate {forecast.expected:,} of {target:,} by {by} ({forecast.low:,} to {forecast.high:,}; "
        f"95% interval from {forecast.days} days)."
    )


def _future(daily: NDArray[np.float64], days_left: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draws of the sum of the future days: the dispersion, then the rate, then the days."""
    n = len(daily)
    dispersion = _dispersion(daily, rng)
    rate = rng.gamma((daily.sum() + 0.5) / dispersion, dispersion / n)
    spread = np.maximum(dispersion - 1, 1e-9)  # a Poisson whose rate varies this much has that dispersion
    return rng.poisson(rng.gamma(rate * days_left / spread, spread)).astype(float)


def _dispersion(daily: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draws of variance over mean, at least 1 (Poisson); fewer days give wider draws."""
    n, mean = len(daily), max(float(daily.mean()), 1 / len(daily))
    squares = float(((daily - mean) ** 2).sum())
    return np.maximum(1.0, squares / mean / rng.chisquare(n - 1, DRAWS))
