"""Relevance on both engines: measured against approved pairs only, kept up to date, waived like any warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from app.core.db.database import Database
from app.domain.checks.relevance import LEAST_PAIRS
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.pairs.declarations import may_waive
from app.domain.pairs.indexes import embedding_index, embedding_queries
from app.domain.pairs.indexes.embedding_index import KEY, EmbeddingIndex, ReferenceSample
from app.domain.pairs.tables import Pair, PairVector
from tests.domain.pairs.test_embedding_index import Words, fill, written
from tests.fixtures.people import Cast

OWN = "Which document helps with refused card payment number one?"
FOREIGN = "Whether seventeen volcanoes erupted during Jurassic times"
SUBJECTS = ("card", "payment", "transfer", "refund", "account")
VERBS = ("blocked", "refused", "delayed", "missing", "doubled", "pending", "reversed", "charged", "declined", "opened",
         "closed", "frozen")  # fmt: skip


@pytest.fixture
def index(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingIndex:
    index = database.info[KEY] = EmbeddingIndex(tmp_path / "embedding")
    index._embedding = Words()  # type: ignore[assignment]
    monkeypatch.setattr(embedding_queries, "REFERENCE_PAUSE", 0)
    return index


def bank(database: Database, cast: Cast, count: int = 60) -> list[str]:
    """So many approved pairs about a bank, embedded."""
    prompts = [
        f"Which document helps with {verb} {subject} payment number {n}?"
        for n, (verb, subject) in enumerate((verb, subject) for verb in VERBS for subject in SUBJECTS)
    ]
    with database.session() as session:
        made = [written(session, cast, prompt).id for prompt in prompts[:count]]
    fill(database, cast.project)
    return made


def far(database: Database, cast: Cast, prompt: str, without: str | None = None) -> list[str]:
    """The pairs that the warning names."""
    content = pair_content.pair(prompt, "In the app.")
    with database.read() as session:
        problems = pairs_queries.problems_for(session, cast.project, content, without=without)
    return [near["pair"] for one in problems if one["code"] == "irrelevant" for near in one["neighbours"]]


def test_foreign_prompt_is_far(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    made = bank(database, cast)
    named = far(database, cast, FOREIGN)
    assert len(named) == 3
    assert set(named) <= set(made)
    assert far(database, cast, OWN) == []
    assert far(database, cast, "Jurassic volcanoes") == []


def test_few_approved_pairs_give_no_warning(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    made = bank(database, cast)
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id.in_(made[LEAST_PAIRS - 1 :])).values(state="submitted"))
    assert far(database, cast, FOREIGN) == []
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id == made[-1]).values(state="approved"))
    named = far(database, cast, FOREIGN)
    assert named
    assert set(named) <= {*made[: LEAST_PAIRS - 1], made[-1]}


def test_later_approvals_count(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    bank(database, cast)
    assert far(database, cast, FOREIGN)
    with database.session() as session:
        alike = [written(session, cast, f"{FOREIGN} {n}") for n in range(4)]
        ids = [one.id for one in alike]
    fill(database, cast.project)
    assert far(database, cast, FOREIGN) == []
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id.in_(ids)).values(state="rejected"))
    assert far(database, cast, FOREIGN)


def test_pair_is_not_compared_with_itself(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    bank(database, cast)
    assert far(database, cast, FOREIGN)
    drawn, vector = index.of(cast.project.id).reference, Words().codes(OWN)
    whole = embedding_index.standing(drawn, vector, {}, without=None)
    assert whole
    nearest = next(iter(whole.nearest))
    without = embedding_index.standing(drawn, vector, {nearest: 0.99}, without=nearest)
    assert without
    assert nearest not in without.nearest


def test_index_completes_the_sample(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    bank(database, cast)
    with database.session() as session:
        corner = [written(session, cast, f"{FOREIGN} {n}").id for n in range(3)]
    fill(database, cast.project)
    assert far(database, cast, FOREIGN) == []
    drawn, vector = index.of(cast.project.id).reference, Words().codes(FOREIGN)
    inside = [place for place, one in enumerate(drawn.ids) if one not in corner]
    few = ReferenceSample(tuple(drawn.ids[place] for place in inside), drawn.vectors[inside], drawn.limit)
    alone = embedding_index.standing(few, vector, {}, without=None)
    assert alone
    assert alone.far
    helped = embedding_index.standing(few, vector, dict.fromkeys(corner, 0.9), without=None)
    assert helped
    assert not helped.far


def test_warning_is_saved_and_waivable(database: Database, cast: Cast, index: EmbeddingIndex) -> None:
    bank(database, cast)
    with database.session() as session:
        content = pair_content.pair(FOREIGN, "In the app.", source="own", licence="CC0-1.0")
        pair = pairs_actions.create(session, cast.alice, cast.project, content)
        saved = pairs_queries.current(session, pair).problems
    assert "irrelevant" in {one["code"] for one in saved}
    assert may_waive("irrelevant", {})
    assert not may_waive("irrelevant", {"irrelevant": "block"})


def test_sample_is_not_drawn_again_early(
    database: Database, cast: Cast, index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank(database, cast)
    monkeypatch.setattr(embedding_queries, "REFERENCE_PAUSE", 1e9)
    with database.session() as session:
        embedding_queries.matches(session, cast.project, OWN)
        first = index.of(cast.project.id).reference
        session.query(PairVector).delete()
        embedding_queries.matches(session, cast.project, OWN)
        assert index.of(cast.project.id).reference is first
        session.rollback()
    assert len(first.ids) == 60
