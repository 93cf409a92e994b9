"""Every near-duplicate pair of a corpus, exactly: prefix filtering, then bitmaps, then the count itself. Pure.

Two sets that reach the threshold share a gram among the rarest of each (Bayardo, Ma and Srikant 2007); the shorter
needs a shorter prefix still (Xiao et al. 2008). What meets there is dropped where the parity bitmaps of the two differ
in more places than the threshold allows grams to differ (Sandes et al. 2020), and counted otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.checks.similarity.minhash import THRESHOLD, Grams

Numbers = NDArray[np.int64]
WORDS = 8  # 64-bit words of a bitmap
MEETINGS = 1_000_000  # pairs looked at in one go; bounds the memory


def near_pairs(sets: Sequence[Grams], threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """Every (i, j, similarity) with i < j and Jaccard >= threshold, ordered by j, then i."""
    if len(sets) < 2:
        return
    corpus = _corpus(sets)
    batches = [_alike(corpus, *met, threshold) for met in _meetings(corpus, threshold)]
    if not batches:
        return
    left, right, shared = (np.concatenate(column) for column in zip(*batches, strict=True))
    union = corpus.sizes[left] + corpus.sizes[right] - shared
    first, second = np.minimum(corpus.row[left], corpus.row[right]), np.maximum(corpus.row[left], corpus.row[right])
    order = np.lexsort((first, second))
    similar = shared / np.maximum(union, 1)
    yield from zip(first[order].tolist(), second[order].tolist(), similar[order].tolist(), strict=True)


@dataclass(frozen=True)
class Corpus:
    """Sets in order of size, each a stretch of `ranks` (0 is the rarest gram), ascending."""

    row: Numbers
    sizes: Numbers
    starts: Numbers
    ranks: Numbers
    keys: Numbers
    bitmaps: NDArray[np.uint64]


def _corpus(sets: Sequence[Grams]) -> Corpus:
    sizes = np.array([len(grams) for grams in sets], np.int64)
    row = np.argsort(sizes, kind="stable")
    sizes = sizes[row]
    _, gram, counts = np.unique(np.concatenate([sets[i] for i in row]), return_inverse=True, return_counts=True)
    rarity = np.empty(len(counts), np.int64)
    rarity[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    keys = np.sort(np.repeat(np.arange(len(sets)), sizes) * len(counts) + rarity[gram])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    ranks = keys % max(1, len(counts))
    return Corpus(row, sizes, starts, ranks, keys, _bitmaps(ranks, sizes))


def _bitmaps(ranks: Numbers, sizes: Numbers) -> NDArray[np.uint64]:
    """Each gram turns one of 512 bits over."""
    mixed = ranks.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    place = (mixed >> np.uint64(55)).astype(np.int64)
    bitmaps = np.zeros((len(sizes), WORDS), np.uint64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    bits = np.uint64(1) << (place % 64).astype(np.uint64)
    np.bitwise_xor.at(bitmaps.reshape(-1), owner * WORDS + place // 64, bits)
    return bitmaps


def _prefix(corpus: Corpus, share: float) -> tuple[Numbers, Numbers, Numbers]:
    """(set, rank, how many grams are left from it on) of each set's rarest grams: all but `share` of it, and one."""
    lengths = corpus.sizes - np.ceil(share * corpus.sizes - 1e-9).astype(np.int64) + 1
    lengths = np.minimum(lengths, corpus.sizes)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return owner, corpus.ranks[corpus.starts[owner] + step], corpus.sizes[owner] - step


def _meetings(corpus: Corpus, threshold: float) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs (shorter, longer) that share a rare gram and are of like size; each once."""
    count = len(corpus.sizes)
    short, short_rank, short_left = _prefix(corpus, 2 * threshold / (1 + threshold))
    long, long_rank, long_left = _prefix(corpus, threshold)
    order = np.argsort(short_rank * count + short)
    table, short, short_left = (short_rank * count + short)[order], short[order], short_left[order]
    least = np.searchsorted(corpus.sizes, np.ceil(threshold * corpus.sizes - 1e-9), side="left")
    low = np.searchsorted(table, long_rank * count + least[long])
    high = np.maximum(low, np.searchsorted(table, long_rank * count + long))
    for begin, end in _stretches(high - low, long):
        width = (high - low)[begin:end]
        at = np.repeat(low[begin:end] - (np.cumsum(width) - width), width) + np.arange(width.sum())
        a, b = short[at], np.repeat(long[begin:end], width)
        rest = np.minimum(short_left[at], np.repeat(long_left[begin:end], width))
        keep = rest >= _needed(corpus, a, b, threshold)
        met = np.unique(b[keep] * count + a[keep])
        if len(met):
            yield met % count, met // count


def _stretches(widths: Numbers, owner: Numbers) -> Iterator[tuple[int, int]]:
    """Cuts between sets, so that a pair falls into one stretch, of about MEETINGS pairs each."""
    total = np.concatenate([[0], np.cumsum(widths)])
    cuts = np.concatenate([np.nonzero(np.diff(owner))[0] + 1, [len(owner)]])
    begin = 0
    while begin < len(owner):
        place = np.searchsorted(total[cuts], total[begin] + MEETINGS)
        end = int(cuts[min(max(place, np.searchsorted(cuts, begin, side="right")), len(cuts) - 1)])
        yield begin, end
        begin = end


def _needed(corpus: Corpus, a: Numbers, b: Numbers, threshold: float) -> NDArray[np.floating[Any]]:
    """How many grams two sets must share to reach the threshold."""
    needed: NDArray[np.floating[Any]] = threshold / (1 + threshold) * (corpus.sizes[a] + corpus.sizes[b]) - 1e-6
    return needed


def _alike(corpus: Corpus, a: Numbers, b: Numbers, threshold: float) -> tuple[Numbers, Numbers, Numbers]:
    """Those that reach the threshold, with the number of shared grams."""
    differ = np.bitwise_count(corpus.bitmaps[a] ^ corpus.bitmaps[b]).sum(axis=1, dtype=np.int64)
    possible = differ <= corpus.sizes[a] + corpus.sizes[b] - 2 * _needed(corpus, a, b, threshold)
    a, b = a[possible], b[possible]
    shared = np.zeros(len(a), np.int64)
    limit = max(1, MEETINGS // max(1, int(corpus.sizes[a].max(initial=1))))
    for begin in range(0, len(a), limit):
        shared[begin : begin + limit] = _shared(corpus, a[begin : begin + limit], b[begin : begin + limit])
    union = corpus.sizes[a] + corpus.sizes[b] - shared
    reach = shared >= threshold * union - 1e-9
    return a[reach], b[reach], shared[reach]


def _shared(corpus: Corpus, a: Numbers, b: Numbers) -> Numbers:
    """Look every gram of the shorter up in the longer."""
    width = corpus.sizes[a]
    begins = np.cumsum(width) - width
    at = np.repeat(corpus.starts[a] - begins, width) + np.arange(width.sum())
    grams = int(corpus.ranks.max()) + 1
    wanted = np.repeat(b, width) * grams + corpus.ranks[at]
    place = np.minimum(np.searchsorted(corpus.keys, wanted), len(corpus.keys) - 1)
    shared: Numbers = np.add.reduceat((corpus.keys[place] == wanted).astype(np.int64), begins)
    return shared
