"""One bit a dimension of every vector of a project, in memory: what is near is found by counting bits.

64 bytes and less a pair: a million pairs fit into 80 MB and are searched in about 30 ms. The database has the last
word on what is found, so that what was edited or erased since does no harm here. Knows no database.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.checks.similarity.embedding import Codes, sketches

BLOCK = 32_768
MOST_FOUND = 300
MOST_APART = 0.36  # of the bits: a cosine of 0.6 is 0.295 apart, give or take 0.023


class Sketches:
    """Grows by doubling. `position` is the last row of the table that is in."""

    def __init__(self) -> None:
        self.position = 0
        self.count = 0
        self.loaded = 0
        self.lock = threading.Lock()
        self._ids = np.zeros(0, "S32")
        self._words = np.zeros((0, 0), np.uint64)

    def append(self, ids: Sequence[str], vectors: Codes, position: int) -> None:
        """The caller holds the lock."""
        new = sketches(vectors).T
        end = self.count + len(ids)
        if end > self._words.shape[1]:
            size = max(1024, end + end // 2)
            words, names = np.zeros((len(new), size), np.uint64), np.zeros(size, "S32")
            if self.count:
                words[:, : self.count], names[: self.count] = self._words[:, : self.count], self._ids[: self.count]
            self._words, self._ids = words, names
        self._words[:, self.count : end] = new
        self._ids[self.count : end] = [one.encode() for one in ids]
        self.count, self.position = end, position

    def sample(self, most: int) -> list[str]:
        """Ids drawn evenly, each once; the same draw of the same sketches. Some may be out of date."""
        count, ids = self.count, self._ids
        chosen = np.random.default_rng(count).choice(count, min(count, most), replace=False)
        return list(dict.fromkeys(one.decode() for one in ids[chosen]))

    def near(self, vector: Codes) -> list[str]:
        """Ids of the nearest by their bits, MOST_FOUND at most, nearest first; some may be out of date."""
        count, words, ids = self.count, self._words, self._ids
        if not count:
            return []
        sketch = sketches(vector[None])[0]
        limit = int(MOST_APART * len(vector))
        places, apart = [], []
        for begin in range(0, count, BLOCK):
            distance = _distances(words[:, begin : min(count, begin + BLOCK)], sketch)
            close = np.nonzero(distance <= limit)[0]
            if len(close):
                places.append(close + begin)
                apart.append(distance[close])
        if not places:
            return []
        found, distances = np.concatenate(places), np.concatenate(apart)
        if len(found) > MOST_FOUND:
            nearest = np.argpartition(distances, MOST_FOUND)[:MOST_FOUND]
            found, distances = found[nearest], distances[nearest]
        order = np.argsort(distances, kind="stable")
        return list(dict.fromkeys(one.decode() for one in ids[found[order]]))


def _distances(words: NDArray[np.uint64], sketch: NDArray[np.uint64]) -> NDArray[np.uint16]:
    total = np.zeros(words.shape[1], np.uint16)
    for row, word in zip(words, sketch, strict=True):
        total += np.bitwise_count(row ^ word)
    return total
