"""Create, edit and close rounds: permissions, invalid input, audit events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.audit.tables import AuditEvent
from app.domain.rounds import actions as rounds_actions, queries as rounds_queries
from app.domain.rounds.tables import Round
from tests.fixtures.people import Cast

SOON = (now() + timedelta(days=9)).date().isoformat()
PAST = (now() - timedelta(days=2)).date().isoformat()


def create(database: Database, cast: Cast, **fields: Any) -> Round:
    params: dict[str, Any] = {"title": "Rashes", "brief": "Write.", "targets": [], **fields}
    with database.session() as session:
        return rounds_actions.create_round(session, cast.carol, cast.project, **params)


def recorded(database: Database, round_: Round) -> list[str]:
    with database.read() as session:
        statement = select(AuditEvent.action).where(AuditEvent.subject_id == round_.id).order_by(AuditEvent.id)
        return list(session.scalars(statement))


def test_round_deadline_and_assignees(database: Database, cast: Cast) -> None:
    people = [{"user": cast.alice.id, "count": 7}, {"email": "Bob@example.org"}]
    round_ = create(database, cast, deadline=SOON, assignees=people)
    assert round_.deadline is not None and round_.deadline.date().isoformat() == SOON
    with database.read() as session:
        assignees = rounds_queries.assignees(session, [round_])[round_.id]
    assert assignees == {cast.alice.id: 7, cast.bob.id: None}
    assert recorded(database, round_) == ["round.opened"]


def test_edit_keeps_other_fields(database: Database, cast: Cast) -> None:
    round_ = create(database, cast, deadline=SOON, assignees=[{"user": cast.alice.id}])
    with database.session() as session:
        stored = session.get_one(Round, round_.id)
        changes = {"targets": [{"tags": {"language": "de"}, "count": 2}], "deadline": None}
        rounds_actions.edit_round(session, cast.carol, cast.project, stored, changes)
    with database.read() as session:
        stored = session.get_one(Round, round_.id)
        assert (stored.title, stored.brief, stored.deadline) == ("Rashes", "Write.", None)
        assert stored.targets == [{"tags": {"language": "de"}, "count": 2}]
        assert list(rounds_queries.assignees(session, [stored])[stored.id]) == [cast.alice.id]
    assert recorded(database, round_) == ["round.opened", "round.edited"]


def test_assignees_are_replaced(database: Database, cast: Cast) -> None:
    round_ = create(database, cast, assignees=[{"user": cast.alice.id, "count": 3}])
    with database.session() as session:
        stored = session.get_one(Round, round_.id)
        rounds_actions.edit_round(session, cast.carol, cast.project, stored, {"assignees": [{"user": cast.bob.id}]})
        assert rounds_queries.assignees(session, [stored])[stored.id] == {cast.bob.id: None}


def test_closed_round_is_final(database: Database, cast: Cast) -> None:
    round_ = create(database, cast)
    with database.session() as session:
        stored = session.get_one(Round, round_.id)
        rounds_actions.close_round(session, cast.carol, cast.project, stored)
        with pytest.raises(Conflict):
            rounds_actions.close_round(session, cast.carol, cast.project, stored)
        with pytest.raises(Conflict):
            rounds_actions.edit_round(session, cast.carol, cast.project, stored, {"title": "Anew"})
    assert recorded(database, round_) == ["round.opened", "round.closed"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 161}, "title"),
        ({"brief": "x" * 20_001}, "brief"),
        ({"deadline": "tomorrow"}, "deadline"),
        ({"deadline": PAST}, "deadline"),
        ({"deadline": "9999-12-31"}, "deadline"),
        ({"assignees": [{"email": "dave@example.org"}]}, "assignees"),
        ({"assignees": [{"user": "nobody"}]}, "assignees"),
        ({"assignees": [{}]}, "assignees"),
        ({"assignees": [{"email": "bob@example.org", "count": 0}]}, "assignees"),
        ({"assignees": [{"email": "bob@example.org"}, {"email": "BOB@example.org"}]}, "assignees"),
        ({"targets": [{"count": 0}]}, "targets"),
    ],
)
def test_invalid_round_is_rejected(database: Database, cast: Cast, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        create(database, cast, **fields)
    assert refused.value.field == field


def test_past_deadline_may_stay(database: Database, cast: Cast) -> None:
    round_ = create(database, cast)
    with database.session() as session:
        stored = session.get_one(Round, round_.id)
        stored.deadline = (now() - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
        rounds_actions.edit_round(session, cast.carol, cast.project, stored, {"title": "Late", "deadline": PAST})
        assert stored.title == "Late"


def test_only_admin_manages_rounds(database: Database, cast: Cast) -> None:
    round_ = create(database, cast)
    with database.session() as session:
        stored = session.get_one(Round, round_.id)
        for person, error in ((cast.alice, Forbidden), (cast.bob, Forbidden), (cast.dave, NotFound)):
            with pytest.raises(error):
                rounds_actions.create_round(session, person, cast.project, title="x", brief="", targets=[])
            with pytest.raises(error):
                rounds_actions.edit_round(session, person, cast.project, stored, {"title": "x"})
            with pytest.raises(error):
                rounds_actions.close_round(session, person, cast.project, stored)


def test_nearest_deadline_first(database: Database, cast: Cast) -> None:
    later = (now() + timedelta(days=20)).date().isoformat()
    for title, deadline in (("none", None), ("later", later), ("soon", SOON), ("newest", None)):
        create(database, cast, title=title, deadline=deadline)
    with database.read() as session:
        rounds = rounds_queries.open_rounds(session, cast.project)
    assert [round_.title for round_ in rounds] == ["soon", "later", "newest", "none"]
