"""What is far from a project's approved pairs: the limit that the pairs set, and the words of the warning."""

from __future__ import annotations

import numpy as np

from app.domain.checks import relevance
from app.domain.checks.problem import Neighbor
from app.domain.checks.relevance import LEAST_PAIRS, K, limit_of, unit
from app.domain.checks.run_checks import check_pair
from app.web.pairs_problems import explained

PROMPT = "How do I bake rye bread at home?"


def around(centre: int, count: int, seed: int = 1) -> relevance.Vectors:
    rng = np.random.default_rng(seed)
    return unit(np.rint(10 * rng.normal(size=(count, 64)) + 80 * (np.arange(64) == centre)).astype(np.int8))


def test_the_limit_leaves_out_the_share_that_it_names() -> None:
    vectors = around(3, 1_000)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1)
    reached = np.sort(similar, axis=1)[:, -K]
    assert (reached < limit_of(vectors)).sum() == int(relevance.SHARE * 1_001) - 1
    fresh = np.sort(around(3, 2_000, seed=2) @ vectors.T, axis=1)[:, -K]
    assert (fresh < limit_of(vectors)).mean() <= 3 * relevance.SHARE
    assert (np.sort(around(40, 200, seed=3) @ vectors.T, axis=1)[:, -K] < limit_of(vectors)).mean() > 0.5


def test_few_pairs_set_no_limit() -> None:
    assert limit_of(around(3, LEAST_PAIRS - 1)) == -1.0
    assert limit_of(around(3, LEAST_PAIRS)) > 0


def test_a_stray_pair_of_few_is_the_limit() -> None:
    similar = (vectors := np.vstack([around(3, LEAST_PAIRS), around(9, 1)])) @ vectors.T
    np.fill_diagonal(similar, -1)
    assert np.isclose(limit_of(vectors), np.sort(similar, axis=1)[:, -K].min())


def test_the_warning_names_the_nearest_and_can_be_set() -> None:
    far_from = [Neighbor("p", "r", 0.21, "Where is my card?", "billing", "approved", "subject")]
    (found,) = check_pair(PROMPT, "billing", languages=["en"], task="classification", far_from=far_from)
    assert (found.code, found.severity, found.field) == ("irrelevant", "warn", "prompt")
    assert found.neighbours == tuple(far_from)
    assert "99.5%" in found.message
    for level in ("block", "off"):
        settings = {"irrelevant": level}
        got = check_pair(PROMPT, "x", languages=["en"], task="classification", far_from=far_from, settings=settings)
        assert [one.severity for one in got] == ([] if level == "off" else ["block"])
    assert check_pair(PROMPT, "x", languages=["en"], task="classification") == []


def test_the_nearest_are_shown_as_they_are_and_not_compared() -> None:
    far_from = [Neighbor("p", "r", 0.21, "Where is my card?", "billing", "approved", "subject")]
    (found,) = check_pair(PROMPT, "billing", languages=["en"], task="classification", far_from=far_from)
    (shown,) = explained([found.as_dict()], [{"content": PROMPT}, {"content": "billing"}])
    assert shown["name"] == "Off-topic (outlier)"
    assert shown["can_waive"]
    assert shown["neighbours"][0]["words"] == "Closest subject"
    assert shown["neighbours"][0]["prompt_diff"] is None
