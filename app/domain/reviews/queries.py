"""Reads of reviews, leases and the queue; who may see whose verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.core.db.base import columns, now
from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines_queries
from app.domain.guidelines.tables import Guideline
from app.domain.pairs import content as pair_content
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.states import QUEUED, State
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.reviews import gold_schedule, queue
from app.domain.reviews.tables import GoldAnswer, Lease, Review

GOLD = queue.GOLD
# Asked by every reviewer with every pair: made once, since making a statement takes longer than running it.
STANDING = (
    select(Review)
    .where(Review.pair_id == bindparam("pair"), Review.undone_at.is_(None), Review.kind != GOLD)
    .order_by(Review.id)
)
LEASES = columns(Lease)
LIVE_LEASES = select(func.count()).where(LEASES.pair_id == bindparam("pair"), LEASES.expires_at > bindparam("moment"))
ON_DESK = (
    select(LEASES.id, LEASES.pair_id)
    .where(LEASES.reviewer_id == bindparam("user"), LEASES.expires_at > bindparam("moment"))
    .order_by(LEASES.id)
)
LOCKED = (
    select(Lease)
    .where(Lease.id == bindparam("lease"))
    .with_for_update(skip_locked=True)
    .execution_options(populate_existing=True)
)
ENDED_LEASES = select(LEASES.id, LEASES.reviewer_id).where(
    LEASES.pair_id == bindparam("pair"), LEASES.expires_at <= bindparam("moment")
)
REVIEWS = columns(Review)
VERDICTS = (
    select(REVIEWS.kind, REVIEWS.decision)
    .where(
        REVIEWS.pair_id == bindparam("pair"),
        REVIEWS.revision_id == bindparam("revision"),
        REVIEWS.undone_at.is_(None),
        or_(*(REVIEWS.kind == kind for kind in queue.DECIDING)),
    )
    .order_by(REVIEWS.id)
)


def by_id(session: Session, review_id: str) -> Review:
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound()
    return review


def of_pair(session: Session, pair: Pair) -> list[Review]:
    """Standing reviews, oldest first; answers to a gold pair are none."""
    return list(session.scalars(STANDING, {"pair": pair.id}))


def deciding(session: Session, pair: Pair) -> list[Review]:
    """The standing opinions and the adjudication on what is submitted now."""
    return [
        one
        for one in of_pair(session, pair)
        if one.revision_id == pair.submitted_revision_id and one.kind in queue.DECIDING
    ]


def verdicts(session: Session, pair: Pair) -> list[tuple[str, str]]:
    """(kind, decision) of what `deciding` gives, as it stands in the database."""
    found = session.execute(VERDICTS, {"pair": pair.id, "revision": pair.submitted_revision_id})
    return [(kind, decision) for kind, decision in found]


def ended_leases(session: Session, pair: Pair) -> list[tuple[str, str]]:
    """(id, reviewer) of the leases on a pair that ran out."""
    return [(one, who) for one, who in session.execute(ENDED_LEASES, {"pair": pair.id, "moment": now()})]


def earlier(session: Session, pair: Pair) -> list[Review]:
    """Standing reviews of earlier submissions: what came back to the author. A reviewer's correction is no new one."""
    given = of_pair(session, pair)
    this = {pair.submitted_revision_id}
    for one in reversed(given):
        if one.revision_id in this:
            this.add(one.reviewed_revision_id)
    return [one for one in given if one.reviewed_revision_id not in this]


def of_submission(session: Session, pair: Pair) -> list[Review]:
    """What was said since the author handed the pair in, on the text as it was then and as reviewers corrected it."""
    before = earlier(session, pair)
    return [one for one in of_pair(session, pair) if one not in before and one.kind in queue.DECIDING]


# --- blind verdicts ---


def is_blind(session: Session, user: User, pair: Pair) -> bool:
    """May the user not yet see what others said of this pair? So for all but those whose own verdict is in."""
    if pair.is_gold:
        return not _may_manage(session, user, pair) and answer_of(session, user, pair) is None
    if pair.state not in QUEUED:
        return False
    return not any(one.reviewer_id == user.id for one in deciding(session, pair))


