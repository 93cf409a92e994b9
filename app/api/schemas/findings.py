"""Findings: named weaknesses of a run."""

from __future__ import annotations

from app.api.schemas.base import Body, Json, Model, Timestamp


class NewFinding(Body):
    run_id: str
    tag: str
    value: str
    title: str = ""
    note: str = ""


class RoundOfFinding(Body):
    title: str | None = None
    brief: str | None = None
    targets: list[Json] | None = None


class FindingOut(Model):
    id: str
    run_id: str
    tag: str
    value: str
    title: str
    note: str
    failing: list[Json]
    state: str
    round_id: str | None
    created_at: Timestamp
