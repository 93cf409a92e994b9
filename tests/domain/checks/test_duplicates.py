"""Near-duplicates: the exact join finds what brute force finds; the bands find nearly all of it."""

from __future__ import annotations

import random

from hypothesis import given, strategies as st

from app.domain.checks.similarity.minhash import band_keys, jaccard, shingles
from app.domain.checks.similarity.set_similarity_join import near_pairs

WORDS = ["card", "late", "pay", "bank", "fee", "top", "up", "lost", "the", "my"]
texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join), max_size=25)


@given(texts)
def test_the_join_is_exact(corpus: list[str]) -> None:
    sets = [shingles(text) for text in corpus]
    brute = {
        (left, right) for right in range(len(sets)) for left in range(right) if jaccard(sets[left], sets[right]) >= 0.7
    }
    assert {(left, right) for left, right, _ in near_pairs(sets)} == brute


def test_bands_recall_edited_copies() -> None:
    rng = random.Random(5)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(500)]
    found = total = 0
    for _ in range(400):
        words = rng.choices(vocabulary, k=14)
        copy = [*words[:6], words[6] + "s", *words[7:]]
        left, right = shingles(" ".join(words)), shingles(" ".join(copy))
        if jaccard(left, right) >= 0.8:
            total += 1
            found += bool(set(band_keys(left)) & set(band_keys(right)))
    assert total > 200
    assert found / total >= 0.97
