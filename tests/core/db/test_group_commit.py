"""Writers in line: each as if alone, all on disk, few syncs."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError, TimeoutError as TookTooLong

from app.core.db import group_commit
from app.core.db.database import Database
from app.core.jobs import Job

WRITERS, EACH = 16, 25


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(sqlite_template, tmp_path / "line.sqlite3")
    database = Database(f"sqlite:///{tmp_path / 'line.sqlite3'}")
    yield database
    database.dispose()


def add(database: Database, name: str) -> None:
    with database.session() as session:
        session.add(Job(kind=name, payload={}))


def kinds(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(Job.kind)))


def commits(database: Database) -> list[int]:
    """Counts every commit of the engine in its only element."""
    seen = [0]

    @event.listens_for(database.engine, "commit")
    def count(_: object) -> None:
        seen[0] += 1

    return seen


def test_many_writers_share_commits_and_lose_nothing(sqlite: Database) -> None:
    seen = commits(sqlite)
    names = [f"{writer}-{number}" for writer in range(WRITERS) for number in range(EACH)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda name: add(sqlite, name), names))
    assert kinds(sqlite) == sorted(names)
    assert seen[0] < len(names) / 2


def test_one_writers_failure_undoes_its_own_changes_only(sqlite: Database) -> None:
    def write(number: int) -> bool:
        try:
            with sqlite.session() as session:
                session.add(Job(kind=f"job-{number}", payload={}))
                session.flush()
                if number % 3 == 0:
                    raise ValueError
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        told = list(pool.map(write, range(120)))
    assert kinds(sqlite) == sorted(f"job-{number}" for number, kept in enumerate(told) if kept)
    assert sum(told) == 80


def test_who_is_told_done_is_seen_by_another_connection(sqlite: Database) -> None:
    other = Database(str(sqlite.engine.url))

    def write_and_look(number: int) -> bool:
        add(sqlite, f"job-{number}")
        with other.read() as session:
            return session.scalar(select(func.count()).where(Job.kind == f"job-{number}")) == 1

    with ThreadPoolExecutor(WRITERS) as pool:
        assert all(pool.map(write_and_look, range(100)))
    other.dispose()


def test_a_commit_that_fails_is_told_to_everybody_in_the_group(sqlite: Database) -> None:
    inside, both = threading.Event(), threading.Barrier(2)

    @event.listens_for(sqlite.engine, "commit")
    def fail(_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    def first() -> None:
        with sqlite.session() as session:
            session.add(Job(kind="first", payload={}))
            session.flush()
            inside.set()
            both.wait(5)
            threading.Event().wait(0.2)  # the second is in line by then

    def second() -> None:
        inside.wait(5)
        both.wait(5)
        add(sqlite, "second")

    with ThreadPoolExecutor(2) as pool:
        told = [pool.submit(work) for work in (first, second)]
        assert all(isinstance(one.exception(10), OperationalError) for one in told)
    event.remove(sqlite.engine, "commit", fail)
    add(sqlite, "third")
    assert kinds(sqlite) == ["third"]


def test_a_session_that_only_opens_takes_no_place(sqlite: Database) -> None:
    with sqlite.session():
        add(sqlite, "inner")
    assert kinds(sqlite) == ["inner"]


def test_waiting_ends(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 0.05)
    with sqlite.session() as session:
        session.add(Job(kind="outer", payload={}))
        session.flush()
        with pytest.raises(TookTooLong):
            add(sqlite, "inner")
    add(sqlite, "after")
    assert kinds(sqlite) == ["after", "outer"]
