"""Work spread over the cores of this machine, by child processes that have no secret and end with their input.

Knows nothing of the work. A child that dies takes no work with it: what it held is done here instead, and so an error
of the work itself is raised here too.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

MOST = 4
AHEAD = 3  # pieces that wait for each child, so that none is idle
POLITE = 5  # how much later than others the children are served: people at their pages come first
ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "LC_ALL": "C.UTF-8",
}
Child = subprocess.Popen[bytes]
Work = Callable[[Any], Any]
log = logging.getLogger(__name__)


def cores() -> int:
    """How many children are of use here."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, usable)


def over(work: Work, pieces: Iterable[Any], children: int) -> Iterator[Any]:
    """`work` of each piece, in order; here, one after the other, where one child would do it all.

    `work` is a function of a module; the pieces and the results are what JSON can hold. Whoever asks for no more
    results waits for the pieces in hand only.
    """
    if children < 2:
        yield from map(work, pieces)
        return
    with _started(work, children) as free, _threads(children) as threads:
        waiting = deque[Any]()
        for piece in pieces:
            waiting.append(threads.submit(_by_one, free, work, piece))
            if len(waiting) > AHEAD * children:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _started(work: Work, count: int) -> Iterator[SimpleQueue[Child | None]]:
    """The children that have nothing to do; None stands for one that is gone."""
    source = f"from app.core.process import pool; import {work.__module__} as it; pool.serve(it.{work.__name__})"
    command, pipe = [sys.executable, "-P", "-s", "-c", source], subprocess.PIPE
    children: list[Child] = []
    free: SimpleQueue[Child | None] = SimpleQueue()
    try:
        for _ in range(count):
            free.put(child := _start(command, pipe))
            children += [child] if child else []
        yield free
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _start(command: list[str], pipe: int) -> Child | None:
    """None where the machine has no room for another process."""
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=ENVIRONMENT)
    except OSError as error:
        log.warning("no process to share the work with could be started (%r); its part is done here", error)
        return None


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A thread for each child, which waits for its answers."""
    threads = ThreadPoolExecutor(count, "spread")
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def _by_one(free: SimpleQueue[Child | None], work: Work, piece: Any) -> Any:
    child = free.get()
    try:
        if child is not None:
            return _asked(child, piece)
    except (OSError, ValueError) as error:
        log.warning("a process that did part of the work is gone (%r); that part is done here", error)
        child = None
    finally:
        free.put(child)
    return work(piece)


def _asked(child: Child, piece: Any) -> Any:
    """Raises OSError or ValueError when no answer comes."""
    assert child.stdin and child.stdout
    child.stdin.write(_line(piece))
    child.stdin.flush()
    return json.loads(child.stdout.readline())


def serve(work: Work) -> None:
    """What a child does until its input ends. What the work prints goes where errors go.

    Ctrl+C in a terminal reaches every process of it; the one that gave the work decides what it means.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(POLITE)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        answers.write(_line(work(json.loads(line))))
        answers.flush()


def _line(said: Any) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"
