"""Take the next pair under a lease, decide it, undo a decision; and what else changes a lease or a pair's state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Forbidden
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries, states
from app.domain.pairs.indexes import index_actions
from app.domain.pairs.states import HIDDEN, State
from app.domain.pairs.tables import Pair
from app.domain.projects import access, actions as projects_actions, queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.reviews import decisions, queries, queue_queries
from app.domain.reviews.decisions import Answer
from app.domain.reviews.tables import ADJUDICATION, GOLD, REVIEW, Lease, Review

LEASE_SECONDS = 300
LEASE = timedelta(seconds=LEASE_SECONDS)
EVENTS = {REVIEW: "review.decided", ADJUDICATION: "review.adjudicated", GOLD: "gold.answered"}
NOTIFICATIONS = {
    State.APPROVED: "pair.accepted",
    State.REJECTED: "pair.rejected",
    State.CHANGES_REQUESTED: "pair.returned",
}


def take_next(session: Session, user: User, project: Project, tag: tuple[str, str] | None = None) -> Lease | None:
    """Return the user's current lease, or lease the oldest waiting pair in this transaction; None when none waits.

    With a `tag` (name, value) the oldest pair that has it; a current lease is returned whatever its tags.
    """
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if (lease := queries.lock_lease_of(session, user, project)) is not None:
        return _prolong(session, lease)
    pair = queue_queries.next_gold(session, user, project, tag) or queue_queries.next_pair(session, user, project, tag)
    if pair is None:
        return None
    _remove_expired(session, user, pair)
    lease = _lease(session, user, pair)
    pairs_actions.record(session, user, "lease.taken", pair)
    return lease


def renew(session: Session, user: User, lease_id: str) -> Lease:
    """Extend a lease. Raises NotFound for an outsider or an unknown lease, Conflict when the user lost it."""
    lease, _, _ = _open_lease(session, user, lease_id)
    return _prolong(session, lease)


def release(session: Session, user: User, lease_id: str) -> None:
    """Put the pair back into the queue. Raises as `renew` does."""
    lease, pair, project = _open_lease(session, user, lease_id)
    pair = pairs_actions.lock(session, pair.id)
    session.delete(lease)
    update_state(session, project, pair)
    pairs_actions.record(session, user, "lease.released", pair)


def take_over(session: Session, user: User, lease_id: str) -> Lease:
    """Move another reviewer's lease to this user; the former holder can no longer decide the pair.

    Raises NotFound for an unknown lease, Forbidden for the user's own pair, Conflict when the user holds or has
    reviewed it.
    """
    lease = queries.lease_by_id(session, lease_id)
    pair = pairs_queries.by_id(session, lease.pair_id)
    access.require_in(session, user, Permission.MANAGE_PROJECT, pair.project_id)
    pair = pairs_actions.lock(session, pair.id)
    _require_transferable(session, user, pair, lease)
    holder = lease.reviewer_id
    _notify_taken_over(session, user, pair, [holder])
    session.execute(delete(Lease).where(Lease.pair_id == pair.id, Lease.reviewer_id.in_((holder, user.id))))
    lease = _lease(session, user, pair)
    pairs_actions.record(session, user, "lease.taken_over", pair, former=holder)
    return lease


def decide(
    session: Session,
    user: User,
    pair: Pair,
    *,
    lease: str,
    decision: str,
    ratings: dict[str, Any],
    comment: str = "",
    messages: list[dict[str, Any]] | None = None,
    revision: str | None = None,
) -> Review:
    """Review the submitted revision; `revision` names the one that the reviewer saw.

    Raises Forbidden for the user's own pair, Conflict for a lost lease or another revision, Invalid.
    """
    project = access.require_in(session, user, Permission.REVIEW_PAIR, pair.project_id)
    if pair.author_id == user.id:
        raise Forbidden("You cannot review your own pair.")
    pair = pairs_actions.lock(session, pair.id)
    own_lease = queries.own_lease(session, user, lease)
    _require_unchanged(pair, own_lease, revision)
    answer = Answer(decision, ratings, comment, messages)
    decisions.check(project, answer)
    return store(session, user, project, pair, answer, GOLD if pair.is_gold else REVIEW)


def undo(session: Session, user: User, review: Review) -> None:
    """Undo the user's own decision. Raises Forbidden for another user's, Conflict when the pair changed since."""
    pair = pairs_queries.by_id(session, review.pair_id)
    project = access.require_in(session, user, Permission.REVIEW_PAIR, pair.project_id)
    if review.reviewer_id != user.id:
        raise Forbidden("You can undo only your own decisions.")
    pair = pairs_actions.lock(session, pair.id)
    _require_undoable(session, pair, review)
    review.undone_at = now()
    pair.submitted_revision_id = review.reviewed_revision_id
    session.flush()
    update_state(session, project, pair)
    pairs_actions.record(session, user, "review.undone", pair, review=review.id)


def restore(session: Session, user: User, pair: Pair) -> Pair:
    """Undo a discard: the pair gets the state that follows from its reviews. Raises Forbidden, Conflict."""
    project = pairs_actions.undiscard(session, user, pair)
    update_state(session, project, pair)
    if pair.state not in HIDDEN:
        index_actions.request(session, project.id)  # no embedding is computed for a hidden pair
    pairs_actions.record(session, user, "pair.brought_back", pair, state=pair.state)
    return pair


def remove_member(session: Session, user: User, project: Project, member_id: str) -> None:
    """Remove a member from the project and put their leased pairs back into the queue. Their contributions stay.

    Raises Forbidden, and NotFound for a user who is not a member.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    projects_queries.membership_of(session, project, member_id)
    pair_ids = [lease.pair_id for lease in queries.leases_of_member(session, member_id, project)]
    pairs = [pairs_actions.lock(session, pair_id) for pair_id in pair_ids]  # all of them before the audit log's lock
    session.execute(delete(Lease).where(Lease.reviewer_id == member_id, Lease.pair_id.in_(pair_ids)))
    for pair in pairs:
        update_state(session, project, pair)
    projects_actions.remove_membership(session, user, project, member_id)
    for pair in pairs:
        pairs_actions.record(session, user, "lease.released", pair, former=member_id)


