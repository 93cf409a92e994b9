"""Splits follow the shares, spread strata evenly and keep near-duplicates together."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from app.core.errors import Invalid
from app.domain.versions import splits as version_splits

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


@given(st.integers(0, 1000))
def test_near_duplicates_share_a_split(seed: int) -> None:
    prompts = [f"The patient number {n // 2} asks for a refill of tablets{'.' if n % 2 else '!'}" for n in range(40)]
    groups = version_splits.group(prompts)
    split = version_splits.assign(groups.cluster, ["same"] * 40, SHARES, seed)
    assert groups.pairs
    assert version_splits.count_leaks(groups, split) == 0


def test_strata_are_spread_evenly() -> None:
    strata = ["a"] * 50 + ["b"] * 30
    split = version_splits.assign(list(range(80)), strata, SHARES, seed=3)
    assert [split[:50].count(name) for name in version_splits.SPLITS] == [40, 5, 5]
    assert [split[50:].count(name) for name in version_splits.SPLITS] == [24, 3, 3]
    assert split == version_splits.assign(list(range(80)), strata, SHARES, seed=3)
    assert split != version_splits.assign(list(range(80)), strata, SHARES, seed=4)


@pytest.mark.parametrize("shares", [{}, {"train": 1.0}, {"train": 0.8, "validation": 0.1, "test": 0.2}])
def test_invalid_shares_are_rejected(shares: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        version_splits.parse(shares)
