"""A reviewer's answer to a gold pair."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core.db import fast_rows
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import decisions
from app.domain.reviews.queue import GOLD
from app.domain.reviews.tables import Lease, Review


def record_answer(
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    held: Lease,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
) -> Review:
    """A step of reviews.decide, which has asked and checked: the verdict is kept beside the right one."""
    read = pairs_queries.submitted(session, pair).id
    review = decisions.write(
        session, user, project, pair, reviewed=read, decision=decision, ratings=ratings, comment=comment, kind=GOLD
    )
    fast_rows.remove(session, held)
    audit_actions.record(
        session, user.id, "gold.answered", "pair", pair.id, project_id=project.id, decision=decision, review=review.id
    )
    return review