def store(session: Session, user: User, project: Project, pair: Pair, answer: Answer, kind: str) -> Review:
    """Add a review of this kind with its correction, end the leases, update the pair's state, notify and record.

    The caller has checked the permission and the answer. An answer to a gold pair leaves the pair as it is.
    """
    reviewed = pair.submitted_revision_id or pair.current_revision_id
    if kind != GOLD and answer.messages is not None:
        _apply_correction(session, user, project, pair, answer.messages)
    review = Review(
        pair_id=pair.id,
        revision_id=pair.submitted_revision_id or reviewed,
        reviewed_revision_id=reviewed,
        reviewer_id=user.id,
        decision=answer.decision,
        ratings=decisions.complete(project, answer.ratings),
        comment=answer.comment,
        guideline_id=guidelines_queries.current_id(session, project),
        kind=kind,
    )
    session.add(review)
    leases = delete(Lease).where(Lease.pair_id == pair.id)
    session.execute(leases if kind == ADJUDICATION else leases.where(Lease.reviewer_id == user.id))
    session.flush()
    details = {"decision": answer.decision, "review": review.id}
    if kind != GOLD:
        details["revision"] = review.revision_id
        update_state(session, project, pair)
        _notify_decided(session, pair, review)
    pairs_actions.record(session, user, EVENTS[kind], pair, **details)
    return review


def update_state(session: Session, project: Project, pair: Pair) -> None:
    """Set the state that follows from the pair's deciding reviews and leases; a gold pair keeps its state."""
    if pair.is_gold and pair.state != State.DISCARDED:
        return
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


