"""How often a reviewer's answers on gold pairs match the right answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Rate:
    """`hits` of `n` with a 95% Wilson interval. `name` is a criterion or "decision"; `within` is in levels."""

    name: str
    within: int
    hits: int
    n: int
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """The 95% score interval of a share (E. B. Wilson, 1927, JASA 22: 209-212); (0, 1) when n is 0."""
    if not n:
        return 0.0, 1.0
    from scipy.stats import binomtest  # here, because importing scipy.stats takes longer than starting a command

    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def rates(answers: Sequence[tuple[dict[str, Any], dict[str, Any]]], criteria: Sequence[str]) -> list[Rate]:
    """Hit rates over (answer, right answer), each {decision, ratings}; a rating missing in either is skipped."""
    results = [_rate("decision", 0, [(answer["decision"], right["decision"]) for answer, right in answers])]
    for name in criteria:
        both = [(answer["ratings"].get(name), right["ratings"].get(name)) for answer, right in answers]
        rated = [(value, right) for value, right in both if value is not None and right is not None]
        results += [_rate(name, within, rated) for within in (0, 1)]
    return results


def _rate(name: str, within: int, values: Sequence[tuple[Any, Any]]) -> Rate:
    hits = sum(value == right or (within > 0 and abs(value - right) <= within) for value, right in values)
    return Rate(name, within, hits, len(values), *wilson_interval(hits, len(values)))
