"""Group commit for SQLite: waiting writers share one transaction, and so one sync of the disk.

SQLite has one writer at a time, and each durable commit waits for the disk. Here a writer that is done passes the open
transaction to the next writer in line and waits; the last in line commits for all. Each writer works inside its own
savepoint, so that its failure undoes only its own changes. No writer returns before the commit is on disk. A writer
joins the line with its first statement. Knows nothing of what is written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError as TookTooLong
from sqlalchemy.orm import Session

from app.core.db.process_write_lock import ProcessWriteLock

MAX_GROUP = 64
PATIENCE_SECONDS = 30.0


class Group:
    """Writers that share a transaction, and how it ended."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.size = 0
        self.ended = threading.Event()
        self.error: BaseException | None = None


class Writer(Session):
    """A session that joins the line of writers with its first statement."""

    def __init__(self, line: GroupCommit) -> None:
        super().__init__(expire_on_commit=False, join_transaction_mode="create_savepoint")
        self._line = line
        self.group: Group | None = None

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        if self.group is None:
            self.group = self._line.join()
        return self.group.connection


class GroupCommit:
    """The line of writers of one engine in one process, first come, first served."""

    def __init__(self, engine: Engine, process_lock: ProcessWriteLock | None = None) -> None:
        self._engine = engine
        self._process_lock = process_lock
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._busy = False
        self._group: Group | None = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session that behaves like a transaction of its own: on disk on return, undone on any error."""
        writer = Writer(self)
        try:
            with writer, writer.begin():
                yield writer
        except BaseException as error:
            self._leave(writer.group, error)
            raise
        self._leave(writer.group, None)

    def join(self) -> Group:
        """Wait for the turn, then return the open group, or a new one with its transaction begun."""
        self._take_turn()
        try:
            if self._group is None:
                self._group = self._open()
        except BaseException:
            self._pass_turn()
            raise
        self._group.size += 1
        return self._group

    def _open(self) -> Group:
        """Begin a new group once other processes have had their turn."""
        if self._process_lock is None:
            return _begin(self._engine)
        self._process_lock.enter()
        try:
            return _begin(self._engine)
        except BaseException:
            self._process_lock.leave()
            raise

    def _take_turn(self) -> None:
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(PATIENCE_SECONDS):
            return
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                raise TookTooLong("other writers held the database for too long")

    def _hand_on(self) -> bool:
        """Pass the turn to the next in line. Return False and keep the turn when no writer waits."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
                return True
        return False

    def _pass_turn(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._busy = False

    def _leave(self, group: Group | None, error: BaseException | None) -> None:
        """Commit when no writer waits, or the group is large or broken; pass the turn; wait for the group's end."""
        if group is None:
            return
        if error is not None and not _is_open(group.connection):
            group.error = error  # SQLite itself rolled everything back, as it does on a full disk
        goes_on = group.size < MAX_GROUP and group.error is None
        if not (goes_on and self._hand_on()):
            self._group = None
            _commit(group)
            if self._process_lock is not None:
                self._process_lock.leave()
            self._pass_turn()
        if error is None:
            group.ended.wait()
            if group.error is not None:
                raise group.error


def _begin(engine: Engine) -> Group:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return Group(connection)


def _is_open(connection: Connection) -> bool:
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))


def _commit(group: Group) -> None:
    try:
        if group.error is None:
            group.connection.commit()
    except BaseException as error:
        group.error = error
    finally:
        if group.error is not None:
            group.connection.invalidate()  # its state is unknown, so it is not reused
        group.connection.close()
        group.ended.set()
