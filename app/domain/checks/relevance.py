"""Is a prompt about what the project is about? Measured by the company that the project's approved pairs keep. Pure.

The distance of a prompt is the cosine to its K-th nearest approved pair. How far is too far, the project says itself:
each approved pair is measured against the others, and the least cosine that all but SHARE of them reach is the limit
(a conformal quantile: Vovk, Gammerman and Shafer 2005; of few pairs it is the farthest one of them).
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
LEAST_WORDS = 4  # what is half typed is about nothing yet
MESSAGE = (
    f"This prompt is unlike what the project has approved: {1 - SHARE:.1%} of the approved pairs stand closer to the "
    "others. Check that it belongs here; the nearest are shown."
)


@dataclass(frozen=True)
class Standing:
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
    found: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return found


def limit_of(vectors: Vectors) -> float:
    """What all but SHARE of these unit vectors reach against the others; nothing is below it where they are few."""
    if len(vectors) < LEAST_PAIRS:
        return -1.0
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1.0)
    reached = np.sort(np.partition(similar, len(vectors) - K, axis=1)[:, -K])
    return float(reached[max(0, int(SHARE * (len(vectors) + 1)) - 1)])


def is_prose(prompt: str) -> bool:
    return len(prompt.split()) >= LEAST_WORDS


def check_relevance(far_from: Sequence[Neighbor]) -> Iterator[Problem]:
    """A warning that names the nearest approved pairs; they are handed in where the prompt is far from all of them."""
    if far_from:
        yield Problem("irrelevant", "warn", MESSAGE, "prompt", None, tuple(far_from))
