"""How many pairs will be approved by the deadline, with an interval that is honest about few days. Pure.

Takes daily counts and asks no calendar. The model: days are alike and vary more than chance by a factor (the
dispersion), which is estimated from the same days; both the pace and that factor are uncertain, the more so the fewer
the days. Draws are seeded: the same days give the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

WINDOW = 14
LEAST_DAYS = 3
DRAWS = 4000
COVER = 0.95


@dataclass(frozen=True)
class Forecast:
    """`expected`, `low` and `high` are the sum at the deadline; `days` is what they rest on; 95 % interval."""

    expected: int
    low: int
    high: int
    days: int
    per_day: float


def days_before(
    by_day: Mapping[date, int], *, opened: date, today: date, window: int = WINDOW
) -> tuple[list[int], dict[date, int]]:
    """The counts of the whole days since the opening, the last `window` of them; and the running sum of every day."""
    first = max(opened, today - timedelta(days=window))
    recent = [by_day.get(first + timedelta(days=at), 0) for at in range((today - first).days)]
    running, total = {}, sum(n for day, n in by_day.items() if day < opened)
    for at in range((today - opened).days + 1):
        day = opened + timedelta(days=at)
        total += by_day.get(day, 0)
        running[day] = total
    return recent, running


def forecast(daily: Sequence[int], *, before: int, done: int, days_left: int, seed: int = 0) -> Forecast | None:
    """What is reached after `days_left` more days, today among them. None below three days.

    `daily` are whole days, `before` is the sum at the end of the last of them, `done` the sum now: today counts as a
    day to come, and what it brought already is the least that it will bring.
    """
    if len(daily) < LEAST_DAYS or days_left < 1:
        return None
    pace = float(np.mean(daily))
    sums = before + _future(np.asarray(daily, float), days_left, np.random.default_rng(seed))
    low, high = np.quantile(sums, [(1 - COVER) / 2, (1 + COVER) / 2], method="inverted_cdf")
    expected = round(before + pace * days_left)
    return Forecast(max(done, expected), max(done, int(low)), max(done, int(high)), len(daily), pace)


def needed_per_day(target: int, *, done: int, days_left: int) -> float | None:
    """The pace that still reaches the target; None after the deadline."""
    return max(0, target - done) / days_left if days_left > 0 else None


def on_line(target: int, *, opened: date, deadline: date, day: date) -> float:
    """Where the straight line from nothing at the opening to the target at the deadline's end stands after a day."""
    length = max(1, (deadline - opened).days + 1)
    return target * min(1.0, max(0, (day - opened).days + 1) / length)


def words(found: Forecast | None, *, target: int, done: int, deadline: date, today: date) -> str:
    """The forecast in one sentence, with what it rests on."""
    by = f"{deadline.day} {deadline:%b}"
    if done >= target:
        return f"Reached: {done:,} of {target:,}."
    if today > deadline:
        return f"The deadline of {by} has passed with {done:,} of {target:,}."
    if found is None:
        return f"{done:,} of {target:,} so far. A forecast needs {LEAST_DAYS} whole days of work."
    return (
        f"At this pace {found.expected:,} of {target:,} by {by} ({found.low:,} to {found.high:,}; "
        f"95 % interval from {found.days} days)."
    )


def _future(daily: NDArray[np.float64], days_left: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draws of the sum of the days to come: dispersion, then pace, then the days themselves."""
    n = len(daily)
    dispersion = _dispersion(daily, rng)
    pace = rng.gamma((daily.sum() + 0.5) / dispersion, dispersion / n)
    spread = np.maximum(dispersion - 1, 1e-9)  # a Poisson whose rate varies this much has that dispersion
    return rng.poisson(rng.gamma(pace * days_left / spread, spread)).astype(float)


def _dispersion(daily: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Variance over mean, at least that of chance; the fewer the days, the wider its draws."""
    n, mean = len(daily), max(float(daily.mean()), 1 / len(daily))
    squares = float(((daily - mean) ** 2).sum())
    return np.maximum(1.0, squares / mean / rng.chisquare(n - 1, DRAWS))
