"""`preceptor person …`: a person's data in one file, and erasing a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.bootstrap import Installation
from app.cli import accounts
from app.core.files import SHARED, write_whole
from app.domain.privacy import actions as privacy_actions, portability_queries, queries as privacy_queries
from app.worker import housekeeping


def export(installation: Installation, email: str, path: Path) -> int:
    """Write the ZIP of everything that a person gave, all of it or nothing; returns its size in bytes."""
    with installation.database.read() as session:
        person = accounts.user_named(session, email)
        file = portability_queries.export_archive(session, accounts.acting_user(session, None), person)
    write_whole(path, portability_queries.archive_chunks(file), mode=SHARED)
    return path.stat().st_size


def erase(installation: Installation, email: str, content: str) -> dict[str, Any]:
    """Erase, then delete the files and compact the database. Returns the report."""
    with installation.database.session() as session:
        person = accounts.user_named(session, email)
        admin = accounts.acting_user(session, None)
        erasure = privacy_actions.erase(session, installation.storage, admin, person, content=content).id
    deleted = housekeeping.sweep_erased(installation)
    with installation.database.read() as session:
        return {**privacy_queries.erasure_by_id(session, erasure).report, "files": deleted}
