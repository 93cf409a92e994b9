"""Stored files that wait until the user has mapped their columns: preview and expiry. Pure except for the storage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO

from app.core.storage import Storage
from app.domain.imports import reader_process
from app.domain.imports.reading.mapping import Names
from app.domain.imports.tables import Upload

MAX_AGE = timedelta(days=1)
"""How long a file waits."""
ERRORS_MAX_AGE = timedelta(days=30)
"""How long the bad rows of an import can be downloaded."""


def preview(
    storage: Storage, upload: Upload, format: str, *, source: str = "", license: str = "", names: Names | None = None
) -> reader_process.ScanResult:
    """Return the first rows as they would be imported, and the file's columns. Raises Invalid, TooLarge."""
    with open_stored(storage, upload.sha256) as file:
        return reader_process.scan(
            file,
            format,
            filename=upload.filename,
            source=source,
            license=license,
            names=names,
            head=reader_process.HEAD_ROWS,
            complete=False,
        )


@contextmanager
def open_stored(storage: Storage, sha256: str) -> Iterator[IO[bytes]]:
    """Open a stored file as a local file that can be read twice."""
    with tempfile.TemporaryFile() as file:
        file.writelines(storage.read(sha256))
        file.seek(0)
        yield file
