"""Near-duplicates by character 5-grams: MinHash bands to find candidates, exact Jaccard to decide.

Broder 1997 (resemblance) and banded locality-sensitive hashing. A gram is a 64-bit number here: two of a corpus of
ten million meet by chance less than once in 100,000 corpora. Pure: neighbours are handed in.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.checks.problem import Neighbour, Problem

Grams = NDArray[np.uint64]
SHINGLE = 5
BANDS, ROWS = 20, 5
THRESHOLD = 0.7
SPACES = re.compile(r"\s+")
_DRAWN = np.random.Generator(np.random.PCG64(7))
_PLACES = _DRAWN.integers(1, 2**64 - 1, SHINGLE, dtype=np.uint64) | np.uint64(1)
_FACTORS = _DRAWN.integers(1, 2**64 - 1, BANDS * ROWS, dtype=np.uint64) | np.uint64(1)
_TERMS = _DRAWN.integers(0, 2**64 - 1, BANDS * ROWS, dtype=np.uint64)
_MIX = _DRAWN.integers(1, 2**64 - 1, ROWS, dtype=np.uint64) | np.uint64(1)
_BAND = _DRAWN.integers(1, 2**64 - 1, BANDS, dtype=np.uint64)
_FEW = 2048  # grams worked on at once: 100 numbers for each


def normalise(text: str) -> str:
    """NFKC, lower case, single spaces."""
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def shingles(text: str) -> Grams:
    """The character 5-grams of the normalised text, as sorted numbers; the text itself when it is shorter."""
    letters = np.frombuffer(normalise(text).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(letters) < SHINGLE:
        letters = np.concatenate([letters + np.uint64(1), np.zeros(SHINGLE - len(letters), np.uint64)])
        return np.array([(letters * _PLACES).sum(dtype=np.uint64)])
    letters = letters + np.uint64(1)
    ends = len(letters) - SHINGLE + 1
    mixed = letters[:ends] * _PLACES[0]
    for place in range(1, SHINGLE):
        mixed += letters[place : place + ends] * _PLACES[place]
    return np.unique(mixed)


def jaccard(left: Grams, right: Grams) -> float:
    """Shared grams over all grams of the two; exact."""
    places = np.searchsorted(right, left)
    places[places == len(right)] = 0
    shared = int((right[places] == left).sum()) if len(right) else 0
    union = len(left) + len(right) - shared
    return shared / union if union else 1.0


def band_keys(grams: Grams) -> list[int]:
    """20 signed 64-bit keys; two texts that share one are candidates.

    At a Jaccard similarity s a pair is found with probability 1 - (1 - s^5)^20: 0.975 at 0.7, 0.9996 at 0.8.
    """
    least = np.full(BANDS * ROWS, 2**64 - 1, np.uint64)
    for start in range(0, len(grams), _FEW):
        some = grams[start : start + _FEW]
        some = some ^ (some >> np.uint64(29))
        least = np.minimum(least, (some[:, None] * _FACTORS + _TERMS).min(axis=0))
    least ^= least >> np.uint64(31)
    keys = (least.reshape(BANDS, ROWS) * _MIX).sum(axis=1, dtype=np.uint64) ^ _BAND
    return [int(key) for key in keys.view(np.int64)]


def copy_key(*texts: str) -> int:
    """A signed 64-bit key that texts equal but for case and spaces share."""
    digest = hashlib.blake2b("\x00".join(map(normalise, texts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little", signed=True)


def check_duplicates(completion: str, neighbours: Sequence[Neighbour]) -> Iterator[Problem]:
    """Blocks an exact copy, warns of near copies, and of a near-identical prompt with another answer."""
    answer = normalise(completion)
    worded = [n for n in neighbours if n.by == "wording"]
    exact = tuple(n for n in worded if n.similarity >= 1.0 and normalise(n.completion) == answer)
    if exact:
        yield Problem(
            "duplicate", "block", "This pair exists already; open the existing one instead.", "prompt", None, exact[:5]
        )
        return
    near = tuple(n for n in worded if normalise(n.completion) == answer)
    if near:
        message = "A pair with almost the same wording exists; write a different case."
        yield Problem("near_duplicate", "warn", message, "prompt", None, near[:5])
    meant = tuple(n for n in neighbours if n.by == "meaning" and normalise(n.completion) == answer)
    if meant:
        message = "A pair that asks the same in other words exists; write a different case."
        yield Problem("same_meaning", "warn", message, "prompt", None, meant[:5])
    other = tuple(n for n in neighbours if normalise(n.completion) != answer)
    if other:
        yield _contradiction(other)


def _contradiction(other: tuple[Neighbour, ...]) -> Problem:
    """Wording comes first among the neighbours: where it alone is alike, the message says so."""
    alike = "almost the same prompt" if other[0].by == "wording" else "a prompt of the same meaning"
    message = f"A pair with {alike} has another answer; one is wrong."
    return Problem("contradiction", "warn", message, "completion", None, other[:5])
