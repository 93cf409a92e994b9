"""Rulings where opinions stay split or somebody escalated, and sending approvals of an older rule to review again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, literal, update
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
from app.domain.reviews import decisions, notifications, queries, queue
from app.domain.reviews.queue import ADJUDICATION, DECIDING
from app.domain.reviews.tables import Lease, Review

AT_ONCE = 500


def require_adjudicator(session: Session, user: User, project: Project, pair: Pair) -> None:
    """An editor or admin, never the author; one who gave an opinion only when admin. Raises Forbidden, Conflict."""
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if pair.author_id == user.id:
        raise Forbidden("A reviewer never reviews own work.")
    if not queries.awaits_ruling(session, project, pair):
        raise Conflict("This pair needs no ruling: it is decided, or more opinions are still asked for.")
    if not user.is_admin and any(one.reviewer_id == user.id for one in queries.deciding(session, pair)):
        raise Forbidden("You gave an opinion on this pair; another editor or an admin rules.")


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
    """The ruling decides the state. Raises Forbidden, Conflict when none is needed, Invalid."""
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    pair = pairs_actions.lock(session, pair.id)
    require_adjudicator(session, user, project, pair)
    decisions.check(project, decision, ratings, comment, messages, decisions.RULINGS)
    reviewed = str(pair.submitted_revision_id)
    decisions.apply_correction(session, user, project, pair, messages)
    review = decisions.write(
        session,
        user,
        project,
        pair,
        reviewed=reviewed,
        decision=decision,
        ratings=ratings,
        comment=comment,
        kind=ADJUDICATION,
    )
    session.execute(delete(Lease).where(Lease.pair_id == pair.id))
    decisions.derive(session, project, pair)
    notifications.decided(session, pair, review)
    audit_actions.record(
        session,
        user.id,
        "review.adjudicated",
        "pair",
        pair.id,
        project_id=project.id,
        decision=decision,
        review=review.id,
        revision=review.revision_id,
    )
    return review


def review_again(session: Session, user: User, project: Project, pair_ids: Sequence[str] | None) -> int:
    """Approvals under an older guideline go back into the queue, AT_ONCE at most; None means the oldest of them all.

    What was said stays in the history and decides no longer. Returns how many went. Raises Forbidden, Conflict.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    current = guidelines_queries.current(session, project)
    if current is None:
        raise Conflict("The project has no guideline, so that nothing was approved under an older one.")
    statement = (
        queries.approved_under_older_guideline(project, current)
        .order_by(Pair.id)
        .limit(AT_ONCE)
        .with_for_update(of=Pair)
    )
    if pair_ids is not None:
        statement = statement.where(Pair.id.in_(list(pair_ids)[:AT_ONCE]))
    pairs = list(session.scalars(statement))
    if not pairs:
        raise Conflict("None of these was approved under an older guideline; reload the list.")
    ids = [pair.id for pair in pairs]
    _set_aside(session, ids)
    for pair in pairs:
        pair.state, pair.updated_at = State.SUBMITTED, now()
    audit_actions.record(
        session,
        user.id,
        "pairs.sent_to_review_again",
        "project",
        project.id,
        project_id=project.id,
        pairs=ids,
        guideline=current.number,
    )
    return len(pairs)


def _set_aside(session: Session, ids: Sequence[str]) -> None:
    """No verdict and no lease is left on them: what `derive` calls submitted."""
    session.execute(delete(Lease).where(Lease.pair_id.in_(ids)))
    session.execute(
        update(Review)
        .where(
            Review.pair_id.in_(ids),
            Review.kind.in_(DECIDING),
            Review.revision_id.in_(queue.submitted_of(ids)),
        )
        .values(kind=literal("old_") + Review.kind)
        .execution_options(synchronize_session=False)
    )
