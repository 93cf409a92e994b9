"""The demo project "riverbend", loaded in-process. Completed steps are skipped, so an interrupted start resumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.cli import accounts
from app.core.errors import AppError, Conflict
from app.domain.accounts.tables import User
from app.domain.guidelines import actions as guidelines_actions
from app.domain.imports import actions as imports_actions
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.projects import actions as projects_actions, queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.rounds import actions as rounds_actions, queries as rounds_queries
from app.domain.runs import actions as runs_actions, queries as runs_queries
from app.domain.runs.tables import TrainingRun
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.worker import loop

FOLDER = Path(__file__).with_name("demo")
SLUG = "riverbend"
PROJECT: dict[str, Any] = {
    "slug": SLUG,
    "name": "Riverbend Clinic: patient message routing",
    "task": "classification",
    "languages": ["en"],
    "domains": ["administration", "clinical", "finance"],
}
MEMBERS = {"expert": "expert@example.org", "editor": "editor@example.org"}
SOURCE, LICENSE = "Riverbend Clinic, written for the demo", "CC0-1.0"
TARGETS = [
    {"tag": "category", "value": value, "count": 10}
    for value in ("mental_health_support", "complaint_feedback", "pregnancy_care", "travel_medicine", "vaccination")
]
ROUND = "Cover the desks, then the edges"
VERSION: dict[str, Any] = {
    "name": "First version",
    "splits": {"train": 0.8, "validation": 0.1, "test": 0.1},
    "seed": 0,
}
RECIPE: dict[str, Any] = {"base_model": "starter", "method": "full", "max_minutes": 2.0}
TAGS = ("domain", "language", "category", "difficulty", "channel")
Say = Callable[[str], None]


def should_load(session: Session) -> bool:
    """Return whether there is no project yet, or the demo was not loaded completely."""
    admin = accounts.first_user(session, "admin")
    if (
        admin is None
        or accounts.first_user(session, "expert") is None
        or accounts.first_user(session, "editor") is None
    ):
        return False
    existing = projects_queries.projects_of(session, admin)
    riverbend = projects_queries.by_slug(session, SLUG)
    return not existing or (riverbend is not None and not runs_queries.runs(session, riverbend))


def load(installation: Installation, say: Say) -> None:
    """Create the project with guideline, round, approved pairs, review queue, frozen version and a first run."""
    for step in (_create_project, _import, _write_queue, _freeze, _train):
        with installation.database.session() as session:
            line = step(session, installation)
        if line:
            say(line)
        loop.drain(installation)


def first_run(session: Session) -> TrainingRun | None:
    """Return the demo's newest run if it has not ended."""
    project = projects_queries.by_slug(session, SLUG)
    runs = runs_queries.runs(session, project) if project else []
    return runs[0] if runs and runs[0].state in ("queued", "running") else None


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def queue_rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in read("queue.jsonl").splitlines() if line.strip()]


def content_of(row: dict[str, Any]) -> pair_content.Content:
    tags = {name: row[name] for name in TAGS if row.get(name)}
    return pair_content.pair(
        row["prompt"], row["completion"], tags=tags, source=row.get("source") or SOURCE, licence=LICENSE
    )


def _user(session: Session, role: str) -> User:
    user = accounts.first_user(session, role)
    if user is None:
        raise Conflict(f"The demo needs the {role} account, which no longer exists. Start with --no-demo.")
    return user


def _project(session: Session) -> Project:
    project = projects_queries.by_slug(session, SLUG)
    if project is None:
        raise Conflict("The demo project no longer exists. Start with --no-demo.")
    return project


def _create_project(session: Session, _: Installation) -> str | None:
    if projects_queries.by_slug(session, SLUG):
        return None
    admin = _user(session, "admin")
    project = projects_actions.create_project(session, admin, **PROJECT)
    for role, email in MEMBERS.items():
        projects_actions.add_member(session, admin, project, email=email, role=role)
    guidelines_actions.publish(session, admin, project, text=read("guideline.md"))
    rounds_actions.create_round(session, admin, project, title=ROUND, brief=read("brief.md"), targets=TARGETS)
    return "Created project riverbend with a guideline and a first round"


def _import(session: Session, installation: Installation) -> str | None:
    project = _project(session)
    if pairs_queries.counts_by_state(session, project):
        return None
    data = read("pairs.jsonl").encode()
    imports_actions.request_import(
        session,
        _user(session, "editor"),
        project,
        storage=installation.storage,
        data=data,
        filename="pairs.jsonl",
        format="jsonl",
        source=SOURCE,
        license=LICENSE,
        approve=True,
    )
    return f"Importing {len(data.splitlines()):,} approved pairs …"


def _write_queue(session: Session, _: Installation) -> str | None:
    """Submit the expert's pairs. Pairs that a check blocks stay drafts, as on the page."""
    project, expert = _project(session), _user(session, "expert")
    if pairs_queries.counts_by_state(session, project, author=expert.id):
        return None
    open_rounds = rounds_queries.open_rounds(session, project)
    submitted = 0
    for row in queue_rows():
        pair = pairs_actions.create(
            session, expert, project, content_of(row), round_id=open_rounds[0].id if open_rounds else None
        )
        try:
            pairs_actions.submit(session, expert, pair)
            submitted += 1
        except AppError:
            continue
    return f"Submitted {submitted:,} pairs for review"


def _freeze(session: Session, _: Installation) -> str | None:
    project = _project(session)
    if versions_queries.versions(session, project):
        return None
    versions_actions.request_version(session, _user(session, "admin"), project, **VERSION)
    return "Freezing the first version …"


def _train(session: Session, _: Installation) -> str | None:
    project = _project(session)
    if runs_queries.runs(session, project):
        return None
    version = versions_queries.versions(session, project)[0]
    runs_actions.request_run(session, _user(session, "admin"), project, version_id=version.id, recipe=RECIPE)
    counts = ", ".join(f"{version.counts[name]:,} {name}" for name in ("train", "validation", "test"))
    return f"Froze version 1 ({counts}) and queued the first fine-tuning run"
