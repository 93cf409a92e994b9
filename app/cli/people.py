"""`preceptor person …`: a person's data in one file, and erasing a person."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from app.cli import accounts
from app.cli.installation import Installation
from app.domain.provenance import actions, portability, register
from app.domain.provenance.tables import Erasure


def export(installation: Installation, email: str, path: Path) -> int:
    """Write the ZIP of everything that a person gave, all of it or nothing; returns its size in bytes."""
    temporary = path.with_name(f".{path.name}.partial")
    with installation.database.read() as session:
        person = accounts.user_named(session, email)
        file = portability.archive(session, accounts.acting_user(session, None), person)
    with temporary.open("wb") as target:
        for chunk in portability.chunks(file):
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    temporary.replace(path)
    return path.stat().st_size


def erase(installation: Installation, email: str, content: str) -> dict[str, Any]:
    """Erase, then delete the files and compact the database. Returns the report."""
    with installation.database.session() as session:
        person = accounts.user_named(session, email)
        admin = accounts.acting_user(session, None)
        erasure = actions.erase(session, installation.storage, admin, person, content=content).id
    deleted = sweep(installation)
    with installation.database.read() as session:
        return {**session.get_one(Erasure, erasure).report, "files": deleted}


def sweep(installation: Installation) -> int:
    """What an erasure leaves to be done after its commit; returns how many files were deleted."""
    return actions.sweep(installation.database, installation.storage, installation.settings.erasures_path)


def erase_again(installation: Installation, *others: Path) -> list[str]:
    """Erase whom a backup has brought back, by the installation's own list and `others`. Returns their pseudonyms."""
    listed = [one for path in (installation.settings.erasures_path, *others) for one in register.read(path)]
    with installation.database.session() as session:
        return [one.contributor_id for one in actions.erase_again(session, installation.storage, listed)]
