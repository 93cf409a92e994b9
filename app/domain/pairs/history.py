"""The history of a pair for display: autosaves of one edit session are folded under the last of them. Pure.

Each autosave stays a revision: its id is in the audit log and may be the `If-Match` of another tab, so that replacing
the row would break both. Only the view folds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple

from app.domain.pairs.tables import Revision

SESSION_GAP = timedelta(minutes=10)


class EditSession(NamedTuple):
    """`last` is shown; `earlier`, newest first, can be unfolded."""

    last: Revision
    earlier: list[Revision]


def edit_sessions(revisions: Sequence[Revision], milestones: Collection[str] = ()) -> list[EditSession]:
    """Return the sessions, newest first. `milestones` are ids of revisions that are never folded: submitted, reviewed
    or current ones."""
    sessions: list[EditSession] = []
    newer: Revision | None = None
    for revision in sorted(revisions, key=lambda revision: -revision.number):
        if newer is not None and revision.id not in milestones and _same_session(revision, newer):
            sessions[-1].earlier.append(revision)
        else:
            sessions.append(EditSession(revision, []))
        newer = revision
    return sessions


def _same_session(older: Revision, newer: Revision) -> bool:
    return older.author_id == newer.author_id and newer.created_at - older.created_at <= SESSION_GAP
