"""Neighbours by meaning: vectors in the database, their bits in memory, the texts themselves to decide.

Knows one embedding for each database, named at start; without one, nothing is found and nothing fails.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import URL, delete, exists, func, insert, make_url, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.domain.checks import relevance
from app.domain.checks.problem import By, Neighbor
from app.domain.checks.relevance import Standing
from app.domain.checks.similarity import paraphrase
from app.domain.checks.similarity.embedding import ABOUT, Codes, Embedding, cosines
from app.domain.pairs.indexes import domain_reference, near_duplicates
from app.domain.pairs.indexes.domain_reference import ReferenceCache
from app.domain.pairs.indexes.hamming_index import Sketches
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, PairBand, PairVector, Revision
from app.domain.projects.tables import Project

KIND, FOLDER = "vectors", "embedding"
CHUNK = 20_000
BATCH = 64
MOST_SHOWN, MOST_READ = 5, 24
MOST_IN_MEMORY = 4_000_000
log = logging.getLogger("preceptor.vectors")


class Match(NamedTuple):
    pair: str
    state: str
    cosine: float


class EmbeddingIndex:
    """The embedding of an installation, opened when its file is there, and what was read of its projects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.projects: dict[str, Sketches] = {}
        self._references: dict[str, ReferenceCache] = {}
        self._embedding: Embedding | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    @property
    def embedding(self) -> Embedding | None:
        """None where there is no file, or none that can be read; a new file is tried again."""
        with self._lock:
            if self._embedding is None:
                self._open()
            return self._embedding

    def _open(self) -> None:
        try:
            made = (self.folder / ABOUT).stat().st_mtime
        except OSError:
            return
        if made == self._tried:
            return
        self._tried = made
        try:
            self._embedding = Embedding(self.folder)
        except Exception as error:
            log.warning("no neighbours by meaning: %s", error)

    def of(self, project_id: str) -> Sketches:
        """The sketches of a project; the project asked longest ago makes room."""
        with self._lock:
            found = self.projects.pop(project_id, None) or Sketches()
            self.projects[project_id] = found
            while len(self.projects) > 1 and sum(one.count for one in self.projects.values()) > MOST_IN_MEMORY:
                self._drop(next(iter(self.projects)))
            return found

    def references(self, project_id: str) -> ReferenceCache:
        with self._lock:
            return self._references.setdefault(project_id, ReferenceCache())

    def forget(self, project_id: str) -> None:
        with self._lock:
            self._drop(project_id)

    def _drop(self, project_id: str) -> None:
        self.projects.pop(project_id, None)
        self._references.pop(project_id, None)


_MEANINGS: dict[str, EmbeddingIndex] = {}


def provide(url: str, folder: Path) -> EmbeddingIndex:
    """Say, at start, where the embedding of the database at `url` is or will be."""
    made = _MEANINGS[_name(make_url(url))] = EmbeddingIndex(folder)
    return made


