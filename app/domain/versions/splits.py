"""Leak-safe splits: near-duplicates stay in one split, strata are spread evenly, the seed decides. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import Invalid
from app.domain.checks.similarity.minhash import shingles
from app.domain.checks.similarity.set_similarity_join import near_pairs

SPLITS = ("train", "validation", "test")


def parse(splits: dict[str, float]) -> dict[str, float]:
    """Validate shares that add up to 1. Raises Invalid."""
    if set(splits) != set(SPLITS):
        raise Invalid("Set a share for each of train, validation and test.", field="splits")
    shares = {name: float(splits[name]) for name in SPLITS}
    if any(not 0 < share < 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise Invalid("Each share must be above 0, and the three must add up to 1.", field="splits")
    return shares


@dataclass(frozen=True)
class Groups:
    """The near-duplicate pairs of a list of prompts, and for each prompt the first member of its cluster."""

    pairs: list[tuple[int, int]]
    cluster: list[int]


def group(prompts: Sequence[str]) -> Groups:
    """Group prompts into clusters: the connected components of the graph of near-duplicates."""
    pairs = [(left, right) for left, right, _ in near_pairs([shingles(prompt) for prompt in prompts])]
    parent = list(range(len(prompts)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for left, right in pairs:
        low, high = sorted((root(left), root(right)))
        parent[high] = low
    return Groups(pairs, [root(index) for index in range(len(prompts))])


def assign(cluster: Sequence[int], strata: Sequence[str], shares: dict[str, float], seed: int) -> list[str]:
    """Return a split for each item. Whole clusters, shuffled by the seed, go to the split that lacks most examples.

    A cluster's stratum is that of its first member.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for index, first in enumerate(cluster):
        members[first].append(index)
    by_stratum: dict[str, list[int]] = defaultdict(list)
    for first in members:
        by_stratum[strata[first]].append(first)
    split = [""] * len(cluster)
    placed_overall = dict.fromkeys(shares, 0)
    for stratum in sorted(by_stratum):
        placed = dict.fromkeys(shares, 0)
        for first in sorted(by_stratum[stratum], key=lambda index: (-len(members[index]), _shuffle_key(seed, index))):
            target = _furthest_below(placed, placed_overall, shares)
            placed[target] += len(members[first])
            placed_overall[target] += len(members[first])
            for index in members[first]:
                split[index] = target
    return split


def _furthest_below(placed: dict[str, int], overall: dict[str, int], shares: dict[str, float]) -> str:
    """Return the split furthest below its share of the stratum; on a tie, furthest below its share of the whole."""
    total, whole = sum(placed.values()) + 1, sum(overall.values()) + 1
    return max(
        shares, key=lambda name: (round(shares[name] * total - placed[name], 9), shares[name] * whole - overall[name])
    )


def _shuffle_key(seed: int, index: int) -> str:
    return hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()


def count_leaks(groups: Groups, split: Sequence[str]) -> int:
    """Count the near-duplicate pairs in different splits: measured on the result, not assumed."""
    return sum(split[left] != split[right] for left, right in groups.pairs)
