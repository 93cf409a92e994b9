"""Freezes a dataset version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.worker.lease import ClaimedJob


def run(installation: Installation, job: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Prepare the version outside any write transaction. Return the step that writes it."""
    with job, installation.database.read() as session:
        prepared = versions_queries.prepare_version(session, installation.storage, job.payload)
    job.require_running()
    return lambda session: {"version": versions_actions.freeze(session, prepared).id}
