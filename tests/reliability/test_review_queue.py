"""Sixteen reviewers at once empty a queue of two thousand: nobody gets a pair twice, or their own, and the number of
opinions on each is exact."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.core.db.base import new_id, now
from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews.tables import Lease, Review
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import editors

pytestmark = [pytest.mark.assurance, pytest.mark.slow]
REVIEWERS, PAIRS, TWICE = 16, 2_000, 250


def fill(session: Session, project: Project, authors: list[str], tagged: Sequence[int] = ()) -> None:
    """Pairs as an import leaves them: plain rows, every eighth in need of two opinions, some of them reviewers' own;
    those with the numbers `tagged` are of one domain."""
    pairs, revisions, tags = [], [], []
    for number in range(PAIRS):
        pair, revision = new_id(), f"{number:064d}"
        text = f"Which desk answers question {number}?"
        common = {"created_at": now()}
        pairs.append(
            {
                "id": pair,
                "project_id": project.id,
                "author_id": authors[number % len(authors)],
                "state": "submitted",
                "current_revision_id": revision,
                "submitted_revision_id": revision,
                "reviews_needed": 2 if number % (PAIRS // TWICE) == 0 else 1,
                **common,
            }
        )
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "reception"}]
        empty: dict[str, Any] = {"context": [], "tags": {}, "problems": [], "source": "test", "licence": "CC0-1.0"}
        revisions.append(
            {"id": revision, "pair_id": pair, "number": 1, "author_id": authors[number % len(authors)], **common}
            | {"messages": turns, "prompt": text, "completion": "reception", **empty}
        )
        if number in tagged:
            tags.append({"pair_id": pair, "tag": "domain", "value": "cardiology", "project_id": project.id})
    session.execute(insert(Pair), pairs)
    session.execute(insert(Revision), revisions)
    if tags:
        session.execute(insert(PairTag), tags)


class Reviewer:
    """Takes and decides until nothing is left."""

    def __init__(self, database: Database, project_id: str, user_id: str, left: threading.Event) -> None:
        self.database, self.project_id, self.user_id, self.left = database, project_id, user_id, left
        self.served: list[str] = []
        self.held: tuple[str, str] | None = None
        self.errors: list[BaseException] = []

    def __call__(self) -> None:
        try:
            empty = 0  # a pair that is locked for a moment is passed over: ask again before going home
            while not self.left.is_set() and empty < 10:
                empty = 0 if self.one() else empty + 1
                self.left.wait(0.05 * empty)
        except BaseException as error:
            self.errors.append(error)
            self.left.set()

    def one(self) -> bool:
        """As the desk does it: the decision and the next item are one transaction."""
        with self.database.session() as session:
            user, project = session.get_one(User, self.user_id), session.get_one(Project, self.project_id)
            if self.held:
                lease_id, pair_id = self.held
                pair = session.get_one(Pair, pair_id)
                reviews_actions.decide(session, user, pair, lease=lease_id, decision="accept", ratings={"accuracy": 4})
            lease = reviews_actions.take_next(session, user, project)
            self.held = (lease.id, lease.pair_id) if lease else None
        self.served += [self.held[1]] if self.held else []
        return self.held is not None


def drain(url: str, project_id: str, users: list[str]) -> list[Reviewer]:
    """Through two engines, as two web processes would: a pool holds fifteen connections."""
    stop, engines = threading.Event(), [Database(url), Database(url)]
    people = [Reviewer(engines[number % 2], project_id, user, stop) for number, user in enumerate(users)]
    threads = [threading.Thread(target=one, daemon=True) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    stop.set()
    for engine in engines:
        engine.dispose()
    assert not any(thread.is_alive() for thread in threads), "the queue was not emptied in four minutes"
    assert [one.errors for one in people if one.errors] == []
    return people


def test_a_queue_is_emptied_by_sixteen_at_once(
    database: Database, database_url: str, cast: Cast, tally: Callable[[str, int], None]
) -> None:
    with database.session() as session:
        users = [user.id for user in editors(session, cast, REVIEWERS)]
        fill(session, session.get_one(Project, cast.project.id), [cast.alice.id, *users[:3]])
    people = drain(database_url, cast.project.id, users)
    with database.read() as session:
        pairs = {pair.id: pair for pair in session.scalars(select(Pair))}
        opinions: dict[str, list[str]] = defaultdict(list)
        for review in session.scalars(select(Review)):
            opinions[review.pair_id].append(review.reviewer_id)
        assert session.scalar(select(Lease.id)) is None
    assert {pair.state for pair in pairs.values()} == {"approved"}
    assert {pair_id: len(given) for pair_id, given in opinions.items()} == {
        pair.id: pair.reviews_needed for pair in pairs.values()
    }
    for person in people:
        assert max(Counter(person.served).values(), default=0) <= 1, "served twice to the same person"
        assert not any(pairs[one].author_id == person.user_id for one in person.served), "served own work"
    served = Counter(one for person in people for one in person.served)
    assert served == {pair.id: pair.reviews_needed for pair in pairs.values()}
    tally("pairs taken by sixteen reviewers at once", sum(served.values()))


@pytest.mark.parametrize(
    "tagged", [None, range(0, PAIRS, 8), range(PAIRS - 2 * REVIEWERS, PAIRS)], ids=["all", "by tag", "by a late tag"]
)
def test_sixteen_at_once_get_sixteen_different_items(database: Database, cast: Cast, tagged: range | None) -> None:
    """All take before anyone decides: no pair lies on two desks, however the transactions fall. So, too, where all of
    them ask for one tag, had by pairs all over the queue or only by the last."""
    with database.session() as session:
        users = [user.id for user in editors(session, cast, REVIEWERS)]
        fill(session, session.get_one(Project, cast.project.id), [cast.alice.id], tagged or ())
        session.execute(update(Pair).values(reviews_needed=1))
    ready, held, lock = threading.Barrier(REVIEWERS), [], threading.Lock()

    def take(user_id: str) -> None:
        ready.wait(30)
        with database.session() as session:
            user, project = session.get_one(User, user_id), session.get_one(Project, cast.project.id)
            lease = reviews_actions.take_next(session, user, project, ("domain", "cardiology") if tagged else None)
        with lock:
            held.append(lease.pair_id if lease else None)

    threads = [threading.Thread(target=take, args=(one,)) for one in random.Random(1).sample(users, REVIEWERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(held) == len(set(held)) == REVIEWERS and None not in held
    with database.read() as session:
        having = set(session.scalars(select(PairTag.pair_id)))
    assert not tagged or set(held) <= having
