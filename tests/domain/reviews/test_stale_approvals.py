"""Approvals under an older guideline, and precedents from decided pairs."""

from __future__ import annotations

import pytest

from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden
from app.domain.audit.tables import AuditEvent
from app.domain.guidelines import actions as guidelines_actions
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.reviews import actions as reviews_actions, adjudication_actions, queries as reviews_queries
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, editors, review_next, submitted


def test_stale_approvals_are_sent_back(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        first, second = (submitted(session, cast.alice, project, number) for number in (1, 2))
        before = review_next(session, cast.bob, project)
        review_next(session, cast.bob, project)
        assert reviews_queries.stale_approvals(session, project) == (0, [])
        guidelines_actions.publish(session, cast.carol, project, text="# Routing\n\nName the day, too.")
        assert reviews_queries.stale_approvals(session, project) == (2, [first, second])
        with pytest.raises(Forbidden):
            adjudication_actions.review_again(session, cast.bob, project, None)
        assert adjudication_actions.review_again(session, cast.carol, project, [first.id]) == 1
        session.refresh(before)
        assert (first.state, second.state, before.kind) == ("submitted", "approved", "old_review")
        event = session.query(AuditEvent).filter_by(action="pairs.sent_to_review_again").one()
        assert event.details["pairs"] == [first.id]
        with pytest.raises(Conflict):
            reviews_actions.undo(session, cast.bob, before)
        assert review_next(session, cast.bob, project).pair_id == first.id
        assert (first.state, reviews_queries.stale_approvals(session, project)) == ("approved", (1, [second]))
        assert len(reviews_queries.of_pair(session, first)) == 2, "earlier reviews stay in the history"


def test_old_reviews_hide_no_lease(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, overlap=2)
        pair = submitted(session, cast.alice, project)
        bob, other = editors(session, cast, 2)
        for person in (bob, other):
            review_next(session, person, project)
        guidelines_actions.publish(session, cast.carol, project, text="# Routing\n\nName the day, too.")
        assert adjudication_actions.review_again(session, cast.carol, project, None) == 1 and pair.state == "submitted"
        leases = [reviews_actions.take_next(session, person, project) for person in (bob, other)]
        assert all(leases) and pair.state == "in_review"
        reviews_actions.release(session, bob, leases[0].id)
        assert pair.state == "in_review", "the other reviewer still has a lease"
        reviews_actions.release(session, other, leases[1].id)
        assert pair.state == "submitted"


def test_current_approvals_stay(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        submitted(session, cast.alice, project)
        review_next(session, cast.bob, project)
        with pytest.raises(Conflict):
            adjudication_actions.review_again(session, cast.carol, project, None)


def test_adjudicated_precedents_first(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pairs = []
        for day in ("Monday", "Tuesday", "Friday"):
            text = f"Who books the magnetic resonance scan of the left knee for a patient on {day} morning?"
            content = pair_content.pair(text, "radiology", source="test", licence="CC0-1.0", tags={})
            pairs.append(
                pairs_actions.submit(session, cast.alice, pairs_actions.create(session, cast.alice, project, content))
            )
        review_next(session, cast.bob, project, "accept", comment="As the list says.")
        review_next(session, cast.bob, project, "escalate")
        adjudication_actions.adjudicate(
            session, cast.carol, pairs[1], decision="accept", ratings={}, comment="By rule 2."
        )
        precedents = reviews_queries.precedents(session, project, pairs_queries.submitted(session, pairs[2]))
        assert [(row["match"].pair, row["adjudicated"], row["review"].comment) for row in precedents] == [
            (pairs[1].id, True, "By rule 2."),
            (pairs[0].id, False, "As the list says."),
        ]
