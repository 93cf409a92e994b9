"""Near-duplicates by character 5-grams: MinHash bands to find candidates, exact Jaccard to decide.

Broder 1997 (resemblance) and banded locality-sensitive hashing. Pure: neighbours are handed in.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from rensa import RMinHash

from app.domain.checks.problem import Neighbour, Problem

SHINGLE = 5
BANDS, ROWS = 20, 6
THRESHOLD = 0.7
SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """NFKC, lower case, single spaces."""
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def shingles(text: str) -> frozenset[str]:
    """Character 5-grams of the normalised text; the text itself when it is shorter."""
    clean = normalise(text)
    return frozenset(clean[i : i + SHINGLE] for i in range(max(1, len(clean) - SHINGLE + 1)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    union = len(left | right)
    return len(left & right) / union if union else 1.0


def band_keys(grams: frozenset[str]) -> list[int]:
    """20 signed 64-bit keys; two texts that share one are candidates.

    At a Jaccard similarity s a pair is found with probability 1 - (1 - s^6)^20: 0.92 at 0.7, 0.99 at 0.8.
    """
    sketch = RMinHash(num_perm=BANDS * ROWS, seed=7)
    sketch.update(list(grams))
    values = sketch.digest()
    return [_key(band, values[band * ROWS : (band + 1) * ROWS]) for band in range(BANDS)]


def _key(band: int, values: Sequence[int]) -> int:
    packed = bytes([band]) + b"".join(value.to_bytes(8, "little") for value in values)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little", signed=True)


def check_duplicates(completion: str, neighbours: Sequence[Neighbour]) -> Iterator[Problem]:
    """Blocks an exact copy, warns of near copies, and of a near-identical prompt with another answer."""
    answer = normalise(completion)
    exact = tuple(n for n in neighbours if n.similarity >= 1.0 and normalise(n.completion) == answer)
    if exact:
        yield Problem(
            "duplicate", "block", "This pair exists already; open the existing one instead.", "prompt", None, exact[:5]
        )
        return
    near = tuple(n for n in neighbours if normalise(n.completion) == answer)
    other = tuple(n for n in neighbours if normalise(n.completion) != answer)
    if near:
        yield Problem(
            "near_duplicate",
            "warn",
            "A pair with almost the same prompt exists; write a different case.",
            "prompt",
            None,
            near[:5],
        )
    if other:
        yield Problem(
            "contradiction",
            "warn",
            "A pair with almost the same prompt has another answer; one is wrong.",
            "completion",
            None,
            other[:5],
        )


def near_pairs(sets: Sequence[frozenset[str]], threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """Every (i, j, similarity) with i < j and Jaccard >= threshold; exact, by prefix filtering.

    Two sets that reach the threshold share a gram among the rarest |x| - ceil(threshold |x|) + 1 of each
    (Bayardo, Ma and Srikant 2007), so that only sets meeting there are compared.
    """
    counts = Counter(gram for grams in sets for gram in grams)
    by_first_gram: dict[str, list[int]] = defaultdict(list)
    for right, grams in enumerate(sets):
        prefix = sorted(grams, key=lambda gram: (counts[gram], gram))
        prefix = prefix[: len(grams) - math.ceil(threshold * len(grams)) + 1]
        for left in sorted({left for gram in prefix for left in by_first_gram[gram]}):
            if (similarity := jaccard(sets[left], grams)) >= threshold:
                yield left, right, similarity
        for gram in prefix:
            by_first_gram[gram].append(right)
