"""Telling somebody."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.domain.notifications.tables import Notification


def notify(
    session: Session, user_id: str, project_id: str, kind: str, subject_kind: str, subject_id: str, **details: Any
) -> Notification:
    """A line for one person, in the transaction of what it tells. The event itself is in the audit log already."""
    line = Notification(
        user_id=user_id,
        project_id=project_id,
        kind=kind,
        subject_kind=subject_kind,
        subject_id=subject_id,
        details=details,
    )
    session.add(line)
    return line
