"""Taking the next pair under a lease, deciding it, taking a decision back; and what changes a desk from outside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.db import fast_rows
from app.core.db.base import now
from app.core.errors import Conflict, Forbidden, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs import states
from app.domain.pairs.indexes import embedding_index, near_duplicates
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects import actions as projects_actions
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.reviews import decisions, gold_answers, notifications, queries, queue
from app.domain.reviews.decisions import DECISIONS, NEEDS_REASON
from app.domain.reviews.queue import ADJUDICATION, GOLD, OPINION
from app.domain.reviews.tables import Lease, Review

__all__ = [
    "DECISIONS",
    "NEEDS_REASON",
    "decide",
    "release",
    "remove_member",
    "renew",
    "restore",
    "take_next",
    "take_over",
    "undo",
]
LEASE_SECONDS = 300
LEASE = timedelta(seconds=LEASE_SECONDS)


def take_next(session: Session, user: User, project: Project, tag: tuple[str, str] | None = None) -> Lease | None:
    """The item on the user's desk, or the oldest that waits, leased in this transaction. None when none waits.

    With a `tag` (name, value) the oldest that has it; what is on the desk comes first all the same.
    """
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if (mine := queries.lock_lease_of(session, user, project)) is not None:
        return _prolong(session, mine)
    pair = queries.next_gold(session, user, project, tag) or _next_pair(session, user, project, tag)
    if pair is None:
        return None
    _clear_ended(session, user, pair)
    lease = _lease(session, user, pair)
    audit_actions.record(session, user.id, "lease.taken", "pair", pair.id, project_id=project.id)
    return lease


def renew(session: Session, user: User, lease_id: str) -> Lease:
    """Raises NotFound for a stranger or an ended lease, Conflict when it is not the user's (any more)."""
    lease, _, _ = _open_lease(session, user, lease_id)
    return _prolong(session, lease)


def release(session: Session, user: User, lease_id: str) -> None:
    """Put the pair back into the queue."""
    lease, pair, project = _open_lease(session, user, lease_id)
    pair = pairs_actions.lock(session, pair.id)
    fast_rows.remove(session, lease)
    _derive(session, project, pair)
    audit_actions.record(session, user.id, "lease.released", "pair", pair.id, project_id=project.id)


def take_over(session: Session, user: User, lease_id: str) -> Lease:
    """Another's item goes to this user's desk. What the former holder decides from then on is refused as lost.

    Raises NotFound for an ended lease, Forbidden for own work, Conflict for what the user holds or has judged.
    """
    found = session.get(Lease, lease_id)
    if found is None:
        raise NotFound()
    pair = pairs_queries.by_id(session, found.pair_id)
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    pair = pairs_actions.lock(session, pair.id)
    _require_takeable(session, user, pair, found)
    holder = found.reviewer_id
    notifications.taken_over(session, user, pair, [holder])
    session.execute(delete(Lease).where(Lease.pair_id == pair.id, Lease.reviewer_id.in_((holder, user.id))))
    lease = _lease(session, user, pair)
    audit_actions.record(session, user.id, "lease.taken_over", "pair", pair.id, project_id=project.id, former=holder)
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
    """Record a verdict on the submitted revision; `revision` says which one was read.

    Raises Forbidden for own work, Conflict for a lost lease or another revision, Invalid.
    """
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if pair.author_id == user.id:
        raise Forbidden("A reviewer never reviews own work.")
    pair = pairs_actions.lock(session, pair.id)
    held = _own_lease(session, user, lease)
    _require_same(pair, held, revision)
    decisions.check(project, decision, ratings, comment, messages)
    if pair.is_gold:
        return gold_answers.record_answer(session, user, project, pair, held, decision, ratings, comment)
    reviewed = str(pair.submitted_revision_id)
    decisions.apply_correction(session, user, project, pair, messages)
    review = decisions.write(
        session, user, project, pair, reviewed=reviewed, decision=decision, ratings=ratings, comment=comment
    )
    fast_rows.remove(session, held)
    _derive(session, project, pair)
    notifications.decided(session, pair, review)
    audit_actions.record(
        session,
        user.id,
        "review.decided",
        "pair",
        pair.id,
        project_id=project.id,
        decision=decision,
        review=review.id,
        revision=review.revision_id,
    )
    return review


def undo(session: Session, user: User, review: Review) -> None:
    """Take one's own last decision back. Raises Forbidden for another's, Conflict when the pair moved on."""
    pair = pairs_queries.by_id(session, review.pair_id)
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if review.reviewer_id != user.id:
        raise Forbidden("You may undo your own decisions only.")
    pair = pairs_actions.lock(session, pair.id)
    _require_undoable(session, pair, review)
    review.undone_at = now()
    pair.submitted_revision_id = review.reviewed_revision_id
    session.flush()
    _derive(session, project, pair)
    audit_actions.record(session, user.id, "review.undone", "pair", pair.id, project_id=project.id, review=review.id)


def restore(session: Session, user: User, pair: Pair) -> Pair:
    """Undo a discard: the pair is again what the verdicts on it make of it. Raises Forbidden, Conflict."""
    project = pairs_actions.undiscard(session, user, pair)
    decisions.derive(session, project, pair)
    if pair.state not in near_duplicates.HIDDEN:
        embedding_index.request(session, project.id)  # while it was hidden, none was made
    audit_actions.record(
        session, user.id, "pair.brought_back", "pair", pair.id, project_id=project.id, state=pair.state
    )
    return pair


