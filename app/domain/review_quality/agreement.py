"""Agreement of independent reviews: percent, Krippendorff's alpha, Gwet's AC1 and AC2, with intervals. Pure.

A unit is a revision that several reviewers reviewed: the list of their values. Sources:
K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): coincidences, nominal and ordinal metric.
K. L. Gwet, "Handbook of Inter-Rater Reliability", 4th edition (2014), chapters 3 and 4: AC1, and AC2 with quadratic
weights.
Intervals: percentile bootstrap over units (B. Efron, 1979), seeded; units with the same values are drawn together,
which gives the same distribution as drawing them one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
RESAMPLES, SEED = 1000, 20_111
LEVELS = (1, 2, 3, 4, 5)
DECISIONS = ("accept", "fix_and_accept", "return", "reject")


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its interval; None when it is undefined (alpha, when only one value was ever chosen)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """One question over `n` units of two or more reviews; `lacking` more units are needed before it is shown."""

    name: str
    n: int
    reviews: int
    lacking: int
    percent: Estimate | None = None
    alpha: Estimate | None = None
    gwet: Estimate | None = None


def measure(
    name: str, units: Sequence[Sequence[Hashable]], values: Sequence[Hashable], *, ordinal: bool, minimum: int
) -> Agreement:
    """Every coefficient of one question; only the counts while there are fewer than `minimum` units."""
    several = [unit for unit in units if len(unit) > 1]
    reviews = sum(len(unit) for unit in several)
    if len(several) < max(minimum, 1):
        return Agreement(name, len(several), reviews, max(minimum, 1) - len(several))
    patterns, times = tally(several, values)
    return Agreement(
        name,
        len(several),
        reviews,
        0,
        percent=_estimate(patterns, times, percent),
        alpha=_estimate(patterns, times, lambda p, t: alpha(p, t, ordinal=ordinal)),
        gwet=_estimate(patterns, times, lambda p, t: gwet(p, t, ordinal=ordinal)),
    )


def tally(units: Sequence[Sequence[Hashable]], values: Sequence[Hashable]) -> tuple[Matrix, Matrix]:
    """(how often each value was given, a row for each distinct unit), and how many units have that row."""
    index = {value: at for at, value in enumerate(values)}
    rows = Counter(tuple(_row(unit, index)) for unit in units)
    return np.array(list(rows), dtype=float), np.array(list(rows.values()), dtype=float)


def _row(unit: Sequence[Hashable], index: dict[Hashable, int]) -> list[int]:
    row = [0] * len(index)
    for value in unit:
        row[index[value]] += 1
    return row


def percent(patterns: Matrix, times: Matrix) -> float | None:
    """The probability that two reviewers of the same unit agree, averaged over units."""
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
    """1 - observed / expected disagreement, from the coincidence matrix. Units with one value are left out."""
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
    """Krippendorff's ordinal metric: the count of values between two ranks, both ends halved, squared."""
    reach = np.cumsum(margins)
    lower, upper = np.minimum.outer(reach, reach), np.maximum.outer(reach, reach)
    ranks = np.arange(len(margins))
    first = margins[np.minimum.outer(ranks, ranks)]
    last = margins[np.maximum.outer(ranks, ranks)]
    between: Matrix = upper - lower + first - (first + last) / 2
    np.fill_diagonal(between, 0)
    return between**2


def gwet(patterns: Matrix, times: Matrix, *, ordinal: bool) -> float | None:
    """AC1, or AC2 with quadratic weights; robust when nearly all reviews have the same value."""
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
    """The value with the 2.5th and 97.5th percentile of bootstrap resamples of the units."""
    n = int(times.sum())
    draws = np.random.default_rng(SEED).multinomial(n, times / n, size=RESAMPLES).astype(float)
    resampled = [value for draw in draws if (value := of(patterns, draw)) is not None]
    value = of(patterns, times)
    if value is None or not resampled:
        return Estimate(value, None, None)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
