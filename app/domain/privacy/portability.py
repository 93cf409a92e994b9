"""One ZIP of everything that a person gave: JSON Lines for each table of the plan, and a README in plain words."""

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

This archive holds everything that Preceptor keeps about {name} ({email}), made {made}.

Each file holds one kind of record, one record a line, as JSON (UTF-8). Times are UTC.
Secrets are left out: passwords, tokens and cookies are kept as digests only, which tell nothing about you.

{files}

What you wrote stands in revisions.jsonl: `messages` end with the answer, `source` and `licence` are what you named,
`terms_id` says which terms of contribution you had accepted (see acceptances.jsonl).
Where it went, and how to have it erased, is on the page "My data" of the application.
"""


def archive(session: Session, viewer: User, person: User) -> IO[bytes]:
    """The ZIP, at its start. Raises Forbidden for anybody but the person and admins."""
    if viewer.id != person.id:
        require_global(session, viewer, Permission.MANAGE_PEOPLE)
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (the caller streams it, then closes it)
    with ZipFile(file, "w", ZIP_DEFLATED) as bundle:
        counts = {}
        for column in (one for one in PLAN if one.exported):
            name = f"{file_name(column)}.jsonl"
            counts[name] = _write(bundle, name, rows(session, person, column))
        listed = "\n".join(f"{name:32} {count} record{'s' if count != 1 else ''}" for name, count in counts.items())
        words = {"name": person.name, "email": person.email, "made": f"{now():%Y-%m-%d %H:%M} UTC", "files": listed}
        bundle.writestr("README.txt", README.format(**words))
    file.seek(0)
    return file


def file_name(column: Column) -> str:
    """The table's name; a second column of the same table adds its own."""
    first = next(one for one in PLAN if one.table == column.table)
    return column.table if first is column else f"{column.table}_{column.column}"


def rows(session: Session, person: User, column: Column) -> Iterator[dict[str, Any]]:
    """The records that name the person in this column, oldest first where they have a time, read as a stream."""
    table: Table = Base.metadata.tables[column.table]
    value = {"user": person.id, "contributor": person.contributor_id, "person": person.person_id}[column.who]
    shown = [one for one in table.columns if one.name not in column.without]
    order = [one for one in table.primary_key.columns if one.name not in column.without]
    statement = select(*shown).where(table.columns[column.column] == value).order_by(*order)
    for row in session.execute(statement.execution_options(yield_per=500)).mappings():
        yield dict(row)


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The archive in pieces; closed at the end."""
    with file:
        while chunk := file.read(256 * 1024):
            yield chunk


def _write(bundle: ZipFile, name: str, records: Iterator[dict[str, Any]]) -> int:
    count = 0
    with bundle.open(name, "w") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, default=_plain).encode() + b"\n")
            count += 1
    return count


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
