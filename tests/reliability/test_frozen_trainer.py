"""A real trainer is frozen mid-run for longer than its lease: another trainer ends the run, and only that one (G2)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core import jobs
from app.core.db.database import Database
from app.domain.models.tables import ModelVersion
from app.domain.runs.tables import TrainingRun
from tests.fixtures.processes import Stack, wait_for
from tests.journeys import steps
from tests.journeys.test_kills import children_of, progress


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    running = Stack(tmp_path / "data")
    running.commands["other"] = running.commands["trainer"]
    running.start("web", "worker")
    yield running
    running.stop()


def start_trainer(stack: Stack, name: str) -> int:
    """Each trainer has its own folder, as on its own machine."""
    stack.environment["PRECEPTOR_TRAINER_DIR"] = str(stack.folder / name)
    stack.start(name)
    return stack.processes[name].pid


@pytest.mark.assurance
@pytest.mark.slow
def test_frozen_trainer_writes_nothing(stack: Stack, tally: Callable[[str, int], None]) -> None:
    steps.open_project(stack)
    steps.import_approved(stack)
    run = steps.start_run(stack, steps.freeze(stack), epochs=60, max_minutes=0.25, early_stopping=None)["id"]
    frozen = start_trainer(stack, "trainer")
    wait_for(lambda: progress(stack, run) > 2, 120, "the first steps")
    children = children_of(frozen)
    assert children, "the run is a child process and continues while its supervisor is frozen"
    os.kill(frozen, signal.SIGSTOP)
    try:
        start_trainer(stack, "other")
        wait_for(lambda: stack.call("carol", "GET", f"/runs/{run}")["attempt"] == 2, 60, "the take-over")
    finally:
        os.kill(frozen, signal.SIGCONT)
    log = stack.folder / "trainer.log"
    wait_for(lambda: "the lease is gone" in log.read_text(), 30, "the rejection of its calls")
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 10, "the end of its child")
    assert "done" not in log.read_text().partition("the lease is gone")[0]
    stack.finished(f"/runs/{run}", 180)
    _ended_once(stack, run)
    tally("stops survived", 1)
    tally("stale workers refused", 1)


def _ended_once(stack: Stack, run: str) -> None:
    """One completion, by the second token holder; one model; no third attempt."""
    events = stack.call("carol", "GET", f"/audit?subject={run}")["items"]
    assert [event["action"] for event in events].count("run.done") == 1
    assert stack.call("carol", "GET", f"/runs/{run}/report")["n"] > 0
    database = Database(stack.settings.resolved_database_url)
    with database.read() as session:
        job = jobs.by_id(session, session.get_one(TrainingRun, run).job_id)
        assert (job.state, job.token, job.attempt) == ("done", 2, 2)
        assert job.worker is not None and job.worker.endswith(f"-{stack.processes['other'].pid}")
        assert len(list(session.scalars(select(ModelVersion).where(ModelVersion.run_id == run)))) == 1
    database.dispose()
