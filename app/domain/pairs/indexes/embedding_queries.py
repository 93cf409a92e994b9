"""Neighbors by meaning: the index proposes pairs, the database says which of them are current, the texts decide.

Without an embedding, nothing is found and nothing fails.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.domain.checks import relevance
from app.domain.checks.problem import By, Neighbor
from app.domain.checks.relevance import DomainDistance
from app.domain.checks.similarity import paraphrase
from app.domain.checks.similarity.embedding import Codes, Embedding, cosines
from app.domain.pairs.indexes import embedding_index, near_duplicate_queries
from app.domain.pairs.indexes.embedding_index import KEY, EmbeddingIndex, ProjectVectors, ReferenceSample
from app.domain.pairs.states import HIDDEN, State
from app.domain.pairs.tables import Pair, PairBand, PairVector, Revision
from app.domain.projects.tables import Project

CHUNK = 20_000
MAX_SHOWN, MAX_COMPARED = 5, 24
REFERENCE_TRIES = 3 * relevance.MOST_PAIRS  # pairs read to find enough approved pairs
REFERENCE_PAUSE = 1_000  # times as long as drawing the sample took
BATCH = 64


class Match(NamedTuple):
    pair: str
    state: str
    cosine: float


@dataclass(frozen=True)
class SemanticMatches:
    """Pairs that ask the same as a prompt, and the nearest approved pairs where all of them are far from it."""

    same: tuple[Neighbor, ...] = ()
    far_from: tuple[Neighbor, ...] = ()


def index_of(session: Session) -> EmbeddingIndex | None:
    """Return the index of the application that this session belongs to."""
    index: EmbeddingIndex | None = session.info.get(KEY)
    return index


def embedding_of(session: Session) -> Embedding | None:
    index = index_of(session)
    return index.embedding if index else None


def matches(session: Session, project: Project, prompt: str, *, without: str | None = None) -> SemanticMatches:
    """Return the neighbors by meaning and how the prompt compares with the approved pairs, from one scan."""
    index = index_of(session)
    if not index or not (embedding := index.embedding) or (project.languages and "en" not in project.languages):
        return SemanticMatches()
    vectors = _refreshed(session, index, project.id, embedding)
    if not vectors.count:
        return SemanticMatches()
    vector = embedding.codes(prompt)
    ids = [pair_id for pair_id in vectors.nearest(vector) if pair_id != without]
    near = _current_matches(session, embedding, ids, vector)
    approved = {match.pair: match.cosine for match in near if match.state == State.APPROVED}
    standing = None
    if relevance.is_prose(prompt):
        standing = embedding_index.standing(vectors.reference, vector, approved, without=without)
    return SemanticMatches(
        _same(session, prompt, near), _far_from(session, standing) if standing and standing.far else ()
    )


def _same(session: Session, prompt: str, near: Sequence[Match]) -> tuple[Neighbor, ...]:
    likely = {match.pair: match.cosine for match in near[:MAX_COMPARED] if match.cosine >= paraphrase.LEAST_COSINE}
    if not likely:
        return ()
    reading = paraphrase.text_features(prompt)
    same = [
        _neighbor(row, chance, "meaning")
        for row in near_duplicate_queries.texts_of(session, list(likely))
        if (chance := paraphrase.likelihood(likely[row.id], reading, paraphrase.text_features(row.prompt)))
        >= paraphrase.THRESHOLD
    ]
    return tuple(sorted(same, key=lambda n: (-n.similarity, n.pair))[:MAX_SHOWN])


def _far_from(session: Session, standing: DomainDistance) -> tuple[Neighbor, ...]:
    rows = near_duplicate_queries.texts_of(session, list(standing.nearest))
    nearest = [_neighbor(row, max(0.0, standing.nearest[row.id]), "subject") for row in rows]
    return tuple(sorted(nearest, key=lambda n: (-n.similarity, n.pair)))


def _neighbor(row: Any, similarity: float, by: By) -> Neighbor:
    return Neighbor(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state, by)


def _current_matches(session: Session, embedding: Embedding, ids: Sequence[str], vector: Codes) -> list[Match]:
    """Return those of the pairs that may be shown and whose vectors are current, closest first."""
    if not ids:
        return []
    rows = session.execute(
        _current_vectors(embedding)
        .add_columns(Pair.state)
        .where(PairVector.pair_id.in_(ids), Pair.state.not_in(HIDDEN), Pair.is_gold.is_(False))
    ).all()
    if not rows:
        return []
    similar = cosines(vector, _matrix(rows))
    return [Match(rows[i].pair_id, rows[i].state, float(similar[i])) for i in np.argsort(-similar)]


def _current_vectors(embedding: Embedding) -> Any:
    return (
        select(PairVector.pair_id, PairVector.codes)
        .join(Pair, Pair.id == PairVector.pair_id)
        .where(PairVector.model == embedding.digest, PairVector.revision_id == Pair.current_revision_id)
    )


def _matrix(rows: Sequence[Any]) -> Codes:
    return np.frombuffer(b"".join(row.codes for row in rows), np.int8).reshape(len(rows), -1)


# --- what is in memory ---


def _refreshed(session: Session, index: EmbeddingIndex, project_id: str, embedding: Embedding) -> ProjectVectors:
    """Return the vectors, up to date unless another thread is just reading: it never waits for one."""
    vectors = index.of(project_id)
    if not vectors.lock.acquire(blocking=False):
        return vectors
    try:
        while read_new(session, vectors, project_id, embedding) == CHUNK:
            pass
        vectors.loaded = vectors.loaded or vectors.count
        if vectors.count > 2 * vectors.loaded + CHUNK:
            index.forget(project_id)  # most of it is out of date; the next call reads afresh
        _draw_reference(session, vectors, embedding)
    finally:
        vectors.lock.release()
    return vectors


def read_new(session: Session, vectors: ProjectVectors, project_id: str, embedding: Embedding) -> int:
    """Append the rows that were written since, CHUNK at most; return their number."""
    rows = session.execute(
        select(PairVector.pair_id, PairVector.position, PairVector.codes)
        .where(
            PairVector.project_id == project_id,
            PairVector.position > vectors.position,
            PairVector.model == embedding.digest,
        )
        .order_by(PairVector.position)
        .limit(CHUNK)
    ).all()
    if rows:
        vectors.append([row.pair_id for row in rows], _matrix(rows), rows[-1].position)
    return len(rows)


def _draw_reference(session: Session, vectors: ProjectVectors, embedding: Embedding) -> None:
    """Draw the sample again where that is due: drawing takes a thousandth of the time at most."""
    started = time.monotonic()
    if started < vectors.reference_due:
        return
    rows = _approved_rows(session, vectors, embedding) if vectors.count >= relevance.LEAST_PAIRS else []
    vectors.reference = (
        embedding_index.sample_of([row.pair_id for row in rows], _matrix(rows)) if rows else ReferenceSample()
    )
    ended = time.monotonic()
    vectors.reference_due = ended + REFERENCE_PAUSE * (ended - started)


def _approved_rows(session: Session, vectors: ProjectVectors, embedding: Embedding) -> list[Any]:
    """Return current vectors of approved pairs, MOST_PAIRS at most, drawn evenly."""
    rows: list[Any] = []
    for ids in near_duplicate_queries.batched(vectors.sample(REFERENCE_TRIES), 500):
        rows += session.execute(
            _current_vectors(embedding).where(
                PairVector.pair_id.in_(ids), Pair.state == State.APPROVED, Pair.is_gold.is_(False)
            )
        )
        if len(rows) >= relevance.MOST_PAIRS:
            break
    return rows[: relevance.MOST_PAIRS]


# --- what lacks bands or a vector ---


def current(project_id: str) -> Any:
    return (
        select(Pair.id, Revision.id.label("revision"), Revision.prompt, Revision.completion)
        .join(Revision, Revision.id == Pair.current_revision_id)
        .where(Pair.project_id == project_id, Pair.state != "withdrawn")
        .order_by(Pair.id)
    )


def without_bands(project_id: str) -> Any:
    return current(project_id).where(~exists().where(PairBand.pair_id == Pair.id))


def without_vector(project_id: str, embedding: Embedding) -> Any:
    has_vector = exists().where(
        PairVector.pair_id == Pair.id,
        PairVector.revision_id == Pair.current_revision_id,
        PairVector.model == embedding.digest,
    )
    return current(project_id).where(Pair.state.not_in(HIDDEN), ~has_vector)


def is_incomplete(session: Session, project_id: str) -> bool:
    """Return whether pairs of the project lack bands or, where there is an embedding, vectors."""
    embedding = embedding_of(session)
    statements = [without_bands(project_id)] + ([without_vector(project_id, embedding)] if embedding else [])
    return any(session.execute(statement.limit(1)).first() for statement in statements)


def count(session: Session, statement: Any) -> int:
    return session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def next_batch(session: Session, statement: Any, after: str) -> Sequence[Any]:
    """Return the next BATCH rows of `without_bands` or `without_vector` after a pair's id."""
    rows: Sequence[Any] = session.execute(statement.where(Pair.id > after).limit(BATCH)).all()
    return rows


def has_job(session: Session, *conditions: Any) -> bool:
    return session.scalar(select(jobs.Job.id).where(*conditions).limit(1)) is not None