def _name(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _meanings(session: Session) -> EmbeddingIndex | None:
    return _MEANINGS.get(_name(session.get_bind().engine.url))


def embedding_of(session: Session) -> Embedding | None:
    meanings = _meanings(session)
    return meanings.embedding if meanings else None


@dataclass(frozen=True)
class SemanticMatches:
    """What the meaning of a prompt says: pairs that ask the same, and the nearest approved ones where all are far."""

    same: tuple[Neighbor, ...] = ()
    far_from: tuple[Neighbor, ...] = ()


def neighbours(session: Session, project: Project, prompt: str, *, without: str | None = None) -> list[Neighbor]:
    """Pairs in review or beyond that ask the same in other words, likeliest first, five at most."""
    return list(look(session, project, prompt, without=without).same)


def look(session: Session, project: Project, prompt: str, *, without: str | None = None) -> SemanticMatches:
    """Neighbours by meaning, five at most, and how the prompt stands to what is approved; one scan for both."""
    meanings = _meanings(session)
    if not meanings or not (embedding := meanings.embedding) or (project.languages and "en" not in project.languages):
        return SemanticMatches()
    known = meanings.of(project.id)
    _catch_up(session, meanings, known, project.id, embedding)
    if not known.count:
        return SemanticMatches()
    vector = embedding.codes(prompt)
    near = _near(session, embedding, [one for one in known.near(vector) if one != without], vector)
    drawn = meanings.references(project.id).keep_fresh(session, known, embedding.digest)
    approved = {one.pair: one.cosine for one in near if one.state == State.APPROVED}
    stands = domain_reference.standing(drawn, vector, approved, without=without) if relevance.is_prose(prompt) else None
    return SemanticMatches(_same(session, prompt, near), _far_from(session, stands) if stands and stands.far else ())


def _same(session: Session, prompt: str, near: Sequence[Match]) -> tuple[Neighbor, ...]:
    likely = {one.pair: one.cosine for one in near[:MOST_READ] if one.cosine >= paraphrase.LEAST_COSINE}
    if not likely:
        return ()
    mine = paraphrase.read(prompt)
    found = [
        _neighbour(row, chance, "meaning")
        for row in near_duplicates.texts_of(session, list(likely))
        if (chance := paraphrase.likelihood(likely[row.id], mine, paraphrase.read(row.prompt))) >= paraphrase.THRESHOLD
    ]
    return tuple(sorted(found, key=lambda n: (-n.similarity, n.pair))[:MOST_SHOWN])


def _far_from(session: Session, stands: Standing) -> tuple[Neighbor, ...]:
    rows = near_duplicates.texts_of(session, list(stands.nearest))
    found = [_neighbour(row, max(0.0, stands.nearest[row.id]), "subject") for row in rows]
    return tuple(sorted(found, key=lambda n: (-n.similarity, n.pair)))


def _neighbour(row: Any, similarity: float, by: By) -> Neighbor:
    return Neighbor(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state, by)


def _near(session: Session, embedding: Embedding, ids: Sequence[str], vector: Codes) -> list[Match]:
    """Those of the pairs whose vectors hold today, closest first."""
    if not ids:
        return []
    rows = session.execute(
        select(PairVector.pair_id, Pair.state, PairVector.codes)
        .join(Pair, Pair.id == PairVector.pair_id)
        .where(
            PairVector.pair_id.in_(ids),
            PairVector.model == embedding.digest,
            PairVector.revision_id == Pair.current_revision_id,
            Pair.state.not_in(near_duplicates.HIDDEN),
            Pair.is_gold.is_(False),
        )
    ).all()
    if not rows:
        return []
    similar = cosines(vector, _matrix([row.codes for row in rows]))
    return [Match(rows[i].pair_id, rows[i].state, float(similar[i])) for i in np.argsort(-similar)]


def _matrix(codes: Sequence[bytes]) -> Codes:
    return np.frombuffer(b"".join(codes), np.int8).reshape(len(codes), -1)


def _catch_up(
    session: Session, meanings: EmbeddingIndex, known: Sketches, project_id: str, embedding: Embedding
) -> None:
    """Read what was written since. A long way is gone by a thread; who asks meanwhile sees what is there so far."""
    if not known.lock.acquire(blocking=False):
        return
    try:
        far = _read(session, known, project_id, embedding) == CHUNK
        if known.loaded and known.count > 2 * known.loaded + CHUNK:
            meanings.forget(project_id)  # most of it is out of date: read afresh
        if not far:
            known.loaded = known.loaded or known.count
    finally:
        known.lock.release()
    if far:
        arguments = (session.get_bind(), known, project_id, embedding)
        threading.Thread(target=_read_all, args=arguments, name="sketches", daemon=True).start()


def _read(session: Session, known: Sketches, project_id: str, embedding: Embedding) -> int:
    rows = session.execute(
        select(PairVector.pair_id, PairVector.position, PairVector.codes)
        .where(
            PairVector.project_id == project_id,
            PairVector.position > known.position,
            PairVector.model == embedding.digest,
        )
        .order_by(PairVector.position)
        .limit(CHUNK)
    ).all()
    if rows:
        known.append([row.pair_id for row in rows], _matrix([row.codes for row in rows]), rows[-1].position)
    return len(rows)


def _read_all(bind: Any, known: Sketches, project_id: str, embedding: Embedding) -> None:
    with known.lock, Session(bind, autoflush=False) as session:
        while _read(session, known, project_id, embedding) == CHUNK:
            session.rollback()
        known.loaded = known.count


def request(session: Session, project_id: str) -> None:
    """Queue the job that fills the index, unless one waits already or there would be nothing for it to do."""
    waits = select(jobs.Job.id).where(
        jobs.Job.kind == KIND, jobs.Job.state == "queued", jobs.Job.project_id == project_id
    )
    if embedding_of(session) and session.scalar(waits.limit(1)) is None:
        jobs.enqueue(session, KIND, {"project": project_id}, project_id=project_id)


def request_missing(session: Session) -> int:
    """Queue a job for every project that lacks bands or vectors; asked when a worker starts."""
    embedding, wanted = embedding_of(session), 0
    for project_id in session.scalars(select(Project.id)).all():
        parts = [_without_bands(project_id)] + ([_without_vector(project_id, embedding)] if embedding else [])
        waits = select(jobs.Job.id).where(
            jobs.Job.kind == KIND, jobs.Job.state.in_(jobs.OPEN), jobs.Job.project_id == project_id
        )
        if session.scalar(waits.limit(1)) is None and any(session.execute(part.limit(1)).first() for part in parts):
            jobs.enqueue(session, KIND, {"project": project_id}, project_id=project_id)
            wanted += 1
    return wanted


def _current(project_id: str) -> Any:
    return (
        select(Pair.id, Revision.id.label("revision"), Revision.prompt, Revision.completion)
        .join(Revision, Revision.id == Pair.current_revision_id)
        .where(Pair.project_id == project_id, Pair.state != "withdrawn")
        .order_by(Pair.id)
    )


def _without_bands(project_id: str) -> Any:
    return _current(project_id).where(~exists().where(PairBand.pair_id == Pair.id))


def _without_vector(project_id: str, embedding: Embedding) -> Any:
    there = exists().where(
        PairVector.pair_id == Pair.id,
        PairVector.revision_id == Pair.current_revision_id,
        PairVector.model == embedding.digest,
    )
    return _current(project_id).where(Pair.state.not_in(near_duplicates.HIDDEN), ~there)


Write = Callable[[Callable[[Session], None]], None]


def fill(
    read: Callable[[], Any],
    write: Write,
    payload: dict[str, Any],
    progress: Callable[[float, float], None],
    *,
    before: Sequence[str] = (),
) -> dict[str, int]:
    """Index what lacks bands or a vector, in short transactions; a job that starts again goes on where it was.

    `read` opens a read-only session, `write` runs a function in a transaction behind the job's fence. Ends early when
    a job of the kinds `before` waits.
    """
    project_id, counts = payload["project"], {"worded": 0, "embedded": 0, "left": 0}
    with read() as session:
        embedding = embedding_of(session)
        parts = {"worded": _without_bands(project_id)}
        if embedding:
            parts["embedded"] = _without_vector(project_id, embedding)
        total = sum(_count(session, part) for part in parts.values())
    for name, part in parts.items():
        after = ""
        while not counts["left"] and (rows := _next(read, part, after)):
            after = rows[-1].id
            if name == "worded":
                write(lambda session, rows=rows: _add_bands(session, project_id, rows))  # type: ignore[misc]
            elif embedding:
                codes = list(embedding.many([row.prompt for row in rows]))
                write(lambda session, rows=rows, codes=codes: store(session, project_id, embedding, rows, codes))  # type: ignore[misc]
            counts[name] += len(rows)
            done = float(counts["worded"] + counts["embedded"])
            progress(done, max(float(total), done))
            counts["left"] = max(0, int(total - done)) if _waits(read, before) else 0
    return counts


def finished(session: Session, payload: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    """The job's result; what it left for others' sake is queued again."""
    if counts["left"]:
        jobs.enqueue(session, KIND, payload, project_id=payload["project"])
    return dict(counts)


def _waits(read: Callable[[], Any], kinds: Sequence[str]) -> bool:
    with read() as session:
        waiting = select(jobs.Job.id).where(jobs.Job.state == "queued", jobs.Job.kind.in_(kinds)).limit(1)
        return bool(session.scalar(waiting))


def _count(session: Session, statement: Any) -> int:
    return session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def _next(read: Callable[[], Any], part: Any, after: str) -> Any:
    with read() as session:
        return session.execute(part.where(Pair.id > after).limit(BATCH)).all()


def _add_bands(session: Session, project_id: str, rows: Sequence[Any]) -> None:
    """A pair saved since the rows were read has its bands already."""
    ids = [row.id for row in rows]
    session.execute(delete(PairBand).where(PairBand.pair_id.in_(ids)))
    current = _current(project_id).where(Pair.id.in_(ids))
    near_duplicates.add_bands(
        session, [(row.id, project_id, row.prompt, row.completion) for row in session.execute(current)]
    )


def store(session: Session, project_id: str, embedding: Embedding, rows: Sequence[Any], codes: Sequence[Codes]) -> None:
    """Write the vectors of (id, revision) rows. One writer a project at a time: positions are committed in order."""
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
    ids = [row.id for row in rows]
    stand = select(Pair.id, Pair.current_revision_id).where(Pair.id.in_(ids), Pair.state != "withdrawn")
    standing = {pair_id: revision_id for pair_id, revision_id in session.execute(stand)}
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
        if standing.get(row.id) == row.revision
    ]
    if values:
        session.execute(insert(PairVector), values)
