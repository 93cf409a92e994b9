"""A trainer that slept through its lease: every message of its is refused with 409, and nothing of it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core import jobs
from app.core.db.database import Database
from app.domain.runs import actions as runs_actions
from app.domain.runs.tables import RunEvent, TrainingRun
from app.domain.versions.tables import DatasetVersion
from tests.fixtures.people import Cast

ARTIFACT = b"weights of a trainer that woke up late"


class Clock:
    """The web process's monotonic clock, in the test's hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def run(app: Any, database: Database, cast: Cast) -> str:
    with database.session() as session:
        sha256, _ = app.state.storage.put([b"{}\n"])
        splits = ("train", "validation", "test")
        version = DatasetVersion(
            project_id=cast.project.id, number=1, name="v", seed=0, splits={}, filters={}, deduplicate=True,
            hash="0" * 64, files={name: {"sha256": sha256, "examples": 1} for name in splits},
            counts=dict.fromkeys(splits, 1), distribution={}, leak_report={}, created_by=cast.carol.id,
        )  # fmt: skip
        session.add(version)
        session.flush()
        return runs_actions.request_run(session, cast.carol, cast.project, version_id=version.id, recipe={}).id


def told(claim: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"job": claim["job"], "token": claim["token"], **more}


def state(database: Database, run: str) -> tuple[Any, ...]:
    """Everything that a trainer may change."""
    with database.read() as session:
        found = session.get_one(TrainingRun, run)
        job = session.get_one(jobs.Job, found.job_id)
        events = session.scalar(select(func.count()).where(RunEvent.run_id == run))
        return (found.state, found.attempt, found.error, job.state, job.token, job.beat, job.progress_done, events)


@pytest.mark.assurance
def test_a_trainer_that_wakes_up_late_gets_409_for_everything(
    app: Any, database: Database, run: str, cast: Cast, as_user: Callable[..., TestClient], tally: Any
) -> None:
    clock = Clock()
    app.state.watch = jobs.LeaseMonitor(60, clock)
    trainer = as_user(cast.carol, scope="worker")
    slow = trainer.post("/worker/v1/claim", json={"worker": "slow"}).json()
    event = {"seq": 1, "kind": "train", "step": 1, "total_steps": 9, "loss": 2.0}
    assert trainer.post("/worker/v1/events", json=told(slow, events=[event])).status_code == 200
    clock.seconds += 3600
    assert trainer.post("/worker/v1/claim", json={"worker": "quick"}).status_code == 204, "first seen now"
    assert trainer.post("/worker/v1/heartbeat", json=told(slow)).status_code == 200
    clock.seconds += 59
    assert trainer.post("/worker/v1/claim", json={"worker": "quick"}).status_code == 204, "it has beaten meanwhile"
    clock.seconds += 60
    quick = trainer.post("/worker/v1/claim", json={"worker": "quick"}).json()
    assert (quick["job"], quick["token"], quick["attempt"]) == (slow["job"], slow["token"] + 1, 2)
    before, kept = state(database, run), sorted(app.state.storage.every())
    sha256, sent = hashlib.sha256(ARTIFACT).hexdigest(), app.state.storage
    address = {"job": slow["job"], "token": slow["token"]}
    late = [
        trainer.post("/worker/v1/heartbeat", json=told(slow, done=5, total=9)),
        trainer.post("/worker/v1/events", json=told(slow, events=[{**event, "seq": 2}])),
        trainer.put(f"/worker/v1/artifacts/{sha256}", params=address, content=ARTIFACT,
                    headers={"content-type": "application/octet-stream"}),
        trainer.get(f"/worker/v1/files/{slow['work']['train']['sha256']}", params=address),
        trainer.post("/worker/v1/finish", json=told(slow, outcome="failed", error="late")),
        trainer.post("/worker/v1/finish", json=told(slow, outcome="cancelled")),
    ]  # fmt: skip
    assert [answer.status_code for answer in late] == [409] * len(late), [answer.text for answer in late]
    assert state(database, run) == before and sorted(sent.every()) == kept
    once = [trainer.post("/worker/v1/finish", json=told(quick, outcome="failed", error="mine")) for _ in range(5)]
    assert [answer.status_code for answer in once] == [200, 409, 409, 409, 409]
    assert state(database, run)[:4] == ("failed", 2, "mine", "failed")
    tally("stale workers refused", len(late) + 4)
