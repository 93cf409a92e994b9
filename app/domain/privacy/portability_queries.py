"""Export a person's data: one ZIP with JSON Lines for each table of the personal data map, and a README."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from app.core.db.base import Base, now
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.privacy.personal_data_map import PLAN, Column

IN_MEMORY = 8 * 1024**2
README = """Your data
=========

This archive contains all data that Preceptor stores about {name} ({email}), exported {made}.

Each file holds one kind of record, one record per line, as JSON (UTF-8). Times are in UTC.
Secrets are left out: passwords, tokens and cookies are stored only as digests, which reveal nothing about you.

{files}

Your texts are in revisions.jsonl: `messages` end with the answer, `source` and `licence` are what you entered,
`terms_id` is the id of the terms of contribution that you had accepted (see acceptances.jsonl).
The page "Your data" of the application shows where your texts are used, and how to request erasure.
"""


def export_archive(session: Session, viewer: User, person: User) -> IO[bytes]:
    """Return the open ZIP file, at its start. Raises Forbidden unless the viewer is the person or an admin."""
    if viewer.id != person.id:
        require_global(session, viewer, Permission.MANAGE_PEOPLE)
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (the caller streams and closes it)
    with ZipFile(file, "w", ZIP_DEFLATED) as bundle:
        counts = {}
        for column in (column for column in PLAN if column.exported):
            name = f"{file_name(column)}.jsonl"
            counts[name] = _write(bundle, name, records(session, person, column))
        files = "\n".join(f"{name:32} {count} record{'s' if count != 1 else ''}" for name, count in counts.items())
        values = {"name": person.name, "email": person.email, "made": f"{now():%Y-%m-%d %H:%M} UTC", "files": files}
        bundle.writestr("README.txt", README.format(**values))
    file.seek(0)
    return file


def file_name(column: Column) -> str:
    """Return the table's name, with the column's name for a second column of the same table."""
    first = next(other for other in PLAN if other.table == column.table)
    return column.table if first is column else f"{column.table}_{column.column}"


def records(session: Session, person: User, column: Column) -> Iterator[dict[str, Any]]:
    """Stream the rows that identify the person in this column, ordered by primary key."""
    table: Table = Base.metadata.tables[column.table]
    value = {"user": person.id, "contributor": person.contributor_id, "person": person.person_id}[column.owner]
    columns = [item for item in table.columns if item.name not in column.without]
    order = [item for item in table.primary_key.columns if item.name not in column.without]
    statement = select(*columns).where(table.columns[column.column] == value).order_by(*order)
    for row in session.execute(statement.execution_options(yield_per=500)).mappings():
        yield dict(row)


def archive_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the archive in chunks and close it at the end."""
    with file:
        while chunk := file.read(256 * 1024):
            yield chunk


def _write(bundle: ZipFile, name: str, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    with bundle.open(name, "w") as file:
        for record in rows:
            file.write(json.dumps(record, ensure_ascii=False, default=_json_value).encode() + b"\n")
            count += 1
    return count


def _json_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
