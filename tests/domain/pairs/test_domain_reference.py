"""Relevance on both engines: measured against approved pairs alone, kept up to date, waived like any warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.core.db.database import Database
from app.domain.checks.relevance import LEAST_PAIRS
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import content as pair_content
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.declarations import may_waive
from app.domain.pairs.indexes import domain_reference, embedding_index
from app.domain.pairs.indexes.domain_reference import ReferenceCache, ReferenceSample
from app.domain.pairs.tables import Pair, PairVector
from tests.domain.pairs.test_embedding_index import Words, fill, written
from tests.fixtures.people import Cast

OWN = "Which document helps with refused card payment number one?"
FOREIGN = "Whether seventeen volcanoes erupted during Jurassic times"
SUBJECTS = ("card", "payment", "transfer", "refund", "account")
VERBS = ("blocked", "refused", "delayed", "missing", "doubled", "pending", "reversed", "charged", "declined", "opened",
         "closed", "frozen")  # fmt: skip


@pytest.fixture
def meanings(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = embedding_index.provide(database_url, tmp_path / "embedding")
    made._embedding = Words()  # type: ignore[assignment]
    monkeypatch.setattr(domain_reference, "PAUSE", 0)
    return made


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


def test_a_foreign_prompt_is_far_and_the_nearest_are_named(database: Database, cast: Cast, meanings: Any) -> None:
    made = bank(database, cast)
    named = far(database, cast, FOREIGN)
    assert len(named) == 3
    assert set(named) <= set(made)
    assert far(database, cast, OWN) == []
    assert far(database, cast, "Jurassic volcanoes") == []


def test_few_approved_pairs_say_nothing(database: Database, cast: Cast, meanings: Any) -> None:
    made = bank(database, cast)
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id.in_(made[LEAST_PAIRS - 1 :])).values(state="submitted"))
    assert far(database, cast, FOREIGN) == []
    with database.session() as session:
        session.execute(update(Pair).where(Pair.id == made[-1]).values(state="approved"))
    named = far(database, cast, FOREIGN)
    assert named
    assert set(named) <= {*made[: LEAST_PAIRS - 1], made[-1]}


def test_what_is_approved_later_counts(database: Database, cast: Cast, meanings: Any) -> None:
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


def test_a_pair_keeps_itself_no_company(database: Database, cast: Cast, meanings: Any) -> None:
    bank(database, cast)
    assert far(database, cast, FOREIGN)
    known, vector = meanings.of(cast.project.id), Words().codes(OWN)
    with database.read() as session:
        drawn = ReferenceCache().keep_fresh(session, known, Words.digest)
    whole = domain_reference.standing(drawn, vector, {}, without=None)
    assert whole
    nearest = next(iter(whole.nearest))
    without = domain_reference.standing(drawn, vector, {nearest: 0.99}, without=nearest)
    assert without
    assert nearest not in without.nearest


def test_what_the_sample_lacks_the_index_makes_up_for(database: Database, cast: Cast, meanings: Any) -> None:
    bank(database, cast)
    with database.session() as session:
        corner = [written(session, cast, f"{FOREIGN} {n}").id for n in range(3)]
    fill(database, cast.project)
    assert far(database, cast, FOREIGN) == []
    kept = meanings.references(cast.project.id)
    known, vector = meanings.of(cast.project.id), Words().codes(FOREIGN)
    with database.read() as session:
        drawn = kept.keep_fresh(session, known, Words.digest)
    inside = [place for place, one in enumerate(drawn.ids) if one not in corner]
    few = ReferenceSample(tuple(drawn.ids[place] for place in inside), drawn.vectors[inside], drawn.limit)
    alone = domain_reference.standing(few, vector, {}, without=None)
    assert alone
    assert alone.far
    helped = domain_reference.standing(few, vector, dict.fromkeys(corner, 0.9), without=None)
    assert helped
    assert not helped.far


def test_the_warning_is_saved_and_may_be_kept(database: Database, cast: Cast, meanings: Any) -> None:
    bank(database, cast)
    with database.session() as session:
        content = pair_content.pair(FOREIGN, "In the app.", source="own", licence="CC0-1.0")
        pair = pairs_actions.create(session, cast.alice, cast.project, content)
        saved = pairs_queries.current(session, pair).problems
    assert "irrelevant" in {one["code"] for one in saved}
    assert may_waive("irrelevant", {})
    assert not may_waive("irrelevant", {"irrelevant": "block"})


def test_drawing_waits_a_thousand_times_as_long_as_it_takes(
    database: Database, cast: Cast, meanings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank(database, cast)
    monkeypatch.setattr(domain_reference, "PAUSE", 1e9)
    kept = ReferenceCache()
    with database.session() as session:
        known = meanings.of(cast.project.id)
        embedding_index.look(session, cast.project, OWN)
        first = kept.keep_fresh(session, known, Words.digest)
        session.query(PairVector).delete()
        assert kept.keep_fresh(session, known, Words.digest) is first
        session.rollback()
    assert len(first.ids) == 60
