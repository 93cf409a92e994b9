"""Real worker processes on the real ledger, killed and frozen at random.

Run: python -m tests.reliability.kill_loop URL.

The driver forks the workers itself (a start of Python for every kill would take the machine's two cores), and holds no
connection while it forks. It prints one JSON object: what it did and what the ledger says afterwards.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from app.core import jobs
from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict

LEASE = 0.5
LONGEST = 180.0
"""Seconds; far more than a loop takes, for a machine that is busy."""
UNHURRIED = 60.0
"""Seconds after which there are longer pauses between the kills: where a machine is so busy, a job takes longer too."""
TWO_DAYS = 2 * 86_400.0
jobs.MAX_ATTEMPTS = 10_000  # the bound has tests of its own; here a job may meet a kill at every attempt


# --- a worker ---


def jumping(rng: random.Random) -> Callable[[], float]:
    """A monotonic clock that is none: now and then it leaps two days, either way."""
    offset = 0.0

    def clock() -> float:
        nonlocal offset
        if rng.random() < 0.003:
            offset += rng.choice((-TWO_DAYS, TWO_DAYS))
        return time.monotonic() + offset

    return clock


def work(url: str, seed: int, refused: Path, clocks_jump: bool) -> None:
    """Claim, beat, write the effect and the completion in one transaction; for ever."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # dies with the driver
    rng = random.Random(seed)
    watch = jobs.LeaseMonitor(LEASE)
    if clocks_jump:
        watch.clock = jumping(rng)
        jobs.now = lambda: now() + timedelta(days=rng.uniform(-2, 2))  # type: ignore[assignment]
    database = Database(url)
    while True:
        try:
            _one(database, rng, watch)
        except Conflict:
            with refused.open("a") as file:
                file.write(f"{os.getpid()}\n")
        except OperationalError:
            time.sleep(0.1)


def _one(database: Database, rng: random.Random, watch: jobs.LeaseMonitor) -> None:
    with database.session() as session:
        job = jobs.claim(session, ["kill"], f"worker-{os.getpid()}", watch)
    if job is None:
        time.sleep(0.03)
        return
    for _ in range(rng.randint(1, 2)):
        time.sleep(rng.uniform(0.03, 0.15))
        with database.session() as session:
            jobs.heartbeat(session, job.id, job.token, LEASE)
    with database.session() as session:
        jobs.require_lease(session, job.id, job.token)
        session.execute(text("INSERT INTO effects (job, token) VALUES (:job, :token)"), vars_of(job))
        jobs.finish(session, job.id, job.token, "done", result={"token": job.token})


def vars_of(job: jobs.Job) -> dict[str, Any]:
    return {"job": job.id, "token": job.token}


# --- the driver ---


class Crew:
    """The living workers, and the frozen ones with the moment when they wake."""

    def __init__(self, size: int, rng: random.Random, start: Callable[[int], int]) -> None:
        self.rng, self.start = rng, start
        self.pids = [start(rng.getrandbits(30)) for _ in range(size)]
        self.frozen: dict[int, float] = {}
        self.kills = self.stops = 0

    def disturb(self) -> None:
        moment = time.monotonic()
        for pid in [pid for pid, wake in self.frozen.items() if wake <= moment]:
            os.kill(pid, signal.SIGCONT)
            del self.frozen[pid]
        pid = self.rng.choice([pid for pid in self.pids if pid not in self.frozen])
        if self.rng.random() < 0.5:
            self.kill(pid)
            self.pids.append(self.start(self.rng.getrandbits(30)))
        elif len(self.frozen) < len(self.pids) - 2:
            os.kill(pid, signal.SIGSTOP)
            self.frozen[pid] = moment + LEASE * self.rng.uniform(1.5, 3.0)
            self.stops += 1

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.pids.remove(pid)
        self.kills += 1

    def wake(self) -> None:
        for pid in self.frozen:
            os.kill(pid, signal.SIGCONT)
        self.frozen.clear()

    def rest(self) -> None:
        """Everybody wakes and has time to hand in what is stale; then the end."""
        self.wake()
        time.sleep(LEASE)
        for pid in list(self.pids):
            self.kill(pid)
            self.kills -= 1


def opened(url: str, ask: Callable[[Any], Any], *, write: bool = False) -> Any:
    """Reading waits for nobody: a frozen worker may hold the write lock, and only this driver can wake it."""
    database = Database(url)
    try:
        with database.session() if write else database.read() as session:
            return ask(session)
    finally:
        database.dispose()


def fill(session: Any, count: int) -> None:
    session.execute(text("CREATE TABLE effects (job VARCHAR(32), token INTEGER)"))
    for _ in range(count):
        jobs.enqueue(session, "kill", {})


def remaining(session: Any) -> int:
    return session.scalar(select(func.count()).where(jobs.Job.state.in_(jobs.OPEN))) or 0


def judge(session: Any) -> dict[str, Any]:
    rows = {job.id: job for job in session.scalars(select(jobs.Job))}
    effects = [tuple(row) for row in session.execute(text("SELECT job, token FROM effects"))]
    integrity = session.scalar(text("PRAGMA integrity_check")) if session.bind.dialect.name == "sqlite" else "ok"
    return {
        "states": dict(Counter(job.state for job in rows.values())),
        "effects": len(effects),
        "jobs_with_an_effect": len({job for job, _ in effects}),
        "stale_accepted": sum(
            rows[job].token != token or rows[job].result != {"token": token} for job, token in effects
        ),
        "attempts": sum(job.attempt for job in rows.values()),
        "integrity": integrity,
    }


def drive(url: str, count: int, workers: int, seed: int, clocks_jump: bool, refused: Path) -> dict[str, Any]:
    opened(url, lambda session: fill(session, count), write=True)
    rng, started = random.Random(seed), time.monotonic()

    def start(worker_seed: int) -> int:
        if pid := os.fork():
            return pid
        work(url, worker_seed, refused, clocks_jump)
        os._exit(1)

    crew, left = Crew(workers, rng, start), count
    while left and (elapsed := time.monotonic() - started) < LONGEST:
        for _ in range(5):
            time.sleep(rng.uniform(0.05, 0.2) * max(1.0, elapsed / UNHURRIED))
            crew.disturb()
        try:
            left = opened(url, remaining)
        except OperationalError:
            crew.wake()  # one of them froze in the moment in which it held the file for itself
    crew.rest()
    told = len(refused.read_text().splitlines()) if refused.exists() else 0
    outcome = {"kills": crew.kills, "stops": crew.stops, "refused": told, "seconds": time.monotonic() - started}
    return {**outcome, **opened(url, judge)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(30))
    parser.add_argument("--clocks-jump", action="store_true")
    parser.add_argument("--refused", type=Path, required=True)
    given = parser.parse_args()
    print(f"seed {given.seed}", file=sys.stderr, flush=True)
    outcome = drive(given.url, given.jobs, given.workers, given.seed, given.clocks_jump, given.refused)
    print(json.dumps({"seed": given.seed, **outcome}))


if __name__ == "__main__":
    main()
