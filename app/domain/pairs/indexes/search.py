"""Finding pairs by their text: what is searched is kept folded, and the database's own index of trigrams narrows it.

A pair is found when its prompt or its completion holds the words, however they are capitalised or composed. The index
follows `pair_texts` by itself (migration 0006): FTS5 by triggers on SQLite, GIN of an expression on PostgreSQL. It
holds marks of the project, the author and the tags too, so that several filters meet inside it. It only narrows: every
condition is asked again of the rows. Knows nothing of who may ask.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
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
    delete,
    func,
    join,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.sql.operators import custom_op

from app.core.db import bulk
from app.core.db.base import Base
from app.core.paging import Page
from app.domain.checks.text.invisible import folded
from app.domain.pairs.tables import Pair, PairText

INDEX = "pair_grams"
"""The index of SQLite; its own tables begin with this name. The function of the index on PostgreSQL has it too."""
TEXTS = PairText.__tablename__
END = "\x1f"
GRAM, MOST_GRAMS, MOST_TERMS = 3, 24, 400
AREA, AREA_SIZE = 0xE000, 6400
SPARE_BITS = 14
BATCH = 1_000
Row = tuple[str, str, str, Mapping[str, str], str, str]
"""(pair, project, author, tags, prompt, completion) of a current revision."""

_index = table(INDEX, column("rowid"))
_terms = table(f"{INDEX}_terms", column("term"))


def is_derived(name: str) -> bool:
    """Whether a table is part of the index and not of the data: backups leave it out, and migrations compare it not."""
    return name == INDEX or name.startswith(f"{INDEX}_")


# --- what is kept ---


def fold(words: str) -> str:
    """What texts and words are compared by: no capitals, composed, and without our own separators."""
    if not words.isascii():
        words = unicodedata.normalize("NFC", unicodedata.normalize("NFC", words).casefold())
    return words.lower().replace("\x1e", " ").replace(END, " ")


def text_of(prompt: str, completion: str) -> str:
    """Both ends are marked: no words reach from one into the other, and the last letters begin a trigram as well."""
    return f"{END}{fold(prompt)}{END}{fold(completion)}{END}{END}"


@lru_cache(maxsize=50_000)
def mark(kind: str, *names: str) -> str:
    """Three characters of the private use area that stand for a project, an author or a tag with its value."""
    number = int.from_bytes(blake2b("\x00".join((kind, *names)).encode(), digest_size=8).digest(), "big")
    first, rest = number % AREA_SIZE, number // AREA_SIZE
    return chr(AREA + first) + chr(AREA + rest % AREA_SIZE) + chr(AREA + rest // AREA_SIZE % AREA_SIZE)


def marks_of(project_id: str, author_id: str | None, tags: Mapping[str, str]) -> list[str]:
    """As many as are known of a pair, or asked for."""
    found = [mark("project", project_id)]
    found += [mark("author", author_id)] if author_id else []
    return found + [mark("tag", folded(tag), folded(value)) for tag, value in sorted(tags.items())]


def number_of(pair_id: str) -> int:
    """The place of a pair by age: the milliseconds of its id, then some of its random bits."""
    try:
        return int(pair_id[:16], 16) >> 16 - SPARE_BITS
    except ValueError:
        return 0


# --- writing ---


def add(session: Session, rows: Iterable[Row]) -> None:
    """Make pairs searchable that are not. Many rows a statement: FTS5 writes its part at the end of each."""
    ordered = sorted(rows, key=lambda row: row[0])
    for start in range(0, len(ordered), BATCH):
        some = ordered[start : start + BATCH]
        numbers = _free_numbers(session, [row[0] for row in some])
        values = [_values(number, row) for number, row in zip(numbers, some, strict=True)]
        bulk.insert_together(session, Base.metadata.tables[TEXTS], ("number", "pair_id", "marks", "text"), values)


def _values(number: int, row: Row) -> tuple[int, str, str, str]:
    pair_id, project_id, author_id, tags, prompt, completion = row
    return number, pair_id, "".join(marks_of(project_id, author_id, tags)), text_of(prompt, completion)


def _free_numbers(session: Session, ids: Sequence[str]) -> list[int]:
    """Rising with the ids; one that is taken, which takes two pairs within a tenth of a microsecond, is passed over."""
    first, last = number_of(ids[0]), number_of(ids[-1]) + len(ids) + 1_000
    taken = set(session.scalars(select(PairText.number).where(PairText.number.between(first, last))))
    found, free = [], 0
    for pair_id in ids:
        free = max(free, number_of(pair_id))
        while free in taken:
            free += 1
        found.append(free)
        free += 1
    return found


def blank(session: Session, pairs: Any) -> None:
    """Nothing of these pairs (ids, or a statement that selects them) is found any more but by project and author."""
    rows = session.execute(select(Pair.id, Pair.project_id, Pair.author_id).where(Pair.id.in_(pairs))).all()
    session.execute(delete(PairText).where(PairText.pair_id.in_(pairs)))
    add(session, [(row.id, row.project_id, row.author_id, {}, "", "") for row in rows])


def purge(session: Session) -> None:
    """After an erasure: SQLite's index lets go of what was removed from it now, and not at some later merge."""
    if _is_sqlite(session):
        session.execute(text("INSERT INTO pair_grams (pair_grams) VALUES ('optimize')"))


