"""Neighbors by wording: bands in the database propose pairs, exact Jaccard similarity decides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from app.core.db import bulk
from app.domain.checks.problem import Neighbor
from app.domain.checks.similarity.minhash import THRESHOLD, Grams, band_keys, copy_key, jaccard, shingles
from app.domain.pairs.states import HIDDEN
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects.tables import Project

MAX_CANDIDATES = 200
MAX_PER_BAND = 400
T = TypeVar("T")


def neighbors(
    session: Session, project: Project, prompt: str, *, without: str | None = None, completion: str | None = None
) -> list[Neighbor]:
    """Return the pairs in review or later whose prompt is near-identical (Jaccard >= 0.7), most similar first."""
    grams = shingles(prompt)
    copies = [copy_key(prompt)] if completion is None else [copy_key(prompt, completion), copy_key(prompt)]
    candidates = _candidates(session, project, copies, band_keys(grams))
    ids = [pair_id for pair_id in candidates if pair_id != without]
    return _closest(grams, [(row, shingles(row.prompt)) for row in texts_of(session, ids)])


def _candidates(session: Session, project: Project, copies: list[int], bands: list[int]) -> list[str]:
    """Return copies first, then the pairs that share most bands. Of a band that thousands share, only some are read."""
    keys = list(dict.fromkeys([*copies, *bands]))
    params = {f"key_{number}": key for number, key in enumerate(keys)} | {"project": project.id}
    weight = dict.fromkeys(bands, 1) | {key: 100 * (len(copies) - i) for i, key in enumerate(copies)}
    shared: Counter[str] = Counter()
    for pair_id, key in session.execute(_pairs_by_key(len(keys)), params):
        shared[pair_id] += weight[key]
    return [pair_id for pair_id, _ in shared.most_common(MAX_CANDIDATES)]


@lru_cache(maxsize=8)
def _pairs_by_key(count: int) -> TextClause:
    """Return a statement for MAX_PER_BAND pairs of each of `count` keys; as text, since it runs at pauses in typing."""
    hidden = ", ".join(f"'{state}'" for state in HIDDEN)
    part = (
        "SELECT * FROM (SELECT b.pair_id, b.key FROM pair_bands b JOIN pairs p ON p.id = b.pair_id"
        " WHERE b.project_id = :project AND b.key = :key_{number} AND p.state NOT IN ({hidden}) AND NOT p.is_gold"
        " LIMIT {limit}) t{number}"
    )
    parts = [part.format(number=number, hidden=hidden, limit=MAX_PER_BAND) for number in range(count)]
    return text(" UNION ALL ".join(parts))


def texts_of(session: Session, ids: Sequence[str]) -> Sequence[Any]:
    """Return (id, state, revision, prompt, completion) of those of the pairs that others may be compared with."""
    return session.execute(
        select(Pair.id, Pair.state, Revision.id.label("revision"), Revision.prompt, Revision.completion)
        .join(Revision, Revision.id == Pair.current_revision_id)
        .where(Pair.id.in_(ids), Pair.state.not_in(HIDDEN), Pair.is_gold.is_(False))
    ).all()


def neighbors_of_many(
    session: Session, project: Project, grams: Sequence[Grams], keys: Sequence[Iterable[int]]
) -> list[list[Neighbor]]:
    """Return `neighbors` of some hundred prompts, at most five of each, in few queries; imports call it."""
    sharers = _sharers(session, project, {key for row in keys for key in row})
    shared = (Counter(pair_id for key in row for pair_id in sharers.get(key, ())) for row in keys)
    candidates = [[pair_id for pair_id, _ in counter.most_common(MAX_CANDIDATES)] for counter in shared]
    known: dict[str, tuple[Any, Grams]] = {}
    for ids in batched({pair_id for row in candidates for pair_id in row}, 500):
        known |= {row.id: (row, shingles(row.prompt)) for row in texts_of(session, ids)}
    texts = ([known[pair_id] for pair_id in ids if pair_id in known] for ids in candidates)
    return [_closest(row, others)[:5] for row, others in zip(grams, texts, strict=True)]


def _closest(grams: Grams, others: Iterable[tuple[Any, Grams]]) -> list[Neighbor]:
    near = [
        Neighbor(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state)
        for row, other in others
        if (similarity := jaccard(grams, other)) >= THRESHOLD
    ]
    return sorted(near, key=lambda n: (-n.similarity, n.pair))


def _sharers(session: Session, project: Project, keys: Iterable[int]) -> dict[int, list[str]]:
    """Return key -> the pairs that have it, MAX_PER_BAND at most."""
    sharers: dict[int, list[str]] = defaultdict(list)
    connection = session.connection()
    select_keys = f"SELECT key, pair_id FROM pair_bands WHERE project_id = {bulk.placeholder(connection)} AND key IN"
    for batch in batched(sorted(keys), 5_000):  # numbers, written out: as parameters they would cost most of the query
        statement = f"{select_keys} ({', '.join(map(str, batch))})"
        rows = connection.exec_driver_sql(statement, (project.id,), execution_options={"yield_per": 10_000})
        for key, pair_id in rows:
            if len(sharers[key]) < MAX_PER_BAND:
                sharers[key].append(pair_id)
    return sharers


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` items (itertools.batched of Python 3.12)."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
