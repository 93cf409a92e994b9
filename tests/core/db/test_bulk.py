"""Rows that go straight to the driver are stored as SQLAlchemy would store them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select

from app.core.db import bulk
from app.core.db.base import Base, now
from app.core.db.database import Database
from app.core.jobs import Job
from tests.fixtures.people import Cast

JOBS, BANDS = Base.metadata.tables["jobs"], Base.metadata.tables["pair_bands"]


def job(name: str) -> dict[str, Any]:
    return {"id": name, "kind": "ünïcode", "payload": {"a": [1, None, "ü%s?"]}, "result": None, "finished_at": now()}


def test_rows_are_stored_as_by_sqlalchemy(database: Database) -> None:
    """Defaults, JSON, times, nothing."""
    rows = [job("one"), job("two")]
    with database.session() as session:
        bulk.insert(session, JOBS, rows[:1])
        session.execute(insert(JOBS), rows[1:])
    with database.read() as session:
        stored = {row.id: dict(row) for row in session.execute(select(JOBS)).mappings()}
        assert session.get_one(Job, "one").payload == {"a": [1, None, "ü%s?"]}
    apart = ("id", "created_at", "finished_at")
    one, two = ({name: value for name, value in stored[key].items() if name not in apart} for key in ("one", "two"))
    assert one == two and one["cancel_requested"] is False and one["result"] is None
    assert (
        stored["one"]["finished_at"] == rows[0]["finished_at"] and stored["one"]["created_at"] >= rows[0]["finished_at"]
    )


def test_no_rows_are_no_statement(database: Database) -> None:
    with database.session() as session:
        bulk.insert(session, JOBS, [])
        bulk.insert_plain(session, JOBS, ("id",), [])
        bulk.insert_together(session, JOBS, ("id",), [])


@pytest.mark.parametrize("way", [bulk.insert_plain, bulk.insert_together])
def test_texts_and_numbers_in_few_statements(database: Database, cast: Cast, way: Callable[..., None]) -> None:
    rows = [("p", -(2**62) + n, "100 % {sure}, \\'ü\"?") for n in range(3)]
    with database.session() as session:
        pair = {"id": "p", "project_id": cast.project.id, "author_id": cast.alice.id, "current_revision_id": ""}
        bulk.insert(session, Base.metadata.tables["pairs"], [pair])
        way(session, BANDS, ("pair_id", "key", "project_id"), rows)
    with database.read() as session:
        assert (
            session.execute(select(BANDS.c.pair_id, BANDS.c.key, BANDS.c.project_id).order_by(BANDS.c.key)).all()
            == rows
        )


def test_memory_that_was_made_room_for_is_given_back(database: Database) -> None:
    with database.session() as session:
        bulk.raise_cache_size(session)
        if database.is_sqlite:
            assert session.connection().exec_driver_sql("PRAGMA cache_size").scalar() == -bulk.BULK_CACHE_KIB
        bulk.restore_cache_size(session)
        if database.is_sqlite:
            assert session.connection().exec_driver_sql("PRAGMA cache_size").scalar() == -bulk.DEFAULT_CACHE_KIB
