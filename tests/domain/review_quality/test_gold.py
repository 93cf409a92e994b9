"""Gold pairs train and measure reviewers, and appear nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden, Invalid
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.indexes import near_duplicate_queries
from app.domain.pairs.tables import Pair
from app.domain.review_quality import actions as review_quality_actions, agreement, queries as review_quality_queries
from app.domain.review_quality.queries import rates, wilson_interval
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries, queue_queries
from app.domain.reviews.queue import gold_is_due, gold_order
from app.domain.versions import queries as versions_queries
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, editors, review_next, submitted

RIGHT = {"decision": "return", "ratings": {"accuracy": 2}, "explanation": "The day is missing."}


def gold(session: object, cast: Cast, number: int) -> Pair:
    project = session.get_one(type(cast.project), cast.project.id)  # type: ignore[attr-defined]
    pair = submitted(session, cast.alice, project, number)  # type: ignore[arg-type]
    review_quality_actions.mark(session, cast.carol, pair, **RIGHT)  # type: ignore[arg-type]
    return pair


def test_gold_first_keeps_state(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, gold_first=1)
        pair, plain = gold(session, cast, 1), submitted(session, cast.alice, project, 2)
        assert queue_queries.queue_length(session, project, cast.bob) == 2
        lease = reviews_actions.take_next(session, cast.bob, project)
        assert lease is not None and lease.pair_id == pair.id and pair.state == "submitted"
        assert reviews_queries.shown_state(session, cast.bob, pair) == "in_review"
        review = reviews_actions.decide(
            session, cast.bob, pair, lease=lease.id, decision="accept", ratings={"accuracy": 3}
        )
        assert (review.kind, pair.state, reviews_queries.visible(session, cast.carol, pair)) == (
            "gold",
            "submitted",
            [],
        )
        with pytest.raises(Conflict, match="seen the right answer"):
            reviews_actions.undo(session, cast.bob, review)
        assert review_next(session, cast.bob, project).pair_id == plain.id
        assert reviews_actions.take_next(session, cast.bob, project) is None


def test_gold_pair_leaves_all_lists(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        review_next(session, cast.bob, project)
        prompt = pairs_queries.current(session, pair).prompt
        assert versions_queries.approved_pairs(session, project, {}) and near_duplicate_queries.neighbors(
            session, project, prompt
        )
        review_quality_actions.mark(session, cast.carol, pair, **RIGHT)
        assert versions_queries.approved_pairs(session, project, {}) == []
        assert pairs_queries.page(session, project).items == []
        assert pairs_queries.counts_by_state(session, project) == {}
        assert pairs_queries.tag_values(session, project) == {}
        assert near_duplicate_queries.neighbors(session, project, prompt) == []
        review_quality_actions.retire(session, cast.carol, pair)
        assert pairs_queries.counts_by_state(session, project) == {"approved": 1}
        assert pairs_queries.tag_values(session, project) == {"language": [("en", 1)]}


def test_hit_rates_by_criterion(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, gold_first=3)
        for number in range(3):
            gold(session, cast, number)
        for value, decision in ((2, "return"), (3, "accept"), (5, "accept")):
            review_next(session, cast.bob, project, decision, ratings={"accuracy": value})
        rates_by_name = {
            (rate.name, rate.within): (rate.hits, rate.n)
            for rate in review_quality_queries.gold_rates(session, project)[cast.bob.id]
        }
        assert rates_by_name["decision", 0] == (1, 3)
        assert (rates_by_name["accuracy", 0], rates_by_name["accuracy", 1]) == ((1, 3), (2, 3))
        assert rates_by_name["relevance", 0] == (0, 0)
        assert review_quality_queries.units(session, project) == []


def test_mark_gold_needs_explanation(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        with pytest.raises(Forbidden):
            review_quality_actions.mark(session, cast.bob, pair, **RIGHT)
        with pytest.raises(Invalid):
            review_quality_actions.mark(
                session, cast.carol, pair, **{**RIGHT, "decision": "accept", "explanation": " "}
            )
        assert reviews_actions.take_next(session, cast.bob, project) is not None
        with pytest.raises(Conflict, match="working on"):
            review_quality_actions.mark(session, cast.carol, pair, **RIGHT)


def test_each_gold_pair_once_per_reviewer(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, people = configure_project(session, cast, gold=1.0), editors(session, cast, 3)
        for number in range(3):
            gold(session, cast, number)
        own = submitted(session, people[0], project, 9)
        review_quality_actions.mark(session, cast.carol, own, **RIGHT)
        served = {user.id: [review_next(session, user, project).pair_id for _ in range(3)] for user in people}
        assert all(len(set(seen)) == 3 for seen in served.values())
        assert own.id not in served[people[0].id]
        assert reviews_actions.take_next(session, people[0], project) is None


@given(st.integers(0, 400), st.integers(1, 400))
def test_wilson_contains_the_share(hits: int, n: int) -> None:
    low, high = wilson_interval(min(hits, n), n)
    assert 0 <= low <= min(hits, n) / n + 1e-9 and min(hits, n) / n - 1e-9 <= high <= 1


def test_wilson_published_values() -> None:
    """R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_due_is_deterministic() -> None:
    drawn = [gold_is_due("reviewer", number, 5, 0.1) for number in range(5000)]
    assert all(drawn[:5]) and 400 < sum(drawn[5:]) < 600
    assert drawn == [gold_is_due("reviewer", number, 5, 0.1) for number in range(5000)]
    assert sorted(gold_order("a", ["x", "y", "z"])) == ["x", "y", "z"]


def test_unrated_is_not_counted() -> None:
    answers = [({"decision": "accept", "ratings": {"a": None}}, {"decision": "accept", "ratings": {"a": 4}})]
    results = rates(answers, ["a"])
    assert [(rate.hits, rate.n) for rate in results] == [(1, 1), (0, 0), (0, 0)]
    assert (results[1].low, results[1].high) == (0.0, 1.0)
    assert agreement.LEVELS == (1, 2, 3, 4, 5)
