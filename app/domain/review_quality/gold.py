"""Gold pairs: when one is due, and how well a reviewer's answers meet the right ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """`hits` of `n`, with a Wilson interval of 95 %. `name` is a criterion, or "decision"; `within` in levels."""

    name: str
    within: int
    hits: int
    n: int
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, 1927, JASA 22: 209-212). (0, 1) where nothing was counted."""
    if not n:
        return 0.0, 1.0
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def rates(answers: Sequence[tuple[dict[str, Any], dict[str, Any]]], criteria: Sequence[str]) -> list[Rate]:
    """Hit rates over (given, right), each {decision, ratings}. What either side did not judge is not counted."""
    found = [_rate("decision", 0, [(given["decision"], right["decision"]) for given, right in answers])]
    for name in criteria:
        both = [(given["ratings"].get(name), right["ratings"].get(name)) for given, right in answers]
        judged = [(mine, theirs) for mine, theirs in both if mine is not None and theirs is not None]
        found += [_rate(name, within, judged) for within in (0, 1)]
    return found


def _rate(name: str, within: int, pairs: Sequence[tuple[Any, Any]]) -> Rate:
    hits = sum(mine == right or (within > 0 and abs(mine - right) <= within) for mine, right in pairs)
    return Rate(name, within, hits, len(pairs), *wilson(hits, len(pairs)))
