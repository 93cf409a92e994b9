"""A backup of a system that is being written to, restored elsewhere: the same rows, hashes and audit chain."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.bootstrap import Installation
from app.cli import backup
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.audit.actions import GENESIS
from app.domain.audit.tables import AuditEvent
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.tables import Pair
from app.main import create_app
from app.settings import Settings
from tests.conftest import ENGINES, KEY, postgres_database
from tests.fixtures.people import Cast


@pytest.fixture
def installation(database: Database, settings: Settings) -> Installation:
    return Installation(settings, database, Storage(settings.resolved_storage_url))


@contextmanager
def elsewhere(engine: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An empty installation, not even migrated."""
    if engine == "sqlite":
        settings = Settings(data_dir=folder, secret_key=KEY)
        yield opened(settings)
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield opened(Settings(data_dir=folder, database_url=url, secret_key=KEY))


def opened(settings: Settings) -> Installation:
    return Installation(settings, Database(settings.resolved_database_url), Storage(settings.resolved_storage_url))


def write_pair(installation: Installation, cast: Cast, number: int) -> None:
    content = pair_content.parse(
        {"messages": [
            {"role": "user", "content": f"Line {number}: who mends the “heating” of flat {number * 7}?\u2028é"},
            {"role": "assistant", "content": f"billing {number}"},
        ], "context": [], "tags": {}, "source": "the desk", "licence": "CC0-1.0"}
    )  # fmt: skip
    with installation.database.session() as session:
        pairs_actions.create(session, cast.alice, cast.project, content)


@contextmanager
def writers(installation: Installation, cast: Cast, count: int = 3) -> Iterator[list[int]]:
    """Threads that write pairs as long as the block lasts; at least ten are there before it starts."""
    over, enough, written = threading.Event(), threading.Event(), []

    def go(start: int) -> None:
        number = start
        while not over.is_set():
            write_pair(installation, cast, number)
            written.append(number)
            number += count
            if len(written) >= 10:
                enough.set()

    threads = [threading.Thread(target=go, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    try:
        yield written
    finally:
        over.set()
        for thread in threads:
            thread.join()


def chain(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        statement = select(AuditEvent.previous_hash, AuditEvent.hash).order_by(AuditEvent.id)
        return [tuple(row) for row in session.execute(statement)]


def pair_count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Pair)) or 0


@pytest.mark.assurance
@pytest.mark.parametrize("target", ENGINES)
def test_a_backup_under_load_comes_back_whole_on_either_engine(
    installation: Installation, cast: Cast, target: str, tmp_path: Path, request: pytest.FixtureRequest, tally: Any
) -> None:
    blobs = [installation.storage.put([text.encode() * 1000])[0] for text in ("one", "two", "three")]
    folder = tmp_path / "backups" / "monday"
    with writers(installation, cast) as written:
        before = len(written)
        manifest = backup.backup(installation, folder)
        after = len(written)
    assert before <= manifest["tables"]["pairs"]["rows"] <= after + 3
    assert manifest["tables"]["pairs"]["rows"] == manifest["tables"]["revisions"]["rows"], "one snapshot, not two"
    assert sorted(manifest["artifacts"]) == sorted(blobs)
    assert not list(folder.rglob("*key*")), "no key without asking"
    with elsewhere(target, tmp_path / "elsewhere", request) as other:
        assert backup.restore(other, folder)["tables"] == manifest["tables"]
        assert pair_count(other.database) == manifest["tables"]["pairs"]["rows"]
        assert [other.storage.verify(sha) for sha in blobs] == [3000, 3000, 5000]
        events = chain(other.database)
        assert events == chain(installation.database)[: len(events)] and events[0][0] == GENESIS
        assert all(before[1] == after[0] for before, after in pairwise(events))
        with TestClient(create_app(other.settings), base_url="http://127.0.0.1") as client:
            assert client.get("/healthz").status_code == 200
        write_pair(other, cast, 10**6)
        again = backup.backup(other, tmp_path / "again")
        assert again["tables"]["pairs"]["rows"] == manifest["tables"]["pairs"]["rows"] + 1
        with pytest.raises(backup.BackupFailed, match="not empty"):
            backup.restore(other, folder)
        other.database.dispose()
    tally("rows restored", sum(table["rows"] for table in manifest["tables"].values()))


def test_any_byte_that_is_wrong_is_found_and_nothing_is_restored(
    installation: Installation, cast: Cast, tmp_path: Path, tally: Any
) -> None:
    installation.storage.put([b"weights"])
    write_pair(installation, cast, 1)
    folder = tmp_path / "sound"
    backup.backup(installation, folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    assert len(files) > 8
    empty = opened(Settings(data_dir=tmp_path / "empty", secret_key=KEY))
    for number, path in enumerate(files):
        spoilt = tmp_path / f"spoilt-{number}"
        shutil.copytree(folder, spoilt)
        victim = spoilt / path.relative_to(folder)
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 1
        victim.write_bytes(data)
        with pytest.raises(backup.BackupFailed):
            backup.restore(empty, spoilt)
        victim.unlink()
        with pytest.raises(backup.BackupFailed):
            backup.verify(spoilt)
    assert not list(empty.storage.every())
    tally("bad backups refused", 2 * len(files))


def test_a_damaged_artifact_is_named_and_the_rest_is_saved(
    installation: Installation, tmp_path: Path, cast: Cast
) -> None:
    sound, spoilt = (installation.storage.put([text])[0] for text in (b"sound", b"spoilt"))
    next(installation.settings.data_dir.rglob(spoilt)).write_bytes(b"spoil")
    manifest = backup.backup(installation, tmp_path / "b")
    assert (manifest["damaged_artifacts"], list(manifest["artifacts"])) == ([spoilt], [sound])
    assert any(spoilt in line for line in backup.summary(manifest, tmp_path, "Backed up to"))


def test_keys_go_along_only_when_asked_and_files_are_for_one_user(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(sqlite_template, tmp_path / "data" / "preceptor.sqlite3")
    settings = Settings(data_dir=tmp_path / "data")
    key = settings.key
    manifest = backup.backup(opened(settings), tmp_path / "b", with_key=True)
    assert "secret_key" in manifest["files"]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "b").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    other = opened(Settings(data_dir=tmp_path / "other"))
    backup.restore(other, tmp_path / "b")
    assert Settings(data_dir=tmp_path / "other").key == key


def test_a_backup_goes_only_to_a_new_folder(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(backup.BackupFailed, match="not empty"):
        backup.backup(installation, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]
