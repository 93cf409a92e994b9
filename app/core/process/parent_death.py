"""End child processes with their parent, so that no orphan holds a port or a lease. Linux only.

The trainer asks for the same in `trainer/worker/subprocess.py`, since it does not import the application.
"""

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
