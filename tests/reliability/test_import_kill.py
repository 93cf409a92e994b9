"""A jobs process killed with -9 in the middle of an import: nothing half is seen, and it is imported once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from app.bootstrap import Installation
from app.core import jobs
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.audit.tables import AuditEvent
from app.domain.imports import actions as imports_actions
from app.settings import Settings
from tests.fixtures.people import Cast

pytestmark = pytest.mark.assurance
ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD = 200, 3
MOMENTS = ("UPDATE jobs SET payload", "INSERT INTO revisions", "INSERT INTO pair_bands")
"""What the process is about to do when it dies: say where the bad rows go, write the second table, write the last."""

WORKER = """
import json, os, signal, sys, time
from sqlalchemy import event, text
from app.worker import loop as worker
from app.bootstrap import Installation
from app.core import jobs
from app.core.db.database import Database
from app.core.storage import Storage
from app.settings import Settings

settings = Settings()

def work(moment):
    database = Database(settings.resolved_database_url)

    @event.listens_for(database.engine, "before_cursor_execute")
    def die(connection, cursor, statement, *rest):
        if moment and statement.startswith(moment):
            os.kill(os.getpid(), signal.SIGKILL)

    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    watch = jobs.LeaseMonitor(0.5)
    while not worker.work_once(installation, monitor=watch, kinds=["import"]):
        time.sleep(0.05)

for moment in sys.argv[1:]:
    child = os.fork()
    if not child:
        work(moment)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    database = Database(settings.resolved_database_url)
    with database.read() as session:
        found = {table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar()
                 for table in ("pairs", "revisions", "pair_tags", "pair_bands", "reviews")}
    database.dispose()
    print(json.dumps([moment, code, found]), flush=True)
"""
"""One process that forks each worker, so that Python need not start anew."""


def file() -> bytes:
    good = [{"prompt": f"May I have form {n} of {n % 7} today?", "completion": "yes", "desk": f"d{n % 3}"}
            for n in range(GOOD)]  # fmt: skip
    return b"".join(json.dumps(row).encode() + b"\n" for row in [*good, *[{"prompt": "q"}] * BAD])


def run(settings: Settings, *moments: str) -> list[tuple[str, int, dict[str, int]]]:
    """(moment, exit status, rows of each table after it)"""
    environment = {
        **os.environ,
        "PRECEPTOR_DATA_DIR": str(settings.data_dir),
        "PRECEPTOR_DATABASE_URL": settings.resolved_database_url,
        "PRECEPTOR_SECRET_KEY": settings.secret_key or "",
    }
    command = [sys.executable, "-c", WORKER, *moments]
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]  # type: ignore[misc]


def test_an_import_that_is_killed_is_imported_once(cast: Cast, database: Database, settings: Settings) -> None:
    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    with database.session() as session:
        job_id = imports_actions.request_import(
            session, cast.bob, cast.project, storage=installation.storage, data=file(), filename="rows.jsonl",
            source="a test", license="CC0-1.0", approve=True, skip_bad=True,
        ).id  # fmt: skip
    *killed, (_, code, found) = run(settings, *MOMENTS, "")
    assert [(moment, code, sum(rows.values())) for moment, code, rows in killed] == [
        (moment, -signal.SIGKILL, 0) for moment in MOMENTS
    ]
    assert code == 0
    with database.session() as session:
        job = jobs.by_id(session, job_id)
        written = session.scalars(select(AuditEvent.action).where(AuditEvent.action == "pairs.imported")).all()
    result = job.result or {}
    assert (job.state, job.attempt, len(written)) == ("done", 4, 1), job.error
    assert {name: result[name] for name in ("imported", "approved", "bad_rows")} == {
        "imported": GOOD, "approved": GOOD, "bad_rows": BAD,
    }  # fmt: skip
    assert (found["pairs"], found["revisions"], found["reviews"], found["pair_tags"]) == (GOOD,) * 4 and found[
        "pair_bands"
    ] > GOOD
    bad = installation.storage.bytes_of(result["errors_file"]).splitlines()
    assert [json.loads(line)["row"] for line in bad] == [GOOD + 1, GOOD + 2, GOOD + 3]
    assert len(set(installation.storage.every())) == 2, "the file and its bad rows, and nothing that a death left"
