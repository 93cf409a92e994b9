"""Adjudicate pairs with split or escalated reviews, and send approvals under an older guideline to review again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, literal, select, update
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Forbidden
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews import actions, decisions, queries, queue_queries
from app.domain.reviews.decisions import Answer
from app.domain.reviews.tables import ADJUDICATION, DECIDING, Lease, Review

BATCH = 500
"""How many pairs are sent to review again at once."""


def require_adjudicator(session: Session, user: User, project: Project, pair: Pair) -> None:
    """Require an editor or admin who is not the author; an editor must not have reviewed the pair.

    Raises Forbidden, and Conflict when the pair needs no adjudication.
    """
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if pair.author_id == user.id:
        raise Forbidden("You cannot review your own pair.")
    if not queue_queries.awaits_adjudication(session, project, pair):
        raise Conflict("This pair needs no adjudication: it is decided, or needs more reviews first.")
    if not user.is_admin and any(review.reviewer_id == user.id for review in queries.deciding(session, pair)):
        raise Forbidden("You reviewed this pair; another editor or an admin must adjudicate it.")


def adjudicate(
    session: Session,
    user: User,
    pair: Pair,
    *,
    decision: str,
    ratings: dict[str, Any],
    comment: str = "",
    messages: list[dict[str, Any]] | None = None,
) -> Review:
    """Decide the pair's state. Raises Forbidden, Conflict when the pair needs no adjudication, Invalid."""
    project = access.require_in(session, user, Permission.REVIEW_PAIR, pair.project_id)
    pair = pairs_actions.lock(session, pair.id)
    require_adjudicator(session, user, project, pair)
    answer = Answer(decision, ratings, comment, messages)
    decisions.check(project, answer, decisions.FINAL_DECISIONS)
    return actions.store(session, user, project, pair, answer, ADJUDICATION)


def review_again(session: Session, user: User, project: Project, pair_ids: Sequence[str] | None) -> int:
    """Put approvals under an older guideline back into the queue, at most BATCH; None means the oldest of all.

    Their reviews stay in the history and no longer decide. Returns the number of pairs. Raises Forbidden, Conflict.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    current = guidelines_queries.current(session, project)
    if current is None:
        raise Conflict("The project has no guideline, so no pair was approved under an older one.")
    older = queries.approved_under_older_guideline(project, current)
    if pair_ids is not None:
        older = older.where(Pair.id.in_(list(pair_ids)[:BATCH]))
    pairs = list(session.scalars(older.order_by(Pair.id).limit(BATCH).with_for_update(of=Pair)))
    if not pairs:
        raise Conflict("None of these pairs was approved under an older guideline; reload the list.")
    ids = [pair.id for pair in pairs]
    _retire_reviews(session, ids)
    for pair in pairs:
        pair.state, pair.updated_at = State.SUBMITTED, now()
    details: dict[str, Any] = {"project_id": project.id, "pairs": ids, "guideline": current.number}
    audit_actions.record(session, user.id, "pairs.sent_to_review_again", "project", project.id, **details)
    return len(pairs)


def _retire_reviews(session: Session, pair_ids: Sequence[str]) -> None:
    """Remove the pairs' leases and mark their reviews as old, so that `states.derive` gives submitted."""
    session.execute(delete(Lease).where(Lease.pair_id.in_(pair_ids)))
    submitted = select(Pair.submitted_revision_id).where(Pair.id.in_(pair_ids))
    deciding = (Review.pair_id.in_(pair_ids), Review.kind.in_(DECIDING), Review.revision_id.in_(submitted))
    retired = update(Review).where(*deciding).values(kind=literal("old_") + Review.kind)
    session.execute(retired.execution_options(synchronize_session=False))
