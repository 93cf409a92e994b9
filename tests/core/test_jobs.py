"""The ledger: one holder at a time, one accepted completion, bounded attempts, cancel."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.core import jobs
from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict


def queue(database: Database, count: int = 1) -> list[str]:
    with database.session() as session:
        return [jobs.enqueue(session, "demo", {}).id for _ in range(count)]


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def watching(lease: float = 60) -> tuple[jobs.LeaseMonitor, Clock]:
    clock = Clock()
    return jobs.LeaseMonitor(lease, clock), clock


def take(database: Database, worker: str, watch: jobs.LeaseMonitor | None = None) -> tuple[str, int] | None:
    with database.session() as session:
        job = jobs.claim(session, ["demo"], worker, watch or jobs.LeaseMonitor(60))
        return (job.id, job.token) if job else None


def test_sixteen_claimers_never_share_a_job(database: Database) -> None:
    expected = queue(database, 40)
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda number: take(database, f"w{number}"), range(60)))
    taken = [claim[0] for claim in claims if claim]
    assert sorted(taken) == sorted(expected)


def test_a_stale_token_is_refused_and_writes_nothing(database: Database) -> None:
    [job] = queue(database)
    watch, clock = watching()
    first = take(database, "slow", watch)
    assert take(database, "quick", watch) is None
    clock.seconds += 60
    second = take(database, "quick", watch)
    assert first and second and first[0] == second[0] == job and second[1] > first[1]
    with pytest.raises(Conflict), database.session() as session:
        jobs.finish(session, job, first[1], "done", result={"by": "slow"})
    with database.session() as session:
        jobs.finish(session, job, second[1], "done", result={"by": "quick"})
    with pytest.raises(Conflict), database.session() as session:
        jobs.finish(session, job, second[1], "done", result={"by": "again"})
    with database.read() as session:
        assert jobs.by_id(session, job).result == {"by": "quick"}


def test_a_job_whose_workers_die_fails_after_the_last_attempt(database: Database) -> None:
    [job] = queue(database)
    watch, clock = watching()
    for _ in range(jobs.MAX_ATTEMPTS):
        assert take(database, "mortal", watch)
        assert take(database, "next", watch) is None
        clock.seconds += 61
    assert take(database, "next", watch) is None
    with database.read() as session:
        found = jobs.by_id(session, job)
        assert (found.state, found.reason) == ("failed", "worker_lost")


def test_cancel_ends_a_waiting_job_and_tells_a_running_one(database: Database) -> None:
    waiting, running = queue(database, 2)
    with database.session() as session:
        assert jobs.request_cancel(session, waiting).state == "cancelled"
    claim = take(database, "w")
    assert claim and claim[0] == running
    with database.session() as session:
        jobs.request_cancel(session, running)
    with database.session() as session:
        assert jobs.heartbeat(session, running, claim[1], 60).cancel_requested
        jobs.finish(session, running, claim[1], "cancelled")
    with pytest.raises(Conflict), database.session() as session:
        jobs.request_cancel(session, running)


def test_a_lease_is_as_long_as_the_holder_beats_whatever_the_wall_clock_says(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [job] = queue(database)
    watch, clock = watching()
    held = take(database, "steady", watch)
    assert held
    for days in (-2, 2, 0, 400):
        monkeypatch.setattr(jobs, "now", lambda days=days: now() + timedelta(days=days))
        assert take(database, "other", watch) is None
        clock.seconds += 59
        with database.session() as session:
            jobs.heartbeat(session, job, held[1], 60)
        clock.seconds += 59
        assert take(database, "other", watch) is None
    clock.seconds += 60
    assert take(database, "other", watch) == (job, held[1] + 1)


def test_a_new_observer_gives_every_holder_a_whole_lease(database: Database) -> None:
    queue(database)
    first, clock = watching()
    assert take(database, "holder", first)
    clock.seconds += 10_000
    second = jobs.LeaseMonitor(60, clock)
    assert take(database, "other", second) is None
    clock.seconds += 59.9
    assert take(database, "other", second) is None
    clock.seconds += 0.1
    assert take(database, "other", second)


def test_a_clock_that_jumps_back_only_delays(database: Database) -> None:
    queue(database)
    watch, clock = watching()
    assert take(database, "holder", watch) and take(database, "other", watch) is None
    clock.seconds -= 200_000
    assert take(database, "other", watch) is None
    clock.seconds += 60
    assert take(database, "other", watch)
