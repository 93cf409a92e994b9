"""Restoring a backup from before an erasure erases the person again, and the command reports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.bootstrap import Installation, migrate
from app.cli import backup
from app.core import jobs
from app.core.db.database import Database
from app.core.files import append_json_line
from app.core.storage import Storage
from app.domain.accounts.tables import User
from app.domain.audit import verify_queries
from app.domain.audit.checkpoints import CheckpointFile
from app.domain.audit.tables import AuditEvent
from app.domain.auth import actions as auth_actions
from app.domain.privacy import erasure_log, queries as privacy_queries
from app.domain.versions import actions as versions_actions
from app.main import create_app
from app.settings import Settings
from app.worker import housekeeping
from tests.conftest import ENGINES, HOSTS, KEY, postgres_database
from tests.fixtures.people import Cast
from tests.security.canaries import EMAIL, NAME, WORD, World, build, erase, traces

pytestmark = pytest.mark.assurance


@pytest.fixture
def world(app: Any, cast: Cast) -> World:
    return build(app, cast)


@contextmanager
def empty_installation(engine: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An empty installation on this database engine, with its database file where `traces` searches."""
    with _sqlite(folder) if engine == "sqlite" else postgres_database(request.getfixturevalue("postgres_url")) as url:
        settings = Settings(data_dir=folder / "data", database_url=url, secret_key=KEY, trusted_hosts=HOSTS)
        database = Database(url)
        yield Installation(settings, database, Storage(settings.resolved_storage_url))
        database.dispose()


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    folder.mkdir(exist_ok=True)
    yield f"sqlite:///{folder / 'test.sqlite3'}"


def installation_of(world: World) -> Installation:
    state = world.app.state
    return Installation(state.settings, state.database, state.storage)


def restored_world(world: World, other: Installation) -> World:
    """The same scenario in the other installation, to be searched for traces."""
    copy = World(create_app(other.settings), world.cast)
    copy.ids, copy.person = world.ids, world.person
    return copy


def find_traces(world: World, other: Installation, folder: Path, words: tuple[str, ...]) -> list[str]:
    copy = restored_world(world, other)
    with other.database.session() as session:
        raw = auth_actions.start_session(session, session.get_one(User, world.cast.carol.id))
    with TestClient(copy.app, cookies={"preceptor_session": raw}) as viewer:
        found = traces(copy, words, viewer, folder)
    copy.database.dispose()
    return found


@pytest.mark.parametrize("target", ENGINES)
def test_restore_erases_again(
    world: World, target: str, tmp_path: Path, request: pytest.FixtureRequest, tally: Callable[[str, int], None]
) -> None:
    """From each database engine to each. A job that ran during the backup does not prevent the erasure."""
    with world.database.session() as session:
        carol = session.get_one(User, world.cast.carol.id)
        running = versions_actions.request_version(session, carol, world.cast.project, name="Half way")
        running.state, running.token = "running", 3
    folder = tmp_path / "backup"
    backup.backup(installation_of(world), folder)
    with world.database.session() as session:
        jobs.request_cancel(session, running.id)
        jobs.finish(session, running.id, 3, "cancelled")
    erase(world, "withdraw")
    log_copy = tmp_path / "elsewhere.jsonl"
    log_copy.write_bytes(world.app.state.settings.erasures_path.read_bytes())
    with empty_installation(target, tmp_path / "other", request) as other:
        manifest = backup.restore(other, folder, erasures=log_copy)
        assert manifest["erased_again"] == [world.person.contributor_id]
        summary = "\n".join(backup.summary(manifest, folder, "Restored from"))
        assert f"Erased again (erased after this backup was made): {world.person.contributor_id}." in summary
        found = find_traces(world, other, tmp_path / "other", (WORD, NAME, EMAIL))
        tally("personal traces left", len(found))
        assert found == [], "\n".join(found)
        with other.database.read() as session:
            events = list(session.scalars(select(AuditEvent).where(AuditEvent.action == "person.erased")))
            assert [(event.actor, event.subject_id, event.details["again"]) for event in events] == [
                (None, world.person.id, True)
            ]
            assert verify_queries.verify_events(session, CheckpointFile()).intact
            erasure = privacy_queries.erasure_of(session, session.get_one(User, world.person.id))
            assert erasure is not None and erasure.requested_by == world.cast.carol.id
            assert jobs.by_id(session, running.id).state == "queued", "no worker holds a job of the backup"
        assert [entry.contributor for entry in erasure_log.read(other.settings.erasures_path)] == manifest[
            "erased_again"
        ]


def test_restore_of_newer_backup_is_noop(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    erase(world, "keep")
    backup.backup(installation_of(world), tmp_path / "after")
    with empty_installation("sqlite", tmp_path / "other", request) as other:
        other.settings.erasures_path.write_bytes(world.app.state.settings.erasures_path.read_bytes())
        assert backup.restore(other, tmp_path / "after")["erased_again"] == []
        with other.database.read() as session:
            assert session.query(AuditEvent).filter(AuditEvent.action == "person.erased").count() == 1


def test_worker_erases_again(world: World) -> None:
    """After a restored file copy or machine snapshot, the erasure log names more people than the database."""
    settings = world.app.state.settings
    entry = erasure_log.Entry(world.person.contributor_id, "withdraw", world.cast.carol.id, "2026-11-21T17:00:00+00:00")
    append_json_line(settings.erasures_path, entry)
    append_json_line(settings.erasures_path, replace(entry, contributor="0" * 32))
    housekeeping.sweep(installation_of(world))
    with world.database.read() as session:
        person = session.get_one(User, world.person.id)
        assert person.person.erased_at is not None and person.person.name == ""
        assert privacy_queries.erasures_to_sweep(session) == []
    assert housekeeping.erase_again(installation_of(world)) == []


def test_last_admin_is_erased_again(database: Database, settings: Settings, cast: Cast) -> None:
    """The erasure was decided when there was another admin."""
    migrate(database)
    append_json_line(settings.erasures_path, erasure_log.Entry(cast.carol.contributor_id, "keep", cast.carol.id, ""))
    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    assert housekeeping.erase_again(installation) == [cast.carol.contributor_id]
