"""The steps that decisions share: apply a correction, store the review, update the pair's state, notify.

Each is called by an action that has checked the permission and the decision.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core.db.base import now
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.guidelines import queries as guidelines_queries
from app.domain.notifications import actions as notifications_actions
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries, states
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import decisions, queries
from app.domain.reviews.tables import ADJUDICATION, GOLD, REVIEW, Lease, Review

NOTIFICATIONS = {
    State.APPROVED: "pair.accepted",
    State.REJECTED: "pair.rejected",
    State.CHANGES_REQUESTED: "pair.returned",
}


def apply_correction(
    session: Session, user: User, project: Project, pair: Pair, messages: list[dict[str, Any]] | None
) -> None:
    """Save the reviewer's text as a new revision and make it the submitted one. Does nothing when it is unchanged."""
    if messages is None:
        return
    revision = pairs_queries.submitted(session, pair)
    corrected = pair_content.parse({**pairs_actions.content_of(revision).as_dict(), "messages": messages})
    if pairs_actions.unchanged(revision, corrected):
        return
    number = pairs_queries.last_number(session, pair) + 1
    saved = pairs_actions.add_revision(session, project, pair, user, corrected, number=number)
    pair.submitted_revision_id = saved.id


def add_review(
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    *,
    reviewed: str,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
    kind: str = REVIEW,
) -> Review:
    """Store a review. `reviewed` is the revision the reviewer saw; the pair's submitted one includes the correction."""
    review = Review(
        pair_id=pair.id,
        revision_id=pair.submitted_revision_id or reviewed,
        reviewed_revision_id=reviewed,
        reviewer_id=user.id,
        decision=decision,
        ratings=decisions.complete(project, ratings),
        comment=comment,
        guideline_id=guidelines_queries.current_id(session, project),
        kind=kind,
    )
    session.add(review)
    session.flush()
    return review


def update_state(session: Session, project: Project, pair: Pair) -> None:
    """Set the state that follows from the pair's deciding reviews and leases."""
    session.flush()
    reviews = queries.decisions(session, pair)
    adjudications = [decision for kind, decision in reviews if kind == ADJUDICATION]
    state = states.derive(
        discarded=pair.discarded_at is not None,
        submitted=pair.submitted_revision_id is not None,
        leased=not reviews and queries.live_leases(session, pair) > 0,
        decisions=[decision for kind, decision in reviews if kind == REVIEW],
        needed=pair.reviews_needed or project.overlap,
        adjudication=adjudications[-1] if adjudications else None,
    )
    pair.state, pair.updated_at = state, now()


def record_gold_answer(
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    lease: Lease,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
) -> Review:
    """Store a reviewer's answer to a gold pair and end the lease. The pair's state does not change."""
    reviewed = pairs_queries.submitted(session, pair).id
    review = add_review(
        session, user, project, pair, reviewed=reviewed, decision=decision, ratings=ratings, comment=comment, kind=GOLD
    )
    session.delete(lease)
    audit_actions.record(
        session, user.id, "gold.answered", "pair", pair.id, project_id=project.id, decision=decision, review=review.id
    )
    return review


def notify_decided(session: Session, pair: Pair, review: Review) -> None:
    """Notify the author once the pair is decided, and the admins of an escalation; neither names the reviewer."""
    if pair.is_gold:
        return
    kind, people = NOTIFICATIONS.get(State(pair.state)), [pair.author_id]
    if review.decision == "escalate":
        kind = "pair.escalated"
        people += queries.active_admins(session)
    if kind:
        notifications_actions.notify(session, people, pair.project_id, kind, "pair", pair.id, but=review.reviewer_id)
