"""Scores of answers, and intervals against known values."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.metrics import chrf, exact_match, names, number, scorer, token_f1
from trainer.evaluation.statistics import macro_f1, mcnemar, paired_difference, score_interval, sign_flip, wilson


def test_exact_match_folds_space_not_case() -> None:
    assert exact_match(" a  b\n", "a b") == 1
    assert exact_match("cafe\u0301", "caf\u00e9") == 1
    assert exact_match("A", "a") == 0


def test_token_f1_known_values() -> None:
    assert token_f1("the red cat", "the cat") == pytest.approx(0.8)
    assert token_f1("", "x") == 0
    assert token_f1("", "") == 1


def test_chrf_is_between_0_and_1() -> None:
    assert chrf("same text", "same text") == pytest.approx(1)
    assert chrf("zzz", "same text") == 0


def test_non_number_costs_the_maximum_error() -> None:
    score = scorer("absolute_error", ["0", "10", "4"])
    assert score("3", "4") == 1
    assert score("three", "4") == 6
    assert number("1,200.5") == 1200.5
    assert names("regression", ["high", "4"]) == ("exact_match",)


def test_wilson_known_value() -> None:
    interval = wilson(45, 50)  # Wilson 95%: 0.7864 to 0.9565
    assert (interval.value, round(interval.low, 4), round(interval.high, 4)) == (0.9, 0.7864, 0.9565)
    assert wilson(0, 10).low == pytest.approx(0, abs=1e-12)


def test_mcnemar_known_value() -> None:
    base = np.array([1.0] * 2 + [0.0] * 8 + [1.0] * 5)
    tuned = np.array([0.0] * 2 + [1.0] * 8 + [1.0] * 5)
    assert mcnemar(tuned, base) == pytest.approx(0.109375)  # 2 * P(X <= 2), X ~ Binomial(10, 1/2)
    assert mcnemar(base, base) == 1


def test_sign_flip_separates_gain_from_none() -> None:
    assert sign_flip(np.full(30, 0.2), 0) < 0.001
    assert sign_flip(np.array([0.1, -0.1] * 15), 0) > 0.9


def test_difference_is_repeatable_and_bracketed() -> None:
    rng = np.random.default_rng(0)
    base, tuned = rng.random(200), rng.random(200) + 0.3
    delta = paired_difference(tuned, base, binary=False, seed=5)
    assert delta == paired_difference(tuned, base, binary=False, seed=5)
    assert score_interval(base, binary=False, seed=5) == score_interval(base, binary=False, seed=5)
    assert delta.low < delta.value < delta.high
    assert delta.value == pytest.approx((tuned - base).mean())


def test_macro_f1_equals_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    references, answers = list("aabbccab"), list("abbbccaz")
    intervals, deltas = macro_f1(references, {"base": answers, "tuned": references})
    known = f1_score(references, answers, labels=["a", "b", "c"], average="macro", zero_division=0)
    assert intervals["base"].value == pytest.approx(known)
    assert intervals["tuned"].value == 1
    assert deltas["tuned"].value == pytest.approx(1 - known)
