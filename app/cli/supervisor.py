"""Child processes that are restarted when they exit and end with their parent. Knows nothing of what they do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx
import psutil

from app.bootstrap import ROOT
from app.core.errors import AppError
from app.core.process import LINUX, ending_with

STOP_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 30.0
STABLE_SECONDS = 60.0


class StartFailed(AppError):
    """A process did not start; `detail` includes the end of its log."""


@dataclass
class Child:
    """One process and its log file. Restarts wait 1, 2, 4 … 30 s; a minute of uptime resets the delay."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started: float = 0.0
    resume_at: float = 0.0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=ending_with(os.getpid(), signal.SIGTERM) if LINUX else None,
            )
        self.started = time.monotonic()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def restart_if_dead(self) -> str | None:
        """Restart the process when it has exited and its delay is over. Return a message when it has just exited."""
        if self.alive:
            return None
        moment = time.monotonic()
        if self.resume_at == 0.0:
            self.deaths = 1 if moment - self.started > STABLE_SECONDS else self.deaths + 1
            self.resume_at = moment + min(2.0 ** (self.deaths - 1), MAX_BACKOFF_SECONDS)
            code = self.process.returncode if self.process else "?"
            return f"{self.name} exited with code {code}; restarting. Log: {self.log}"
        if moment >= self.resume_at:
            self.resume_at = 0.0
            self.start()
        return None

    def tail(self, lines: int = 12) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def signal(self, number: int, *, group: bool = False) -> None:
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            if group:
                os.killpg(self.process.pid, number)
            elif self.alive:
                self.process.send_signal(number)


@dataclass
class Supervisor:
    """The child processes of one installation."""

    logs: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> Child:
        child = Child(name, command, environment, self.logs / f"{name}.log")
        child.start()
        self.children.append(child)
        return child

    def restart_dead(self, say: Callable[[str], None]) -> None:
        for child in self.children:
            if line := child.restart_if_dead():
                say(line)

    def stop(self) -> None:
        """Terminate all processes, newest first. After STOP_SECONDS, kill the rest with their children."""
        for child in reversed(self.children):
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.alive for child in self.children) and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self.children:
            child.signal(signal.SIGKILL, group=True)
            if child.process:
                child.process.wait()


def wait_until_healthy(url: str, web: Child, *, seconds: float = 60.0) -> None:
    """Wait until /healthz answers 200. Raises StartFailed with the end of the log."""
    deadline = time.monotonic() + seconds
    while web.alive and time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/healthz", timeout=2.0, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise StartFailed(f"The web process did not answer at {url}. End of its log ({web.log}):\n{web.tail()}")


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """Raise StartFailed if the port is in use."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartFailed(
                f"Cannot listen on {host} port {port} ({error.strerror}). Try --port {port + 1}."
            ) from error


def wait_until_free(host: str, port: int, *, seconds: float = 5.0) -> None:
    """Wait for a process that is still exiting to free the port. Raises StartFailed if the port stays in use."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            require_free(host, port)
            return
        except StartFailed:
            time.sleep(0.05)
    require_free(host, port)


class Peak:
    """The highest sum of resident memory of this process and all below it; shared pages count once for each."""

    def __init__(self) -> None:
        self.bytes = 0

    def sample(self) -> None:
        process, total = psutil.Process(), 0
        for member in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += member.memory_info().rss
        self.bytes = max(self.bytes, total)


class Interrupts:
    """Turn SIGINT and SIGTERM into a flag that a loop checks."""

    def __init__(self, also: Callable[[], object] | None = None) -> None:
        self.stopped = False
        self._also = also
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        if self._also:
            self._also()
