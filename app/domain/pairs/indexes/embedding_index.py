"""The embedding of an installation and, for each project, the vectors of its prompts in memory. Knows no database.

384 bytes a pair: 100,000 pairs take 38 MB and are compared with a prompt in about 25 ms. The application owns the index
and gives it to each of its sessions (`Database.info`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.domain.checks import relevance
from app.domain.checks.relevance import DomainDistance, Vectors
from app.domain.checks.similarity.embedding import ABOUT, Codes, Embedding, products

KEY = "embedding_index"
"""Under this name a session's `info` holds the index."""
FOLDER = "embedding"
BLOCK = 2_048  # rows that are converted to floats at once, so that they stay in the processor's cache
MAX_NEAREST = 100
MIN_COSINE = 0.4
MAX_IN_MEMORY = 1_000_000
log = logging.getLogger("preceptor.vectors")


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


class ProjectVectors:
    """An int8 matrix that grows by doubling, with the pair of each row. `position` is the last table row that is in it.

    A pair that was edited has several rows and an erased pair has one still: the database decides which of them count.
    """

    def __init__(self) -> None:
        self.position = 0
        self.count = 0
        self.loaded = 0
        self.lock = threading.Lock()
        self.reference = ReferenceSample()
        self.reference_due = 0.0
        self._ids = np.zeros(0, "S32")
        self._codes: Codes = np.zeros((0, 0), np.int8)
        self._lengths = np.zeros(0, np.float32)

    def append(self, ids: Sequence[str], codes: Codes, position: int) -> None:
        """Add rows. The caller holds the lock."""
        end = self.count + len(ids)
        if end > len(self._ids):
            self._grow(max(1_024, end + end // 2), codes.shape[1])
        self._ids[self.count : end] = [pair_id.encode() for pair_id in ids]
        self._codes[self.count : end] = codes
        self._lengths[self.count : end] = np.linalg.norm(codes.astype(np.float32), axis=1)
        self.count, self.position = end, position

    def _grow(self, size: int, dimensions: int) -> None:
        ids, codes = np.zeros(size, "S32"), np.zeros((size, dimensions), np.int8)
        lengths, count = np.zeros(size, np.float32), self.count
        if count:
            ids[:count], codes[:count], lengths[:count] = self._ids[:count], self._codes[:count], self._lengths[:count]
        self._ids, self._codes, self._lengths = ids, codes, lengths

    def sample(self, size: int) -> list[str]:
        """Return ids drawn evenly, each once; the same draw for the same rows. Some may be out of date."""
        count, ids = self.count, self._ids
        rows = np.random.default_rng(count).choice(count, min(count, size), replace=False)
        return list(dict.fromkeys(pair_id.decode() for pair_id in ids[rows]))

    def nearest(self, vector: Codes) -> list[str]:
        """Return the ids with the highest cosines, MAX_NEAREST at most, nearest first; some may be out of date."""
        ids, similar = self._ids, self._cosines(vector)
        rows = np.nonzero(similar >= MIN_COSINE)[0]
        if len(rows) > MAX_NEAREST:
            rows = rows[np.argpartition(-similar[rows], MAX_NEAREST)[:MAX_NEAREST]]
        order = rows[np.argsort(-similar[rows], kind="stable")]
        return list(dict.fromkeys(pair_id.decode() for pair_id in ids[order]))

    def _cosines(self, vector: Codes) -> NDArray[np.float32]:
        count, codes, lengths = self.count, self._codes, self._lengths
        query = vector.astype(np.float32)
        similar = np.empty(count, np.float32)
        for start in range(0, count, BLOCK):
            end = min(count, start + BLOCK)
            similar[start:end] = products(codes[start:end].astype(np.float32), query)
        similar /= np.maximum(lengths[:count] * np.linalg.norm(query), 1e-9)
        return similar


class EmbeddingIndex:
    """The embedding, opened once its file exists, and the vectors that were read of projects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.projects: dict[str, ProjectVectors] = {}
        self._embedding: Embedding | None = None
        self._file_time: float | None = None
        self._lock = threading.Lock()

    @property
    def embedding(self) -> Embedding | None:
        """None where there is no file or it cannot be read; a newer file is tried again."""
        with self._lock:
            if self._embedding is None:
                self._open()
            return self._embedding

    def _open(self) -> None:
        try:
            file_time = (self.folder / ABOUT).stat().st_mtime
        except OSError:
            return
        if file_time == self._file_time:
            return
        self._file_time = file_time
        try:
            self._embedding = Embedding(self.folder)
        except Exception as error:
            log.warning("neighbors by meaning are off, since the embedding cannot be read: %s", error)

    def of(self, project_id: str) -> ProjectVectors:
        """Return the vectors of a project. The project used longest ago leaves memory first."""
        with self._lock:
            vectors = self.projects.pop(project_id, None) or ProjectVectors()
            self.projects[project_id] = vectors
            while len(self.projects) > 1 and sum(each.count for each in self.projects.values()) > MAX_IN_MEMORY:
                self.projects.pop(next(iter(self.projects)))
            return vectors

    def forget(self, project_id: str) -> None:
        with self._lock:
            self.projects.pop(project_id, None)
