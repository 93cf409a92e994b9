"""The queue narrowed to one tag: the oldest that has it, wherever it stands, and nothing that has it not."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.core.db.database import Database
from app.core.errors import Invalid
from app.domain.pairs import content as pair_content
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.review_quality import actions as review_quality_actions
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews import queue, queue_queries
from tests.domain.review_quality.test_gold import RIGHT
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import chosen, editors, judge, submitted

HEART = ("domain", "cardiology")


def of_domains(session: Session, cast: Cast, project: Project, *domains: str) -> list[Pair]:
    return [submitted(session, cast.alice, project, number, domain=one) for number, one in enumerate(domains)]


def drained(session: Session, cast: Cast, project: Project, tag: tuple[str, str]) -> list[str]:
    """What Bob gets until nothing is left."""
    served = []
    while (lease := reviews_actions.take_next(session, cast.bob, project, tag)) is not None:
        served.append(lease.pair_id)
        pair = session.get_one(Pair, lease.pair_id)
        reviews_actions.decide(session, cast.bob, pair, lease=lease.id, decision="accept", ratings={})
    return served


def test_the_oldest_with_the_tag_is_served_and_none_without_it(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = chosen(session, cast)
        skin, first, _, second = of_domains(
            session, cast, project, "dermatology", "cardiology", "dermatology", "cardiology"
        )
        submitted(session, cast.bob, project, 8, domain="cardiology")  # an own one waits for others
        assert queue_queries.waits(session, cast.bob, project, HEART)
        assert drained(session, cast, project, HEART) == [first.id, second.id]
        assert not queue_queries.waits(session, cast.bob, project, HEART)
        assert queue_queries.queue_length(session, project, cast.bob) == 2
        lease = reviews_actions.take_next(session, cast.bob, project)
        assert lease is not None and lease.pair_id == skin.id


def test_what_was_begun_comes_before_what_is_fresh(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (_, other) = chosen(session, cast, overlap=2), editors(session, cast, 2)
        older, skin, newer = (
            submitted(session, cast.alice, project, number, domain=domain, case=case)
            for number, (domain, case) in enumerate([("cardiology", "1"), ("dermatology", "2"), ("cardiology", "3")])
        )
        for case in ("2", "3"):
            lease = reviews_actions.take_next(session, other, project, ("case", case))
            assert lease is not None
            pair = session.get_one(Pair, lease.pair_id)
            reviews_actions.decide(session, other, pair, lease=lease.id, decision="accept", ratings={})
        assert [one.state for one in (older, skin, newer)] == ["submitted", "in_review", "in_review"]
        assert drained(session, cast, project, HEART) == [newer.id, older.id]


@pytest.mark.parametrize("near", [1, 3, 5, 100])
def test_it_is_found_however_far_back_it_stands(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(queue, "NEAR", near)
    with database.session() as session:
        project = chosen(session, cast)
        names = ["dermatology"] * 4 + ["Cardiology", "dermatology", "cardiology", "dermatology", "cardiology"]
        found = of_domains(session, cast, project, *names)
        also = submitted(session, cast.alice, project, 20, Domain="CARDIOLOGY")
        assert queue_queries.waits(session, cast.bob, project, HEART)
        assert drained(session, cast, project, ("DOMAIN", "cardiology")) == [found[at].id for at in (4, 6, 8)] + [
            also.id
        ]
        assert not queue_queries.waits(session, cast.bob, project, HEART)


@pytest.mark.parametrize("tag", [("domain", "oncology"), ("subject", "cardiology"), ("domain", "a\x00b")])
def test_an_unknown_tag_finds_nothing(database: Database, cast: Cast, tag: tuple[str, str]) -> None:
    with database.session() as session:
        project = chosen(session, cast)
        of_domains(session, cast, project, "cardiology")
        assert not queue_queries.waits(session, cast.bob, project, tag)
        assert reviews_actions.take_next(session, cast.bob, project, tag) is None
        assert reviews_actions.take_next(session, cast.bob, project) is not None


def test_the_item_on_the_desk_comes_first(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = chosen(session, cast)
        skin, heart = of_domains(session, cast, project, "dermatology", "cardiology")
        held = reviews_actions.take_next(session, cast.bob, project)
        again = reviews_actions.take_next(session, cast.bob, project, HEART)
        assert held is not None and again is not None and again.id == held.id and again.pair_id == skin.id
        reviews_actions.release(session, cast.bob, held.id)
        after = reviews_actions.take_next(session, cast.bob, project, HEART)
        assert after is not None and after.pair_id == heart.id


def test_a_gold_pair_comes_only_where_it_has_the_tag(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = chosen(session, cast, gold=1.0)
        skin, heart, plain = of_domains(session, cast, project, "dermatology", "Cardiology", "cardiology")
        for pair in (skin, heart):
            review_quality_actions.mark(session, cast.carol, pair, **RIGHT)
        assert drained(session, cast, project, HEART) == [heart.id, plain.id]
        assert not queue_queries.waits(session, cast.bob, project, HEART)
        assert queue_queries.waits(session, cast.bob, project, ("domain", "dermatology"))
        assert judge(session, cast.bob, project).pair_id == skin.id


def test_the_first_gold_pairs_come_whatever_the_tag(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = chosen(session, cast, gold_first=1)
        skin, heart = of_domains(session, cast, project, "dermatology", "cardiology")
        review_quality_actions.mark(session, cast.carol, skin, **RIGHT)
        assert queue_queries.waits(session, cast.bob, project, HEART)
        assert drained(session, cast, project, HEART) == [skin.id, heart.id]


def test_the_choices_are_few_and_each_stands_once(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_queries, "MOST_CHOICES", 3)
    with database.session() as session:
        project = chosen(session, cast)
        for number, domain in enumerate(["cardiology", "Cardiology", "dermatology", "dermatology"]):
            submitted(session, cast.alice, project, number, domain=domain, case=f"no. {number}")
        found = pairs_queries.choices(session, project)
    assert [[one.lower() for one in found[name]] for name in ("domain", "language")] == [
        ["cardiology", "dermatology"],
        ["en"],
    ]
    assert "case" not in found


@pytest.mark.parametrize("given", ["", ":", "domain", "domain:", ":cardiology", "domain: ", "cardiology"])
def test_a_tag_is_written_as_name_and_value(given: str) -> None:
    with pytest.raises(Invalid, match="name:value"):
        pair_content.tag_of(given)
    assert pair_content.tag_of("time:10:30") == ("time", "10:30")
