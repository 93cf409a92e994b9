"""Notifications of the caller."""

from __future__ import annotations

from typing import Any

from app.api.schemas.base import Body, Items, Json, Model, Timestamp


class MarkRead(Body):
    """Ids, or all of them."""

    ids: list[str] | None = None
    all: bool = False


class Subject(Model):
    kind: str
    id: str


class NotificationOut(Model):
    id: str
    kind: str
    project_id: str
    created_at: Timestamp
    read_at: Timestamp | None
    details: Json
    subject: Subject

    @classmethod
    def of(cls, row: Any) -> NotificationOut:
        names = ("id", "kind", "project_id", "created_at", "read_at", "details")
        fields = {name: getattr(row, name) for name in names}
        return cls(**fields, subject=Subject(kind=row.subject_kind, id=row.subject_id))


class Notifications(Items[NotificationOut]):
    unread: int


class MarkedRead(Model):
    read: int
    unread: int
