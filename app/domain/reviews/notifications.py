"""Who hears of a verdict, and of a lease that went to somebody else. Verdicts are told without the reviewer's name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.accounts.tables import User
from app.domain.notifications import actions as notifications_actions
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair
from app.domain.reviews.tables import Review

DECIDED = {
    State.APPROVED: "pair.accepted",
    State.REJECTED: "pair.rejected",
    State.CHANGES_REQUESTED: "pair.returned",
}


def decided(session: Session, pair: Pair, review: Review) -> None:
    """The author hears what came of the pair, once enough opinions are given; an escalation goes to admins as well."""
    if pair.is_gold:
        return
    kind, people = DECIDED.get(State(pair.state)), [pair.author_id]
    if review.decision == "escalate":
        kind = "pair.escalated"
        people += session.scalars(select(User.id).where(User.is_admin.is_(True), User.active.is_(True)))
    if kind:
        notifications_actions.notify(session, people, pair.project_id, kind, "pair", pair.id, but=review.reviewer_id)


def taken_over(session: Session, user: User, pair: Pair, holders: Sequence[str]) -> None:
    """Those whose lease ran out or was taken hear that the pair went to somebody else."""
    if set(holders) - {user.id}:
        notifications_actions.notify(
            session, holders, pair.project_id, "lease.taken_over", "pair", pair.id, but=user.id
        )
