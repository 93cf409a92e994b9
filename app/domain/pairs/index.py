"""The duplicate index: bands in the database find candidates, exact Jaccard decides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import TextClause, delete, insert, select, text
from sqlalchemy.orm import Session

from app.domain.checks.duplicates.lexical import THRESHOLD, Grams, band_keys, copy_key, jaccard, shingles
from app.domain.checks.problem import Neighbour
from app.domain.pairs import search
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairText, PairVector, Revision
from app.domain.projects.tables import Project

MAX_CANDIDATES = 200
MOST_OF_A_BAND = 400
MANY = 20_000
T = TypeVar("T")
HIDDEN = ("draft", "discarded", "rejected", "withdrawn")


def neighbours(
    session: Session, project: Project, prompt: str, *, without: str | None = None, completion: str | None = None
) -> list[Neighbour]:
    """Pairs in review or beyond whose prompt is near-identical (Jaccard >= 0.7), most similar first."""
    grams = shingles(prompt)
    copies = [copy_key(prompt)] if completion is None else [copy_key(prompt, completion), copy_key(prompt)]
    ids = [one for one in _candidates(session, project, copies, band_keys(grams)) if one != without]
    found = [
        Neighbour(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state)
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
    session: Session, project: Project, prompts: Sequence[str], shingled: Sequence[Grams] | None = None
) -> list[list[Neighbour]]:
    """`neighbours` of each prompt, five at most, in few queries: what an import asks. `shingled` are their grams."""
    found: list[list[Neighbour]] = []
    for some in batched(zip(prompts, shingled or map(shingles, prompts), strict=True), 500):
        found += _neighbours_of_some(session, project, some)
    return found


def _neighbours_of_some(
    session: Session, project: Project, asked: Sequence[tuple[str, Grams]]
) -> list[list[Neighbour]]:
    keys = [[copy_key(prompt), *band_keys(one)] for prompt, one in asked]
    sharers = _sharers(session, project, {key for some in keys for key in some})
    wanted = [
        [pair_id for pair_id, _ in Counter(one for key in some for one in sharers[key]).most_common(MAX_CANDIDATES)]
        for some in keys
    ]
    texts = {row.id: row for ids in batched({one for some in wanted for one in some}, 500)
             for row in texts_of(session, ids)}  # fmt: skip
    known = {one: shingles(row.prompt) for one, row in texts.items()}
    return [_closest(one, ids, known, texts) for (_, one), ids in zip(asked, wanted, strict=True)]


def _closest(grams: Any, ids: Iterable[str], known: dict[str, Any], texts: dict[str, Any]) -> list[Neighbour]:
    found = [
        Neighbour(row.id, row.revision, round(similarity, 4), row.prompt, row.completion, row.state)
        for one in ids
        if one in texts and (similarity := jaccard(grams, known[one])) >= THRESHOLD and (row := texts[one])
    ]
    return sorted(found, key=lambda n: (-n.similarity, n.pair))[:5]


def _sharers(session: Session, project: Project, keys: Iterable[int]) -> dict[int, list[str]]:
    """key -> the pairs that have it, MOST_OF_A_BAND at most."""
    sharers: dict[int, list[str]] = defaultdict(list)
    for some in batched(sorted(keys), 5_000):
        rows = session.execute(
            select(PairBand.key, PairBand.pair_id)
            .where(PairBand.project_id == project.id, PairBand.key.in_(some))
            .execution_options(yield_per=10_000)
        )
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
    if tags:
        session.execute(insert(PairTag), tags)


def add_bands(session: Session, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """(pair, project, prompt, completion) into the bands; none of them is there."""
    insert_bands(
        session,
        [
            (pair_id, key, project_id)
            for pair_id, project_id, prompt, completion in rows
            for key in keys_of(prompt, completion, shingles(prompt))
        ],
    )


def keys_of(prompt: str, completion: str, grams: Grams) -> list[int]:
    """Everything that a pair is found by; `grams` are the prompt's."""
    return sorted({copy_key(prompt), copy_key(prompt, completion), *band_keys(grams)})


def insert_bands(session: Session, bands: list[tuple[str, int, str]]) -> None:
    """(pair, key, project), straight to the driver: 22 rows a pair are most of what an import writes."""
    if not bands:
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite" and len(bands) > MANY:
        connection.exec_driver_sql("PRAGMA cache_size=-65536")  # KiB: both trees of the table stay in memory
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    connection.exec_driver_sql(
        f"INSERT INTO pair_bands (pair_id, key, project_id) VALUES ({mark}, {mark}, {mark})", bands
    )


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
