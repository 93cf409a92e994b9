"""A reviewer's statistics: counts, median time, and the length and age of the queue."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.tables import Pair
from app.domain.review_quality import queries as review_quality_queries
from app.domain.reviews import actions as reviews_actions
from tests.fixtures.people import Cast

PROMPTS = [
    "Blue toe since this morning, cold to the touch, age 71.",
    "Sore throat since Monday without any fever, age 30.",
    "Which desk takes the insurance form for my last invoice?",
    "May I take ibuprofen together with ramipril every day?",
    "An itching rash on both forearms after gardening.",
    "My appointment of Thursday must move to next week.",
]


def submitted(session: Session, cast: Cast, prompt: str) -> Pair:
    content = pair_content.pair(prompt, "Clinical desk", source="Own work", licence="CC0", tags={"language": "en"})
    return pairs_actions.submit(session, cast.alice, pairs_actions.create(session, cast.alice, cast.project, content))


def judge(session: Session, cast: Cast, user: User) -> None:
    lease = reviews_actions.take_next(session, user, cast.project)
    assert lease is not None
    pair = session.get_one(Pair, lease.pair_id)
    reviews_actions.decide(session, user, pair, lease=lease.id, decision="accept", ratings={})


def test_queue_age(database: Database, cast: Cast) -> None:
    with database.session() as session:
        assert review_quality_queries.oldest_waiting(session, cast.project, cast.bob) is None
        first, _ = (submitted(session, cast, prompt) for prompt in PROMPTS[:2])
        first.updated_at = since = now() - timedelta(days=4)
        session.flush()
        oldest = review_quality_queries.oldest_waiting(session, cast.project, cast.bob)
    assert oldest is not None and abs(oldest - since) < timedelta(seconds=1)


def test_reviews_counted_and_timed(database: Database, cast: Cast) -> None:
    with database.session() as session:
        for prompt in PROMPTS:
            submitted(session, cast, prompt)
        for _ in PROMPTS[:4]:
            judge(session, cast, cast.bob)
        few = review_quality_queries.reviewer_counts(session, cast.project, cast.bob)
        for _ in PROMPTS[4:]:
            judge(session, cast, cast.bob)
        counts = review_quality_queries.reviewer_counts(session, cast.project, cast.bob)
        nobody = review_quality_queries.reviewer_counts(session, cast.project, cast.carol)
    assert few == {"all": 4, "week": 4, "month": 4, "median_seconds": None}
    assert counts["all"] == counts["month"] == 6 and 0 <= counts["median_seconds"] < 60
    assert nobody["all"] == 0 and nobody["median_seconds"] is None


def test_seconds_from_lease_to_decision() -> None:
    start = now()

    def at(minutes: float) -> datetime:
        return start + timedelta(minutes=minutes)

    events = [
        ("review.decided", "leased before the first event", at(0)),
        ("lease.taken", "a", at(0)),
        ("lease.taken", "b", at(1)),
        ("review.decided", "a", at(2)),
        ("lease.taken_over", "b", at(10)),
        ("review.decided", "b", at(13)),
        ("lease.taken", "long break", at(20)),
        ("review.decided", "long break", at(200)),
    ]
    assert review_quality_queries.seconds_per_pair(events) == [120, 180]
