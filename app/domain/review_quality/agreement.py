"""Agreement of independent opinions: percent, Krippendorff's alpha, Gwet's AC1 and AC2, with intervals. Pure.

A unit is what several reviewers judged: the list of their values. Sources:
K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): coincidences, nominal and ordinal metric.
K. L. Gwet, "Handbook of Inter-Rater Reliability", 4th edition (2014), chapters 3 and 4: AC1, and AC2 with quadratic
weights.
Intervals: percentile bootstrap over units (B. Efron, 1979), seeded; units with the same values are drawn together,
which is the same as drawing them one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
RESAMPLES, SEED = 1000, 20_111
LEVELS = (1, 2, 3, 4, 5)
DECISIONS = ("accept", "fix_and_accept", "return", "reject")


@dataclass(frozen=True)
class Estimate:
    """A coefficient, None where it is undefined (alpha, when nobody ever chose a second value)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """What was asked over `n` units of two opinions or more; `lacking` units until it may be printed."""

    name: str
    n: int
    opinions: int
    lacking: int
    percent: Estimate | None = None
    alpha: Estimate | None = None
    gwet: Estimate | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    name: str, units: Sequence[Sequence[Hashable]], values: Sequence[Hashable], *, ordinal: bool, least: int
) -> Agreement:
    """Everything about one question; only the counts while there are fewer than `least` units."""
    judged = [unit for unit in units if len(unit) > 1]
    opinions = sum(len(unit) for unit in judged)
    if len(judged) < max(least, 1):
        return Agreement(name, len(judged), opinions, max(least, 1) - len(judged))
    patterns, times = tally(judged, values)
    return Agreement(
        name,
        len(judged),
        opinions,
        0,
        percent=_estimate(patterns, times, percent),
        alpha=_estimate(patterns, times, lambda p, t: alpha(p, t, ordinal=ordinal)),
        gwet=_estimate(patterns, times, lambda p, t: gwet(p, t, ordinal=ordinal)),
    )


def tally(units: Sequence[Sequence[Hashable]], values: Sequence[Hashable]) -> tuple[Matrix, Matrix]:
    """(how often each value was given, a row for each distinct unit) and how many units are like it."""
    place = {value: at for at, value in enumerate(values)}
    rows = Counter(tuple(_row(unit, place)) for unit in units)
    return np.array(list(rows), dtype=float), np.array(list(rows.values()), dtype=float)


def _row(unit: Sequence[Hashable], place: dict[Hashable, int]) -> list[int]:
    row = [0] * len(place)
    for value in unit:
        row[place[value]] += 1
    return row


def percent(patterns: Matrix, times: Matrix) -> float | None:
    """The chance that two who judged the same unit agree, averaged over units."""
    return _agreed(patterns, times, np.eye(patterns.shape[1]))


def _agreed(patterns: Matrix, times: Matrix, weights: Matrix) -> float | None:
    size = patterns.sum(1)
    several = (size > 1) & (times > 0)
    if not several.any():
        return None
    rows, size, times = patterns[several], size[several], times[several]
    each = (rows * (rows @ weights - 1)).sum(1) / (size * (size - 1))
    return float(each @ times / times.sum())


def alpha(patterns: Matrix, times: Matrix, *, ordinal: bool) -> float | None:
    """1 - observed / expected disagreement, from the matrix of coincidences. Units of one value count nowhere."""
    size = patterns.sum(1)
    several = size > 1
    rows, share = patterns[several], times[several] / (size[several] - 1)
    together = np.einsum("u,ui,uj->ij", share, rows, rows) - np.diag(share @ rows)
    margins = together.sum(0)
    distance = _ordinal_distance(margins) if ordinal else 1 - np.eye(len(margins))
    total = margins.sum()
    expected = float(margins @ distance @ margins)
    if total < 2 or expected == 0:
        return None
    return float(1 - (total - 1) * (together * distance).sum() / expected)


def _ordinal_distance(margins: Matrix) -> Matrix:
    """Krippendorff's ordinal metric: the values between two ranks, both ends halved, squared."""
    reach = np.cumsum(margins)
    lower, upper = np.minimum.outer(reach, reach), np.maximum.outer(reach, reach)
    ranks = np.arange(len(margins))
    first = margins[np.minimum.outer(ranks, ranks)]
    last = margins[np.maximum.outer(ranks, ranks)]
    between: Matrix = upper - lower + first - (first + last) / 2
    np.fill_diagonal(between, 0)
    return between**2


def gwet(patterns: Matrix, times: Matrix, *, ordinal: bool) -> float | None:
    """AC1, or AC2 with quadratic weights; robust where nearly all choose the same value."""
    count = patterns.shape[1]
    ranks = np.arange(count)
    weights: Matrix = np.eye(count)
    if ordinal:
        weights = 1 - np.subtract.outer(ranks, ranks).astype(float) ** 2 / (count - 1) ** 2
    agreed = _agreed(patterns, times, weights)
    if agreed is None:
        return None
    shares = times @ (patterns / patterns.sum(1, keepdims=True)) / times.sum()
    chance = weights.sum() / (count * (count - 1)) * float((shares * (1 - shares)).sum())
    return float((agreed - chance) / (1 - chance))


def _estimate(patterns: Matrix, times: Matrix, of: Callable[[Matrix, Matrix], float | None]) -> Estimate:
    """The value with the 2.5th and 97.5th percentile of as many units drawn again and again."""
    n = int(times.sum())
    draws = np.random.default_rng(SEED).multinomial(n, times / n, size=RESAMPLES).astype(float)
    found = [value for draw in draws if (value := of(patterns, draw)) is not None]
    value = of(patterns, times)
    if value is None or not found:
        return Estimate(value, None, None)
    low, high = np.percentile(found, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