def visible(session: Session, user: User, pair: Pair) -> list[Review]:
    """The reviews of a pair that this user may read now: of an undecided one only the earlier ones and their own."""
    if not is_blind(session, user, pair):
        return of_pair(session, pair)
    own = [one for one in of_pair(session, pair) if one.reviewer_id == user.id]
    if pair.is_gold or (pair.author_id != user.id and _may_judge(session, user, pair)):
        return own
    before = earlier(session, pair)
    return [one for one in of_pair(session, pair) if one in before or one in own]


def shown_state(session: Session, user: User, pair: Pair) -> str:
    """The state as the user may know it: a gold pair looks like any other in review until it is answered."""
    return State.IN_REVIEW if pair.is_gold and is_blind(session, user, pair) else pair.state


def _may_judge(session: Session, user: User, pair: Pair) -> bool:
    return access.allows(session, user, Permission.REVIEW_PAIR, session.get_one(Project, pair.project_id))


def _may_manage(session: Session, user: User, pair: Pair) -> bool:
    return access.allows(session, user, Permission.MANAGE_PROJECT, session.get_one(Project, pair.project_id))


# --- leases and the queue ---


def lease_on(session: Session, user: User, pair: Pair) -> Lease | None:
    """This user's live lease on a pair."""
    return session.scalar(
        select(Lease).where(Lease.pair_id == pair.id, Lease.reviewer_id == user.id, Lease.expires_at > now())
    )


def live_leases(session: Session, pair: Pair) -> int:
    return session.scalar(LIVE_LEASES, {"pair": pair.id, "moment": now()}) or 0


def lease_of(session: Session, user: User, project: Project) -> Lease | None:
    """The item that is on the user's desk, the one held longest."""
    mine = session.execute(ON_DESK, {"user": user.id, "moment": now()}).all()
    for lease_id, pair_id in mine:  # no join: a person holds few, and a planner may start at the pairs
        if session.scalar(select(Pair.project_id).where(Pair.id == pair_id)) == project.id:
            return session.get(Lease, lease_id)
    return None


def lock_lease_of(session: Session, user: User, project: Project) -> Lease | None:
    """The same, locked. One that another locks at this moment is going, and passed over: waiting for it may be waiting
    for somebody who waits for this transaction."""
    mine = lease_of(session, user, project)
    return session.scalar(LOCKED, {"lease": mine.id}) if mine else None


def held_by(session: Session, user_id: str, project: Project) -> list[Lease]:
    """Every lease of a person in a project, ended ones too, by pair."""
    mine = select(Lease).join(Pair, Pair.id == Lease.pair_id).where(Lease.reviewer_id == user_id)
    return list(session.scalars(mine.where(Pair.project_id == project.id).order_by(Lease.pair_id)))


def open_leases(session: Session, project: Project) -> list[tuple[Lease, Pair]]:
    """Every live lease of a project with its pair, oldest first."""
    live = session.scalars(select(Lease).where(Lease.expires_at > now()).order_by(Lease.id).limit(1000)).all()
    on = select(Pair).where(Pair.id.in_([lease.pair_id for lease in live]))
    pairs = {pair.id: pair for pair in session.scalars(on) if pair.project_id == project.id}
    return [(lease, pairs[lease.pair_id]) for lease in live if lease.pair_id in pairs]


def waiting(user: User, project: Project) -> Select[Any]:
    """Every pair that this user may take; the order is the caller's."""
    return queue.takeable(queue.QueueParams.of(user, project))


def queue_length(session: Session, project: Project, user: User) -> int:
    """How many items wait for this user, a gold one that is due among them."""
    return queue.length(session, user, project) + (1 if next_gold(session, user, project) else 0)


def waits(session: Session, user: User, project: Project, tag: tuple[str, str]) -> bool:
    """Whether an item with this tag waits for the user."""
    if next_gold(session, user, project, tag):
        return True
    asked = {**queue.QueueParams.of(user, project).values(), "passed": []}
    spelt = pairs_queries.spellings(session, project, tag[0], [tag[1]])
    return bool(spelt) and queue.tag_filtered(session, queue.LOOKING, asked, spelt) is not None


