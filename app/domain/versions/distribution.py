"""The distribution of a version's examples over tags and splits. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

MAX_VALUES = 200


def of_tags(items: Iterable[tuple[str, dict[str, str]]]) -> dict[str, dict[str, dict[str, int]]]:
    """Return tag -> value -> split -> count from (split, tags). Tags with more than 200 values are ids and left out."""
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for split, tags in items:
        for tag, value in tags.items():
            counts[tag][value][split] += 1
    return {
        tag: {value: dict(splits) for value, splits in sorted(values.items())}
        for tag, values in sorted(counts.items())
        if len(values) <= MAX_VALUES
    }
