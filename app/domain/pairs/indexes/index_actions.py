"""What is written so that pairs are found: tags, bands of wording, and folded texts.

A job writes the vectors, and bands that are missing, in short transactions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db import bulk
from app.core.db.base import Base
from app.domain.checks.similarity.embedding import Codes, Embedding
from app.domain.checks.similarity.minhash import keys_of, shingles
from app.domain.pairs.indexes import embedding_queries, search_queries
from app.domain.pairs.indexes.near_duplicate_queries import batched
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairText, PairVector, Revision
from app.domain.projects.tables import Project

KIND = "vectors"
BANDS_TOGETHER = 4_000
TEXTS_TOGETHER = 1_000
Change = Callable[[Session], None]
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
        order = np.argsort(every, kind="stable")
        rising = zip(order.tolist(), every[order].tolist(), strict=True)
        rows = [(pairs[place], key, project_id) for place, key in rising]
        bulk.insert_plain(session, Base.metadata.tables["pair_bands"], ("pair_id", "key", "project_id"), rows)


def add_texts(session: Session, rows: Iterable[TextRow]) -> None:
    """Make pairs searchable that are not. Many rows a statement: FTS5 writes its part at the end of each."""
    columns = ("number", "pair_id", "marks", "text")
    for batch in batched(sorted(rows, key=lambda row: row[0]), TEXTS_TOGETHER):
        numbers = search_queries.free_numbers(session, [row[0] for row in batch])
        values = [
            (number, pair_id, "".join(search_queries.marks_of(project, author, tags)), search_queries.text_of(*texts))
            for number, (pair_id, project, author, tags, *texts) in zip(numbers, batch, strict=True)
        ]
        bulk.insert_together(session, Base.metadata.tables[search_queries.TEXTS], columns, values)


def blank_texts(session: Session, pairs: Any) -> None:
    """Leave these pairs (ids, or a statement that selects them) searchable by project and author only."""
    rows = session.execute(select(Pair.id, Pair.project_id, Pair.author_id).where(Pair.id.in_(pairs))).all()
    session.execute(delete(PairText).where(PairText.pair_id.in_(pairs)))
    add_texts(session, [(row.id, row.project_id, row.author_id, {}, "", "") for row in rows])


def purge_texts(session: Session) -> None:
    """After an erasure: make SQLite's index drop what was removed from it now, and not at a later merge."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("INSERT INTO pair_grams (pair_grams) VALUES ('optimize')"))


# --- the job ---


def request(session: Session, project_id: str) -> None:
    """Queue the job that fills the index, unless one is queued already or there is no embedding."""
    if embedding_queries.embedding_of(session) and not embedding_queries.has_job(
        session, jobs.Job.kind == KIND, jobs.Job.state == "queued", jobs.Job.project_id == project_id
    ):
        jobs.enqueue(session, KIND, {"project": project_id}, project_id=project_id)


def request_missing(session: Session) -> int:
    """Queue a job for every project that lacks bands or vectors, when a worker starts; return their number."""
    requested = 0
    for project_id in session.scalars(select(Project.id)).all():
        is_open = (jobs.Job.kind == KIND, jobs.Job.state.in_(jobs.OPEN), jobs.Job.project_id == project_id)
        if not embedding_queries.has_job(session, *is_open) and embedding_queries.is_incomplete(session, project_id):
            jobs.enqueue(session, KIND, {"project": project_id}, project_id=project_id)
            requested += 1
    return requested


def fill(
    read: Callable[[], Any],
    write: Callable[[Change], None],
    payload: dict[str, Any],
    progress: Callable[[float, float], None],
    *,
    before: Sequence[str] = (),
) -> dict[str, int]:
    """Index what lacks bands or a vector; a job that starts again continues where it stopped.

    `read` opens a read-only session, `write` runs a function in a transaction behind the job's fence. Ends early when
    a job of the kinds `before` is queued.
    """
    project_id, counts = payload["project"], {"worded": 0, "embedded": 0, "left": 0}
    with read() as session:
        embedding = embedding_queries.embedding_of(session)
        parts = {"worded": embedding_queries.without_bands(project_id)}
        if embedding:
            parts["embedded"] = embedding_queries.without_vector(project_id, embedding)
        total = sum(embedding_queries.count(session, part) for part in parts.values())
    for name, part in parts.items():
        after = ""
        while not counts["left"] and (rows := _batch(read, part, after)):
            after = rows[-1].id
            if name == "worded":
                write(partial(_add_bands, project_id=project_id, rows=rows))
            elif embedding:
                codes = list(map(embedding.codes, [row.prompt for row in rows]))
                write(partial(store, project_id=project_id, embedding=embedding, rows=rows, codes=codes))
            counts[name] += len(rows)
            done = float(counts["worded"] + counts["embedded"])
            progress(done, max(float(total), done))
            counts["left"] = max(0, int(total - done)) if _others_wait(read, before) else 0
    return counts


def finished(session: Session, payload: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    """Return the job's result; queue the job again where it ended early."""
    if counts["left"]:
        jobs.enqueue(session, KIND, payload, project_id=payload["project"])
    return dict(counts)


def _batch(read: Callable[[], Any], part: Any, after: str) -> Sequence[Any]:
    with read() as session:
        return embedding_queries.next_batch(session, part, after)


def _others_wait(read: Callable[[], Any], kinds: Sequence[str]) -> bool:
    with read() as session:
        return embedding_queries.has_job(session, jobs.Job.state == "queued", jobs.Job.kind.in_(kinds))


def _add_bands(session: Session, project_id: str, rows: Sequence[Any]) -> None:
    """Replace the bands, since a pair saved after the rows were read has its bands already."""
    ids = [row.id for row in rows]
    session.execute(delete(PairBand).where(PairBand.pair_id.in_(ids)))
    current = embedding_queries.current(project_id).where(Pair.id.in_(ids))
    add_bands(session, [(row.id, project_id, row.prompt, row.completion) for row in session.execute(current)])


def store(session: Session, project_id: str, embedding: Embedding, rows: Sequence[Any], codes: Sequence[Codes]) -> None:
    """Write the vectors of (id, revision) rows. A lock on the project keeps positions in the order of commits."""
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
    ids = [row.id for row in rows]
    statement = select(Pair.id, Pair.current_revision_id).where(Pair.id.in_(ids), Pair.state != "withdrawn")
    current = {pair_id: revision_id for pair_id, revision_id in session.execute(statement)}
    last = session.scalar(select(func.max(PairVector.position)).where(PairVector.project_id == project_id)) or 0
    first = max(last + 1, time.time_ns() // 1_000)
    session.execute(delete(PairVector).where(PairVector.pair_id.in_(ids)))
    values = [
        {
            "pair_id": row.id,
            "project_id": project_id,
            "revision_id": row.revision,
            "model": embedding.digest,
            "position": first + number,
            "codes": code.tobytes(),
        }
        for number, (row, code) in enumerate(zip(rows, codes, strict=True))
        if current.get(row.id) == row.revision
    ]
    if values:
        session.execute(insert(PairVector), values)
