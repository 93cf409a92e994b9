"""What is written so that pairs are found: tags, bands of wording, and folded texts. Vectors follow by a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.core.db import bulk
from app.core.db.base import Base
from app.domain.checks.similarity.minhash import keys_of, shingles
from app.domain.pairs.indexes import search, search_queries
from app.domain.pairs.indexes.near_duplicate_queries import batched
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairText, PairVector, Revision

BANDS_TOGETHER = 4_000
TEXTS_TOGETHER = 1_000
TextRow = tuple[str, str, str, Mapping[str, str], str, str]
"""(pair, project, author, tags, prompt, completion) of a current revision."""


def reindex(session: Session, pair: Pair, revision: Revision) -> None:
    """Replace the tags, bands and text of a pair with those of its current revision, and drop its vector."""
    for table in (PairTag, PairBand, PairText, PairVector):
        session.execute(delete(table).where(table.pair_id == pair.id))
    add(session, [(pair, revision)])


def add(session: Session, rows: Sequence[tuple[Pair, Revision]]) -> None:
    """Index saved pairs that are not in the index; plain inserts, since an import brings hundreds of thousands."""
    insert_tags(
        session,
        [
            {"pair_id": pair.id, "project_id": pair.project_id, "tag": tag, "value": value}
            for pair, revision in rows
            for tag, value in revision.tags.items()
        ],
    )
    add_texts(session, [(p.id, p.project_id, p.author_id, r.tags, r.prompt, r.completion) for p, r in rows])
    for batch in batched(rows, 2_000):
        add_bands(session, [(p.id, p.project_id, r.prompt, r.completion) for p, r in batch])


def insert_tags(session: Session, tags: list[dict[str, str]]) -> None:
    bulk.insert(session, Base.metadata.tables["pair_tags"], tags)


def add_bands(session: Session, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Write the bands of (pair, project, prompt, completion) rows of one project that have none."""
    if rows:
        keys = [(row[0], keys_of(row[2], row[3], shingles(row[2]))) for row in rows]
        insert_bands(session, rows[0][1], keys)


def insert_bands(session: Session, project_id: str, bands: Sequence[tuple[str, Sequence[int]]]) -> None:
    """Write (pair, its keys): 22 rows a pair, most of what an import writes.

    Some thousand pairs at a time in the order of their keys, so that neither tree of the table is entered at random:
    the tree of pairs grows only at its end, and the tree of keys is passed through from one end to the other.
    """
    for start in range(0, len(bands), BANDS_TOGETHER):
        batch = bands[start : start + BANDS_TOGETHER]
        pairs = [pair_id for pair_id, keys in batch for _ in keys]
        every = np.array([key for _, keys in batch for key in keys], np.int64)
        rows = [(pairs[place], key, project_id) for place, key in _rising(every)]
        bulk.insert_plain(session, Base.metadata.tables["pair_bands"], ("pair_id", "key", "project_id"), rows)


def _rising(keys: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (place, key) in the order of the keys."""
    order = np.argsort(keys, kind="stable")
    return zip(order.tolist(), keys[order].tolist(), strict=True)


def add_texts(session: Session, rows: Iterable[TextRow]) -> None:
    """Make pairs searchable that are not. Many rows a statement: FTS5 writes its part at the end of each."""
    columns = ("number", "pair_id", "marks", "text")
    for batch in batched(sorted(rows, key=lambda row: row[0]), TEXTS_TOGETHER):
        numbers = search_queries.free_numbers(session, [row[0] for row in batch])
        values = [_text_values(number, row) for number, row in zip(numbers, batch, strict=True)]
        bulk.insert_together(session, Base.metadata.tables[search.TEXTS], columns, values)


def _text_values(number: int, row: TextRow) -> tuple[int, str, str, str]:
    pair_id, project_id, author_id, tags, prompt, completion = row
    marks = "".join(search.marks_of(project_id, author_id, tags))
    return number, pair_id, marks, search.text_of(prompt, completion)


def blank_texts(session: Session, pairs: Any) -> None:
    """Leave these pairs (ids, or a statement that selects them) searchable by project and author only."""
    rows = session.execute(select(Pair.id, Pair.project_id, Pair.author_id).where(Pair.id.in_(pairs))).all()
    session.execute(delete(PairText).where(PairText.pair_id.in_(pairs)))
    add_texts(session, [(row.id, row.project_id, row.author_id, {}, "", "") for row in rows])


def purge_texts(session: Session) -> None:
    """After an erasure: make SQLite's index drop what was removed from it now, and not at a later merge."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("INSERT INTO pair_grams (pair_grams) VALUES ('optimize')"))
