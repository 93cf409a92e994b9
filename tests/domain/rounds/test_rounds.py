"""Opening, editing and closing a round: who may, what is refused, what is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.audit.tables import AuditEvent
from app.domain.rounds import actions as rounds_actions
from app.domain.rounds import queries as rounds_queries
from app.domain.rounds.tables import Round
from tests.fixtures.people import Cast

SOON = (now() + timedelta(days=9)).date().isoformat()
PAST = (now() - timedelta(days=2)).date().isoformat()


def opened(database: Database, cast: Cast, **given: Any) -> Round:
    asked: dict[str, Any] = {"title": "Rashes", "brief": "Write.", "targets": [], **given}
    with database.session() as session:
        return rounds_actions.create_round(session, cast.carol, cast.project, **asked)


def recorded(database: Database, round_: Round) -> list[str]:
    with database.read() as session:
        statement = select(AuditEvent.action).where(AuditEvent.subject_id == round_.id).order_by(AuditEvent.id)
        return list(session.scalars(statement))


def test_a_round_has_a_deadline_and_assignees(database: Database, cast: Cast) -> None:
    people = [{"user": cast.alice.id, "count": 7}, {"email": "Bob@example.org"}]
    round_ = opened(database, cast, deadline=SOON, assignees=people)
    assert round_.deadline is not None and round_.deadline.date().isoformat() == SOON
    with database.read() as session:
        asked = rounds_queries.assignees(session, [round_])[round_.id]
    assert asked == {cast.alice.id: 7, cast.bob.id: None}
    assert recorded(database, round_) == ["round.opened"]


def test_edits_change_what_they_name_and_nothing_else(database: Database, cast: Cast) -> None:
    round_ = opened(database, cast, deadline=SOON, assignees=[{"user": cast.alice.id}])
    with database.session() as session:
        one = session.get_one(Round, round_.id)
        changes = {"targets": [{"tags": {"language": "de"}, "count": 2}], "deadline": None}
        rounds_actions.edit_round(session, cast.carol, cast.project, one, changes)
    with database.read() as session:
        one = session.get_one(Round, round_.id)
        assert (one.title, one.brief, one.deadline) == ("Rashes", "Write.", None)
        assert one.targets == [{"tags": {"language": "de"}, "count": 2}]
        assert list(rounds_queries.assignees(session, [one])[one.id]) == [cast.alice.id]
    assert recorded(database, round_) == ["round.opened", "round.edited"]


def test_assignees_are_replaced_as_a_whole(database: Database, cast: Cast) -> None:
    round_ = opened(database, cast, assignees=[{"user": cast.alice.id, "count": 3}])
    with database.session() as session:
        one = session.get_one(Round, round_.id)
        rounds_actions.edit_round(session, cast.carol, cast.project, one, {"assignees": [{"user": cast.bob.id}]})
        assert rounds_queries.assignees(session, [one])[one.id] == {cast.bob.id: None}


def test_a_closed_round_neither_changes_nor_closes_again(database: Database, cast: Cast) -> None:
    round_ = opened(database, cast)
    with database.session() as session:
        one = session.get_one(Round, round_.id)
        rounds_actions.close_round(session, cast.carol, cast.project, one)
        with pytest.raises(Conflict):
            rounds_actions.close_round(session, cast.carol, cast.project, one)
        with pytest.raises(Conflict):
            rounds_actions.edit_round(session, cast.carol, cast.project, one, {"title": "Anew"})
    assert recorded(database, round_) == ["round.opened", "round.closed"]


@pytest.mark.parametrize(
    ("given", "field"),
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
def test_what_makes_no_round_is_refused(database: Database, cast: Cast, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        opened(database, cast, **given)
    assert refused.value.field == field


def test_a_deadline_that_passed_may_stay_as_it_is(database: Database, cast: Cast) -> None:
    round_ = opened(database, cast)
    with database.session() as session:
        one = session.get_one(Round, round_.id)
        one.deadline = (now() - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
        rounds_actions.edit_round(session, cast.carol, cast.project, one, {"title": "Late", "deadline": PAST})
        assert one.title == "Late"


def test_only_an_admin_opens_edits_and_closes(database: Database, cast: Cast) -> None:
    round_ = opened(database, cast)
    with database.session() as session:
        one = session.get_one(Round, round_.id)
        for person, refusal in ((cast.alice, Forbidden), (cast.bob, Forbidden), (cast.dave, NotFound)):
            with pytest.raises(refusal):
                rounds_actions.create_round(session, person, cast.project, title="x", brief="", targets=[])
            with pytest.raises(refusal):
                rounds_actions.edit_round(session, person, cast.project, one, {"title": "x"})
            with pytest.raises(refusal):
                rounds_actions.close_round(session, person, cast.project, one)


def test_the_nearest_deadline_comes_first(database: Database, cast: Cast) -> None:
    later = (now() + timedelta(days=20)).date().isoformat()
    for title, deadline in (("none", None), ("later", later), ("soon", SOON), ("newest", None)):
        opened(database, cast, title=title, deadline=deadline)
    with database.read() as session:
        found = rounds_queries.by_urgency(rounds_queries.open_rounds(session, cast.project))
    assert [one.title for one in found] == ["soon", "later", "newest", "none"]
