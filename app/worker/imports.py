"""Runs an import: checks the rows of a file, then writes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.core.db import bulk
from app.core.db.database import Database
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.worker.lease import ClaimedJob


def run(installation: Installation, job: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Check the rows outside any write transaction, so that no writer waits. Return the step that writes them."""
    with job, installation.database.read() as session:
        prepared = imports_queries.check_rows(session, installation.storage, job.payload, job.progress)
    job.require_running()
    if prepared.bad_lines:
        with installation.database.session() as session:
            imports_actions.note_error_file(jobs.require_lease(session, job.id, job.token), prepared)
    bad = imports_actions.store_error_rows(installation.storage, prepared)
    return lambda session: {**imports_actions.save_rows(session, job.payload, prepared), **bad}


def clean_up(database: Database) -> None:
    """Refresh the statistics of the query planner and release memory, after an import or a try. Errors are ignored."""
    with suppress(SQLAlchemyError):
        database.update_statistics()
        with database.session() as session:
            bulk.restore_cache_size(session)
