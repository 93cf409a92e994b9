"""Registering the model of a run, and removing withdrawn examples from its files."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from app.core.storage import Storage
from app.domain.audit import actions as audit_actions
from app.domain.models.tables import ModelVersion
from app.domain.projects import queries as projects_queries
from app.domain.runs.tables import TrainingRun


def register(session: Session, run: TrainingRun, artifacts: list[dict[str, Any]]) -> ModelVersion:
    """Add a candidate model. The database refuses a second model of the same run."""
    model = ModelVersion(
        project_id=run.project_id,
        number=projects_queries.next_number(session, ModelVersion, run.project_id),
        run_id=run.id,
        artifacts=artifacts,
    )
    session.add(model)
    session.flush()
    audit_actions.record(session, None, "model.registered", "model", model.id, project_id=run.project_id, run=run.id)
    return model


def redact(storage: Storage, model: ModelVersion, revisions: set[str], left: set[tuple[str, str]]) -> set[str]:
    """Rewrite the answers and the report among the model's files. Returns the addresses of the replaced files.

    `left` holds the slices (tag, value) that still have examples. Weights cannot forget: pages and cards mark the model
    as trained on withdrawn data.
    """
    artifacts, replaced = [], set()
    for artifact in model.artifacts:
        body = _redacted(storage, artifact, revisions, left)
        if body is None:
            artifacts.append(artifact)
            continue
        sha256, size = storage.put([body])
        artifacts.append({**artifact, "sha256": sha256, "size": size})
        if sha256 != artifact["sha256"]:
            replaced.add(artifact["sha256"])
    model.artifacts = artifacts
    return replaced


def _redacted(
    storage: Storage, artifact: dict[str, Any], revisions: set[str], left: set[tuple[str, str]]
) -> bytes | None:
    """Return the file without withdrawn examples, or None for a file that holds no example."""
    if artifact["name"] == "answers.jsonl":
        lines = storage.bytes_of(artifact["sha256"]).splitlines(keepends=True)
        return b"".join(line for line in lines if line.strip() and json.loads(line)["id"] not in revisions)
    if artifact["name"] == "report.json":
        report = json.loads(storage.bytes_of(artifact["sha256"]))
        slices = [part for part in report.get("slices", []) if (part["tag"], part["value"]) in left]
        return json.dumps({**report, "slices": slices}, indent=1).encode() + b"\n"
    return None
