"""Alembic's environment: the metadata of every room, one explicit transaction."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil

from alembic import context

import app.domain
from app.core import idempotency, jobs, rate_limits  # noqa: F401  (registers their tables)
from app.core.db.base import Base
from app.core.db.database import Database
from app.domain.pairs.indexes import search_queries
from app.settings import Settings

GRAMS = "ix_pair_texts_grams"

for room in pkgutil.iter_modules(app.domain.__path__):
    module = f"app.domain.{room.name}.tables"
    if importlib.util.find_spec(module):
        importlib.import_module(module)


def is_compared(name: str | None, kind: str, _parents: object) -> bool:
    """Whether the metadata should know it: not what the database keeps for its search (0006)."""
    return not (kind in ("table", "index") and name and (name == GRAMS or search_queries.is_derived(name)))


def migrate() -> None:
    """All or nothing: our engine begins IMMEDIATE on SQLite, so that DDL is inside the transaction there too."""
    given = context.config.attributes.get("database")
    database = given or Database(Settings().resolved_database_url)
    with database.engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transactional_ddl=True,
            compare_type=True,
            include_name=is_compared,
        )
        with context.begin_transaction():
            context.run_migrations()


migrate()
