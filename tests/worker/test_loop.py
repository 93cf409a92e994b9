"""The worker of imports and freezes: what it writes, when it writes nothing, and what it tells the ledger."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import func, select

from app.bootstrap import Installation
from app.core import jobs, process
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.notifications.tables import Notification
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.tables import Pair, Revision
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.settings import Settings
from app.worker import loop
from app.worker.lease import Stopped
from tests.fixtures.people import Cast

LABELS = ("billing", "records", "refill")
SUBJECTS = ("invoice", "chart", "tablets", "scan", "letter", "visit", "referral", "vaccine", "blood test", "insurance")
VERBS = ("lost", "need a copy of", "cannot pay for", "would like to move", "never received", "am worried about")


def rows(count: int) -> bytes:
    lines = []
    for number in range(count):
        subject, verb = SUBJECTS[number % len(SUBJECTS)], VERBS[number // len(SUBJECTS) % len(VERBS)]
        prompt = f"Since week {number} I {verb} the {subject}, {'please help me' if number % 2 else 'what now'}?"
        lines.append(json.dumps({"prompt": prompt, "completion": LABELS[number % 3]}))
    return "\n".join(lines).encode()


BUSY = json.dumps({"prompt": "Whom do I ask?", "completion": "Ask ann.miller@example.org, she knows."}).encode()


@pytest.fixture
def installation(database: Database, settings: Settings) -> Installation:
    return Installation(settings, database, Storage(settings.resolved_storage_url))


def ask_import(installation: Installation, cast: Cast, data: bytes) -> str:
    with installation.database.session() as session:
        return imports_actions.request_import(
            session, cast.bob, cast.project, storage=installation.storage, data=data, filename="pairs.jsonl",
            source="test", license="CC0-1.0", approve=True,
        ).id  # fmt: skip


@pytest.fixture
def asked(installation: Installation, cast: Cast) -> str:
    """The id of a job that imports twelve rows."""
    return ask_import(installation, cast, rows(12))


def job_of(installation: Installation, job_id: str) -> jobs.Job:
    """A detached copy: a reading session expires what it loaded when it ends."""
    with installation.database.session() as session:
        return jobs.by_id(session, job_id)


def pair_count(installation: Installation) -> int:
    with installation.database.read() as session:
        return session.scalar(select(func.count()).select_from(Pair)) or 0


def test_an_idle_queue_gives_nothing_to_do(installation: Installation) -> None:
    assert loop.work_once(installation) is False


def test_an_import_then_a_freeze(installation: Installation, cast: Cast) -> None:
    imported = ask_import(installation, cast, rows(40))
    assert loop.work_once(installation)
    job = job_of(installation, imported)
    assert (job.state, (job.result or {})["imported"]) == ("done", 40)
    with installation.database.session() as session:
        frozen = versions_actions.request_version(session, cast.carol, cast.project, name="one").id
    loop.drain(installation)
    job = job_of(installation, frozen)
    assert job.state == "done", job.error
    with installation.database.read() as session:
        assert versions_queries.by_id(session, (job.result or {})["version"]).counts["total"] > 10


def test_many_rows_are_checked_by_child_processes_and_come_to_the_same(
    installation: Installation, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose every row is a copy of a row of another that is in review, and two of its own rows are copies."""
    ask_import(installation, cast, rows(600))
    assert loop.work_once(installation)
    found = {}
    for many, data in ((10**9, rows(600)), (1, rows(600))):
        monkeypatch.setattr(imports_queries, "MIN_ROWS_FOR_PROCESSES", many)
        monkeypatch.setattr(process, "cores", lambda: 2)
        job_id = ask_import(installation, cast, data + b"\n" + rows(1) + b"\n" + BUSY)
        payload = job_of(installation, job_id).payload
        with installation.database.read() as session:
            prepared = imports_queries.check_rows(session, installation.storage, payload, lambda *_: None)
        new = {pair["id"]: f"row {number}" for number, pair in enumerate(prepared.pairs)}
        found[many] = [
            (pair["state"], revision["prompt"], dict(enumerate(keys)), told(revision["problems"], new))
            for pair, revision, (_, keys) in zip(prepared.pairs, prepared.revisions, prepared.bands, strict=True)
        ]
    assert found[1] == found[10**9]
    assert [state for state, *_ in found[1]] == ["draft"] * 601 + ["approved"]
    assert "row 0" in str(found[1][600]) and "pii" in str(found[1][601])


def told(problems: list[dict[str, Any]], names: dict[str, str]) -> str:
    """Problems in words that do not change with the ids of new pairs."""
    said = json.dumps(problems, sort_keys=True)
    for one, name in names.items():
        said = said.replace(one, name) if one in said else said
    return said


