"""Scores of single answers, and intervals against known values."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.metrics import chrf, exact_match, names, number, scorer, token_f1
from trainer.evaluation.statistics import compare, macro_f1, mcnemar, sign_flip, wilson


def test_exact_match_folds_white_space_and_unicode_but_not_case() -> None:
    assert exact_match(" a  b\n", "a b") == 1
    assert exact_match("cafe\u0301", "caf\u00e9") == 1
    assert exact_match("A", "a") == 0


def test_token_f1() -> None:
    assert token_f1("the red cat", "the cat") == pytest.approx(0.8)
    assert token_f1("", "x") == 0
    assert token_f1("", "") == 1


def test_chrf_is_between_nought_and_one() -> None:
    assert chrf("same text", "same text") == pytest.approx(1)
    assert chrf("zzz", "same text") == 0


def test_an_answer_that_is_no_number_costs_the_farthest_reference() -> None:
    score = scorer("absolute_error", ["0", "10", "4"])
    assert score("3", "4") == 1
    assert score("three", "4") == 6
    assert number("1,200.5") == 1200.5
    assert names("regression", ["high", "4"]) == ("exact_match",)


def test_wilson_known_value() -> None:
    found = wilson(45, 50)  # Wilson 95 %: 0.7864 to 0.9565
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (0.9, 0.7864, 0.9565)
    assert wilson(0, 10).low == pytest.approx(0, abs=1e-12)


def test_mcnemar_known_value() -> None:
    base = np.array([1.0] * 2 + [0.0] * 8 + [1.0] * 5)
    tuned = np.array([0.0] * 2 + [1.0] * 8 + [1.0] * 5)
    assert mcnemar(base, tuned) == pytest.approx(0.109375)  # 2 * P(X <= 2), X ~ Binomial(10, 1/2)
    assert mcnemar(base, base) == 1


def test_sign_flip_is_small_for_a_clear_gain_and_large_for_none() -> None:
    assert sign_flip(np.full(30, 0.2), 0) < 0.001
    assert sign_flip(np.array([0.1, -0.1] * 15), 0) > 0.9


def test_compare_is_repeatable_and_brackets_the_difference() -> None:
    rng = np.random.default_rng(0)
    base, tuned = rng.random(200), rng.random(200) + 0.3
    found = compare(base, tuned, binary=False, seed=5)
    assert found == compare(base, tuned, binary=False, seed=5)
    assert found.delta.low < found.delta.value < found.delta.high
    assert found.delta.value == pytest.approx((tuned - base).mean())


def test_macro_f1_equals_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    wanted, given = list("aabbccab"), list("abbbccaz")
    found = macro_f1(wanted, given, wanted)
    known = f1_score(wanted, given, labels=["a", "b", "c"], average="macro", zero_division=0)
    assert found.base.value == pytest.approx(known)
    assert found.tuned.value == 1
