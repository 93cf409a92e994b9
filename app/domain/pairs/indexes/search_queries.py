"""Finding pairs by their text through the database's index of trigrams: FTS5 on SQLite, GIN on PostgreSQL.

The index only narrows: every condition is checked again on the rows. Checks no permissions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    UnaryExpression,
    column,
    func,
    join,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.sql.operators import custom_op

from app.core.paging import Page
from app.domain.pairs.indexes import search
from app.domain.pairs.indexes.search import GRAM, INDEX, SearchTerms
from app.domain.pairs.tables import Pair, PairText

MAX_SHORT_TERMS = 400
_index = table(INDEX, column("rowid"))
_terms = table(f"{INDEX}_terms", column("term"))


def free_numbers(session: Session, ids: Sequence[str]) -> list[int]:
    """Return free numbers that rise with the ids: two pairs may be made within a tenth of a microsecond."""
    first, last = search.number_of(ids[0]), search.number_of(ids[-1]) + len(ids) + 1_000
    taken = set(session.scalars(select(PairText.number).where(PairText.number.between(first, last))))
    numbers, free = [], 0
    for pair_id in ids:
        free = max(free, search.number_of(pair_id))
        while free in taken:
            free += 1
        numbers.append(free)
        free += 1
    return numbers


def contains(session: Session, words: str) -> ColumnElement[bool]:
    """Return a condition on PairText: its prompt or its completion contains the words."""
    position = func.instr if _is_sqlite(session) else func.strpos
    return position(PairText.text, search.fold(words)) > 0


def can_answer(session: Session, terms: SearchTerms) -> bool:
    """Return whether the index can answer: PostgreSQL's does not know what is newest, nor most short words."""
    return _is_sqlite(session) or bool(search.grams_of_gin(terms))


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
    first, last = search.number_of(ends[0]), search.number_of(ends[1]) + (1 << search.SPARE_BITS)
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
    start = join(_index, PairText, PairText.number == _index.c.rowid)
    start = start.join(Pair, Pair.id == UnaryExpression(PairText.pair_id.expression, operator=custom_op("+")))
    return select(Pair).select_from(start).where(literal_column(INDEX).op("MATCH")(match))


def _through_gin(terms: SearchTerms) -> Select[Any]:
    indexed = getattr(func, INDEX)(PairText.marks, PairText.text)
    grams = literal([*terms.marks, *search.grams_of_gin(terms)], ARRAY(Text))
    return select(Pair).join(PairText, PairText.pair_id == Pair.id).where(indexed.op("@>")(grams))


def _match(session: Session, terms: SearchTerms) -> str | None:
    """Return an expression of FTS5; None when no text has words so short."""
    parts = [_quoted(gram) for gram in [*search.grams_of(terms.words), *reversed(terms.marks)]]  # the rarest first
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
