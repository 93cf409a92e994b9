"""Neighbours by meaning on both engines: found once embedded, gone once edited or erased; the job goes on."""

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
from app.domain.checks.similarity.embedding import Codes, cosines, sketches
from app.domain.checks.similarity.minhash import keys_of, shingles
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import content as pair_content
from app.domain.pairs.indexes import embedding_index, near_duplicates
from app.domain.pairs.indexes.hamming_index import Sketches
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

    def many(self, texts: list[str]) -> Any:
        return map(self.codes, texts)


@pytest.fixture
def meanings(database: Database, database_url: str, tmp_path: Path) -> embedding_index.EmbeddingIndex:
    made = embedding_index.provide(database_url, tmp_path / "embedding")
    made._embedding = Words()  # type: ignore[assignment]
    return made


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

    return embedding_index.fill(
        database.read, write, {"project": project.id}, lambda done, total: None, before=before or []
    )


def found(database: Database, project: Project, prompt: str) -> list[str]:
    with database.read() as session:
        return [one.pair for one in embedding_index.neighbours(session, project, prompt)]


def test_a_paraphrase_is_found_once_it_is_embedded(
    database: Database, cast: Cast, meanings: embedding_index.EmbeddingIndex
) -> None:
    with database.session() as session:
        pair = written(session, cast, FREEZE)
        written(session, cast, RENT)
    assert found(database, cast.project, LOCK) == []
    assert fill(database, cast.project)["embedded"] == 2
    assert fill(database, cast.project)["embedded"] == 0
    assert found(database, cast.project, LOCK) == [pair.id]
    with database.session() as session:
        later = written(session, cast, "Can the debit card be put in the freeze?")
    fill(database, cast.project)
    assert pair.id in found(database, cast.project, LOCK)
    assert meanings.of(cast.project.id).count == 3
    assert later.id != pair.id


def test_an_edit_and_an_erasure_are_respected_at_once(
    database: Database, cast: Cast, meanings: embedding_index.EmbeddingIndex
) -> None:
    with database.session() as session:
        one, other = written(session, cast, FREEZE), written(session, cast, FREEZE + " Now?")
    fill(database, cast.project)
    assert set(found(database, cast.project, LOCK)) == {one.id, other.id}
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id == one.id).values(current_revision_id="another"))
        session.execute(delete(PairVector).where(PairVector.pair_id == other.id))
    assert found(database, cast.project, LOCK) == []


def test_several_readers_of_their_own_see_what_a_writer_adds(
    database: Database, database_url: str, cast: Cast, meanings: embedding_index.EmbeddingIndex, tmp_path: Path
) -> None:
    with database.session() as session:
        written(session, cast, RENT)
    fill(database, cast.project)
    found(database, cast.project, LOCK)
    second = Sketches()
    with database.session() as session:
        pair = written(session, cast, FREEZE)
    fill(database, cast.project)
    assert found(database, cast.project, LOCK) == [pair.id]
    with database.read() as session:
        assert embedding_index._read(session, second, cast.project.id, Words()) == 2  # type: ignore[arg-type]


