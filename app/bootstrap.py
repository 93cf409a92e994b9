"""Opening what an installation consists of: settings, database, storage; and bringing the schema up to date."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from app.core.db import sqlite_file
from app.core.db.database import Database
from app.core.errors import AppError
from app.core.storage import Storage
from app.domain.pairs.indexes.embedding_index import FOLDER, KEY, EmbeddingIndex
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
log = logging.getLogger("preceptor")
logging.getLogger("alembic").setLevel(logging.WARNING)


class Installation(NamedTuple):
    settings: Settings
    database: Database
    storage: Storage


def open_installation(settings: Settings | None = None) -> Installation:
    settings = settings or Settings()
    index = EmbeddingIndex(settings.data_dir / FOLDER)
    database = Database(settings.resolved_database_url, {KEY: index})
    return Installation(settings, database, Storage(settings.resolved_storage_url))


class IncompatibleDatabase(AppError):
    """The database is not one that this version may touch. Nothing was changed."""

    exit_code = 3


def migrate(database: Database) -> None:
    """Bring the schema to the newest revision, all or nothing; nothing happens when it is there.

    A SQLite file that holds data is copied first, to backups/ beside it. Raises IncompatibleDatabase.
    """
    present, newest = require_fit(database)
    if present == newest:
        return
    if present and (path := sqlite_file.path_of(str(database.engine.url))):
        sqlite_file.snapshot(path, path.parent / "backups" / f"before-{newest}.sqlite3")
    upgrade(database, "head")


def upgrade(database: Database, revision: str) -> None:
    config = Config(attributes={"database": database})
    config.set_main_option("script_location", str(ROOT / "migrations"))
    command.upgrade(config, revision)


def require_fit(database: Database) -> tuple[str | None, str | None]:
    """schema_revisions of a database, read only. Raises IncompatibleDatabase if it is damaged or unknown."""
    if path := sqlite_file.path_of(str(database.engine.url)):
        _require_sound(path)
    tables = sqlite_file.table_names(path) if path else inspect(database.engine).get_table_names()
    if tables and "alembic_version" not in tables:
        raise IncompatibleDatabase(
            f"The database holds tables of something else ({tables[0]}); name another in PRECEPTOR_DATABASE_URL."
        )
    present, newest = schema_revisions(database)
    if present and present not in known_revisions():
        raise IncompatibleDatabase(
            f"The database's schema is {present}, which this version does not know (its newest is {newest}): a newer "
            "version made it. Start that version again; an older one must not write to it."
        )
    return present, newest


def _require_sound(path: Path) -> None:
    if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise IncompatibleDatabase(
            f"{path} or its folder is read-only; make it writable for this user, or set PRECEPTOR_DATA_DIR."
        )
    if problem := sqlite_file.problem(path):
        raise IncompatibleDatabase(problem)
    if warning := sqlite_file.network_warning(path):
        log.warning(warning)


def require_current(database: Database) -> None:
    """For a process that serves: refuse any schema but the newest. A database that is away is waited for instead."""
    try:
        present, newest = require_fit(database)
    except OperationalError as error:
        log.warning("the database does not answer yet: %s", error.orig)
        return
    if present != newest:
        raise IncompatibleDatabase(
            f"The database's schema is at {present or 'nothing'} and not {newest}; run: preceptor migrate"
        )


def known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()}


def schema_revisions(database: Database) -> tuple[str | None, str | None]:
    """(revision of the database, newest revision of the code)."""
    newest = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), newest
