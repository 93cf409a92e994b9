"""Neighbors by meaning on both engines: found once embedded, no longer once edited or erased; the job continues."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.checks.similarity.embedding import Codes, cosines
from app.domain.checks.similarity.minhash import keys_of, shingles
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.indexes import embedding_queries, index_actions, near_duplicate_queries
from app.domain.pairs.indexes.embedding_index import KEY, MAX_NEAREST, EmbeddingIndex, ProjectVectors
from app.domain.pairs.tables import Pair, PairBand, PairVector
from app.domain.projects.tables import Project
from app.settings import Settings
from app.worker.loop import drain
from tests.fixtures.people import Cast

FREEZE = "How do I freeze my debit card?"
LOCK = "In what way can I freeze the debit card of mine?"
RENT = "What is the rent of a flat in Leeds?"


class Words:
    """An embedding that a test can make: the sum of a fixed random vector for each word."""

    digest, dimensions = "words", 384

    def codes(self, text: str) -> Codes:
        words = [word.strip("?.") for word in text.lower().split()]
        total = sum(
            np.random.default_rng(int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")).normal(size=384)
            for word in words
            if len(word) > 3
        )
        return np.rint(np.asarray(total) * (127 / np.abs(total).max())).astype(np.int8)


@pytest.fixture
def index(database: Database, tmp_path: Path) -> EmbeddingIndex:
    index = database.info[KEY] = EmbeddingIndex(tmp_path / "embedding")
    index._embedding = Words()  # type: ignore[assignment]
    return index


def written(session: Session, cast: Cast, prompt: str, completion: str = "In the app.") -> Pair:
    content = pair_content.pair(prompt, completion, source="own", licence="CC0-1.0")
    pair = pairs_actions.create(session, cast.alice, cast.project, content)
    pair.state = "approved"
    session.flush()
    return pair


def fill(database: Database, project: Project, before: list[str] | None = None) -> dict[str, int]:
    def write(change: Any) -> None:
        with database.session() as session:
            change(session)

    return index_actions.fill(
        database.read, write, {"project": project.id}, lambda done, total: None, before=before or []
    )


def neighbor_ids(database: Database, project: Project, prompt: str) -> list[str]:
    with database.read() as session:
        return [neighbor.pair for neighbor in embedding_queries.matches(session, project, prompt).same]


def test_embedded_paraphrase_is_found(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    with database.session() as session:
        pair = written(session, cast, FREEZE)
        written(session, cast, RENT)
    assert neighbor_ids(database, cast.project, LOCK) == []
    assert fill(database, cast.project)["embedded"] == 2
    assert fill(database, cast.project)["embedded"] == 0
    assert neighbor_ids(database, cast.project, LOCK) == [pair.id]
    with database.session() as session:
        later = written(session, cast, "Can the debit card be put in the freeze?")
    fill(database, cast.project)
    assert pair.id in neighbor_ids(database, cast.project, LOCK)
    assert index.of(cast.project.id).count == 3
    assert later.id != pair.id


def test_edited_and_erased_pairs_are_not_found(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    with database.session() as session:
        first, second = written(session, cast, FREEZE), written(session, cast, FREEZE + " Now?")
    fill(database, cast.project)
    assert set(neighbor_ids(database, cast.project, LOCK)) == {first.id, second.id}
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id == first.id).values(current_revision_id="another"))
        session.execute(delete(PairVector).where(PairVector.pair_id == second.id))
    assert neighbor_ids(database, cast.project, LOCK) == []


def test_each_reader_sees_new_vectors(
    database: Database, database_url: str, cast: Cast, index: EmbeddingIndex, tmp_path: Path
) -> None:
    with database.session() as session:
        written(session, cast, RENT)
    fill(database, cast.project)
    neighbor_ids(database, cast.project, LOCK)
    second = ProjectVectors()
    with database.session() as session:
        pair = written(session, cast, FREEZE)
    fill(database, cast.project)
    assert neighbor_ids(database, cast.project, LOCK) == [pair.id]
    with database.read() as session:
        assert embedding_queries.read_new(session, second, cast.project.id, Words()) == 2  # type: ignore[arg-type]


def test_concurrent_writers_share_no_position(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    with database.session() as session:
        for number in range(embedding_queries.BATCH + 10):
            written(session, cast, f"{FREEZE} Case {number} of many")
    threads = [threading.Thread(target=fill, args=(database, cast.project)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as session:
        rows, places = session.execute(select(func.count(), func.count(PairVector.position.distinct()))).one()
    assert rows == places == embedding_queries.BATCH + 10


def test_nothing_fails_without_embedding(database: Database, cast: Cast) -> None:
    with database.session() as session:
        written(session, cast, FREEZE)
        index_actions.request(session, cast.project.id)
    assert neighbor_ids(database, cast.project, LOCK) == []
    assert fill(database, cast.project)["embedded"] == 0


def test_missing_bands_are_written(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = written(session, cast, FREEZE)
        session.execute(delete(PairBand))
    with database.session() as session:
        assert near_duplicate_queries.neighbors(session, cast.project, FREEZE) == []
        assert index_actions.request_missing(session) == 1
    assert fill(database, cast.project)["worded"] == 1
    with database.session() as session:
        (neighbor,) = near_duplicate_queries.neighbors(session, cast.project, FREEZE)
        assert neighbor.pair == pair.id


def test_copy_is_found_among_many_alike(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicate_queries, "MAX_CANDIDATES", 5)
    monkeypatch.setattr(near_duplicate_queries, "MAX_PER_BAND", 5)
    near_duplicate_queries._pairs_by_key.cache_clear()
    with database.session() as session:
        for number in range(40):
            written(session, cast, "Say which of the two sentences is the longer one, and say why.", f"Case {number}")
        copy = written(session, cast, "Say which of the two sentences is the longer one, and say why.", "The first")
    with database.read() as session:
        near = near_duplicate_queries.neighbors(
            session, cast.project, "say which of the two sentences is the longer one,  and say why.",
            completion="The first",
        )  # fmt: skip
    near_duplicate_queries._pairs_by_key.cache_clear()
    assert copy.id in [neighbor.pair for neighbor in near]


def test_batch_finds_the_same_neighbors(database: Database, cast: Cast) -> None:
    prompts = [FREEZE, FREEZE + " Please.", RENT, "Nothing like it at all, I hope."]
    with database.session() as session:
        for prompt in prompts[:3]:
            written(session, cast, prompt)
    with database.read() as session:
        alone = [near_duplicate_queries.neighbors(session, cast.project, prompt) for prompt in prompts]
        grams = [shingles(prompt) for prompt in prompts]
        keys = [keys_of(prompt, "", one) for prompt, one in zip(prompts, grams, strict=True)]
        assert near_duplicate_queries.neighbors_of_many(session, cast.project, grams, keys) == alone
    assert len(alone[0]) == 2
    assert len(shingles("")) == 1


def test_nearest_are_those_of_highest_cosine() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20_000, 384))
    queries = rows[:100] + rng.normal(size=(100, 384)) * 0.6
    codes = [
        np.rint(each * (127 / np.abs(each).max(axis=1, keepdims=True))).astype(np.int8) for each in (rows, queries)
    ]
    ids = [f"{i:032d}" for i in range(20_000)]
    vectors = ProjectVectors()
    vectors.append(ids[:15_000], codes[0][:15_000], 15_000)
    vectors.append(ids[15_000:], codes[0][15_000:], 20_000)
    assert float(cosines(codes[1][0], codes[0][:1])[0]) > 0.75
    assert all(vectors.nearest(codes[1][i])[0] == ids[i] for i in range(100))
    similar = cosines(codes[0][0], codes[0])
    many = ProjectVectors()
    many.append([*ids[:1] * 500, *ids], np.concatenate([np.repeat(codes[0][:1], 500, axis=0), codes[0]]), 1)
    assert many.nearest(codes[0][0]) == [ids[0]]
    assert [ids[i] for i in np.argsort(-similar) if similar[i] >= 0.4][:MAX_NEAREST] == vectors.nearest(codes[0][0])


def test_job_yields_to_imports_and_continues(
    database: Database, cast: Cast, index: EmbeddingIndex, tmp_path: Path
) -> None:
    with database.session() as session:
        for number in range(embedding_queries.BATCH + 3):
            written(session, cast, f"{FREEZE} Case {number} of many")
        session.execute(delete(jobs.Job))
        other = jobs.enqueue(session, "import", {})
        index_actions.request(session, cast.project.id)
        index_actions.request(session, cast.project.id)
    first = fill(database, cast.project, ["import"])
    assert (first["embedded"], first["left"]) == (embedding_queries.BATCH, 3)
    with database.session() as session:
        session.delete(session.get_one(jobs.Job, other.id))
    settings = Settings(data_dir=tmp_path)
    drain(Installation(settings, database, Storage(f"file://{tmp_path}/artifacts")))
    with database.read() as session:
        (done,) = session.scalars(select(jobs.Job)).all()
        assert (done.kind, done.state, done.progress_done) == ("vectors", "done", 3.0)
        assert done.result == {"worded": 0, "embedded": 3, "left": 0}
        assert session.scalar(select(func.count()).select_from(PairVector)) == embedding_queries.BATCH + 3
