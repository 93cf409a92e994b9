"""Opening what an installation consists of: settings, database, storage; and bringing the schema up to date."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.core.database import Database
from app.core.storage import Storage
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class Installation(NamedTuple):
    settings: Settings
    database: Database
    storage: Storage


def open_installation(settings: Settings | None = None) -> Installation:
    settings = settings or Settings()
    return Installation(settings, Database(settings.resolved_database_url), Storage(settings.resolved_storage_url))


def migrate(database: Database) -> None:
    """Bring the schema to the newest revision; nothing happens when it is there. Needs no ini file, from any folder."""
    config = Config(attributes={"database": database})
    config.set_main_option("script_location", str(ROOT / "migrations"))
    command.upgrade(config, "head")


def schema_revisions(database: Database) -> tuple[str | None, str | None]:
    """(revision of the database, newest revision of the code)."""
    newest = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), newest