def remove_member(session: Session, user: User, project: Project, member_id: str) -> None:
    """Take a person out of the project: what is on their desk goes back to the queue, what they gave stays.

    Raises Forbidden, NotFound for somebody who is no member.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    projects_queries.membership_of(session, project, member_id)
    ids = [lease.pair_id for lease in queries.held_by(session, member_id, project)]
    pairs = [pairs_actions.lock(session, pair_id) for pair_id in ids]  # all of them before the log's own lock
    session.execute(delete(Lease).where(Lease.reviewer_id == member_id, Lease.pair_id.in_(ids)))
    for pair in pairs:
        _derive(session, project, pair)
    projects_actions.remove_member(session, user, project, member_id)
    for pair in pairs:
        audit_actions.record(
            session, user.id, "lease.released", "pair", pair.id, project_id=project.id, former=member_id
        )


def _next_pair(session: Session, user: User, project: Project, tag: tuple[str, str] | None) -> Pair | None:
    """The oldest pair that wants an opinion, locked. One that another has locked is passed over, never waited for:
    a decision before it in this transaction holds the lock of the audit log, and the other may be waiting for that."""
    passed: list[str] = []
    spelt = pairs_queries.spellings(session, project, tag[0], [tag[1]]) if tag else None
    while (pair := _lock_one(session, user, project, passed, spelt)) is not None:
        if pair.state == states.State.SUBMITTED or _still_wanted(session, user, project, pair):
            return pair
        passed.append(pair.id)
    return None


def _lock_one(
    session: Session, user: User, project: Project, passed: list[str], spelt: list[tuple[str, str]] | None
) -> Pair | None:
    """`spelt`: only those with a tag that is spelt so; None for all."""
    asked = {**queue.QueueParams.of(user, project).values(), "passed": passed}
    if spelt is not None:
        return queue.tag_filtered(session, queue.TAKING, asked, spelt) if spelt else None
    found = (session.scalar(statement, asked) for statement in queue.NEXT)
    return next((pair for pair in found if pair is not None), None)


def _still_wanted(session: Session, user: User, project: Project, pair: Pair) -> bool:
    """Asked again under the lock: the statement that found the pair may not have seen the newest lease."""
    asked = {**queue.QueueParams.of(user, project).values(), "pair": pair.id}
    return session.scalar(queue.WANTED, asked) is not None


def _clear_ended(session: Session, user: User, pair: Pair) -> None:
    if ended := dict(queries.ended_leases(session, pair)):
        notifications.taken_over(session, user, pair, list(ended.values()))
        session.execute(delete(Lease).where(Lease.id.in_(ended)))


def _lease(session: Session, user: User, pair: Pair) -> Lease:
    lease = Lease(pair_id=pair.id, reviewer_id=user.id, expires_at=now() + LEASE)
    fast_rows.add(session, lease)
    if not pair.is_gold and pair.state != states.State.IN_REVIEW:
        fast_rows.change(session, pair, state=states.State.IN_REVIEW)
    return lease


def _prolong(session: Session, lease: Lease) -> Lease:
    fast_rows.change(session, lease, expires_at=now() + LEASE)
    return lease


def _derive(session: Session, project: Project, pair: Pair) -> None:
    """A gold pair keeps the state it had."""
    if not pair.is_gold:
        decisions.derive(session, project, pair)


def _require_same(pair: Pair, held: Lease, revision: str | None) -> None:
    if held.pair_id != pair.id or (pair.submitted_revision_id is None and not pair.is_gold):
        raise Conflict("Your lease is on another pair, or the author took this one back; take the next.")
    if revision and revision != (pair.submitted_revision_id or pair.current_revision_id):
        raise Conflict("The text has changed since you opened it; read it again before you decide.")


def _require_takeable(session: Session, user: User, pair: Pair, lease: Lease) -> None:
    if pair.author_id == user.id:
        raise Forbidden("A reviewer never reviews own work; ask another to take it over.")
    if lease.reviewer_id == user.id or lease.expires_at < now():
        raise Conflict("There is nothing to take over: the item is yours, or waits in the queue.")
    if any(one.reviewer_id == user.id for one in queries.deciding(session, pair)):
        raise Conflict("You have judged this pair; ask another to take it over.")


def _require_undoable(session: Session, pair: Pair, review: Review) -> None:
    if review.kind == GOLD:
        raise Conflict("The right answer was shown; this one cannot be undone.")
    standing = queries.deciding(session, pair)
    if review.undone_at or review not in standing:
        raise Conflict("The pair has moved on since; this decision cannot be undone.")
    if review.kind == OPINION and any(one.kind == ADJUDICATION for one in standing):
        raise Conflict("The pair was adjudicated since; ask who adjudicated it.")
    if review.reviewed_revision_id != review.revision_id and len(standing) > 1:
        raise Conflict("Another has judged your correction since; this decision cannot be undone.")


def _open_lease(session: Session, user: User, lease_id: str) -> tuple[Lease, Pair, Project]:
    """The user's live lease with what it is on. An unknown lease and one of another project answer the same."""
    lease = session.get(Lease, lease_id)
    if lease is None:
        raise NotFound()
    pair = pairs_queries.by_id(session, lease.pair_id)
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    return _own_lease(session, user, lease_id), pair, project


def _own_lease(session: Session, user: User, lease_id: str) -> Lease:
    lease = fast_rows.get(session, Lease, lease_id, fresh=True)
    if lease is None or lease.reviewer_id != user.id or lease.expires_at < now():
        raise Conflict("Your lease on this pair has ended; take it again from the queue.", code="lease_lost")
    return lease
