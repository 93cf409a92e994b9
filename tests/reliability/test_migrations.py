"""Migrations: all or nothing wherever they are killed, data kept, a copy first; what a start refuses to touch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import IncompatibleDatabase, migrate, require_fit, schema_revisions, upgrade
from app.core.db import sqlite_file
from app.core.db.database import Database, sqlite3
from tests.conftest import ENGINES, postgres_database
from tests.reliability import migration_target

ROOT = Path(__file__).resolve().parents[2]
CONVERTED = {"evaluation_answers"}  # two columns went, for what the payload says (0007); see test_upgrade
EMPTIED = {"web_sessions", "pair_bands"}  # on purpose: everybody signs in again (0003); computed anew (0004)


@contextmanager
def fresh(engine: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    if engine == "sqlite":
        memory = Path("/dev/shm")  # what is tested is kill -9, not a loss of power
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else folder) as place:
            yield f"sqlite:///{place}/fresh.sqlite3"
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


def opened(url: str, ask: Callable[[Any], Any]) -> Any:
    database = Database(url)
    with database.engine.connect() as connection:
        answer = ask(connection)
    database.dispose()
    return answer


def at(url: str, revision: str) -> None:
    database = Database(url)
    upgrade(database, revision)
    database.dispose()


@pytest.mark.assurance
@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "stride"), [("base", 17), ("0001", 13), ("0002", 7), ("0003", 5), ("0005", 3), ("0006", 1)]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_migration_killed_at_any_statement_left_nothing(
    engine: str, start: str, stride: int, tmp_path: Path, request: pytest.FixtureRequest, tally: Any
) -> None:
    """At every statement of the newest revision, at some of the older ones; PRECEPTOR_TEST_EVERY=1 for all."""
    stride = 1 if os.environ.get("PRECEPTOR_TEST_EVERY") else stride
    with fresh(engine, tmp_path, request) as url:
        if start != "base":
            at(url, start)
            migration_target.fill(url)
        before = opened(url, migration_target.rows)
        done = subprocess.run(
            [sys.executable, "-m", "tests.reliability.migration_target", url, str(stride)],
            cwd=ROOT, text=True, capture_output=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        kills = json.loads(done.stdout)["kills"]
        assert kills >= 3
        with fresh(engine, tmp_path / "whole", request) as whole:
            at(whole, "head")
            assert opened(url, migration_target.schema) == opened(whole, migration_target.schema)
        assert_kept(before, url)
    tally("migrations killed", kills)


def assert_kept(before: dict[str, list[str]], url: str) -> None:
    """Every row of before, as far as its columns go: new columns come last."""
    after = opened(url, migration_target.rows)
    for name in before.keys() - {"alembic_version"} - EMPTIED:
        starts = [row.removesuffix(")").rstrip(",") for row in before[name]]
        assert len(after[name]) == len(starts)
        starts_kept = (now.startswith(was) for was, now in zip(starts, after[name], strict=True))
        assert name in CONVERTED or all(starts_kept), name


def test_a_file_with_data_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    at(url, "0002")
    migration_target.fill(url)
    before = opened(url, migration_target.rows)
    migrate(Database(url))
    [copy] = (tmp_path / "backups").iterdir()
    assert (
        copy.name == f"before-{schema_revisions(Database(url))[1]}.sqlite3"
        and stat.S_IMODE(copy.stat().st_mode) == 0o600
    )
    assert opened(f"sqlite:///{copy}", migration_target.rows) == before
    stamp = copy.stat().st_mtime_ns
    migrate(Database(url))
    assert copy.stat().st_mtime_ns == stamp, "nothing was pending, so nothing is copied"


# --- what is refused, and left alone (G14) ---


def preceptor(database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PRECEPTOR_DATA_DIR": str(database.parent),
        "PRECEPTOR_DATABASE_URL": f"sqlite:///{database}",
    }
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments],
        cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for offset in range(4096, len(data), 4096):  # the header of every page but the first
        data[offset] ^= 0xFF
    path.write_bytes(data)


def no_database(path: Path) -> None:
    path.write_text("id,prompt,completion\n" * 500)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE somebody_elses (id INTEGER)")
    connection.close()


@pytest.mark.assurance
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, "damaged"),
        (flipped, "damaged"),
        (no_database, "is not an SQLite database"),
        (newer, "newer version"),
        (foreign, "somebody_elses"),
    ],
)
def test_a_file_that_is_not_ours_to_touch_is_refused_and_left_alone(
    spoil: Callable[[Path], None], words: str, sqlite_template: Path, tmp_path: Path, tally: Any
) -> None:
    path = Path(shutil.copy(sqlite_template, tmp_path / "spoilt.sqlite3"))
    spoil(path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    for command in ("migrate", "worker", "web") if spoil is newer else ("migrate",):
        done = preceptor(path, command)
        assert done.returncode == 3 and words in done.stderr, done
        assert len(done.stderr.strip().splitlines()) == 1
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert not (tmp_path / "backups").exists()
    tally("bad databases refused", 1)


def test_an_older_schema_is_not_served(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    at(f"sqlite:///{path}", "0001")
    done = preceptor(path, "web")
    assert done.returncode == 3 and "preceptor migrate" in done.stderr


def test_a_newer_schema_is_refused_on_postgresql_too(postgres_url: str) -> None:
    with postgres_database(postgres_url) as url:
        at(url, "head")
        database = Database(url)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(IncompatibleDatabase, match="newer version"):
            migrate(database)
        database.dispose()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="a read-only mount needs root")
def test_a_read_only_folder_is_said_in_words(sqlite_template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "readonly"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets even root mount nothing")
    try:
        shutil.copy(sqlite_template, folder / "test.sqlite3")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(IncompatibleDatabase, match="read-only"):
            require_fit(Database(f"sqlite:///{folder / 'test.sqlite3'}"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("kind", "warned"), [("nfs4", True), ("cifs", True), ("ext4", False), ("tmpfs", False)])
def test_a_network_file_system_is_named(tmp_path: Path, kind: str, warned: bool) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"overlay / overlay rw 0 0\nserver:/x /srv/pre\\040ceptor {kind} rw 0 0\n")
    found = sqlite_file.filesystem(Path("/srv/pre ceptor/data/db.sqlite3"), mounts)
    assert found == kind
    assert bool(sqlite_file.network_warning(Path("/srv/pre ceptor/data/db.sqlite3"), found)) is warned
    assert sqlite_file.filesystem(Path("/srv/preceptor"), mounts) == "overlay"
