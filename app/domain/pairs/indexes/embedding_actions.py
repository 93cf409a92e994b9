"""The job that writes missing bands and vectors of a project's pairs, in short transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.domain.checks.similarity.embedding import Codes, Embedding
from app.domain.pairs.indexes import embedding_queries, index_actions
from app.domain.pairs.tables import Pair, PairBand, PairVector
from app.domain.projects.tables import Project

KIND = "vectors"
Change = Callable[[Session], None]


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
                codes = list(embedding.many([row.prompt for row in rows]))
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
    index_actions.add_bands(
        session, [(row.id, project_id, row.prompt, row.completion) for row in session.execute(current)]
    )


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