# --- asking ---


@dataclass(frozen=True)
class Asked:
    """What the index is asked for: marks, and folded words or ""."""

    marks: Sequence[str]
    words: str


def holds(session: Session, words: str) -> ColumnElement[bool]:
    """A condition on PairText: its prompt or its completion holds the words."""
    find = func.instr if _is_sqlite(session) else func.strpos
    return find(PairText.text, fold(words)) > 0


def serves(session: Session, asked: Asked) -> bool:
    """Whether the index knows an answer: PostgreSQL's cannot say what is newest, and knows few words that are short."""
    return _is_sqlite(session) or bool(_grams_of_gin(asked))


def newest(
    session: Session,
    asked: Asked,
    place: Sequence[ColumnElement[bool]],
    wanted: Sequence[ColumnElement[bool]],
    limit: int,
) -> Page[Pair]:
    """A page through the index. `place` are conditions on Pair that the outermost ids are found by at once; `wanted`
    are the others, on Pair and PairText."""
    statement = _through_fts5(session, asked) if _is_sqlite(session) else _through_gin(asked)
    if statement is None:
        return Page([], None)
    ends = [session.scalar(select(one(Pair.id)).where(*place)) or "" for one in (func.min, func.max)]
    first, last = number_of(ends[0]), number_of(ends[1]) + (1 << SPARE_BITS)
    key = _index.c.rowid if _is_sqlite(session) else PairText.number
    statement = statement.where(key.between(first, last), *place, *wanted).order_by(key.desc()).limit(limit + 1)
    rows = list(session.scalars(statement))
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def _through_fts5(session: Session, asked: Asked) -> Select[Any] | None:
    """The unary plus keeps SQLite from beginning at the pairs."""
    match = _match(session, asked)
    if match is None:
        return None
    start = join(_index, PairText, PairText.number == _index.c.rowid)
    start = start.join(Pair, Pair.id == UnaryExpression(PairText.pair_id.expression, operator=custom_op("+")))
    return select(Pair).select_from(start).where(literal_column(INDEX).op("MATCH")(match))


def _through_gin(asked: Asked) -> Select[Any]:
    held = getattr(func, INDEX)(PairText.marks, PairText.text)
    grams = literal([*asked.marks, *_grams_of_gin(asked)], ARRAY(Text))
    return select(Pair).join(PairText, PairText.pair_id == Pair.id).where(held.op("@>")(grams))


def _grams_of_gin(asked: Asked) -> list[str]:
    """Short words are in it where they are not of ASCII: in some scripts most words have two letters."""
    return [asked.words] if 0 < len(asked.words) < GRAM and not asked.words.isascii() else grams_of(asked.words)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def grams_of(words: str) -> list[str]:
    """Trigrams that cover folded words, side by side; of long ones as many as narrow enough."""
    starts = sorted({*range(0, len(words) - GRAM + 1, GRAM), len(words) - GRAM}) if len(words) >= GRAM else []
    return list(dict.fromkeys(words[start : start + GRAM] for start in starts))[:MOST_GRAMS]


def _match(session: Session, asked: Asked) -> str | None:
    """An expression of FTS5; None when no text holds words so short."""
    wanted = [_quoted(one) for one in [*grams_of(asked.words), *reversed(asked.marks)]]  # the rarest lead
    if 0 < len(asked.words) < GRAM:
        terms = _beginning_with(session, asked.words)
        if not terms:
            return None
        if len(terms) <= MOST_TERMS:
            wanted.append("(" + " OR ".join(map(_quoted, terms)) + ")")
    return " AND ".join(wanted)


def _quoted(gram: str) -> str:
    return '"' + gram.replace('"', '""') + '"'


def _beginning_with(session: Session, start: str) -> list[str]:
    last = f"{start}\U0010ffff"
    found = select(_terms.c.term).where(_terms.c.term >= start, _terms.c.term <= last).limit(MOST_TERMS + 1)
    return list(session.scalars(found))
