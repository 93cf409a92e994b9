"""The transaction of a request: first the whole body, then a write slot, then the transaction.

A slow upload must not hold the database, so the body is read first. A writer that waits for its turn occupies a thread,
and the writer whose turn it is needs one to go on. So fewer requests may write at once than there are threads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Annotated
from weakref import WeakKeyDictionary

import anyio
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.http.auth import require_authenticated

READING = ("GET", "HEAD")
IMPORTS = re.compile(r"/projects/[^/]+/imports$")
"""Paths that accept large files."""
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
MAX_FIELDS = 2000
"""A pair has at most 200 messages, each with a role and a text, plus context and tags."""
MAX_FIELD_BYTES = 4 * 1024 * 1024
WRITERS = 16
"""Writing requests at once in one process; well below the 40 threads that requests share."""


class WriterSemaphore:
    """Limits the writing requests of one process; each event loop has a semaphore of its own."""

    def __init__(self) -> None:
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def acquire(self) -> asyncio.Semaphore:
        """Return the semaphore of the running loop, for `async with`."""
        return self._by_loop.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(WRITERS))


async def read_body(request: Request) -> None:
    """Read a form to its end. A file is read from an authenticated caller only, so that no other can fill the disk."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in READING or kind not in FORMS:
        return
    if IMPORTS.search(request.scope["path"]):
        await run_in_threadpool(require_authenticated, request)
    await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)


BodyRead = Annotated[None, Depends(read_body)]


def _write_slot(request: Request) -> AbstractAsyncContextManager[object]:
    """A write slot, unless the request has one already or only reads."""
    if request.method in READING or getattr(request.state, "has_write_slot", False):
        return nullcontext()
    request.state.has_write_slot = True
    writers: WriterSemaphore = request.app.state.writers
    return writers.acquire()


async def acquire_write_slot(request: Request, _: BodyRead) -> AsyncIterator[None]:
    """Hold a write slot until the response is ready, for a route that writes before its transaction."""
    async with _write_slot(request):
        yield


WriteSlot = Annotated[None, Depends(acquire_write_slot, scope="function")]


async def transaction(request: Request) -> AsyncIterator[Session]:
    """Open one transaction per request. It ends before the response leaves, so that the next request sees its changes.

    Opening needs no thread, since the transaction begins with its first statement. Ending runs in a thread, and goes on
    when the client disconnects.
    """
    await read_body(request)
    async with _write_slot(request):
        database = request.app.state.database
        context = database.read() if request.method in READING else database.session()
        session = request.state.session = context.__enter__()
        try:
            yield session
        except BaseException as error:
            if not await _end(context, error):
                raise
        else:
            await _end(context, None)


async def _end(context: AbstractContextManager[Session], error: BaseException | None) -> bool | None:
    """Commit, or roll back after an error."""
    details = (type(error), error, error.__traceback__) if error else (None, None, None)
    with anyio.CancelScope(shield=True):
        handled = await run_in_threadpool(context.__exit__, *details)
    return handled  # noqa: RET504 (mypy: a cancel scope may swallow an exception)


Transaction = Annotated[Session, Depends(transaction, scope="function")]
"""Opens the transaction: for the permission dependency of a route, and for a route without one."""


async def open_session(request: Request) -> Session:
    session: Session = request.state.session
    return session


DbSession = Annotated[Session, Depends(open_session)]
"""The transaction that the permission dependency has opened."""
