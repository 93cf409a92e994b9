"""The links of the chain: which fields of an event are hashed, and how. Uses no database."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Protocol

GENESIS = "0" * 64


class Link(Protocol):
    """An event, as a table object or as a row of a query."""

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
    """Return the SHA-256 of the event's canonical JSON: sorted keys, no spaces, ASCII, times in UTC."""
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
    """Return the details as a JSON column returns them: text keys, lists for tuples. Raises TypeError, ValueError."""
    stored: dict[str, Any] = json.loads(json.dumps(details, allow_nan=False))
    return stored


def as_dict(event: Link) -> dict[str, Any]:
    """Return every column, ready for JSON."""
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
