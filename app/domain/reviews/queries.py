"""Reads of reviews and leases; which reviews a user may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines_queries
from app.domain.guidelines.tables import Guideline
from app.domain.pairs import actions as pairs_actions, queries as pairs_queries
from app.domain.pairs.states import QUEUED, State
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews import queue
from app.domain.reviews.tables import DECIDING, GOLD, GoldAnswer, Lease, Review

DECIDED = (State.APPROVED, State.CHANGES_REQUESTED, State.REJECTED)


def by_id(session: Session, review_id: str) -> Review:
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound()
    return review


def of_pair(session: Session, pair: Pair) -> list[Review]:
    """Reviews of a pair that were not undone, oldest first; answers to a gold pair are left out."""
    of_pair = select(Review).where(Review.pair_id == pair.id, Review.undone_at.is_(None), Review.kind != GOLD)
    return list(session.scalars(of_pair.order_by(Review.id)))


def deciding(session: Session, pair: Pair) -> list[Review]:
    """The reviews and the adjudication that count for the submitted revision."""
    return list(session.scalars(select(Review).where(*queue.deciding_reviews(pair)).order_by(Review.id)))


def decisions(session: Session, pair: Pair) -> list[tuple[str, str]]:
    """(kind, decision) of the same reviews, read from the database without loading rows."""
    statement = select(Review.kind, Review.decision).where(*queue.deciding_reviews(pair)).order_by(Review.id)
    return [(kind, decision) for kind, decision in session.execute(statement)]


def earlier(session: Session, pair: Pair) -> list[Review]:
    """Reviews of earlier submissions. A reviewer's correction does not start a new submission."""
    reviews = of_pair(session, pair)
    submission = {pair.submitted_revision_id}
    for review in reversed(reviews):
        if review.revision_id in submission:
            submission.add(review.reviewed_revision_id)
    return [review for review in reviews if review.reviewed_revision_id not in submission]


def of_submission(session: Session, pair: Pair) -> list[Review]:
    """Reviews since the author's last submission, of the submitted text and of reviewers' corrections of it."""
    before = earlier(session, pair)
    return [review for review in of_pair(session, pair) if review not in before and review.kind in DECIDING]


def latest_by(session: Session, user: User, project: Project) -> Review | None:
    """The user's last review in this project that was not undone, including answers to gold pairs."""
    own = select(Review).where(Review.reviewer_id == user.id, Review.undone_at.is_(None), Review.bulk.is_(False))
    in_project = own.join(Pair, Pair.id == Review.pair_id).where(Pair.project_id == project.id)
    return session.scalar(in_project.order_by(Review.id.desc()).limit(1))


def gold_answer(session: Session, pair_id: str) -> GoldAnswer | None:
    """The right answer of a gold pair, also of a retired one; None for other pairs."""
    return session.get(GoldAnswer, pair_id)


def gold_answer_by(session: Session, user: User, pair: Pair) -> Review | None:
    """The user's answer to a gold pair."""
    answers = select(Review).where(Review.pair_id == pair.id, Review.reviewer_id == user.id, Review.kind == GOLD)
    return session.scalar(answers.order_by(Review.id).limit(1))


def rated_criteria(session: Session, project: Project, names: Iterable[str]) -> set[str]:
    """The criteria among `names` with a rating in any review, undone ones included, or in any gold answer."""
    left = set(names)
    rated: set[str] = set()
    for table in (Review, GoldAnswer):
        statement = select(table.ratings).join(Pair, Pair.id == table.pair_id).where(Pair.project_id == project.id)
        with session.execute(statement.execution_options(yield_per=1_000)) as rows:
            for (ratings,) in rows:
                rated |= {name for name in left if ratings.get(name) is not None}
                if rated == left:
                    return rated
    return rated


def active_admins(session: Session) -> list[str]:
    """User ids."""
    return list(session.scalars(select(User.id).where(User.is_admin.is_(True), User.active.is_(True))))


# --- blind reviews ---


def is_blind(session: Session, user: User, pair: Pair) -> bool:
    """Whether the reviews of others are still hidden from the user: until they have reviewed the pair themselves."""
    if pair.is_gold:
        manages = _allows(session, user, Permission.MANAGE_PROJECT, pair)
        return not manages and gold_answer_by(session, user, pair) is None
    if pair.state not in QUEUED:
        return False
    return not any(review.reviewer_id == user.id for review in deciding(session, pair))


def visible(session: Session, user: User, pair: Pair) -> list[Review]:
    """The reviews of a pair that this user may see now; of an undecided pair only earlier ones and their own."""
    if not is_blind(session, user, pair):
        return of_pair(session, pair)
    own = [review for review in of_pair(session, pair) if review.reviewer_id == user.id]
    if pair.is_gold or (pair.author_id != user.id and _allows(session, user, Permission.REVIEW_PAIR, pair)):
        return own
    before = earlier(session, pair)
    return [review for review in of_pair(session, pair) if review in before or review in own]


def shown_state(session: Session, user: User, pair: Pair) -> str:
    """The state that the user may know: a gold pair looks like any pair in review until it is answered."""
    return State.IN_REVIEW if pair.is_gold and is_blind(session, user, pair) else pair.state


def _allows(session: Session, user: User, permission: Permission, pair: Pair) -> bool:
    return access.allows(session, user, permission, session.get_one(Project, pair.project_id))


# --- leases ---


def lease_by_id(session: Session, lease_id: str) -> Lease:
    """Raises NotFound."""
    lease = session.get(Lease, lease_id)
    if lease is None:
        raise NotFound()
    return lease


