"""Finding pairs by their text through the database's index of trigrams: FTS5 on SQLite, GIN on PostgreSQL.

A pair matches when its prompt or its completion contains the words, whatever their case or Unicode composition. The
database's own index follows the table `pair_texts` (migration 0006): FTS5 by triggers on SQLite, GIN of an expression
on PostgreSQL. Marks of the project, the author and the tags stand in the same index, so that several filters meet
inside it. The index only narrows: every condition is checked again on the rows. Checks no permissions.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    UnaryExpression,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.sql.operators import custom_op

from app.core.paging import Page
from app.domain.checks.text.invisible import folded
from app.domain.pairs.tables import Pair, PairText

INDEX = "pair_grams"
"""The index of SQLite; its own tables start with this name. The function of the index on PostgreSQL has it too."""
TEXTS = PairText.__tablename__
END = "\x1f"
GRAM, MAX_GRAMS = 3, 24
AREA, AREA_SIZE = 0xE000, 6400
SPARE_BITS = 14
MAX_SHORT_TERMS = 400
_index = table(INDEX, column("rowid"))
_terms = table(f"{INDEX}_terms", column("term"))


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


# --- queries ---


def free_numbers(session: Session, ids: Sequence[str]) -> list[int]:
    """Return free numbers that rise with the ids: two pairs may be made within a tenth of a microsecond."""
    first, last = number_of(ids[0]), number_of(ids[-1]) + len(ids) + 1_000
    taken = set(session.scalars(select(PairText.number).where(PairText.number.between(first, last))))
    numbers, free = [], 0
    for pair_id in ids:
        free = max(free, number_of(pair_id))
        while free in taken:
            free += 1
        numbers.append(free)
        free += 1
    return numbers


def contains(session: Session, words: str) -> ColumnElement[bool]:
    """Return a condition on PairText: its prompt or its completion contains the words."""
    position = func.instr if _is_sqlite(session) else func.strpos
    return position(PairText.text, fold(words)) > 0


def can_answer(session: Session, terms: SearchTerms) -> bool:
    """Return whether the index can answer: PostgreSQL's does not know what is newest, nor most short words."""
    return _is_sqlite(session) or bool(grams_of_gin(terms))


def newest(
    session: Session,
    terms: SearchTerms,
    place: Sequence[ColumnElement[bool]],
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
) -> Page[Pair]:
    """Return a page through the index. `place` are conditions on Pair that also bound the ids quickly; `conditions`
    are the others, on Pair and PairText."""
    statement = _through_fts5(session, terms) if _is_sqlite(session) else _through_gin(terms)
    if statement is None:
        return Page([], None)
    ends = [session.scalar(select(end(Pair.id)).where(*place)) or "" for end in (func.min, func.max)]
    first, last = number_of(ends[0]), number_of(ends[1]) + (1 << SPARE_BITS)
    key = _index.c.rowid if _is_sqlite(session) else PairText.number
    statement = statement.where(key.between(first, last), *place, *conditions).order_by(key.desc()).limit(limit + 1)
    rows = list(session.scalars(statement))
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def _through_fts5(session: Session, terms: SearchTerms) -> Select[Any] | None:
    """Return the statement, or None when no text has words so short. The unary plus keeps SQLite from starting at
    the pairs."""
    match = _match(session, terms)
    if match is None:
        return None
    start = _index.join(PairText, PairText.number == _index.c.rowid)
    start = start.join(Pair, Pair.id == UnaryExpression(PairText.pair_id.expression, operator=custom_op("+")))
    return select(Pair).select_from(start).where(literal_column(INDEX).op("MATCH")(match))


def _through_gin(terms: SearchTerms) -> Select[Any]:
    indexed = getattr(func, INDEX)(PairText.marks, PairText.text)
    grams = literal([*terms.marks, *grams_of_gin(terms)], ARRAY(Text))
    return select(Pair).join(PairText, PairText.pair_id == Pair.id).where(indexed.op("@>")(grams))


def _match(session: Session, terms: SearchTerms) -> str | None:
    """Return an expression of FTS5; None when no text has words so short."""
    parts = [_quoted(gram) for gram in [*grams_of(terms.words), *reversed(terms.marks)]]  # the rarest first
    if 0 < len(terms.words) < GRAM:
        short = _terms_starting_with(session, terms.words)
        if not short:
            return None
        if len(short) <= MAX_SHORT_TERMS:
            parts.append("(" + " OR ".join(map(_quoted, short)) + ")")
    return " AND ".join(parts)


def _quoted(gram: str) -> str:
    return '"' + gram.replace('"', '""') + '"'


def _terms_starting_with(session: Session, start: str) -> list[str]:
    last = f"{start}\U0010ffff"
    statement = select(_terms.c.term).where(_terms.c.term >= start, _terms.c.term <= last)
    return list(session.scalars(statement.limit(MAX_SHORT_TERMS + 1)))


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
