"""Taking the next pair under a lease, and deciding it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.database import now
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit
from app.domain.guidelines import queries as guideline_queries
from app.domain.pairs import actions as pair_actions
from app.domain.pairs import queries as pair_queries
from app.domain.pairs import states
from app.domain.pairs.messages import parse
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews import queries
from app.domain.reviews.tables import Lease, Review

LEASE_SECONDS = 300
DECISIONS = ("accept", "fix_and_accept", "return", "reject", "escalate")
NEEDS_REASON = ("return", "reject", "escalate")


def take_next(session: Session, user: User, project: Project) -> Lease | None:
    """The pair on the user's desk, or the oldest that waits, leased in this transaction. None when none waits."""
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if (mine := queries.lease_of(session, user, project)) is not None:
        mine.expires_at = now() + timedelta(seconds=LEASE_SECONDS)
        return mine
    pair = session.scalar(
        queries.waiting(user, project).order_by(Pair.id).limit(1).with_for_update(of=Pair, skip_locked=True)
    )
    if pair is None:
        return None
    session.execute(delete(Lease).where(Lease.pair_id == pair.id))
    lease = Lease(pair_id=pair.id, reviewer_id=user.id, expires_at=now() + timedelta(seconds=LEASE_SECONDS))
    session.add(lease)
    pair.state = states.State.IN_REVIEW
    session.flush()
    audit.record(session, user.id, "lease.taken", "pair", pair.id, project_id=project.id)
    return lease


def renew(session: Session, user: User, lease_id: str) -> Lease:
    """Raises NotFound for a stranger or an ended lease, Conflict when it is not the user's (any more)."""
    lease, _, _ = _open_lease(session, user, lease_id)
    lease.expires_at = now() + timedelta(seconds=LEASE_SECONDS)
    return lease


def release(session: Session, user: User, lease_id: str) -> None:
    """Put the pair back into the queue."""
    lease, pair, project = _open_lease(session, user, lease_id)
    pair = pair_actions.lock(session, pair.id)
    session.delete(lease)
    session.flush()
    _derive(session, project, pair)
    audit.record(session, user.id, "lease.released", "pair", pair.id, project_id=project.id)


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
) -> Review:
    """Record a verdict on the submitted revision. Raises Forbidden for own work, Conflict for a lost lease, Invalid."""
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if pair.author_id == user.id:
        raise Forbidden("A reviewer never reviews own work.")
    held = _own_lease(session, user, lease)
    pair = pair_actions.lock(session, pair.id)
    if held.pair_id != pair.id or pair.submitted_revision_id is None:
        raise Conflict("Your lease is on another pair, or the author took this one back; take the next.")
    _check_verdict(project, decision, ratings, comment, messages)
    reviewed = pair.submitted_revision_id
    if decision == "fix_and_accept" and messages is not None:
        _fix(session, user, project, pair, messages)
    review = _record(session, user, project, pair, reviewed, decision, ratings, comment)
    session.delete(held)
    session.flush()
    _derive(session, project, pair)
    audit.record(
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
    pair = pair_queries.by_id(session, review.pair_id)
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    if review.reviewer_id != user.id:
        raise Forbidden("You may undo your own decisions only.")
    pair = pair_actions.lock(session, pair.id)
    if review.undone_at or pair.submitted_revision_id != review.revision_id:
        raise Conflict("The pair has moved on since; this decision cannot be undone.")
    review.undone_at = now()
    pair.submitted_revision_id = review.reviewed_revision_id
    session.flush()
    _derive(session, project, pair)
    audit.record(session, user.id, "review.undone", "pair", pair.id, project_id=project.id, review=review.id)


def _record(
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    reviewed: str,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
) -> Review:
    guideline = guideline_queries.current(session, project)
    names = [criterion["name"] for criterion in project.criteria]
    review = Review(
        pair_id=pair.id,
        revision_id=str(pair.submitted_revision_id),
        reviewed_revision_id=reviewed,
        reviewer_id=user.id,
        decision=decision,
        ratings={name: ratings.get(name) for name in names},
        comment=comment,
        guideline_id=guideline.id if guideline else None,
    )
    session.add(review)
    session.flush()
    return review


def _fix(session: Session, user: User, project: Project, pair: Pair, fixed: list[dict[str, Any]]) -> None:
    revision = pair_queries.submitted(session, pair)
    content = pair_actions.content_of(revision).as_dict()
    corrected = parse({**content, "messages": fixed})
    if pair_actions.unchanged(revision, corrected):
        return
    saved = pair_actions.add_revision(
        session, project, pair, user, corrected, number=pair_queries.last_number(session, pair) + 1
    )
    pair.submitted_revision_id = saved.id


def _derive(session: Session, project: Project, pair: Pair) -> None:
    standing = [r.decision for r in queries.of_pair(session, pair) if r.revision_id == pair.submitted_revision_id]
    pair.state = states.derive(
        discarded=pair.discarded_at is not None,
        submitted=pair.submitted_revision_id is not None,
        leased=queries.live_lease(session, pair) is not None,
        decisions=standing,
        overlap=project.overlap,
    )
    pair.updated_at = now()


def _open_lease(session: Session, user: User, lease_id: str) -> tuple[Lease, Pair, Project]:
    """The user's live lease with what it is on. An unknown lease and one of another project answer the same."""
    lease = session.get(Lease, lease_id)
    if lease is None:
        raise NotFound()
    pair = pair_queries.by_id(session, lease.pair_id)
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    return _own_lease(session, user, lease_id), pair, project


def _own_lease(session: Session, user: User, lease_id: str) -> Lease:
    lease = session.get(Lease, lease_id)
    if lease is None or lease.reviewer_id != user.id or lease.expires_at < now():
        raise Conflict("Your lease on this pair has ended; take it again from the queue.", code="lease_lost")
    return lease


def _check_verdict(
    project: Project, decision: str, ratings: dict[str, Any], comment: str, messages: list[dict[str, Any]] | None
) -> None:
    if decision not in DECISIONS:
        raise Invalid(f"The decision is one of {', '.join(DECISIONS)}.", field="decision")
    if messages is not None and decision != "fix_and_accept":
        raise Invalid("Only fix_and_accept changes the text.", field="messages")
    if decision in NEEDS_REASON and not comment.strip():
        raise Invalid("Say why: the author reads this reason.", field="comment")
    if len(comment) > 10_000:
        raise Invalid("A comment has at most 10,000 characters.", field="comment")
    names = {criterion["name"] for criterion in project.criteria}
    for name, value in ratings.items():
        if name not in names:
            raise Invalid(f"{name!r} is no criterion here; rate {', '.join(sorted(names))}.", field="ratings")
        if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4, 5)):
            raise Invalid(f"{name} is rated 1 to 5, or null where you did not judge it.", field="ratings")
