"""A process that another of ours has started ends with it, so that no port is held by what nobody looks after."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
LINUX = sys.platform.startswith("linux")


def ending_with(parent: int, by: signal.Signals) -> Callable[[], None]:
    """For the child to call: ask Linux to end it `by` a signal when the thread of `parent` that started it ends.

    All that is needed is looked up now, so that it may be called between fork and exec.
    """
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask


def end_with_parent() -> None:
    """For a process that multiprocessing has spawned. Elsewhere than on Linux, and in any other process, nothing."""
    parent = multiprocessing.parent_process()
    if LINUX and parent is not None and parent.pid is not None:
        ending_with(parent.pid, signal.SIGKILL)()
