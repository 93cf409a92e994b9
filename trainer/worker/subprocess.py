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
    """Called by the child itself: an orphan would go on computing after its lease went to another worker."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(EXIT_STOPPED)


def clean_environment() -> dict[str, str]:
    """A base model's files are foreign input: the process that reads them holds no credential."""
    return {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in SECRETS)}


class Child:
    def __init__(self, recipe: Path, out: Path) -> None:
        self.out = out
        package_home = str(Path(__file__).resolve().parents[2])
        with (out / "trainer.log").open("ab") as log:  # a file, never a pipe that nobody drains
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trainer", "run", str(recipe), "--parent", str(os.getpid())],
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
        """Ask for a checkpoint and an orderly end; after the grace end the whole process group."""
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
        """Why it ended badly: its own word if it left one, otherwise read from the exit code."""
        try:
            found = json.loads((self.out / "error.json").read_text(encoding="utf-8"))
            return found["reason"], found["error"]
        except (OSError, ValueError, KeyError):
            pass
        if self.exit_code == -signal.SIGKILL:
            return "oom", "the process was killed, most often by the system for using too much memory"
        return "crash", f"the process ended with code {self.exit_code}\n{self._last_words()}"

    def _last_words(self) -> str:
        with (self.out / "trainer.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
            return log.read().decode("utf-8", "replace")
