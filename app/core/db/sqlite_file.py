"""A SQLite file seen from outside, before anything is written: is it one, is it whole, does it lie on a local disk?"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from app.core.db.database import path_of as path_of, sqlite as sqlite3
from app.core.files import sync

HEADER = b"SQLite format 3\0"
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph", "afs", "lustre"}


def problem(path: Path) -> str | None:
    """What is wrong with the file, in words; None when it is sound, or not there yet. Only reads."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
        with path.open("rb") as file:
            head = file.read(len(HEADER))
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})."
    if head != HEADER:
        return f"{path} is not an SQLite database. Move it away, or name another in PRECEPTOR_DATABASE_URL."
    if damage := _damage(path):
        return f"{path} is damaged ({damage}). Nothing was changed; restore a backup: preceptor restore DIR"
    return None


def table_names(path: Path) -> list[str]:
    if not path.exists() or path.stat().st_size == 0:
        return []
    return _read(path, "SELECT name FROM sqlite_master WHERE type = 'table'")


def _damage(path: Path) -> str | None:
    try:
        answers = _read(path, "PRAGMA quick_check(3)")
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answers == ["ok"] else "; ".join(answers)[:300]


def _read(path: Path, query: str) -> list[str]:
    """The first column, read without our settings, which would switch a foreign file to a write-ahead log."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=15)) as connection:
        return [str(row[0]) for row in connection.execute(query)]


def snapshot(path: Path, target: Path) -> None:
    """A consistent copy of a file that may be in use, at `target`, for this user only. Whole or absent."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    connection = sqlite3.connect(path, timeout=15)
    try:
        connection.execute("VACUUM INTO ?", (str(partial),))
        sync(partial)
        partial.replace(target)
    finally:
        connection.close()
        partial.unlink(missing_ok=True)


def filesystem(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The type of the file system that `path` lies on, as Linux names it; "" elsewhere."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    wanted, best, kind = str(path.absolute()), "", ""
    for _, folder, type_, *_rest in lines:
        folder = folder.replace("\\040", " ")
        inside = wanted == folder or wanted.startswith(folder.rstrip("/") + "/")
        if inside and len(folder) >= len(best):
            best, kind = folder, type_
    return kind


def network_warning(path: Path, kind: str | None = None) -> str | None:
    """SQLite's locks do not hold on network file systems. `kind` as of filesystem()."""
    kind = filesystem(path) if kind is None else kind
    if kind not in NETWORK:
        return None
    return (
        f"{path} lies on a network file system ({kind}), where SQLite's locks do not hold and the database may be "
        "damaged. Put PRECEPTOR_DATA_DIR on a local disk, or use PostgreSQL."
    )
