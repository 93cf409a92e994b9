"""A row written by a plain statement is in the database at once, and its object says what the database says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from app.core.db import fast_rows
from app.core.db.base import now
from app.core.db.database import Database
from app.core.jobs import Job
from app.domain.accounts.tables import User
from tests.fixtures.people import Cast


def test_a_row_is_added_with_its_defaults_and_stays_the_sessions(database: Database) -> None:
    with database.session() as session:
        job = Job(kind="count", payload={"to": [1, None, "ü"]})
        fast_rows.add(session, job)
        assert session.scalar(select(Job.state).where(Job.id == job.id)) == job.state
        assert session.get(Job, job.id) is job and not session.dirty
        job.error = "Mended."  # from here on a row like any other
    with database.read() as session:
        stored = session.get_one(Job, job.id)
        assert (stored.payload, stored.error, stored.result) == ({"to": [1, None, "ü"]}, "Mended.", None)


def test_a_row_is_changed_and_removed_at_once(database: Database) -> None:
    later = now() + timedelta(hours=1)
    with database.session() as session:
        job = Job(kind="count", payload={})
        fast_rows.add(session, job)
        job.error = "Late."  # what waits goes first
        fast_rows.change(session, job, state="done", finished_at=later)
        assert (job.state, job.finished_at) == ("done", later) and not session.dirty
        seen = session.execute(select(Job.state, Job.error, Job.finished_at).where(Job.id == job.id)).one()
        assert tuple(seen) == ("done", "Late.", later)
        fast_rows.remove(session, job)
        assert fast_rows.get(session, Job, job.id) is None and session.get(Job, job.id) is None


def test_a_row_is_read_once_unless_it_is_asked_for_afresh(database: Database) -> None:
    with database.session() as session:
        job = Job(kind="count", payload={})
        fast_rows.add(session, job)
    with database.session() as session:
        read = fast_rows.get(session, Job, job.id)
        assert read is not None and fast_rows.get(session, Job, job.id) is read
        session.connection().exec_driver_sql("UPDATE jobs SET state = 'done'")
        assert fast_rows.get(session, Job, job.id) is read and read.state != "done"
        assert fast_rows.get(session, Job, job.id, fresh=True) is read and read.state == "done"
        session.expire(read)
        assert fast_rows.get(session, Job, job.id) is read
        assert fast_rows.get(session, Job, "nobody's") is None


def test_what_was_read_plainly_becomes_an_object_of_the_session(database: Database, cast: Cast) -> None:
    with database.session() as session:
        row = session.execute(select(*User.__table__.columns).where(User.id == cast.alice.id)).one()
        user = fast_rows.restored(User, dict(row._mapping))
        session.add(user)
        assert session.get(User, cast.alice.id) is user and not session.dirty
        assert user.name == cast.alice.name


def test_a_row_that_is_gone_is_not_said_to_be_changed(database: Database) -> None:
    with database.session() as session:
        job = Job(kind="count", payload={})
        fast_rows.add(session, job)
        session.connection().exec_driver_sql("DELETE FROM jobs")
        with pytest.raises(StaleDataError, match="jobs"):
            fast_rows.change(session, job, state="done")
        assert job.state == "queued"
        session.expunge(job)


def test_what_is_not_said_is_nothing_and_not_the_json_of_nothing(database: Database) -> None:
    with database.session() as session:
        fast_rows.add(session, Job(kind="count", payload={}))
        assert session.connection().exec_driver_sql("SELECT count(*) FROM jobs WHERE result IS NULL").scalar() == 1
