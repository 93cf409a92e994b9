"""The process of one attempt: start, watch, stop. Knows processes and the output folder; knows nothing of HTTP."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trainer.errors import EXIT_STOPPED
from trainer.protocol import FailureReason

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 30.0
SECRETS = ("TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "DATABASE_URL", "STORAGE_URL", "API_KEY", "ACCESS_KEY")


def die_with_parent(parent: int) -> None:
    """Kill this process when its parent ends: an orphan would compute on while another worker holds the lease."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(EXIT_STOPPED)


def clean_environment() -> dict[str, str]:
    """Return the environment without credentials: a base model's files are untrusted input to the process."""
    return {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in SECRETS)}


class Child:
    """The process that runs the work file `spec` with the output folder `out`."""

    def __init__(self, spec: Path, out: Path) -> None:
        self.out = out
        package_home = str(Path(__file__).resolve().parents[2])
        with (out / "trainer.log").open("ab") as log:  # a file: an undrained pipe would block
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trainer", "run", str(spec), "--parent", str(os.getpid())],
                cwd=package_home,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Ask for a checkpoint and an orderly end; after `grace` seconds kill the whole process group."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.1)
        self.kill()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def failure(self) -> tuple[FailureReason, str]:
        """Return the reason and message of a failed process: from `error.json`, otherwise from the exit code."""
        try:
            failure = json.loads((self.out / "error.json").read_text(encoding="utf-8"))
            return failure["reason"], failure["error"]
        except (OSError, ValueError, KeyError):
            pass
        if self.exit_code == -signal.SIGKILL:
            return "oom", "the process was killed, usually by the system for using too much memory"
        return "crash", f"the process ended with code {self.exit_code}\n{self._log_tail()}"

    def _log_tail(self) -> str:
        with (self.out / "trainer.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
            return log.read().decode("utf-8", "replace")
