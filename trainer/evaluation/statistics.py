"""95% intervals and p values of scores. Knows arrays of numbers; knows nothing of what they measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from trainer.protocol import Difference, Interval

Scores = NDArray[np.float64]
DRAWS = 4000
BLOCK = 200  # draws at a time: bounds the memory at BLOCK x n numbers


def wilson(successes: int, n: int) -> Interval:
    """Return the score interval of a proportion (Wilson 1927)."""
    interval = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Interval(value=successes / n, low=float(interval.low), high=float(interval.high))


def bootstrap_mean(scores: Scores, seed: int) -> Interval:
    """Return the percentile bootstrap interval of the mean over examples (Efron 1979)."""
    rng, n = np.random.default_rng(seed), len(scores)
    blocks = [scores[rng.integers(0, n, size=(BLOCK, n))].mean(axis=1) for _ in range(DRAWS // BLOCK)]
    low, high = np.quantile(np.concatenate(blocks), [0.025, 0.975])
    return Interval(value=float(scores.mean()), low=float(low), high=float(high))


def mcnemar(a: Scores, b: Scores) -> float:
    """Return the exact two-sided p from the examples that only one of two systems got right (McNemar 1947)."""
    only_a, only_b = int((a > b).sum()), int((a < b).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def sign_flip(differences: Scores, seed: int) -> float:
    """Return a two-sided p by permutation: without an effect each difference could as well have the other sign."""
    rng, n = np.random.default_rng(seed), len(differences)
    observed, extreme = abs(differences.mean()), 0
    for _ in range(DRAWS // BLOCK):
        signs = rng.integers(0, 2, size=(BLOCK, n)) * 2 - 1
        extreme += int((abs((signs * differences).mean(axis=1)) >= observed - 1e-12).sum())
    return (extreme + 1) / (DRAWS + 1)


def score_interval(scores: Scores, binary: bool, seed: int = 0) -> Interval:
    """Return the mean with its interval: Wilson for binary scores, otherwise bootstrap."""
    return wilson(int(scores.sum()), len(scores)) if binary else bootstrap_mean(scores, seed)


def paired_difference(a: Scores, b: Scores, binary: bool, seed: int = 0) -> Difference:
    """Return the mean of a - b on the same examples; p by McNemar for binary scores, otherwise by sign flips."""
    interval = bootstrap_mean(a - b, seed)
    return Difference(**interval.model_dump(), p=mcnemar(a, b) if binary else sign_flip(a - b, seed))


def macro_f1(
    references: Sequence[str], labels: Mapping[str, Sequence[str]], seed: int = 0
) -> tuple[dict[str, Interval], dict[str, Difference]]:
    """Return (system -> mean F1 over the references' classes, later system -> its difference from the first).

    Intervals and p come from resampling the examples. `labels` maps a system to its answers.
    """
    rng, n = np.random.default_rng(seed), len(references)
    classes = {label: at for at, label in enumerate(sorted(set(references)))}
    weights = np.vstack([np.ones(n), *(np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(DRAWS // 4))])
    values = {system: _weighted_f1(weights, references, answers, classes) for system, answers in labels.items()}
    first, *others = values
    intervals = {system: _percentiles(draws) for system, draws in values.items()}
    return intervals, {system: _resampled_difference(values[system] - values[first]) for system in others}


def _resampled_difference(draws: Scores) -> Difference:
    """`draws` holds the observed difference, then the resampled ones."""
    tail = min((draws[1:] <= 0).sum(), (draws[1:] >= 0).sum())
    return Difference(**_percentiles(draws).model_dump(), p=min(1.0, float(2 * (tail + 1) / len(draws))))


def _weighted_f1(weights: Scores, references: Sequence[str], answers: Sequence[str], classes: dict[str, int]) -> Scores:
    """Return the macro F1 under each row of example weights (draws, n)."""
    expected, predicted = _one_hot(references, classes), _one_hot(answers, classes)
    hits = weights @ (expected * predicted)
    total = weights @ expected + weights @ predicted
    present = weights @ expected > 0
    f1 = np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray((f1 * present).sum(axis=1) / present.sum(axis=1), dtype=np.float64)


def _one_hot(labels: Sequence[str], classes: dict[str, int]) -> Scores:
    table = np.zeros((len(labels), len(classes)))
    for row, label in enumerate(labels):
        if label in classes:
            table[row, classes[label]] = 1
    return table


def _percentiles(values: Scores) -> Interval:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Interval(value=float(values[0]), low=float(low), high=float(high))
