"""Counting tries: across connections and threads, whatever becomes of the request, and forgotten in time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse
from sqlalchemy import select, update

from app.core.db.database import Database
from app.core.errors import TooManyRequests
from app.core.rate_limits import Limits, RateWindow

TEN = parse("10 per 5 minutes")


def passes(limits: Limits, who: str) -> bool:
    try:
        limits.hit(TEN, "sign-in", who)
    except TooManyRequests as error:
        assert 0 < error.retry_after <= 300
        return False
    return True


@pytest.mark.assurance
def test_of_forty_tries_at_once_ten_pass(database: Database, database_url: str, tally) -> None:
    other = Database(database_url)
    both = [Limits(database), Limits(other)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda at: passes(both[at % 2], "mallory"), range(40)))
    other.dispose()
    tally("tries counted", 40)
    assert sum(answers) == 10


def test_one_does_not_use_up_anothers_tries(database: Database) -> None:
    limits = Limits(database)
    assert [passes(limits, "a") for _ in range(11)] == [True] * 10 + [False]
    assert passes(limits, "b")


def test_a_try_that_was_right_is_taken_back(database: Database) -> None:
    limits = Limits(database)
    for _ in range(30):
        assert passes(limits, "a")
        limits.forgive(TEN, "sign-in", "a")


def test_a_window_ends_and_is_forgotten(database: Database) -> None:
    limits = Limits(database)
    assert [passes(limits, "a") for _ in range(11)][-1] is False
    with database.session() as session:
        session.execute(update(RateWindow).values(expires_at=time.time() - 1))
    assert passes(limits, "b")
    with database.read() as session:
        assert len(session.scalars(select(RateWindow.key)).all()) == 1
    assert passes(limits, "a")


def test_nobody_is_named_in_the_counters(database: Database) -> None:
    Limits(database).hit(TEN, "sign-in", "alice@example.org")
    with database.read() as session:
        assert "alice" not in session.scalars(select(RateWindow.key)).one()


def test_the_store_does_what_the_library_asks_of_it(database: Database) -> None:
    storage = Limits(database)._storage
    assert (storage.incr("k", 60), storage.incr("k", 60, 4), storage.get("k")) == (1, 5, 5)
    assert 55 < storage.get_expiry("k") - time.time() <= 60
    storage.clear("k")
    assert storage.get("k") == 0 and storage.check()
    storage.incr("k", 60)
    assert storage.reset() == 1
