"""What pairs are searched by: folded text, its trigrams, and marks of the project, the author and the tags. Pure.

A pair matches when its prompt or its completion contains the words, whatever their case or Unicode composition. The
database's own index follows the table `pair_texts` (migration 0006): FTS5 by triggers on SQLite, GIN of an expression
on PostgreSQL. The marks stand in the same index, so that several filters meet inside it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from app.domain.checks.text.invisible import folded
from app.domain.pairs.tables import PairText

INDEX = "pair_grams"
"""The index of SQLite; its own tables start with this name. The function of the index on PostgreSQL has it too."""
TEXTS = PairText.__tablename__
END = "\x1f"
GRAM, MAX_GRAMS = 3, 24
AREA, AREA_SIZE = 0xE000, 6400
SPARE_BITS = 14


@dataclass(frozen=True)
class SearchTerms:
    """What the index is searched for: marks, and folded words or ""."""

    marks: Sequence[str]
    words: str


def is_derived(name: str) -> bool:
    """Return whether a table is part of the index, not of the data: backups and comparisons of schemas skip it."""
    return name == INDEX or name.startswith(f"{INDEX}_")


def fold(words: str) -> str:
    """Return what texts and words are compared by: lower case, composed, and without our own separators."""
    if not words.isascii():
        words = unicodedata.normalize("NFC", unicodedata.normalize("NFC", words).casefold())
    return words.lower().replace("\x1e", " ").replace(END, " ")


def text_of(prompt: str, completion: str) -> str:
    """Return the searched text. Both ends are marked: no words reach from one text into the other, and the last
    letters start a trigram too."""
    return f"{END}{fold(prompt)}{END}{fold(completion)}{END}{END}"


@lru_cache(maxsize=50_000)
def mark(kind: str, *names: str) -> str:
    """Return three characters of the private use area for a project, an author, or a tag with its value."""
    number = int.from_bytes(blake2b("\x00".join((kind, *names)).encode(), digest_size=8).digest(), "big")
    first, rest = number % AREA_SIZE, number // AREA_SIZE
    return chr(AREA + first) + chr(AREA + rest % AREA_SIZE) + chr(AREA + rest // AREA_SIZE % AREA_SIZE)


def marks_of(project_id: str, author_id: str | None, tags: Mapping[str, str]) -> list[str]:
    """Return the marks of a pair, or of a search for pairs."""
    marks = [mark("project", project_id)]
    marks += [mark("author", author_id)] if author_id else []
    return marks + [mark("tag", folded(tag), folded(value)) for tag, value in sorted(tags.items())]


def number_of(pair_id: str) -> int:
    """Return the place of a pair by age: the milliseconds of its id, then some of its random bits."""
    try:
        return int(pair_id[:16], 16) >> 16 - SPARE_BITS
    except ValueError:
        return 0


def grams_of(words: str) -> list[str]:
    """Return trigrams that cover folded words, side by side; of long words as many as narrow enough."""
    starts = sorted({*range(0, len(words) - GRAM + 1, GRAM), len(words) - GRAM}) if len(words) >= GRAM else []
    return list(dict.fromkeys(words[start : start + GRAM] for start in starts))[:MAX_GRAMS]


def grams_of_gin(terms: SearchTerms) -> list[str]:
    """Return what PostgreSQL's index is searched for. It holds short words that are not ASCII: in some scripts most
    words have two letters."""
    return [terms.words] if 0 < len(terms.words) < GRAM and not terms.words.isascii() else grams_of(terms.words)
