"""Child processes: work spread over the cores of this machine, without secrets, and a guard against orphans.

Knows nothing of the work. The trainer asks Linux for the same guard in `trainer/worker/subprocess.py`, since it does
not import the application.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

MAX_CHILDREN = 4
PIECES_AHEAD = 3  # pieces that wait for each child, so that none is idle
NICENESS = 5  # the children yield the processor to the web process
SAFE_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")
PR_SET_PDEATHSIG = 1
LINUX = sys.platform.startswith("linux")
log = logging.getLogger(__name__)


def cores() -> int:
    """Return how many children are useful on this machine."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_CHILDREN, usable)


def map_ordered(work: Callable[[Any], Any], pieces: Iterable[Any], children: int) -> Iterator[Any]:
    """Yield `work(piece)` for each piece, in order; with fewer than two children, in this process.

    `work` is a function of a module. Closing the iterator waits only for the pieces that children are working on.
    Where a child cannot be started or dies, this process does the rest. Errors of `work` are raised here.
    """
    if children < 2:
        yield from map(work, pieces)
        return
    spawn = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(children, spawn, initializer=_prepare_child)
    try:
        waiting = deque[tuple[Any, Future[Any] | None]]()
        for piece in pieces:
            waiting.append((piece, _submit(executor, work, piece)))
            if len(waiting) > PIECES_AHEAD * children:
                yield _result(work, *waiting.popleft())
        while waiting:
            yield _result(work, *waiting.popleft())
    finally:
        executor.shutdown(cancel_futures=True)


def _prepare_child() -> None:
    """Drop secrets, end with the parent, leave Ctrl+C to the parent."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in set(os.environ) - set(SAFE_VARIABLES):
        del os.environ[name]
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def _submit(executor: ProcessPoolExecutor, work: Callable[[Any], Any], piece: Any) -> Future[Any] | None:
    try:
        return executor.submit(work, piece)
    except (BrokenProcessPool, OSError) as error:
        log.warning("no child process could do part of the work (%r); this process does it", error)
        return None


def _result(work: Callable[[Any], Any], piece: Any, future: Future[Any] | None) -> Any:
    if future is not None:
        try:
            return future.result()
        except BrokenProcessPool as error:
            log.warning("a child process ended early (%r); this process does its part", error)
    return work(piece)


def ending_with(parent: int, by: signal.Signals) -> Callable[[], None]:
    """Return a function for the child to call: Linux then sends it the signal `by` when its parent thread ends.

    The function looks nothing up, so that it may run between fork and exec.
    """
    prctl = ctypes.CDLL(None).prctl

    def request_signal() -> None:
        prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # the parent ended before this call
            os._exit(1)

    return request_signal


def end_with_parent() -> None:
    """Kill this process when its parent ends, if multiprocessing spawned it on Linux; otherwise do nothing."""
    parent = multiprocessing.parent_process()
    if LINUX and parent is not None and parent.pid is not None:
        ending_with(parent.pid, signal.SIGKILL)()
