"""The duplicate index: bands in the database find candidates, exact Jaccard decides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import TextClause, delete, select, text
from sqlalchemy.orm import Session

from app.core.db import bulk
from app.core.db.base import Base
from app.domain.checks.problem import Neighbor
from app.domain.checks.similarity.minhash import THRESHOLD, Grams, band_keys, copy_key, jaccard, keys_of, shingles
from app.domain.pairs.indexes import search
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairText, PairVector, Revision
from app.domain.projects.tables import Project

MAX_CANDIDATES = 200
MOST_OF_A_BAND = 400
TOGETHER = 4_000
T = TypeVar("T")
HIDDEN = ("draft", "discarded", "rejected", "withdrawn")


def neighbours(
    session: Session, project: Project, prompt: str, *, without: str | None = None, completion: str | None = None
) -> list[Neighbor]:
    """Pairs in review or beyond whose prompt is near-identical (Jaccard >= 0.7), most similar first."""
    grams = shingles(prompt)
    copies = [copy_key(prompt)] if completion is None else [copy_key(prompt, completion), copy_key(prompt)]
    ids = [one for one in _candidates(session, project, copies, band_keys(grams)) if one != without]
    found = [
        Neighbor(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state)
        for row in texts_of(session, ids)
        if (similarity := jaccard(grams, shingles(row.prompt))) >= THRESHOLD
    ]
    return sorted(found, key=lambda n: (-n.similarity, n.pair))


def _candidates(session: Session, project: Project, copies: list[int], bands: list[int]) -> list[str]:
    """Copies first, then those that share most bands. A band that thousands share tells little: some of it is read."""
    keys = list(dict.fromkeys([*copies, *bands]))
    given = {f"key_{number}": key for number, key in enumerate(keys)} | {"project": project.id}
    weight = dict.fromkeys(bands, 1) | {key: 100 * (len(copies) - i) for i, key in enumerate(copies)}
    shared: Counter[str] = Counter()
    for pair_id, key in session.execute(_of_bands(len(keys)), given):
        shared[pair_id] += weight[key]
    return [pair_id for pair_id, _ in shared.most_common(MAX_CANDIDATES)]


@lru_cache(maxsize=8)
def _of_bands(count: int) -> TextClause:
    """MOST_OF_A_BAND pairs of each of so many keys; as text, since it is asked at every pause in typing."""
    hidden = ", ".join(f"'{state}'" for state in HIDDEN)
    part = (
        "SELECT * FROM (SELECT b.pair_id, b.key FROM pair_bands b JOIN pairs p ON p.id = b.pair_id"
        " WHERE b.project_id = :project AND b.key = :key_{number} AND p.state NOT IN ({hidden}) AND NOT p.is_gold"
        " LIMIT {most}) t{number}"
    )
    parts = [part.format(number=number, hidden=hidden, most=MOST_OF_A_BAND) for number in range(count)]
    return text(" UNION ALL ".join(parts))


def texts_of(session: Session, ids: Sequence[str]) -> Iterable[Any]:
    """(id, state, revision, prompt, completion) of the pairs that others may be compared with."""
    return session.execute(
        select(Pair.id, Pair.state, Revision.id.label("revision"), Revision.prompt, Revision.completion)
        .join(Revision, Revision.id == Pair.current_revision_id)
        .where(Pair.id.in_(ids), Pair.state.not_in(HIDDEN), Pair.is_gold.is_(False))
    ).all()


def neighbours_of_many(
    session: Session, project: Project, grams: Sequence[Grams], keys: Sequence[Iterable[int]]
) -> list[list[Neighbor]]:
    """`neighbours` of some hundred prompts, five at most each, in few queries: what an import asks."""
    sharers = _sharers(session, project, {key for some in keys for key in some})
    shared = (Counter(pair_id for key in some for pair_id in sharers.get(key, ())) for some in keys)
    wanted = [[pair_id for pair_id, _ in one.most_common(MAX_CANDIDATES)] for one in shared]
    texts = {row.id: row for ids in batched({one for some in wanted for one in some}, 500)
             for row in texts_of(session, ids)}  # fmt: skip
    known = {one: shingles(row.prompt) for one, row in texts.items()}
    return [_closest(one, ids, known, texts) for one, ids in zip(grams, wanted, strict=True)]


def _closest(grams: Any, ids: Iterable[str], known: dict[str, Any], texts: dict[str, Any]) -> list[Neighbor]:
    found = [
        Neighbor(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state)
        for one in ids
        if one in texts and (similarity := jaccard(grams, known[one])) >= THRESHOLD and (row := texts[one])
    ]
    return sorted(found, key=lambda n: (-n.similarity, n.pair))[:5]


def _sharers(session: Session, project: Project, keys: Iterable[int]) -> dict[int, list[str]]:
    """key -> the pairs that have it, MOST_OF_A_BAND at most."""
    sharers: dict[int, list[str]] = defaultdict(list)
    connection = session.connection()
    asked = f"SELECT key, pair_id FROM pair_bands WHERE project_id = {bulk.placeholder(connection)} AND key IN"
    for some in batched(sorted(keys), 5_000):  # numbers, written out: as parameters they would cost most of the query
        statement = f"{asked} ({', '.join(map(str, some))})"
        rows = connection.exec_driver_sql(statement, (project.id,), execution_options={"yield_per": 10_000})
        for key, pair_id in rows:
            if len(sharers[key]) < MOST_OF_A_BAND:
                sharers[key].append(pair_id)
    return sharers


def reindex(session: Session, pair: Pair, revision: Revision) -> None:
    """Replace the tags, bands and text of a pair by those of its current revision; its vector follows by a job."""
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
    search.add(session, [(p.id, p.project_id, p.author_id, r.tags, r.prompt, r.completion) for p, r in rows])
    for some in batched(rows, 2_000):
        add_bands(session, [(p.id, p.project_id, r.prompt, r.completion) for p, r in some])


def insert_tags(session: Session, tags: list[dict[str, str]]) -> None:
    bulk.insert(session, Base.metadata.tables["pair_tags"], tags)


def add_bands(session: Session, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """(pair, project, prompt, completion) of one project into the bands; none of them is there."""
    if rows:
        keys = [(one[0], keys_of(one[2], one[3], shingles(one[2]))) for one in rows]
        insert_bands(session, rows[0][1], keys)


def insert_bands(session: Session, project_id: str, bands: Sequence[tuple[str, Sequence[int]]]) -> None:
    """(pair, its keys), 22 rows a pair: most of what an import writes.

    Some thousand pairs at a time in the order of their keys, so that neither tree of the table is entered at random:
    that of the pairs grows at its end only, and that of the keys is gone through from one end to the other.
    """
    for start in range(0, len(bands), TOGETHER):
        some = bands[start : start + TOGETHER]
        pairs = [pair_id for pair_id, keys in some for _ in keys]
        every = np.array([key for _, keys in some for key in keys], np.int64)
        rows = [(pairs[place], key, project_id) for place, key in _rising(every)]
        bulk.insert_plain(session, Base.metadata.tables["pair_bands"], ("pair_id", "key", "project_id"), rows)


def _rising(keys: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(place, key) in the order of the keys."""
    order = np.argsort(keys, kind="stable")
    return zip(order.tolist(), keys[order].tolist(), strict=True)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
