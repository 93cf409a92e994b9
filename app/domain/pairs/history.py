"""The history as a person reads it: autosaves of one sitting folded under the last of them. Pure.

Every rest of the keyboard is a revision of its own and stays one: an id, once given, stands in the audit log and in
the `If-Match` of another tab, so that replacing a row would break both. Only the view folds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple

from app.domain.pairs.tables import Revision

SITTING = timedelta(minutes=10)


class EditSession(NamedTuple):
    """`last` is shown; `earlier`, newest first, unfold from it."""

    last: Revision
    earlier: list[Revision]


def edit_sessions(revisions: Sequence[Revision], milestones: Collection[str] = ()) -> list[EditSession]:
    """Newest first. A revision that was submitted, judged or is current (`milestones`) is never folded away."""
    found: list[EditSession] = []
    for one in sorted(revisions, key=lambda revision: -revision.number):
        newer = found[-1].earlier[-1] if found and found[-1].earlier else found[-1].last if found else None
        if newer is not None and one.id not in milestones and _same_sitting(one, newer):
            found[-1].earlier.append(one)
        else:
            found.append(EditSession(one, []))
    return found


def _same_sitting(one: Revision, newer: Revision) -> bool:
    return one.author_id == newer.author_id and newer.created_at - one.created_at <= SITTING
