"""Engine, declarative base and the one place that commits: one request or job is one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:  # the wheel brings a newer SQLite than most Pythons have
    from pysqlite3 import dbapi2 as sqlite3
except ImportError:
    import sqlite3

from sqlalchemy import Engine, Pool, create_engine, event, text
from sqlalchemy.orm import Session

from app.core.db.group_commit import PATIENCE_SECONDS, GroupCommit
from app.core.db.process_write_lock import ProcessWriteLock

sqlite = sqlite3  # the driver in use
CHECKPOINT = 4_000
"""Pages of the write-ahead log (4 KiB each) before a checkpoint: a page that many writers change is copied once."""


def path_of(url: str) -> Path | None:
    """The file behind a database URL; None for another engine or a database in memory."""
    if not url.startswith("sqlite:///") or ":memory:" in url:
        return None
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


def journal_mode(version: tuple[int, int, int]) -> str:
    """WAL, unless this SQLite may corrupt the log when two connections reset it at once (3.7.0 to 3.51.2)."""
    return "TRUNCATE" if (3, 7, 0) <= version < (3, 51, 3) else "WAL"


def _prepare_sqlite(pool: Pool) -> None:
    """Set durable commits and foreign keys, and disable the driver's own BEGIN, which comes too late."""

    @event.listens_for(pool, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        mode = journal_mode(sqlite3.sqlite_version_info)
        pragmas = (f"journal_mode={mode}", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000")
        for pragma in (*pragmas, "secure_delete=ON", f"wal_autocheckpoint={CHECKPOINT}"):
            connection.execute(f"PRAGMA {pragma}")


def _begins(engine: Engine, mode: str) -> Engine:
    """Begin transactions of this engine in `mode`. By the dialect: event listeners cost at every statement."""
    dialect: Any = engine.dialect
    dialect.do_begin = lambda connection: connection.cursor().execute(f"BEGIN {mode}")
    # Constant text, which SQLAlchemy would otherwise compile for each writer.
    dialect.do_savepoint = lambda connection, name: connection.exec_driver_sql(f"SAVEPOINT {name}")
    dialect.do_release_savepoint = lambda connection, name: connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")
    return engine


def _create_private(path: Path) -> None:
    """Create the file readable by this user only, whatever the umask; SQLite gives its log the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() and os.access(path.parent, os.W_OK):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


class Database:
    """A writing and a reading engine that share their connections, and their transactions."""

    def __init__(self, url: str, info: Mapping[str, Any] | None = None) -> None:
        """`info` is what the application gives to each of its sessions (SQLAlchemy's `Session.info`)."""
        self.info = dict(info or {})
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            if file := path_of(url):
                _create_private(file)
            self.engine = _begins(create_engine(url, module=sqlite3, pool_use_lifo=True), "IMMEDIATE")  # warm caches
            self.readers = _begins(create_engine(url, module=sqlite3, pool=self.engine.pool), "DEFERRED")
            _prepare_sqlite(self.engine.pool)
            self._process_lock = ProcessWriteLock(file, PATIENCE_SECONDS) if file else None
        else:
            self._process_lock = None
            self.engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
            self.readers = self.engine
        self._line = GroupCommit(self.engine, self._process_lock) if self.is_sqlite else None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed on return, rolled back on any error."""
        if self._line is not None:
            with self._line.session() as session:
                session.info.update(self.info)
                yield session
            return
        with Session(self.engine, expire_on_commit=False, info=self.info) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one read-only snapshot."""
        with Session(self.readers, expire_on_commit=False, autoflush=False, info=self.info) as session:
            yield session

    def update_statistics(self) -> None:
        """Refresh the statistics of SQLite's query planner. PostgreSQL does it by itself."""
        if self.is_sqlite:
            with self.session() as session:
                session.execute(text("PRAGMA optimize=0x10002"))

    def dispose(self) -> None:
        self.engine.dispose()
        self.readers.pool = self.engine.pool  # a new pool, for use after dispose
        if self._process_lock:
            self._process_lock.close()
