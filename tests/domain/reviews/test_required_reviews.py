"""Independent reviews: leases, the resulting state, adjudication and who sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, text

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden
from app.domain.audit.tables import AuditEvent
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.tables import Pair
from app.domain.reviews import (
    actions as reviews_actions,
    adjudication_actions,
    queries as reviews_queries,
    queue_queries,
)
from app.domain.reviews.tables import Lease
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, content, editors, review_next, submitted


def test_leases_match_required_reviews(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1, editor2) = configure_project(session, cast, overlap=2), editors(session, cast, 3)
        pair = submitted(session, cast.alice, project)
        assert pair.reviews_needed == 2
        assert [queue_queries.queue_length(session, project, user) for user in (bob, editor1, editor2)] == [1, 1, 1]
        first, second = (reviews_actions.take_next(session, user, project) for user in (bob, editor1))
        assert first and second and first.pair_id == second.pair_id == pair.id
        assert reviews_actions.take_next(session, editor2, project) is None
        assert queue_queries.queue_length(session, project, editor2) == 0
        reviews_actions.release(session, editor1, second.id)
        assert queue_queries.queue_length(session, project, editor2) == 1


def test_no_repeated_or_own_pair(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1) = configure_project(session, cast, overlap=2), editors(session, cast, 2)
        submitted(session, editor1, project)
        assert review_next(session, bob, project).decision == "accept"
        assert reviews_actions.take_next(session, bob, project) is None
        assert reviews_actions.take_next(session, editor1, project) is None


def test_overlap_two_needs_two_accepts(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1) = configure_project(session, cast, overlap=2), editors(session, cast, 2)
        pair = submitted(session, cast.alice, project)
        review_next(session, bob, project)
        assert pair.state == "in_review"
        review_next(session, editor1, project)
        assert pair.state == "approved"


@pytest.mark.parametrize(("third", "state"), [("accept", "approved"), ("return", "changes_requested")])
def test_split_needs_third_review(database: Database, cast: Cast, third: str, state: str) -> None:
    with database.session() as session:
        project, people = configure_project(session, cast, overlap=2), editors(session, cast, 4)
        pair = submitted(session, cast.alice, project)
        for user, decision in zip(people, ("accept", "return"), strict=False):
            review_next(session, user, project, decision)
        assert pair.state == "in_review"
        assert queue_queries.queue_length(session, project, people[2]) == 1
        review_next(session, people[2], project, third)
        assert pair.state == state
        assert reviews_actions.take_next(session, people[3], project) is None


def test_new_reviewer_adjudicates_split(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, people = configure_project(session, cast, overlap=3), editors(session, cast, 5)
        pair = submitted(session, cast.alice, project)
        for user, decision in zip(people, ("accept", "return", "accept", "reject"), strict=False):
            review_next(session, user, project, decision)
        assert pair.state == "in_review" and queue_queries.to_adjudicate(session, project) == [pair]
        assert reviews_actions.take_next(session, people[4], project) is None
        with pytest.raises(Forbidden):
            adjudication_actions.adjudicate(session, people[0], pair, decision="accept", ratings={})
        final = adjudication_actions.adjudicate(session, people[4], pair, decision="accept", ratings={"accuracy": 4})
        assert (pair.state, final.kind, queue_queries.to_adjudicate(session, project)) == (
            "approved",
            "adjudication",
            [],
        )
        with pytest.raises(Conflict):
            adjudication_actions.adjudicate(session, people[4], pair, decision="return", ratings={}, comment="No.")
        reviews_actions.undo(session, people[4], final)
        assert pair.state == "in_review" and queue_queries.to_adjudicate(session, project) == [pair]


def test_escalating_admin_may_adjudicate(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        review_next(session, cast.carol, project, "escalate")
        assert reviews_actions.take_next(session, cast.bob, project) is None
        messages = [{"role": "user", "content": "Who books the scan?"}, {"role": "assistant", "content": "radiology"}]
        adjudication_actions.adjudicate(
            session, cast.carol, pair, decision="fix_and_accept", ratings={}, messages=messages, comment="Named."
        )
        assert pair.state == "approved" and pair.submitted_revision_id == pair.current_revision_id


def test_needless_adjudication_conflicts(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        with pytest.raises(Conflict):
            adjudication_actions.adjudicate(session, cast.bob, pair, decision="accept", ratings={})


def test_others_review_the_correction(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1, editor2) = configure_project(session, cast, overlap=2), editors(session, cast, 3)
        pair = submitted(session, cast.alice, project)
        review_next(session, bob, project)
        fixed = [{"role": "user", "content": "Who books the scan, please?"}, {"role": "assistant", "content": "desk 2"}]
        correction = review_next(session, editor1, project, "fix_and_accept", messages=fixed)
        assert pair.state == "in_review"
        assert reviews_queries.earlier(session, pair) == [], "a correction starts no new submission"
        review_next(session, editor2, project)
        assert pair.state == "approved"
        with pytest.raises(Conflict, match="correction"):
            reviews_actions.undo(session, editor1, correction)


def test_undone_review_is_needed_again(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1, editor2) = configure_project(session, cast, overlap=2), editors(session, cast, 3)
        pair = submitted(session, cast.alice, project)
        review_next(session, bob, project)
        last = review_next(session, editor1, project)
        reviews_actions.undo(session, editor1, last)
        assert pair.state == "in_review"
        assert reviews_actions.take_next(session, bob, project) is None
        review_next(session, editor2, project)
        assert pair.state == "approved"


def test_reviews_are_blind_until_own(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1) = configure_project(session, cast, overlap=2), editors(session, cast, 2)
        pair = submitted(session, cast.alice, project)
        first = review_next(session, bob, project)
        for user in (editor1, cast.carol, cast.alice):
            assert reviews_queries.visible(session, user, pair) == []
        assert reviews_queries.visible(session, bob, pair) == [first]
        second = review_next(session, editor1, project)
        assert (
            reviews_queries.visible(session, editor1, pair)
            == reviews_queries.visible(session, cast.alice, pair)
            == [first, second]
        )


def test_author_sees_earlier_reviews(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        before = review_next(session, cast.bob, project, "return", comment="Which day?")
        pairs_actions.save(session, cast.alice, pair, content(1, "desk 2"), expected_revision=pair.current_revision_id)
        pairs_actions.submit(session, cast.alice, pair)
        assert reviews_queries.visible(session, cast.alice, pair) == [before]
        assert reviews_queries.earlier(session, pair) == [before]


def test_expired_lease_cannot_decide(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1) = configure_project(session, cast), editors(session, cast, 2)
        pair = submitted(session, cast.alice, project)
        lease = reviews_actions.take_next(session, bob, project)
        assert lease is not None
        lease.expires_at = now() - timedelta(seconds=1)
        session.flush()
        review_next(session, editor1, project)
        with pytest.raises(Conflict):
            reviews_actions.decide(session, bob, pair, lease=lease.id, decision="accept", ratings={})
        assert len(reviews_queries.deciding(session, pair)) == 1


def test_take_over_ends_former_lease(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        lost = reviews_actions.take_next(session, cast.bob, project)
        assert lost is not None
        with pytest.raises(Forbidden):
            reviews_actions.take_over(session, cast.bob, lost.id)
        taken = reviews_actions.take_over(session, cast.carol, lost.id)
        event = session.query(AuditEvent).filter_by(action="lease.taken_over").one()
        assert (event.actor, event.details["former"]) == (cast.carol.id, cast.bob.id)
        with pytest.raises(Conflict) as refused:
            reviews_actions.decide(session, cast.bob, pair, lease=lost.id, decision="accept", ratings={})
        assert refused.value.code == "lease_lost"
        assert [lease.id for lease, _ in reviews_queries.open_leases(session, project)] == [taken.id]
        reviews_actions.decide(session, cast.carol, pair, lease=taken.id, decision="accept", ratings={})
        assert session.query(Lease).count() == 0


def test_stale_revision_cannot_be_decided(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        lease, revision = reviews_actions.take_next(session, cast.bob, project), pair.submitted_revision_id
        assert lease is not None
        pairs_actions.save(session, cast.alice, pair, content(1, "desk 2"), expected_revision=pair.current_revision_id)
        pairs_actions.submit(session, cast.alice, pair)
        with pytest.raises(Conflict, match="changed"):
            reviews_actions.decide(
                session, cast.bob, pair, lease=lease.id, decision="accept", ratings={}, revision=revision
            )


def test_share_needs_second_review(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, second_opinions=0.5)
        required = {submitted(session, cast.alice, project, number).reviews_needed for number in range(12)}
        assert required == {1, 2}
        assert session.query(Pair).filter(Pair.reviews_needed.is_(None)).count() == 0


def test_lock_reloads_the_pair(database: Database, cast: Cast) -> None:
    if database.is_sqlite:
        return  # a writer has locked the whole database before it reads the pair
    with database.session() as session:
        pair = submitted(session, cast.alice, configure_project(session, cast))
    with database.session() as session:
        read = session.get_one(Pair, pair.id)
        with database.session() as other:
            other.get_one(Pair, pair.id).state = "draft"
        assert read.state == "submitted"
        assert pairs_actions.lock(session, pair.id).state == "draft" and read.state == "draft"


def test_locked_lease_is_skipped(database: Database, cast: Cast) -> None:
    if database.is_sqlite:
        return  # one writer at a time
    with database.session() as session:
        project = configure_project(session, cast)
        submitted(session, cast.alice, project)
        assert reviews_actions.take_next(session, cast.bob, project) is not None
    with database.session() as other:
        other.execute(delete(Lease))
        with database.session() as session:
            session.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert reviews_actions.take_next(session, cast.bob, project) is None