def own_lease(session: Session, user: User, lease_id: str) -> Lease:
    """The user's live lease, as it is in the database now. Raises Conflict (code lease_lost) when they lost it."""
    lease = session.get(Lease, lease_id, populate_existing=True)
    if lease is None or lease.reviewer_id != user.id or lease.expires_at < now():
        raise Conflict("Your lease on this pair has ended; take it again from the queue.", code="lease_lost")
    return lease


def lease_on(session: Session, user: User, pair: Pair) -> Lease | None:
    """This user's live lease on a pair."""
    own = select(Lease).where(Lease.pair_id == pair.id, Lease.reviewer_id == user.id)
    return session.scalar(own.where(Lease.expires_at > now()))


def live_leases(session: Session, pair: Pair) -> int:
    """How many live leases a pair has."""
    return session.scalar(select(func.count()).where(Lease.pair_id == pair.id, Lease.expires_at > now())) or 0


def expired_leases(session: Session, pair: Pair) -> list[tuple[str, str]]:
    """(id, reviewer id) of the expired leases on a pair."""
    expired = select(Lease.id, Lease.reviewer_id).where(Lease.pair_id == pair.id, Lease.expires_at <= now())
    return [(lease_id, reviewer_id) for lease_id, reviewer_id in session.execute(expired)]


def lease_of(session: Session, user: User, project: Project) -> Lease | None:
    """The user's oldest live lease in the project."""
    live = select(Lease.id, Lease.pair_id).where(Lease.reviewer_id == user.id, Lease.expires_at > now())
    leases = session.execute(live.order_by(Lease.id)).all()
    for lease_id, pair_id in leases:  # no join: a user has few leases, and a planner may start at the pairs
        if session.scalar(select(Pair.project_id).where(Pair.id == pair_id)) == project.id:
            return session.get(Lease, lease_id)
    return None


def lock_lease_of(session: Session, user: User, project: Project) -> Lease | None:
    """The same, locked. None when another transaction has locked it: that one is removing it, and waiting for it could
    be a deadlock."""
    lease = lease_of(session, user, project)
    if lease is None:
        return None
    locked = select(Lease).where(Lease.id == lease.id).with_for_update(skip_locked=True)
    return session.scalar(locked.execution_options(populate_existing=True))


def leases_of_member(session: Session, user_id: str, project: Project) -> list[Lease]:
    """Every lease of a user in a project, including expired ones, ordered by pair."""
    leases = select(Lease).join(Pair, Pair.id == Lease.pair_id).where(Lease.reviewer_id == user_id)
    return list(session.scalars(leases.where(Pair.project_id == project.id).order_by(Lease.pair_id)))


def open_leases(session: Session, project: Project) -> list[tuple[Lease, Pair]]:
    """Every live lease of a project with its pair, oldest first."""
    live = session.scalars(select(Lease).where(Lease.expires_at > now()).order_by(Lease.id).limit(1000)).all()
    leased = select(Pair).where(Pair.id.in_([lease.pair_id for lease in live]))
    pairs = {pair.id: pair for pair in session.scalars(leased) if pair.project_id == project.id}
    return [(lease, pairs[lease.pair_id]) for lease in live if lease.pair_id in pairs]


# --- approvals under an older guideline ---


def approved_under_older_guideline(project: Project, current: Guideline) -> Any:
    """Select approved pairs with a deciding review under a guideline other than the current one."""
    older = exists().where(*queue.deciding_reviews(), Review.guideline_id.is_distinct_from(current.id))
    approved = select(Pair).where(Pair.project_id == project.id, Pair.state == State.APPROVED, Pair.is_gold.is_(False))
    return approved.where(older)


def stale_approvals(session: Session, project: Project, limit: int = 100) -> tuple[int, list[Pair]]:
    """How many pairs were approved under an older guideline, and the first of them."""
    current = guidelines_queries.current(session, project)
    if current is None:
        return 0, []
    statement = approved_under_older_guideline(project, current)
    count = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    return count, list(session.scalars(statement.order_by(Pair.id).limit(limit)))


def approved_under(session: Session, pair: Pair) -> int | None:
    """The number of the oldest guideline under which the pair was approved; None when there was no guideline yet."""
    oldest = select(func.min(Guideline.number)).join(Review, Review.guideline_id == Guideline.id)
    return session.scalar(oldest.where(*queue.deciding_reviews(pair)))


# --- precedents ---


def precedents(session: Session, project: Project, revision: Revision, limit: int = 3) -> list[dict[str, Any]]:
    """Decided pairs with a similar prompt, by wording or by meaning: {match, review, adjudicated}.

    Adjudicated pairs come first, then the most similar.
    """
    content = pairs_actions.content_of(revision)
    rows: list[dict[str, Any]] = []
    neighbors, _ = pairs_queries.neighbors_of(session, project, content, revision.pair_id)
    for match in neighbors[:20]:
        pair = pairs_queries.by_id(session, match.pair)
        if pair.state in DECIDED and (reviews := of_pair(session, pair)):
            review = max(reviews, key=lambda review: (_is_adjudication(review), review.id))
            rows.append({"match": match, "review": review, "adjudicated": _is_adjudication(review)})
    return sorted(rows, key=lambda row: (not row["adjudicated"], -row["match"].similarity))[:limit]


def _is_adjudication(review: Review) -> bool:
    return review.kind in ("adjudication", "old_adjudication")