def test_a_refusal_is_a_failed_job_with_its_words(installation: Installation, asked: str) -> None:
    sha256 = job_of(installation, asked).payload["file"]
    next(Path(installation.settings.data_dir).rglob(sha256)).unlink()
    loop.work_once(installation)
    job = job_of(installation, asked)
    assert (job.state, job.reason) == ("failed", "user_error") and job.error
    assert pair_count(installation) == 0


def test_a_defect_is_a_failed_job_and_writes_nothing(
    installation: Installation, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = imports_actions.save_rows

    def save_then_break(*given: object) -> object:
        save(*given)  # type: ignore[arg-type]
        raise RuntimeError("a defect after the rows")

    monkeypatch.setattr(imports_actions, "save_rows", save_then_break)
    loop.work_once(installation)
    job = job_of(installation, asked)
    assert (job.state, job.reason) == ("failed", "crash") and "RuntimeError" in job.error
    assert pair_count(installation) == 0


def test_a_worker_that_lost_its_lease_writes_nothing(installation: Installation, asked: str) -> None:
    moments = iter((0.0, 0.0, 0.0, 0.0, 60.0, 60.0))
    watch = jobs.LeaseMonitor(60, lambda: next(moments))
    slow = loop.claim(installation.database, "slow", watch)
    assert slow is not None and loop.work_once(installation, "quick", watch) is False
    assert loop.work_once(installation, "quick", watch)
    assert pair_count(installation) == 12
    with pytest.raises(Stopped):
        loop.run(installation, slow)
    assert pair_count(installation) == 12
    job = job_of(installation, asked)
    assert (job.state, job.attempt) == ("done", 2)


@pytest.mark.parametrize(
    ("module", "step"),
    [(imports_queries, "check_rows"), (imports_actions, "store_error_rows")],
    ids=["while it runs", "after its last heartbeat"],
)
def test_an_import_that_is_cancelled_writes_nothing(
    module: ModuleType, step: str, installation: Installation, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = getattr(module, step)

    def cancel_then_go_on(*given: object) -> object:
        with installation.database.session() as session:
            jobs.request_cancel(session, asked)
        return go_on(*given)

    monkeypatch.setattr(module, step, cancel_then_go_on)
    loop.work_once(installation)
    assert job_of(installation, asked).state == "cancelled"
    assert pair_count(installation) == 0


def test_who_started_an_import_hears_that_its_worker_was_lost_for_good(
    installation: Installation, cast: Cast, asked: str
) -> None:
    """Each worker dies with the import in its hands, until the attempts are used up."""
    clock = [0.0]
    watch = jobs.LeaseMonitor(60.0, clock=lambda: clock[0])
    for _ in range(jobs.MAX_ATTEMPTS):
        assert loop.claim(installation.database, "dies", watch) is not None
        assert loop.claim(installation.database, "other", watch) is None
        clock[0] += 61
    assert loop.claim(installation.database, "last", watch) is None
    job = job_of(installation, asked)
    assert (job.state, job.reason) == ("failed", "worker_lost")
    with installation.database.read() as session:
        lines = list(session.scalars(select(Notification).where(Notification.kind == "import.failed")))
        assert [(one.user_id, one.subject_id) for one in lines] == [(cast.bob.id, asked)]


@pytest.mark.usefixtures("asked")
def test_what_an_import_writes_is_what_the_desk_would(installation: Installation, cast: Cast) -> None:
    """Ids, columns and defaults are those of a revision that a person saves."""
    loop.work_once(installation)
    with installation.database.read() as session:
        for pair, revision in session.execute(
            select(Pair, Revision).join(Revision, Revision.id == Pair.current_revision_id)
        ):
            content = pairs_actions.content_of(revision)
            same = pairs_actions.new_revision(
                pair, cast.bob.id, content, number=1, problems=revision.problems, terms_id=revision.terms_id
            )
            names = [column.key for column in Revision.__table__.columns if column.key != "created_at"]
            assert {name: getattr(same, name) for name in names} == {name: getattr(revision, name) for name in names}
            assert (pair.is_gold, pair.reviews_needed, pair.submitted_revision_id) == (False, 1, revision.id)


def test_the_lease_is_renewed_while_the_work_goes_on(installation: Installation, asked: str) -> None:
    held = loop.claim(installation.database, "me", jobs.LeaseMonitor(0.6))
    assert held is not None
    watch = jobs.LeaseMonitor(0.6)
    with held:
        for _ in range(10):
            time.sleep(0.1)
            assert loop.claim(installation.database, "other", watch) is None
    assert job_of(installation, asked).worker == "me"
