"""`preceptor audit …` as a person types it, and the checkpoints that the jobs process signs by itself."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest

from app.bootstrap import Installation
from app.core.db.database import Database
from app.core.storage import Storage
from app.settings import Settings
from app.worker import loop
from app.worker.housekeeping import CheckpointSigner
from tests.cli.test_commands import preceptor
from tests.security import tampering


@pytest.fixture
def installation(database: Database, settings: Settings) -> Installation:
    return Installation(settings, database, Storage(settings.resolved_storage_url))


@pytest.mark.assurance
@pytest.mark.slow
def test_the_commands_find_a_cut_log(tmp_path: Path) -> None:
    preceptor(tmp_path, "migrate")
    preceptor(tmp_path, "user", "add", "erin@example.org", "--admin")
    assert "no checkpoint" in preceptor(tmp_path, "audit", "verify").stdout
    assert "Signed 2 events" in preceptor(tmp_path, "audit", "checkpoint").stdout
    assert "No new events" in preceptor(tmp_path, "audit", "checkpoint").stdout
    copy = tmp_path / "kept-elsewhere.jsonl"
    copy.write_bytes((tmp_path / "data" / "audit-checkpoints.jsonl").read_bytes())
    key = preceptor(tmp_path, "audit", "key").stdout.strip()
    against = ("audit", "verify", "--against", str(copy), "--public-key", key)
    well = preceptor(tmp_path, *against)
    assert (well.returncode, well.stderr) == (0, "")
    assert "intact up to event 2" in well.stdout

    database = Database(f"sqlite:///{tmp_path / 'data' / 'preceptor.sqlite3'}")
    tampering.forge(database, tampering.delete(2, 2))
    database.dispose()
    (tmp_path / "data" / "audit-checkpoints.jsonl").unlink()
    assert preceptor(tmp_path, "audit", "verify").returncode == 0, "without a checkpoint a cut tail does not show"
    cut = preceptor(tmp_path, *against, "--json")
    assert cut.returncode == 1
    assert json.loads(cut.stdout)["first_bad"] == 2
    assert "its end was cut" in preceptor(tmp_path, *against).stdout


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    preceptor(tmp_path, "migrate")
    preceptor(tmp_path, "audit", "key")
    refused = preceptor(tmp_path, "audit", "verify", "--against", "nowhere.jsonl")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "nowhere.jsonl" in refused.stderr


def test_the_jobs_process_signs_when_it_stops(installation: Installation) -> None:
    tampering.write_log(installation.database, 3)
    stop = threading.Event()
    stop.set()
    loop.work(installation, stop)
    assert [line["count"] for line in tampering.lines(installation.settings.audit_checkpoints_path)] == [3]


def test_the_keeper_signs_the_first_event_and_then_every_200(installation: Installation) -> None:
    path = installation.settings.audit_checkpoints_path
    for events, signed in ((1, [1]), (199, [1]), (1, [1, 201]), (5, [1, 201])):
        tampering.write_log(installation.database, events)
        CheckpointSigner(installation).sign_if_due()
        assert [line["count"] for line in tampering.lines(path)] == signed


def test_what_hinders_the_keeper_is_said_and_stops_nothing(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    tampering.write_log(installation.database, 3)
    installation.settings.audit_checkpoints_path.mkdir(parents=True)
    with caplog.at_level(logging.ERROR, "preceptor.audit"):
        CheckpointSigner(installation).sign_if_due()
    assert "audit-checkpoints.jsonl" in caplog.text