def latest_by(session: Session, user: User, project: Project) -> Review | None:
    """The user's last standing verdict in this project, answers to gold pairs included."""
    return session.scalar(
        select(Review)
        .join(Pair, Pair.id == Review.pair_id)
        .where(
            Review.reviewer_id == user.id,
            Pair.project_id == project.id,
            Review.undone_at.is_(None),
            Review.bulk.is_(False),
        )
        .order_by(Review.id.desc())
        .limit(1)
    )


def to_adjudicate(session: Session, project: Project, limit: int = 100) -> list[Pair]:
    """Pairs that wait for a ruling, oldest first."""
    return list(session.scalars(_to_adjudicate(project).order_by(Pair.id).limit(limit)))


def awaits_ruling(session: Session, project: Project, pair: Pair) -> bool:
    return session.scalar(_to_adjudicate(project).where(Pair.id == pair.id)) is not None


def _to_adjudicate(project: Project) -> Select[Any]:
    return queue.to_adjudicate(queue.QueueParams(None, project.id, project.overlap, now()))


# --- gold pairs ---


def answer_of(session: Session, user: User, pair: Pair) -> Review | None:
    """What the user answered to a gold pair."""
    return session.scalar(
        select(Review)
        .where(Review.pair_id == pair.id, Review.reviewer_id == user.id, Review.kind == GOLD)
        .order_by(Review.id)
        .limit(1)
    )


def next_gold(session: Session, user: User, project: Project, tag: tuple[str, str] | None = None) -> Pair | None:
    """The gold pair that this user gets next, when one is due and one is left that they have not answered.

    With a `tag` one that has it too: another would be known by that. The first ones come whatever their tags: they are
    for everybody, and nobody passes them by choosing a tag.
    """
    chosen = project_settings.of(project.settings)
    if not chosen["gold"] and not chosen["gold_first"]:
        return None
    answered = exists().where(Review.pair_id == Pair.id, Review.reviewer_id == user.id, Review.kind == GOLD)
    left = session.scalars(
        select(Pair.id)
        .join(GoldAnswer, GoldAnswer.pair_id == Pair.id)
        .where(Pair.project_id == project.id, Pair.is_gold, GoldAnswer.active, Pair.author_id != user.id, ~answered)
        .where(Pair.state.not_in((State.DISCARDED, State.WITHDRAWN)), GoldAnswer.created_by != user.id)
    ).all()
    judged = _judged(session, user, project) if left else 0
    if not left or not gold_schedule.due(user.id, judged, chosen["gold_first"], chosen["gold"]):
        return None
    if tag is not None and judged >= chosen["gold_first"] and not (left := _having(session, left, tag)):
        return None
    return session.get(Pair, gold_schedule.order(user.id, left)[0])


def _having(session: Session, ids: Sequence[str], tag: tuple[str, str]) -> list[str]:
    """Those of these gold pairs whose text has the tag: it stands there alone, since no list finds them by it."""
    read = func.coalesce(Pair.submitted_revision_id, Pair.current_revision_id)
    found = session.execute(select(Pair.id, Revision.tags).join(Revision, Revision.id == read).where(Pair.id.in_(ids)))
    return [pair_id for pair_id, tags in found if pair_content.has_tag(tags, tag)]


def _judged(session: Session, user: User, project: Project) -> int:
    """How many verdicts the user ever gave in this project, undone ones too, so that the count never falls."""
    statement = select(func.count()).select_from(Review).join(Pair, Pair.id == Review.pair_id)
    of_user = statement.where(Review.reviewer_id == user.id, Review.bulk.is_(False), Pair.project_id == project.id)
    return session.scalar(of_user) or 0


# --- approvals under an older guideline ---


def approved_under_older_guideline(project: Project, current: Guideline) -> Any:
    """Approved pairs with an acceptance that was given before the guideline in force."""
    older = exists().where(*queue.standing(), Review.guideline_id.is_distinct_from(current.id))
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
    """The number of the guideline under which the pair was approved first; None where there was none yet."""
    return session.scalar(
        select(func.min(Guideline.number))
        .join(Review, Review.guideline_id == Guideline.id)
        .where(
            Review.pair_id == pair.id,
            Review.revision_id == pair.submitted_revision_id,
            Review.undone_at.is_(None),
            Review.kind.in_(queue.DECIDING),
        )
    )
