"""A file that waits until somebody has said which of its columns is what: kept, looked into, forgotten after a day."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import IO

from sqlalchemy.orm import Session

from app.core.db.base import new_id
from app.core.storage import CHUNK, Storage
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.consent import queries as consent_queries
from app.domain.imports import reader_process
from app.domain.imports.reading.mapping import Names
from app.domain.imports.tables import Upload
from app.domain.projects import access
from app.domain.projects.tables import Project

LIFE = timedelta(days=1)
"""How long a file waits."""
ERRORS_LIFE = timedelta(days=30)
"""How long the bad rows of an import can be fetched."""


def keep(
    session: Session, user: User, project: Project, *, storage: Storage, data: IO[bytes], filename: str, format: str
) -> Upload:
    """Keep a file until somebody has said what its columns are. Raises Forbidden, Invalid, TooLarge."""
    access.require(session, user, Permission.WRITE_PAIR, project)
    consent_queries.require_current(session, user)
    reader_process.scan(data, format, filename=filename, source="", licence="", head=1, complete=False)
    sha256, size = storage.put(iter(partial(data.read, CHUNK), b""))
    upload = Upload(
        id=new_id(), project_id=project.id, user_id=user.id, sha256=sha256, filename=filename[-200:], size=size
    )
    session.add(upload)
    audit_actions.record(session, user.id, "import.uploaded", "upload", upload.id, project_id=project.id, file=sha256)
    return upload


def preview(
    storage: Storage, upload: Upload, format: str, *, source: str = "", licence: str = "", names: Names | None = None
) -> reader_process.ScanResult:
    """The first rows as they would be imported, and the file's columns. Raises Invalid, TooLarge."""
    with opened(storage, upload.sha256) as file:
        return reader_process.scan(
            file,
            format,
            filename=upload.filename,
            source=source,
            licence=licence,
            names=names,
            head=reader_process.HEAD_ROWS,
            complete=False,
        )


@contextmanager
def opened(storage: Storage, sha256: str) -> Iterator[IO[bytes]]:
    """A stored file as one that can be read twice."""
    with tempfile.TemporaryFile() as file:
        file.writelines(storage.read(sha256))
        file.seek(0)
        yield file
