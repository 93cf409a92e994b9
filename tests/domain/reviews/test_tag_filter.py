"""The queue filtered by a tag: the oldest pair that has it, wherever it is, and no other pair."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.core.db.database import Database
from app.core.errors import Invalid
from app.domain.pairs import content as pair_content, queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.review_quality import actions as review_quality_actions
from app.domain.reviews import actions as reviews_actions, queue, queue_queries
from tests.domain.review_quality.test_gold import RIGHT
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, editors, review_next, submitted

HEART = ("domain", "cardiology")


def of_domains(session: Session, cast: Cast, project: Project, *domains: str) -> list[Pair]:
    return [submitted(session, cast.alice, project, number, domain=domain) for number, domain in enumerate(domains)]


def review_all(session: Session, cast: Cast, project: Project, tag: tuple[str, str]) -> list[str]:
    """The pairs that Bob is served until none is left."""
    served = []
    while (lease := reviews_actions.take_next(session, cast.bob, project, tag)) is not None:
        served.append(lease.pair_id)
        pair = session.get_one(Pair, lease.pair_id)
        reviews_actions.decide(session, cast.bob, pair, lease=lease.id, decision="accept", ratings={})
    return served


def test_only_tagged_pairs_are_served(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        skin, first, _, second = of_domains(
            session, cast, project, "dermatology", "cardiology", "dermatology", "cardiology"
        )
        submitted(session, cast.bob, project, 8, domain="cardiology")  # his own pair waits for other reviewers
        assert queue_queries.waits(session, cast.bob, project, HEART)
        assert review_all(session, cast, project, HEART) == [first.id, second.id]
        assert not queue_queries.waits(session, cast.bob, project, HEART)
        assert queue_queries.queue_length(session, project, cast.bob) == 2
        lease = reviews_actions.take_next(session, cast.bob, project)
        assert lease is not None and lease.pair_id == skin.id


def test_in_review_comes_first(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (_, other) = configure_project(session, cast, overlap=2), editors(session, cast, 2)
        older, skin, newer = (
            submitted(session, cast.alice, project, number, domain=domain, case=case)
            for number, (domain, case) in enumerate([("cardiology", "1"), ("dermatology", "2"), ("cardiology", "3")])
        )
        for case in ("2", "3"):
            lease = reviews_actions.take_next(session, other, project, ("case", case))
            assert lease is not None
            pair = session.get_one(Pair, lease.pair_id)
            reviews_actions.decide(session, other, pair, lease=lease.id, decision="accept", ratings={})
        assert [pair.state for pair in (older, skin, newer)] == ["submitted", "in_review", "in_review"]
        assert review_all(session, cast, project, HEART) == [newer.id, older.id]


@pytest.mark.parametrize("near", [1, 3, 5, 100])
def test_tag_found_far_down_the_queue(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(queue, "NEAR", near)
    with database.session() as session:
        project = configure_project(session, cast)
        names = ["dermatology"] * 4 + ["Cardiology", "dermatology", "cardiology", "dermatology", "cardiology"]
        pairs = of_domains(session, cast, project, *names)
        other_spelling = submitted(session, cast.alice, project, 20, Domain="CARDIOLOGY")
        assert queue_queries.waits(session, cast.bob, project, HEART)
        assert review_all(session, cast, project, ("DOMAIN", "cardiology")) == [pairs[at].id for at in (4, 6, 8)] + [
            other_spelling.id
        ]
        assert not queue_queries.waits(session, cast.bob, project, HEART)


@pytest.mark.parametrize("tag", [("domain", "oncology"), ("subject", "cardiology"), ("domain", "a\x00b")])
def test_unknown_tag_matches_nothing(database: Database, cast: Cast, tag: tuple[str, str]) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        of_domains(session, cast, project, "cardiology")
        assert not queue_queries.waits(session, cast.bob, project, tag)
        assert reviews_actions.take_next(session, cast.bob, project, tag) is None
        assert reviews_actions.take_next(session, cast.bob, project) is not None


def test_current_lease_ignores_the_tag(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        skin, heart = of_domains(session, cast, project, "dermatology", "cardiology")
        lease = reviews_actions.take_next(session, cast.bob, project)
        again = reviews_actions.take_next(session, cast.bob, project, HEART)
        assert lease is not None and again is not None and again.id == lease.id and again.pair_id == skin.id
        reviews_actions.release(session, cast.bob, lease.id)
        after = reviews_actions.take_next(session, cast.bob, project, HEART)
        assert after is not None and after.pair_id == heart.id


def test_gold_pair_must_have_the_tag(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, gold=1.0)
        skin, heart, plain = of_domains(session, cast, project, "dermatology", "Cardiology", "cardiology")
        for pair in (skin, heart):
            review_quality_actions.mark(session, cast.carol, pair, **RIGHT)
        assert review_all(session, cast, project, HEART) == [heart.id, plain.id]
        assert not queue_queries.waits(session, cast.bob, project, HEART)
        assert queue_queries.waits(session, cast.bob, project, ("domain", "dermatology"))
        assert review_next(session, cast.bob, project).pair_id == skin.id


def test_first_gold_pairs_ignore_tag(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, gold_first=1)
        skin, heart = of_domains(session, cast, project, "dermatology", "cardiology")
        review_quality_actions.mark(session, cast.carol, skin, **RIGHT)
        assert queue_queries.waits(session, cast.bob, project, HEART)
        assert review_all(session, cast, project, HEART) == [skin.id, heart.id]


def test_tag_choices_are_distinct(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_queries, "MAX_CHOICES", 3)
    with database.session() as session:
        project = configure_project(session, cast)
        for number, domain in enumerate(["cardiology", "Cardiology", "dermatology", "dermatology"]):
            submitted(session, cast.alice, project, number, domain=domain, case=f"no. {number}")
        choices = pairs_queries.choices(session, project)
    assert [[value.lower() for value in choices[name]] for name in ("domain", "language")] == [
        ["cardiology", "dermatology"],
        ["en"],
    ]
    assert "case" not in choices


@pytest.mark.parametrize("text", ["", ":", "domain", "domain:", ":cardiology", "domain: ", "cardiology"])
def test_tag_needs_name_and_value(text: str) -> None:
    with pytest.raises(Invalid, match="name:value"):
        pair_content.tag_of(text)
    assert pair_content.tag_of("time:10:30") == ("time", "10:30")
