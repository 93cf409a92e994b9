"""The links of the chain: what of an event is hashed, and how. Knows no database."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Protocol

GENESIS = "0" * 64


class Link(Protocol):
    """An event as the table or a row of a query holds it."""

    @property
    def id(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> str | None: ...
    @property
    def action(self) -> str: ...
    @property
    def subject_kind(self) -> str: ...
    @property
    def subject_id(self) -> str: ...
    @property
    def project_id(self) -> str | None: ...
    @property
    def details(self) -> dict[str, Any]: ...
    @property
    def previous_hash(self) -> str: ...
    @property
    def hash(self) -> str: ...


def digest_of(event: Link) -> str:
    """SHA-256 of the event's canonical JSON (sorted keys, no spaces, ASCII, UTC whatever the database's zone)."""
    body = {
        "id": event.id,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "subject": [event.subject_kind, event.subject_id],
        "project": event.project_id,
        "details": event.details,
        "previous": event.previous_hash,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def as_stored(details: dict[str, Any]) -> dict[str, Any]:
    """What a JSON column gives back: keys are text, tuples are lists. Raises TypeError, ValueError for other things."""
    stored: dict[str, Any] = json.loads(json.dumps(details, allow_nan=False))
    return stored


def as_dict(event: Link) -> dict[str, Any]:
    """Every column, ready for JSON."""
    return {
        "id": event.id,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "project_id": event.project_id,
        "details": event.details,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }
