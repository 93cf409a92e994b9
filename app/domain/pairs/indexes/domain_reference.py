"""A sample of a project's approved pairs, against which the relevance of a prompt is measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.checks import relevance
from app.domain.checks.relevance import DomainDistance, Vectors
from app.domain.checks.similarity.embedding import Codes, products


@dataclass(frozen=True)
class ReferenceSample:
    """Ids and unit vectors of approved pairs, and the cosine below which a prompt is far from them."""

    ids: tuple[str, ...] = ()
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    limit: float = -1.0


def sample_of(ids: Sequence[str], codes: Codes) -> ReferenceSample:
    """Return the sample of these approved pairs; an empty one where they are too few to measure against."""
    if len(ids) < relevance.LEAST_PAIRS:
        return ReferenceSample()
    vectors = relevance.unit(codes)
    return ReferenceSample(tuple(ids), vectors, relevance.limit_of(vectors))


def standing(
    sample: ReferenceSample, vector: Codes, near: Mapping[str, float], *, without: str | None
) -> DomainDistance | None:
    """Return how a prompt compares with the sample and the approved pairs `near` it (pair id -> cosine).

    None where the sample is empty. The sample may miss a small part of a large project; `near`, which comes from the
    whole index, makes up for that.
    """
    if not sample.ids:
        return None
    similar = products(sample.vectors, relevance.unit(vector))
    rows = np.argpartition(-similar, relevance.K)[: relevance.K + 1]  # one more, since the pair itself may be there
    cosines = {sample.ids[row]: float(similar[row]) for row in rows} | dict(near)
    cosines.pop(without or "", None)
    nearest = sorted(cosines, key=lambda pair_id: -cosines[pair_id])[: relevance.K]
    return DomainDistance(cosines[nearest[-1]], sample.limit, {pair_id: cosines[pair_id] for pair_id in nearest})
