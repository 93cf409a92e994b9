"""95 % intervals and p values for paired scores. Knows arrays of numbers; knows nothing of what they measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from trainer.protocol import Difference, Interval, MetricResult

Scores = NDArray[np.float64]
DRAWS = 4000
BLOCK = 200  # draws at a time: bounds the memory at BLOCK x n numbers


def wilson(successes: int, n: int) -> Interval:
    """Score interval of a proportion (Wilson 1927)."""
    found = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Interval(value=successes / n, low=float(found.low), high=float(found.high))


def bootstrap_mean(scores: Scores, seed: int) -> Interval:
    """Percentile bootstrap of the mean over examples (Efron 1979)."""
    rng, n = np.random.default_rng(seed), len(scores)
    blocks = [scores[rng.integers(0, n, size=(BLOCK, n))].mean(axis=1) for _ in range(DRAWS // BLOCK)]
    low, high = np.quantile(np.concatenate(blocks), [0.025, 0.975])
    return Interval(value=float(scores.mean()), low=float(low), high=float(high))


def mcnemar(base: Scores, tuned: Scores) -> float:
    """Exact two-sided p from the examples that only one of the two got right."""
    gained, lost = int((tuned > base).sum()), int((tuned < base).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def sign_flip(differences: Scores, seed: int) -> float:
    """Two-sided p by permutation: under no effect each difference is as likely to have the other sign."""
    rng, n = np.random.default_rng(seed), len(differences)
    seen, extreme = abs(differences.mean()), 0
    for _ in range(DRAWS // BLOCK):
        signs = rng.integers(0, 2, size=(BLOCK, n)) * 2 - 1
        extreme += int((abs((signs * differences).mean(axis=1)) >= seen - 1e-12).sum())
    return (extreme + 1) / (DRAWS + 1)


def compare(base: Scores, tuned: Scores, binary: bool, seed: int = 0) -> MetricResult:
    """Both means and their paired difference. Binary: Wilson and McNemar; otherwise bootstrap and sign flips."""
    change = bootstrap_mean(tuned - base, seed)
    p = mcnemar(base, tuned) if binary else sign_flip(tuned - base, seed)
    sides = [wilson(int(s.sum()), len(s)) if binary else bootstrap_mean(s, seed) for s in (base, tuned)]
    delta = Difference(value=change.value, low=change.low, high=change.high, p=p)
    return MetricResult(base=sides[0], tuned=sides[1], delta=delta)


def macro_f1(references: list[str], base: list[str], tuned: list[str], seed: int = 0) -> MetricResult:
    """Mean F1 over the references' classes, with intervals and p from resampling the examples."""
    rng, n = np.random.default_rng(seed), len(references)
    classes = {label: at for at, label in enumerate(sorted(set(references)))}
    weights = np.vstack([np.ones(n), *(np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(DRAWS // 4))])
    found = [_macro_f1(weights, references, answers, classes) for answers in (base, tuned)]
    change = found[1] - found[0]
    tail = min((change[1:] <= 0).sum(), (change[1:] >= 0).sum())
    p = min(1.0, float(2 * (tail + 1) / len(change)))
    sides = [_spread(values) for values in (*found, change)]
    return MetricResult(base=sides[0], tuned=sides[1], delta=Difference(**sides[2].model_dump(), p=p))


def _macro_f1(weights: Scores, references: list[str], answers: list[str], classes: dict[str, int]) -> Scores:
    wanted, given = _one_hot(references, classes), _one_hot(answers, classes)
    hits = weights @ (wanted * given)
    total = weights @ wanted + weights @ given
    present = weights @ wanted > 0
    f1 = np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray((f1 * present).sum(axis=1) / present.sum(axis=1), dtype=np.float64)


def _one_hot(labels: list[str], classes: dict[str, int]) -> Scores:
    table = np.zeros((len(labels), len(classes)))
    for row, label in enumerate(labels):
        if label in classes:
            table[row, classes[label]] = 1
    return table


def _spread(values: Scores) -> Interval:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Interval(value=float(values[0]), low=float(low), high=float(high))
