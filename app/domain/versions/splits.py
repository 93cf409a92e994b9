"""Leak-safe splits: near-duplicates stand together, strata are shared out evenly, the seed decides. Pure."""

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
    """Shares that add up to 1. Raises Invalid."""
    if set(splits) != set(SPLITS):
        raise Invalid("Give a share for each of train, validation and test.", field="splits")
    shares = {name: float(splits[name]) for name in SPLITS}
    if any(not 0 < share < 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise Invalid("Each share is above 0, and the three add up to 1.", field="splits")
    return shares


@dataclass(frozen=True)
class Groups:
    """The near-duplicate pairs of a list of prompts, and for each prompt the first member of its cluster."""

    pairs: list[tuple[int, int]]
    cluster: list[int]


def group(prompts: Sequence[str]) -> Groups:
    """Clusters are connected components: near-duplicates of near-duplicates stand together."""
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
    """A split for each item: whole clusters, in an order that the seed shuffles, to the split that lacks most.

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
        for first in sorted(by_stratum[stratum], key=lambda index: (-len(members[index]), _shuffled(seed, index))):
            chosen = _neediest(placed, placed_overall, shares)
            placed[chosen] += len(members[first])
            placed_overall[chosen] += len(members[first])
            for index in members[first]:
                split[index] = chosen
    return split


def _neediest(placed: dict[str, int], overall: dict[str, int], shares: dict[str, float]) -> str:
    """The split furthest below its share of the stratum; ties go to the one furthest below its share of the whole."""
    total, whole = sum(placed.values()) + 1, sum(overall.values()) + 1
    return max(
        shares, key=lambda name: (round(shares[name] * total - placed[name], 9), shares[name] * whole - overall[name])
    )


def _shuffled(seed: int, index: int) -> str:
    return hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()


def leaks(grouped: Groups, split: Sequence[str]) -> int:
    """How many near-duplicate pairs stand in different splits: counted on the outcome, not assumed."""
    return sum(split[left] != split[right] for left, right in grouped.pairs)
