"""Whether a prompt is on topic, measured against the project's approved pairs. Pure.

The distance of a prompt is the cosine to its K-th nearest approved pair. The project's own pairs set the limit: each
approved pair is measured against the others, and the limit is the cosine that all but SHARE of them reach (a conformal
quantile: Vovk, Gammerman and Shafer 2005; with few pairs it is the lowest of them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.checks.problem import Neighbor, Problem
from app.domain.checks.similarity.embedding import Codes

Vectors = NDArray[np.float32]
LEAST_PAIRS, MOST_PAIRS = 50, 2_000
K = 3
SHARE = 0.005
LEAST_WORDS = 4  # an unfinished prompt has no topic yet
MESSAGE = (
    f"This prompt may be off-topic: it is less similar to the approved pairs than {1 - SHARE:.1%} of them are to each "
    "other. Check that it belongs here; the nearest pairs are shown."
)


@dataclass(frozen=True)
class DomainDistance:
    """`cosine` to the K-th nearest approved pair, the `limit` below which it is far, and the nearest with theirs."""

    cosine: float
    limit: float
    nearest: Mapping[str, float]

    @property
    def far(self) -> bool:
        return self.cosine < self.limit


def unit(codes: Codes) -> Vectors:
    """Rows of length 1, so that a product is a cosine."""
    rows = codes.astype(np.float32)
    unit_rows: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return unit_rows


def limit_of(vectors: Vectors) -> float:
    """Return the cosine that all but SHARE of these unit vectors reach against the others; -1 if there are too few."""
    if len(vectors) < LEAST_PAIRS:
        return -1.0
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1.0)
    reached = np.sort(np.partition(similar, len(vectors) - K, axis=1)[:, -K])
    return float(reached[max(0, int(SHARE * (len(vectors) + 1)) - 1)])


def is_prose(prompt: str) -> bool:
    return len(prompt.split()) >= LEAST_WORDS


def check_relevance(far_from: Sequence[Neighbor]) -> Iterator[Problem]:
    """Warn and show the nearest approved pairs; `far_from` is empty unless the prompt is far from all of them."""
    if far_from:
        yield Problem("irrelevant", MESSAGE, "prompt", neighbours=tuple(far_from))
