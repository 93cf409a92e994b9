"""The disk is full, the database is away or locked: words and the right status, nothing broken, no restart needed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app.bootstrap import Installation, migrate
from app.core import jobs
from app.core.db.database import Database
from app.core.db.errors import as_app_error
from app.core.errors import NotFound
from app.core.storage import Damaged, Storage
from app.domain.accounts import actions as accounts_actions
from app.domain.imports import actions as imports_actions
from app.main import create_app
from app.settings import Settings
from app.worker import loop
from app.worker.lease import ClaimedJob
from tests.conftest import KEY
from tests.fixtures import postgres
from tests.fixtures.people import make_cast

HOST = "http://127.0.0.1"
NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets even root mount nothing")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def served(settings: Settings) -> tuple[TestClient, str]:
    """A migrated installation's client, and the token of an expert of the project clinic."""
    database = Database(settings.resolved_database_url)
    migrate(database)
    with database.session() as session:
        token = accounts_actions.issue_token(session, user=make_cast(session).alice)
    database.dispose()
    client = TestClient(create_app(settings), base_url=HOST, headers={"Authorization": f"Bearer {token}"})
    return client, token


def write(client: TestClient, number: int, size: int = 10_000) -> Any:
    digits = hashlib.sha256(str(number).encode()).hexdigest()
    content = [
        {"role": "user", "content": f"{number} " + f"{digits} " * (size // 65)},
        {"role": "assistant", "content": "desk"},
    ]
    body = {"messages": content, "source": "the desk", "license": "CC0-1.0"}
    return client.post("/api/v1/projects/clinic/pairs", json=body)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC
    return ballast


@NEEDS_ROOT
@pytest.mark.assurance
def test_a_full_disk_is_507_and_nothing_breaks(small_disk: Path, tally: Any) -> None:
    client, _ = served(Settings(data_dir=small_disk, secret_key=KEY))
    first = write(client, 0)
    assert first.status_code == 201
    ballast = fill(small_disk)
    answers = [write(client, number) for number in range(1, 25)]
    written = 1 + sum(answer.status_code == 201 for answer in answers)
    full = [answer for answer in answers if answer.status_code != 201]
    assert full and {answer.status_code for answer in full} == {507}, [answer.text for answer in full]
    assert "disk is full" in full[0].json()["detail"]
    assert client.get(f"/api/v1/pairs/{first.json()['id']}").status_code == 200, "reading goes on"
    ballast.unlink()
    assert write(client, 100).status_code == 201, "no restart was needed"
    database = Database(f"sqlite:///{small_disk / 'preceptor.sqlite3'}")
    with database.read() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert session.scalar(text("SELECT count(*) FROM pairs")) == written + 1
    database.dispose()
    tally("writes refused by a full disk", len(full))


@NEEDS_ROOT
@pytest.mark.assurance
def test_a_job_that_met_a_full_disk_says_so(small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path / "data", storage_url=(small_disk / "files").as_uri(), secret_key=KEY)
    database = Database(settings.resolved_database_url)
    migrate(database)
    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    with database.session() as session:
        job = jobs.enqueue(session, imports_actions.KIND, {}).id

    def write_much(_: Installation, held: ClaimedJob) -> Any:
        with held:
            installation.storage.put(bytes(65536) for _ in range(200))

    monkeypatch.setitem(loop.HANDLERS, imports_actions.KIND, write_much)
    assert loop.work_once(installation)
    with database.session() as session:
        found = jobs.by_id(session, job)
        assert (found.state, found.reason) == ("failed", "disk_full") and "disk is full" in found.error
    assert not [path for path in (small_disk / "files").rglob("*") if path.is_file()], "no half file is left"
    database.dispose()


@NEEDS_ROOT
def test_a_file_that_does_not_fit_is_no_file(small_disk: Path) -> None:
    storage = Storage(small_disk.as_uri())
    with pytest.raises(OSError) as failure:
        storage.put(bytes(65536) for _ in range(200))
    known = as_app_error(failure.value)
    assert known is not None and known.status == 507
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    assert storage.put([b"fits"])[1] == 4


# --- the database is away, or somebody holds it ---


@pytest.mark.assurance
def test_a_locked_database_is_503_and_reading_goes_on(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.db.database.PATIENCE_SECONDS", 1.0)
    shutil.copy(sqlite_template, tmp_path / "preceptor.sqlite3")
    client, _ = served(Settings(data_dir=tmp_path, secret_key=KEY))
    pair = write(client, 1).json()["id"]
    engine = client.app.state.database.engine  # type: ignore[attr-defined]
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=100"))
    other = Database(f"sqlite:///{tmp_path / 'preceptor.sqlite3'}")
    with other.session() as session:
        session.execute(text("UPDATE projects SET name = name"))
        refused = write(client, 2)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5"), refused.text
        assert client.get(f"/api/v1/pairs/{pair}").status_code == 200
    assert write(client, 2).status_code == 201
    other.dispose()


@pytest.mark.assurance
def test_a_database_that_is_away_is_503_and_comes_back_alone(tmp_path: Path) -> None:
    with postgres.server() as server:
        url = server.url
        settings = Settings(data_dir=tmp_path, secret_key=KEY, database_url=url.format(database="postgres"))
        client, _ = served(settings)
        assert write(client, 1).status_code == 201
        socket = next(Path(url.split("host=")[1]).glob(".s.PGSQL.*"))
        hidden = socket.rename(socket.with_name("hidden"))
        client.app.state.database.engine.dispose()  # type: ignore[attr-defined]
        for method, path in (("GET", "/api/v1/projects"), ("GET", "/healthz"), ("GET", "/")):
            refused = client.request(method, path, headers={"cookie": "preceptor_session=one"})
            assert refused.status_code == 503 and refused.headers["retry-after"] == "5", (path, refused.text[:300])
        hidden.rename(socket)
        assert write(client, 2).status_code == 201
        client.app.state.database.dispose()  # type: ignore[attr-defined]


def test_a_defect_is_no_outage(database: Database) -> None:
    with pytest.raises(Exception, match=r"no such table|does not exist") as failure, database.read() as session:
        session.execute(text("SELECT * FROM nothing_of_this_name"))
    assert as_app_error(failure.value) is None
    assert as_app_error(OSError(errno.ENOENT, "no such file")) is None
    assert as_app_error(OSError(errno.EDQUOT, "quota")).status == 507  # type: ignore[union-attr]
    assert not isinstance(failure.value, OperationalError) or database.is_sqlite


# --- files (G6) ---


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    before = os.umask(0)
    try:
        yield Storage((tmp_path / "artifacts").as_uri())
    finally:
        os.umask(before)


@pytest.mark.assurance
def test_a_file_that_lost_or_changed_a_byte_is_not_served(storage: Storage, tmp_path: Path, tally: Any) -> None:
    content = os.urandom(3 * 1024 * 1024 + 17)
    sha256, _ = storage.put([content])
    path = next(tmp_path.rglob(sha256))
    changed = bytearray(content)
    changed[12345] ^= 1
    for bad in (content[:-1], content + b"x", bytes(changed), b""):
        path.write_bytes(bad)
        with pytest.raises(Damaged):
            storage.verify(sha256)
        given = b""
        with pytest.raises(Damaged):
            for chunk in storage.read(sha256):
                given += chunk
        assert len(given) < len(content), "whoever reads gets no whole file"
    path.write_bytes(content)
    assert storage.bytes_of(sha256) == content
    tally("bad files refused", 4)


def test_a_transfer_that_breaks_off_leaves_nothing_under_a_name(storage: Storage, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        storage.put(broken())
    assert list(storage.every()) == [] and not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_only_old_leftovers_are_swept(storage: Storage, tmp_path: Path) -> None:
    kept, _ = storage.put([b"kept"])
    os.utime(next(tmp_path.rglob(kept)), (0, 0))
    for name, age in (("staging-old", 25), ("staging-young", 1)):
        path = tmp_path / "artifacts" / name
        path.write_bytes(b"half")
        moment = path.stat().st_mtime - timedelta(hours=age).total_seconds()
        os.utime(path, (moment, moment))
    assert storage.sweep() == 1
    assert storage.verify(kept) == 4 and (tmp_path / "artifacts" / "staging-young").exists()


def test_what_we_write_is_for_one_user_only(storage: Storage, tmp_path: Path) -> None:
    """Under umask 0, as a careless service manager may start us."""
    storage.put([b"content"])
    database = Database(f"sqlite:///{tmp_path / 'new' / 'data.sqlite3'}")
    with database.session() as session:
        session.execute(text("CREATE TABLE t (a INTEGER)"))
    made = [
        *(tmp_path / "artifacts").rglob("*"),
        *(tmp_path / "new").rglob("*"),
        tmp_path / "artifacts",
        tmp_path / "new",
    ]
    assert len(made) >= 5
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    database.dispose()


def test_two_writers_of_one_file_make_one_file(storage: Storage) -> None:
    threads = [threading.Thread(target=lambda: storage.put([b"same"] * 1000)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [sha256] = storage.every()
    assert storage.verify(sha256) == 4000
    with pytest.raises(NotFound):
        storage.verify("0" * 64)
