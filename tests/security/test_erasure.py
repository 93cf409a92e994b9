"""A person puts canary words in every input; after erasure no database, file or page contains one."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from app.core import jobs
from app.core.errors import Conflict
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.tables import User
from app.domain.audit.actions import digest_of
from app.domain.audit.tables import AuditEvent
from app.domain.evaluations import actions as evaluations_actions
from app.domain.lineage import queries as lineage_queries
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.tables import Pair, Revision
from app.domain.privacy import actions as privacy_actions, erasure_log, withdrawal_actions
from app.domain.privacy.tables import Erasure
from app.domain.runs.tables import TrainingRun
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from tests.fixtures.people import Cast
from tests.security.canaries import (
    EMAIL,
    NAME,
    WORD,
    World,
    build,
    content as content_of_pair,
    erase,
    model_of,
    report_of,
    traces,
)
from trainer import protocol

pytestmark = pytest.mark.assurance


@pytest.fixture
def world(app: Any, cast: Cast) -> World:
    return build(app, cast)


def test_search_finds_canaries_at_first(world: World, signed_in: Callable[[User], TestClient], tmp_path: Path) -> None:
    """This shows that the search works."""
    found = traces(world, (WORD, NAME, EMAIL), signed_in(world.cast.carol), tmp_path)
    tables = {trace.removeprefix("row of ").partition(":")[0] for trace in found if trace.startswith("row of ")}
    assert tables >= {
        "persons", "revisions", "pair_tags", "reviews", "jobs", "web_sessions", "api_tokens", "dataset_versions",
        "evaluation_answers", "evaluation_reports", "findings", "rounds", "idempotent_answers",
    }  # fmt: skip
    assert "audit_events" not in tables
    with world.database.read() as session:
        quoting = session.get_one(Pair, world.ids["quoting"])
        assert WORD in json.dumps(session.get_one(Revision, quoting.current_revision_id).problems)
    assert len([trace for trace in found if trace.startswith("file ")]) >= 5
    assert len([trace for trace in found if trace.startswith("page ")]) >= 10


def test_withdrawal_leaves_no_trace(
    world: World, signed_in: Callable[[User], TestClient], tmp_path: Path, tally: Callable[[str, int], None]
) -> None:
    report = erase(world, "withdraw")
    found = traces(world, (WORD, NAME, EMAIL), signed_in(world.cast.carol), tmp_path)
    tally("personal traces left", len(found))
    assert found == [], "\n".join(found)
    assert report["versions"] == [world.ids["version"]] and report["models"] == [model_of(world)]
    assert report["files_deleted"] >= 5 and not world.storage.exists(world.ids["upload"])


def test_kept_content_has_no_person(
    world: World, signed_in: Callable[[User], TestClient], tmp_path: Path, tally: Callable[[str, int], None]
) -> None:
    erase(world, "keep")
    found = traces(world, (NAME, EMAIL, "canary91"), signed_in(world.cast.carol), tmp_path)
    with world.database.read() as session:
        pair = session.get_one(Pair, world.ids["theirs0"])
        revision = session.get_one(Revision, pair.current_revision_id)
        assert pair.state == "approved" and WORD in revision.prompt
        assert session.get_one(DatasetVersion, world.ids["version"]).redactions in (None, {})
        assert session.get_one(Pair, world.ids["draft"]).state == "withdrawn"
    page = signed_in(world.cast.carol).get(f"/pairs/{world.ids['theirs0']}")
    assert f"Former contributor {world.person.contributor_id[-4:]}" in page.text
    tally("personal traces left", len(found))
    assert found == [], "\n".join(found)


def test_lineage_and_hash_stay(
    world: World, signed_in: Callable[[User], TestClient], as_user: Callable[..., TestClient]
) -> None:
    erase(world, "withdraw")
    with world.database.read() as session:
        version = session.get_one(DatasetVersion, world.ids["version"])
        assert version.hash == world.ids["hash"]
        removed = sum(file["removed"] for file in (version.redactions or {}).values())
        lineage = lineage_queries.version_lineage(session, version)
        assert lineage.withdrawn == removed == 13  # eight written, one quoted, three imported, one fixed
        items = lineage_queries.version_items(session, version, limit=500).items
        assert len(items) == lineage.pairs == version.counts["total"]
        assert sum(item["withdrawn_at"] is not None for item in items) == removed
        run = session.get_one(TrainingRun, world.ids["run"])
        assert lineage_queries.withdrawn_training_examples(session, run) > 0
        waiting = session.get_one(TrainingRun, world.ids["waiting"])
        files = set(session.scalars(select(jobs.JobFile.sha256).where(jobs.JobFile.job_id == waiting.job_id)))
        assert all(world.storage.exists(sha256) for sha256 in files)
    api = as_user(world.cast.carol)
    exported = b"".join(
        api.get(f"/api/v1/versions/{version.id}/export", params={"split": split}).content
        for split in ("train", "validation", "test")
    )
    assert len(exported.splitlines()) == version.counts["total"] - removed
    assert WORD.encode() not in exported
    assert "Trained on withdrawn data" in signed_in(world.cast.carol).get(f"/runs/{world.ids['run']}").text


def test_audit_log_stays_valid(world: World) -> None:
    erase(world, "withdraw")
    with world.database.read() as session:
        events = list(session.scalars(select(AuditEvent).order_by(AuditEvent.id)))
        for before, event in pairwise(events):
            assert event.previous_hash == before.hash
        assert all(event.hash == digest_of(event) for event in events)
        erasures = [event for event in events if event.action == "person.erased"]
        assert len(erasures) == 1 and erasures[0].subject_id == world.person.id
        assert set(erasures[0].details) == {"content", "erasure"}
        assert not any("@" in json.dumps(event.details) for event in events)


def test_fix_of_another_pair_is_undone(world: World) -> None:
    erase(world, "withdraw")
    with world.database.read() as session:
        fixed = session.get_one(Pair, world.ids["fixed"])
        revision = session.get_one(Revision, fixed.current_revision_id)
        assert fixed.state == "submitted" and fixed.submitted_revision_id == revision.id
        assert "plainword" in revision.prompt and revision.author_id == world.cast.alice.id
        hers = session.get_one(Pair, world.ids["hers0"])
        assert hers.state == "approved"


def test_erasure_ends_tokens_and_runs(world: World, app: Any) -> None:
    with world.database.session() as session:
        raw = accounts_actions.issue_token(session, user=session.get_one(User, world.person.id))
    client = TestClient(app, headers={"Authorization": f"Bearer {raw}"})
    assert client.get("/api/v1/projects").status_code == 200
    with world.database.session() as session:
        run = session.get_one(TrainingRun, world.ids["waiting"])
        job = jobs.by_id(session, run.job_id)
        job.state, job.token, run.state, run.started_at = "running", 1, "running", run.created_at
    erase(world, "withdraw")
    assert client.get("/api/v1/projects").status_code == 401
    with world.database.read() as session:
        assert jobs.by_id(session, job.id).cancel_requested
    with pytest.raises(Conflict, match="withdrawn"), world.database.session() as session:
        late = protocol.Finish(job=job.id, token=1, outcome="done", report=report_of([]))
        evaluations_actions.accept_completion(session, late)


def test_freeze_overtaken_by_erasure_fails(world: World) -> None:
    with world.database.session() as session:
        carol = session.get_one(User, world.cast.carol.id)
        job = versions_actions.request_version(session, carol, world.cast.project, name="Overtaken")
    with world.database.read() as session:
        prepared = versions_queries.prepare_version(session, world.storage, job.payload)
    erase(world, "withdraw")
    with pytest.raises(Conflict, match="withdrawn"), world.database.session() as session:
        versions_actions.freeze(session, prepared)


def test_last_admin_cannot_be_erased(world: World) -> None:
    with pytest.raises(Conflict, match="last admin"), world.database.session() as session:
        carol = session.get_one(User, world.cast.carol.id)
        privacy_actions.erase(session, world.storage, carol, carol, content="keep")


def test_sweep_after_a_crash(world: World) -> None:
    with world.database.session() as session:
        person, carol = session.get_one(User, world.person.id), session.get_one(User, world.cast.carol.id)
        privacy_actions.erase(session, world.storage, carol, person, content="withdraw")
    assert world.storage.exists(world.ids["upload"])
    assert privacy_actions.sweep(world.database, world.storage, world.app.state.settings.erasures_path) >= 5
    assert not world.storage.exists(world.ids["upload"])
    assert privacy_actions.sweep(world.database, world.storage, world.app.state.settings.erasures_path) == 0


def test_failed_erasure_erases_nothing(world: World) -> None:
    def dump() -> str:
        with world.database.read() as session:
            tables = ("persons", "revisions", "jobs")
            return "\n".join(repr(session.execute(text(f"SELECT * FROM {name} ORDER BY 1")).all()) for name in tables)

    before = dump()
    with pytest.raises(ZeroDivisionError), world.database.session() as session:
        person, carol = session.get_one(User, world.person.id), session.get_one(User, world.cast.carol.id)
        privacy_actions.erase(session, world.storage, carol, person, content="withdraw")
        _ = 1 / 0
    assert dump() == before
    assert world.storage.exists(world.ids["upload"])


@pytest.mark.parametrize("content", ["keep", "withdraw"])
def test_killed_sweep_is_continued(
    world: World,
    content: str,
    signed_in: Callable[[User], TestClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pairs are blanked in short transactions. The third one stops the process; the next sweep continues."""
    monkeypatch.setattr(withdrawal_actions, "CHUNK", 1 if content == "keep" else 2)
    if content == "keep":
        _more_drafts(world)
    with world.database.session() as session:
        person, carol = session.get_one(User, world.person.id), session.get_one(User, world.cast.carol.id)
        begun = dict(privacy_actions.erase(session, world.storage, carol, person, content=content).report)
    assert begun["left"] > withdrawal_actions.CHUNK
    real, calls = withdrawal_actions.blank, []

    def killed(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(withdrawal_actions, "blank", killed)
    with pytest.raises(KeyboardInterrupt):
        _sweep(world)
    page = signed_in(world.cast.carol).get(f"/accounts/{world.person.id}/contributions")
    assert f"{begun['left'] - 2 * withdrawal_actions.CHUNK} pairs are still being erased" in page.text
    monkeypatch.setattr(withdrawal_actions, "blank", real)
    _sweep(world)
    with world.database.read() as session:
        report = session.scalars(select(Erasure)).one().report
    assert "left" not in report and report["pairs"] >= begun["left"] - 2
    canaries = (NAME, EMAIL, "canary91") if content == "keep" else (WORD, NAME, EMAIL)
    found = traces(world, canaries, signed_in(world.cast.carol), tmp_path)
    assert found == [], "\n".join(found)
    assert _sweep(world) == 0


def _more_drafts(world: World) -> None:
    with world.database.session() as session:
        person = session.get_one(User, world.person.id)
        for number in range(92, 97):
            pairs_actions.create(session, person, world.cast.project, content_of_pair(number, "canary91"))


def _sweep(world: World) -> int:
    return privacy_actions.sweep(world.database, world.storage, world.app.state.settings.erasures_path)


def test_report_counts_all_transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is the same for any number of transactions."""
    monkeypatch.setattr(withdrawal_actions, "CHUNK", 1)
    report = erase(world, "withdraw")
    assert report["versions"] == [world.ids["version"]] and report["models"] == [model_of(world)]
    assert report["files_deleted"] >= 5 and report["answers"] > 0 and report["revisions"] > report["pairs"] > 8
    with world.database.read() as session:
        event_names = [event.action for event in session.scalars(select(AuditEvent))]
    assert event_names.count("person.erased") == 1


def test_two_sweeps_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withdrawal_actions, "CHUNK", 1)
    with world.database.session() as session:
        person, carol = session.get_one(User, world.person.id), session.get_one(User, world.cast.carol.id)
        privacy_actions.erase(session, world.storage, carol, person, content="withdraw")
    with ThreadPoolExecutor(2) as pool:
        for sweep in [pool.submit(_sweep, world) for _ in range(2)]:
            with suppress(Conflict):
                sweep.result()
    _sweep(world)
    with world.database.read() as session:
        report = session.scalars(select(Erasure)).one().report
        assert "left" not in report and "files" not in report
        fixed = session.get_one(Pair, world.ids["fixed"])
        assert fixed.state == "submitted"


def test_erasure_log_has_only_pseudonyms(world: World) -> None:
    erase(world, "withdraw")
    path = world.app.state.settings.erasures_path
    entry = json.loads(path.read_text())
    assert (entry["contributor"], entry["content"]) == (world.person.contributor_id, "withdraw")
    assert set(entry) == {"contributor", "content", "by", "at"} and path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as file:
        file.write('{"contributor": "torn')
    assert _sweep(world) == 0
    assert [entry.contributor for entry in erasure_log.read(path)] == [world.person.contributor_id]
    path.unlink()
    _sweep(world)
    assert [entry.contributor for entry in erasure_log.read(path)] == [world.person.contributor_id], (
        "written again from the rows"
    )
