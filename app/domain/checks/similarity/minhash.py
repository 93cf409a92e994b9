"""Near-duplicates by character 5-grams: MinHash bands to find candidates, exact Jaccard to decide.

Broder 1997 (resemblance) and banded locality-sensitive hashing. A gram is a 64-bit number here: two of a corpus of
ten million meet by chance less than once in 100,000 corpora. Pure.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

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


def normalize(text: str) -> str:
    """NFKC, lower case, single spaces."""
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def shingles(text: str) -> Grams:
    """The character 5-grams of the normalised text, as sorted numbers; the text itself when it is shorter."""
    letters = np.frombuffer(normalize(text).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(letters) < SHINGLE:
        letters = np.concatenate([letters + np.uint64(1), np.zeros(SHINGLE - len(letters), np.uint64)])
        return np.array([(letters * _PLACES).sum(dtype=np.uint64)])
    letters += np.uint64(1)
    ends = len(letters) - SHINGLE + 1
    mixed = letters[:ends] * _PLACES[0]
    for place in range(1, SHINGLE):
        mixed += letters[place : place + ends] * _PLACES[place]
    mixed.sort()
    different: Grams = mixed[np.concatenate([[True], mixed[1:] != mixed[:-1]])]
    return different


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
        mixed = some[:, None] * _FACTORS
        mixed += _TERMS
        least = np.minimum(least, mixed.min(axis=0))
    least ^= least >> np.uint64(31)
    keys = (least.reshape(BANDS, ROWS) * _MIX).sum(axis=1, dtype=np.uint64) ^ _BAND
    signed: list[int] = keys.view(np.int64).tolist()
    return signed


def copy_key(*texts: str) -> int:
    """A signed 64-bit key that texts equal but for case and spaces share."""
    digest = hashlib.blake2b("\x00".join(map(normalize, texts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little", signed=True)


def keys_of(prompt: str, completion: str, grams: Grams) -> list[int]:
    """Everything that a pair is found by; `grams` are the prompt's."""
    return sorted({copy_key(prompt), copy_key(prompt, completion), *band_keys(grams)})
