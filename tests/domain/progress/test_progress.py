"""Progress of rounds by target, user and day; an author's counts; coverage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.db.base import new_id, now
from app.core.db.database import Database
from app.domain.pairs.tables import Pair, PairTag
from app.domain.progress import queries as progress_queries
from app.domain.rounds import actions as rounds_actions
from app.domain.rounds.tables import Round
from tests.fixtures.people import Cast

DE, EN = {"language": "de", "domain": "clinical"}, {"language": "en", "domain": "administration"}
TARGETS: list[dict[str, Any]] = [
    {"tags": {"language": "de", "domain": "clinical"}, "count": 3},
    {"tag": "language", "value": "en", "count": 2},
    {"tags": {"language": "fr"}, "count": 1},
]


def put(
    session: Session, cast: Cast, round_: Round | None, state: str, tags: dict[str, str], *, by: str = "", **given: Any
) -> Pair:
    pair = Pair(
        id=new_id(),
        project_id=cast.project.id,
        author_id=by or cast.alice.id,
        round_id=round_.id if round_ else None,
        state=state,
        current_revision_id="",
        **given,
    )
    session.add(pair)
    session.flush()
    session.add_all(
        PairTag(pair_id=pair.id, tag=tag, value=value, project_id=pair.project_id) for tag, value in tags.items()
    )
    return pair


@pytest.fixture
def round_(database: Database, cast: Cast) -> Round:
    """Four German clinical pairs, two of them approved, one English pair returned, and some that are not counted."""
    with database.session() as session:
        people = [{"user": cast.alice.id, "count": 3}, {"user": cast.bob.id}]
        created = rounds_actions.create_round(
            session,
            cast.carol,
            cast.project,
            title="x",
            brief="",
            targets=TARGETS,
            assignees=people,
            deadline=(now() + timedelta(days=5)).date().isoformat(),
        )
        for state in ("approved", "approved", "in_review", "draft"):
            put(session, cast, created, state, DE)
        put(session, cast, created, "changes_requested", {**EN, "language": "EN"}, by=cast.carol.id)
        put(session, cast, created, "rejected", EN)
        put(session, cast, created, "discarded", DE, discarded_at=now())
        put(session, cast, created, "withdrawn", DE)
        put(session, cast, created, "approved", DE, is_gold=True)
        put(session, cast, None, "approved", DE)
        return created


def test_target_counts(database: Database, round_: Round) -> None:
    with database.read() as session:
        german, english, french = progress_queries.of_round(session, round_).targets
    assert german | {"written": 4, "submitted": 1, "approved": 2, "lacking": 1, "to_write": 0} == german
    assert german["label"] == "language de × domain clinical"
    assert english | {"written": 2, "returned": 1, "rejected": 1, "lacking": 2, "to_write": 1} == english
    assert (english["tag"], english["value"], english["tags"]) == ("language", "en", {"language": "en"})
    assert french | {"written": 0, "approved": 0, "lacking": 1, "to_write": 1} == french


def test_assignees_come_first(database: Database, cast: Cast, round_: Round) -> None:
    with database.read() as session:
        result = progress_queries.of_round(session, round_)
    rows = {row["user"]: row for row in result.people}
    assert rows[cast.alice.id] | {"assigned": True, "count": 3, "approved": 2, "lacking": 1} == rows[cast.alice.id]
    assert rows[cast.bob.id] | {"assigned": True, "count": None, "written": 0, "lacking": None} == rows[cast.bob.id]
    assert rows[cast.carol.id] | {"assigned": False, "returned": 1} == rows[cast.carol.id]
    assert result.people[-1]["user"] == cast.carol.id
    assert (result.total, result.reached, result.approved) == (6, 2, 2)


def test_two_queries_for_many_targets(database: Database, cast: Cast) -> None:
    many = [{"tags": {"category": f"c{at}", "language": "de"}, "count": 1} for at in range(60)]
    with database.session() as session:
        created = rounds_actions.create_round(session, cast.carol, cast.project, title="x", brief="", targets=many)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    with database.read() as session:
        assert len(progress_queries.of_round(session, created).targets) == 60
    assert len([text for text in statements if text.lstrip().upper().startswith("SELECT")]) <= 2


def test_people_without_targets(database: Database, cast: Cast) -> None:
    with database.session() as session:
        created = rounds_actions.create_round(session, cast.carol, cast.project, title="x", brief="", targets=[])
        put(session, cast, created, "approved", {})
        result = progress_queries.of_round(session, created)
    assert (result.targets, result.total, result.approved) == ([], 0, 1)
    assert result.people[0]["approved"] == 1


def test_reached_is_capped_at_target(database: Database, cast: Cast, round_: Round) -> None:
    with database.session() as session:
        for _ in range(5):
            put(session, cast, round_, "approved", DE)
        assert progress_queries.of_round(session, round_).reached == 3
        assert sum(progress_queries.reached_by_day(session, round_).values()) == 3


def at(days_ago: int) -> datetime:
    return now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)


def test_throughput_by_day_of_approval(database: Database, cast: Cast, round_: Round) -> None:
    with database.session() as session:
        created = session.get_one(Round, round_.id)
        created.created_at, created.targets = at(6), [{"tags": {"language": "fr"}, "count": 40}]
        for ago, n in ((5, 4), (4, 6), (2, 5), (0, 1)):
            for _ in range(n):
                put(session, cast, created, "approved", {"language": "fr"}, updated_at=at(ago))
    with database.read() as session:
        result = progress_queries.throughput(session, created)
    assert result is not None and result.done == 16 and result.target == 40
    assert [day["approved"] for day in result.days] == [0, 4, 6, 0, 5, 0, 1, None, None, None, None, None]
    assert [day["sum"] for day in result.days][:7] == [0, 4, 10, 10, 15, 15, 16]
    assert result.days[-1]["line"] == 40
    assert result.forecast is not None and result.forecast.days == 6
    assert result.forecast.expected == 15 + round(2.5 * 6) and result.behind
    assert result.needed_per_day == 4
    assert "At this rate 30 of 40" in result.words


def test_no_throughput_without_deadline(database: Database, cast: Cast) -> None:
    with database.session() as session:
        created = rounds_actions.create_round(session, cast.carol, cast.project, title="x", brief="", targets=TARGETS)
        assert progress_queries.throughput(session, created) is None


def test_author_counts(database: Database, cast: Cast, round_: Round) -> None:
    with database.session() as session:
        put(session, cast, None, "approved", DE, updated_at=now() - timedelta(days=70))
        result = progress_queries.author_counts(session, cast.project, cast.alice.id)
    assert result == {
        "draft": 1,
        "submitted": 1,
        "changes_requested": 0,
        "approved": 4,
        "rejected": 1,
        "approved_week": 3,
        "approved_month": 3,
    }


def test_coverage_by_domain_and_language(database: Database, cast: Cast, round_: Round) -> None:
    with database.session() as session:
        put(session, cast, None, "draft", {"domain": "Clinical"})
        result = progress_queries.coverage(session, cast.project)
    assert result["domains"] == ["administration", "clinical"]
    assert result["languages"] == ["en", "de", ""]
    assert dict(result["cells"]["clinical", "de"]) == {"written": 5, "approved": 3}
    assert dict(result["cells"]["administration", "en"]) == {"written": 2, "approved": 0}
    assert dict(result["cells"]["clinical", ""]) == {"written": 1, "approved": 0}
    assert ("administration", "de") not in result["cells"]


def test_approved_by_day_of_project(database: Database, cast: Cast, round_: Round) -> None:
    with database.session() as session:
        put(session, cast, None, "approved", DE, updated_at=at(3))
        put(session, cast, None, "approved", DE, updated_at=at(90))
        result = progress_queries.approved_by_day(session, cast.project)
    assert result == {at(3).date(): 1, now().date(): 3}
