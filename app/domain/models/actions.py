"""Registering what a run produced, and taking withdrawn examples out of its files."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from app.core.storage import Storage
from app.domain.audit import actions as audit_actions
from app.domain.models import queries
from app.domain.models.tables import ModelVersion
from app.domain.runs.tables import TrainingRun


def register(session: Session, run: TrainingRun, artifacts: list[dict[str, Any]]) -> ModelVersion:
    """A candidate, one a run (the database refuses a second)."""
    model = ModelVersion(
        project_id=run.project_id,
        number=queries.next_number(session, run.project_id),
        run_id=run.id,
        artifacts=artifacts,
    )
    session.add(model)
    session.flush()
    audit_actions.record(session, None, "model.registered", "model", model.id, project_id=run.project_id, run=run.id)
    return model


def redact(storage: Storage, model: ModelVersion, revisions: set[str], left: set[tuple[str, str]]) -> set[str]:
    """Rewrite the answers and the report among the files; returns the addresses left behind. Weights stay as they are.

    Weights cannot be made to forget: the model is marked as trained on withdrawn data wherever it is shown.
    """
    kept, gone = [], set()
    for artifact in model.artifacts:
        body = _redacted(storage, artifact, revisions, left)
        if body is None:
            kept.append(artifact)
            continue
        sha256, size = storage.put([body])
        kept.append({**artifact, "sha256": sha256, "size": size})
        if sha256 != artifact["sha256"]:
            gone.add(artifact["sha256"])
    model.artifacts = kept
    return gone


def _redacted(
    storage: Storage, artifact: dict[str, Any], revisions: set[str], left: set[tuple[str, str]]
) -> bytes | None:
    """The file without what was withdrawn; None for a file that holds no example."""
    if artifact["name"] == "answers.jsonl":
        lines = storage.bytes_of(artifact["sha256"]).splitlines(keepends=True)
        return b"".join(line for line in lines if line.strip() and json.loads(line)["id"] not in revisions)
    if artifact["name"] == "report.json":
        report = json.loads(storage.bytes_of(artifact["sha256"]))
        slices = [one for one in report.get("slices", []) if (one["tag"], one["value"]) in left]
        return json.dumps({**report, "slices": slices}, indent=1).encode() + b"\n"
    return None
