"""Computes the embeddings of a project's prompts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.domain.imports import actions as imports_actions
from app.domain.pairs.indexes import index_actions
from app.domain.versions import actions as versions_actions
from app.worker.lease import ClaimedJob

YIELDS_TO = (imports_actions.KIND, versions_actions.KIND)
"""While a job of these kinds waits, the rest of the embeddings is queued as a new job."""


def run(installation: Installation, job: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Write the embeddings in many short transactions, each of which requires the lease. Return the last step."""

    def write(change: Callable[[Session], None]) -> None:
        with installation.database.session() as session:
            jobs.require_lease(session, job.id, job.token)
            change(session)

    with job:
        counts = index_actions.fill(installation.database.read, write, job.payload, job.progress, before=YIELDS_TO)
    return lambda session: index_actions.finished(session, job.payload, counts)
