"""The audit log and its verification."""

from __future__ import annotations

from app.api.schemas.base import Json, Model


class Event(Model):
    id: int
    at: str
    actor: str | None
    action: str
    subject_kind: str
    subject_id: str
    project_id: str | None
    details: Json
    previous_hash: str
    hash: str


class Verification(Model):
    """Whether the events after `start` up to `count` are as recorded, and `words` that say so."""

    intact: bool
    words: str
    start: int
    count: int
    head: str
    problem: str | None
    first_bad: int | None
    agreeing: int
    last_checkpoint: Json | None
    remarks: list[str]
    walked: bool