def test_positions_rise_although_two_write_at_once(
    database: Database, cast: Cast, meanings: embedding_index.EmbeddingIndex
) -> None:
    with database.session() as session:
        for number in range(embedding_index.BATCH + 10):
            written(session, cast, f"{FREEZE} Case {number} of many")
    threads = [threading.Thread(target=fill, args=(database, cast.project)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as session:
        rows, places = session.execute(select(func.count(), func.count(PairVector.position.distinct()))).one()
    assert rows == places == embedding_index.BATCH + 10


def test_without_an_embedding_nothing_fails(database: Database, cast: Cast) -> None:
    with database.session() as session:
        written(session, cast, FREEZE)
        embedding_index.request(session, cast.project.id)
    assert found(database, cast.project, LOCK) == []
    assert fill(database, cast.project)["embedded"] == 0


def test_bands_that_lack_are_made_anew(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = written(session, cast, FREEZE)
        session.execute(delete(PairBand))
    with database.session() as session:
        assert near_duplicates.neighbours(session, cast.project, FREEZE) == []
        assert embedding_index.request_missing(session) == 1
    assert fill(database, cast.project)["worded"] == 1
    with database.session() as session:
        assert [one.pair for one in near_duplicates.neighbours(session, cast.project, FREEZE)] == [pair.id]


def test_a_true_copy_is_found_among_a_thousand_alike(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "MAX_CANDIDATES", 5)
    monkeypatch.setattr(near_duplicates, "MOST_OF_A_BAND", 5)
    near_duplicates._of_bands.cache_clear()
    with database.session() as session:
        for number in range(40):
            written(session, cast, "Say which of the two sentences is the longer one, and say why.", f"Case {number}")
        copy = written(session, cast, "Say which of the two sentences is the longer one, and say why.", "The first")
    with database.read() as session:
        near = near_duplicates.neighbours(
            session, cast.project, "say which of the two sentences is the longer one,  and say why.",
            completion="The first",
        )  # fmt: skip
    near_duplicates._of_bands.cache_clear()
    assert copy.id in [one.pair for one in near]


def test_many_prompts_at_once_find_what_each_finds_alone(database: Database, cast: Cast) -> None:
    prompts = [FREEZE, FREEZE + " Please.", RENT, "Nothing like it at all, I hope."]
    with database.session() as session:
        for prompt in prompts[:3]:
            written(session, cast, prompt)
    with database.read() as session:
        alone = [near_duplicates.neighbours(session, cast.project, prompt) for prompt in prompts]
        grams = [shingles(prompt) for prompt in prompts]
        keys = [keys_of(prompt, "", one) for prompt, one in zip(prompts, grams, strict=True)]
        assert near_duplicates.neighbours_of_many(session, cast.project, grams, keys) == alone
    assert len(alone[0]) == 2
    assert len(shingles("")) == 1


def test_the_bits_find_what_the_cosine_finds() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20_000, 384))
    asked = rows[:100] + rng.normal(size=(100, 384)) * 0.6
    codes = [np.rint(one * (127 / np.abs(one).max(axis=1, keepdims=True))).astype(np.int8) for one in (rows, asked)]
    known = Sketches()
    known.append([f"{i:032d}" for i in range(15_000)], codes[0][:15_000], 15_000)
    known.append([f"{i:032d}" for i in range(15_000, 20_000)], codes[0][15_000:], 20_000)
    assert float(cosines(codes[1][0], codes[0][:1])[0]) > 0.75
    assert sum(f"{i:032d}" in known.near(codes[1][i]) for i in range(100)) >= 99
    assert sketches(codes[0]).shape == (20_000, 6)


def test_the_job_lets_others_go_first_and_goes_on_where_it_was(
    database: Database, cast: Cast, meanings: embedding_index.EmbeddingIndex, tmp_path: Path
) -> None:
    with database.session() as session:
        for number in range(embedding_index.BATCH + 3):
            written(session, cast, f"{FREEZE} Case {number} of many")
        session.execute(delete(jobs.Job))
        other = jobs.enqueue(session, "import", {})
        embedding_index.request(session, cast.project.id)
        embedding_index.request(session, cast.project.id)
    first = fill(database, cast.project, ["import"])
    assert (first["embedded"], first["left"]) == (embedding_index.BATCH, 3)
    with database.session() as session:
        session.delete(session.get_one(jobs.Job, other.id))
    settings = Settings(data_dir=tmp_path)
    drain(Installation(settings, database, Storage(f"file://{tmp_path}/artifacts")))
    with database.read() as session:
        (done,) = session.scalars(select(jobs.Job)).all()
        assert (done.kind, done.state, done.progress_done) == ("vectors", "done", 3.0)
        assert done.result == {"worded": 0, "embedded": 3, "left": 0}
        assert session.scalar(select(func.count()).select_from(PairVector)) == embedding_index.BATCH + 3
