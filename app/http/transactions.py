"""How a request of either face comes to its transaction: first the whole body, then a place among the writers.

Nobody may hold the database while a slow line sends, and no more requests may write at once than there are threads to
go on with: a writer that waits for its turn keeps a thread, and the one whose turn it is needs one.
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
"""Where large files come to."""
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
MAX_FIELDS = 2000
"""A pair has at most 200 messages, each a role and a text, with context and tags."""
MAX_FIELD_BYTES = 4 * 1024 * 1024
ENDING = "ending"
WRITERS = 16
"""At once in one process; well below the 40 threads that requests share."""


class WriterSemaphore:
    """Places among the writers, for each event loop its own."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def take(self) -> asyncio.Semaphore:
        return self._of.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(WRITERS))


async def read_body(request: Request) -> None:
    """The form is read to its end; a file only from somebody known, so that a stranger's does not reach the disk."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in READING or kind not in FORMS:
        return
    if IMPORTS.search(request.scope["path"]):
        await run_in_threadpool(require_authenticated, request)
    await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)


BodyRead = Annotated[None, Depends(read_body)]


def _placed(request: Request) -> AbstractAsyncContextManager[object]:
    """A place among the writers, unless the request has one; a reader needs none."""
    if request.method in READING or getattr(request.state, "placed", False):
        return nullcontext()
    request.state.placed = True
    places: WriterSemaphore = request.app.state.places
    return places.take()


async def acquire_write_slot(request: Request, _: BodyRead) -> AsyncIterator[None]:
    """A place from now on until the answer is ready, for who writes something before the transaction."""
    async with _placed(request):
        yield


WriteSlot = Annotated[None, Depends(acquire_write_slot, scope="function")]


class RequestTransaction:
    """The end of a request's transaction, once: after its handler, in the same thread, or else with the request."""

    def __init__(self, opened: AbstractContextManager[Session]) -> None:
        self._opened = opened
        self.done = False

    def __call__(self) -> None:
        """Commit what was written."""
        self.done = True
        self._opened.__exit__(None, None, None)

    def failed(self, error: BaseException) -> bool | None:
        self.done = True
        return self._opened.__exit__(type(error), error, error.__traceback__)


def finish(session: Session) -> None:
    """The answer is ready: the next writer need not wait until the event loop comes round to this request again."""
    ending: RequestTransaction | None = session.info.get(ENDING)
    if ending is not None and not ending.done:
        ending()


def undo(session: Session, error: BaseException) -> None:
    """There is no answer: what was written is undone at once, for the same reason."""
    ending: RequestTransaction | None = session.info.get(ENDING)
    if ending is not None and not ending.done:
        ending.failed(error)


async def transaction(request: Request) -> AsyncIterator[Session]:
    """One request, one place, one transaction; it ends before the answer leaves, so that the next request sees it.

    Opening costs no thread, since nothing begins before the first statement; ending does, whoever gave up waiting.
    """
    await read_body(request)
    async with _placed(request):
        database = request.app.state.database
        opened = database.read() if request.method in READING else database.session()
        session = request.state.session = opened.__enter__()
        ending = session.info[ENDING] = RequestTransaction(opened)
        try:
            yield session
        except BaseException as error:
            if ending.done:
                raise
            with anyio.CancelScope(shield=True):
                handled = await run_in_threadpool(ending.failed, error)
            if not handled:
                raise
        else:
            if not ending.done:
                with anyio.CancelScope(shield=True):
                    await run_in_threadpool(ending)


Transaction = Annotated[Session, Depends(transaction, scope="function")]
"""For the door of a route, which opens it, and for a route without a door."""


async def opened(request: Request) -> Session:
    session: Session = request.state.session
    return session


DbSession = Annotated[Session, Depends(opened)]
"""The transaction that the route's door has opened. Needs nothing else, so that asking for it costs next to nothing."""