def _apply_correction(
    session: Session, user: User, project: Project, pair: Pair, messages: list[dict[str, Any]]
) -> None:
    """Save the reviewer's text as a new revision and make it the submitted one. Does nothing when it is unchanged."""
    content = pairs_actions.content_of(pairs_queries.submitted(session, pair))
    corrected = pair_content.parse({**content.as_dict(), "messages": messages})
    if corrected != content:
        pair.submitted_revision_id = pairs_actions.add_revision(session, project, pair, user, corrected).id


def _notify_decided(session: Session, pair: Pair, review: Review) -> None:
    """Notify the author once the pair is decided, and the admins of an escalation; neither names the reviewer."""
    kind, people = NOTIFICATIONS.get(State(pair.state)), [pair.author_id]
    if review.decision == "escalate":
        kind = "pair.escalated"
        people += queries.active_admins(session)
    if kind:
        pairs_actions.notify(session, people, kind, pair, but=review.reviewer_id)


def _lease(session: Session, user: User, pair: Pair) -> Lease:
    lease = Lease(pair_id=pair.id, reviewer_id=user.id, expires_at=now() + LEASE)
    session.add(lease)
    if not pair.is_gold and pair.state != State.IN_REVIEW:
        pair.state = State.IN_REVIEW
    return lease


def _prolong(session: Session, lease: Lease) -> Lease:
    lease.expires_at = now() + LEASE
    return lease


def _remove_expired(session: Session, user: User, pair: Pair) -> None:
    if expired := dict(queries.expired_leases(session, pair)):
        _notify_taken_over(session, user, pair, list(expired.values()))
        session.execute(delete(Lease).where(Lease.id.in_(expired)))


def _notify_taken_over(session: Session, user: User, pair: Pair, holders: Sequence[str]) -> None:
    """Notify the former holders of a lease that the pair went to another reviewer."""
    if set(holders) - {user.id}:
        pairs_actions.notify(session, holders, "lease.taken_over", pair, but=user.id)


def _open_lease(session: Session, user: User, lease_id: str) -> tuple[Lease, Pair, Project]:
    """The user's live lease, its pair and project. An unknown lease and one of another project are both NotFound."""
    pair = pairs_queries.by_id(session, queries.lease_by_id(session, lease_id).pair_id)
    project = access.require_in(session, user, Permission.REVIEW_PAIR, pair.project_id)
    return queries.own_lease(session, user, lease_id), pair, project


def _require_unchanged(pair: Pair, lease: Lease, revision: str | None) -> None:
    if lease.pair_id != pair.id or (pair.submitted_revision_id is None and not pair.is_gold):
        raise Conflict("Your lease is on another pair, or the author withdrew this one; take the next pair.")
    if revision and revision != (pair.submitted_revision_id or pair.current_revision_id):
        raise Conflict("The text has changed since you opened it; read it again before you decide.")


def _require_transferable(session: Session, user: User, pair: Pair, lease: Lease) -> None:
    if pair.author_id == user.id:
        raise Forbidden("You cannot review your own pair; ask another reviewer to take it over.")
    if lease.reviewer_id == user.id or lease.expires_at < now():
        raise Conflict("There is nothing to take over: the pair is yours already or waits in the queue.")
    if any(review.reviewer_id == user.id for review in queries.deciding(session, pair)):
        raise Conflict("You have already reviewed this pair; ask another reviewer to take it over.")


def _require_undoable(session: Session, pair: Pair, review: Review) -> None:
    if review.kind == GOLD:
        raise Conflict("You have seen the right answer; this decision cannot be undone.")
    deciding = queries.deciding(session, pair)
    if review.undone_at or review not in deciding:
        raise Conflict("The pair has changed since; this decision cannot be undone.")
    if review.kind == REVIEW and any(other.kind == ADJUDICATION for other in deciding):
        raise Conflict("The pair has been adjudicated since; ask the adjudicator.")
    if review.reviewed_revision_id != review.revision_id and len(deciding) > 1:
        raise Conflict("Another reviewer has reviewed your correction since; this decision cannot be undone.")
