"""The ledger: one holder at a time, one accepted completion, bounded attempts, cancel."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core import jobs
from app.core.database import Database
from app.core.errors import Conflict


def queue(database: Database, count: int = 1) -> list[str]:
    with database.session() as session:
        return [jobs.enqueue(session, "demo", {}).id for _ in range(count)]


def take(database: Database, worker: str, lease: float = 60) -> tuple[str, int] | None:
    with database.session() as session:
        job = jobs.claim(session, ["demo"], worker, lease)
        return (job.id, job.token) if job else None


def test_sixteen_claimers_never_share_a_job(database: Database) -> None:
    expected = queue(database, 40)
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda number: take(database, f"w{number}"), range(60)))
    taken = [claim[0] for claim in claims if claim]
    assert sorted(taken) == sorted(expected)


def test_a_stale_token_is_refused_and_writes_nothing(database: Database) -> None:
    [job] = queue(database)
    first = take(database, "slow", lease=0.05)
    time.sleep(0.1)
    second = take(database, "quick")
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
    for _ in range(jobs.MAX_ATTEMPTS):
        assert take(database, "mortal", lease=0.01)
        time.sleep(0.03)
    assert take(database, "next") is None
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
