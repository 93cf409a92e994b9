"""A sample of a project's approved pairs in memory, and how close they stand to one another: what relevance is
measured against. Drawn anew as the project grows, so that drawing takes a thousandth of the time at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.checks import relevance
from app.domain.checks.relevance import Standing, Vectors
from app.domain.checks.similarity.embedding import Codes, products
from app.domain.pairs.indexes import near_duplicates
from app.domain.pairs.indexes.hamming_index import Sketches
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, PairVector

TRIED = 3 * relevance.MOST_PAIRS  # pairs looked at to find so many approved ones
PAUSE = 1_000  # times as long as the drawing took


@dataclass(frozen=True)
class ReferenceSample:
    """Ids and unit vectors of approved pairs, and the cosine below which a prompt is far from them."""

    ids: tuple[str, ...] = ()
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    limit: float = -1.0


class ReferenceCache:
    """What was drawn of one project last, and when it is drawn again."""

    def __init__(self) -> None:
        self.drawn = ReferenceSample()
        self._due = 0.0
        self._lock = threading.Lock()

    def keep_fresh(self, session: Session, known: Sketches, digest: str) -> ReferenceSample:
        """What was drawn, anew where that is due; whoever asks meanwhile goes on with what was before."""
        if time.monotonic() >= self._due and self._lock.acquire(blocking=False):
            try:
                began = time.monotonic()
                self.drawn = _draw(session, known, digest)
                self._due = time.monotonic() + PAUSE * (time.monotonic() - began)
            finally:
                self._lock.release()
        return self.drawn


def _draw(session: Session, known: Sketches, digest: str) -> ReferenceSample:
    rows = list(_approved(session, known, digest)) if known.count >= relevance.LEAST_PAIRS else []
    if len(rows) < relevance.LEAST_PAIRS:
        return ReferenceSample()
    codes = np.frombuffer(b"".join(row.codes for row in rows), np.int8).reshape(len(rows), -1)
    vectors = relevance.unit(codes)
    return ReferenceSample(tuple(row.pair_id for row in rows), vectors, relevance.limit_of(vectors))


def _approved(session: Session, known: Sketches, digest: str) -> Iterator[Any]:
    """Vectors of approved pairs that hold today, MOST_PAIRS at most, drawn evenly from the sketches."""
    drawn = 0
    for ids in near_duplicates.batched(known.sample(TRIED), 500):
        rows = session.execute(
            select(PairVector.pair_id, PairVector.codes)
            .join(Pair, Pair.id == PairVector.pair_id)
            .where(
                PairVector.pair_id.in_(ids),
                PairVector.model == digest,
                PairVector.revision_id == Pair.current_revision_id,
                Pair.state == State.APPROVED,
                Pair.is_gold.is_(False),
            )
        ).all()[: relevance.MOST_PAIRS - drawn]
        yield from rows
        if (drawn := drawn + len(rows)) >= relevance.MOST_PAIRS:
            return


def standing(
    drawn: ReferenceSample, vector: Codes, near: Mapping[str, float], *, without: str | None
) -> Standing | None:
    """Where a prompt stands among what was drawn and the approved pairs `near` it (pair -> cosine); None of too few.

    The sample alone may miss a small corner of a large project; what the whole index found near makes up for it.
    """
    if not drawn.ids:
        return None
    similar = products(drawn.vectors, relevance.unit(vector))
    best = np.argpartition(-similar, relevance.K)[: relevance.K + 1]  # one more: the pair itself may be there
    cosines = {drawn.ids[place]: float(similar[place]) for place in best} | dict(near)
    cosines.pop(without or "", None)
    nearest = sorted(cosines, key=lambda one: -cosines[one])[: relevance.K]
    return Standing(cosines[nearest[-1]], drawn.limit, {one: cosines[one] for one in nearest})
