"""The review queue: what a reviewer may take next, how much waits, and what needs adjudication."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.domain.accounts.tables import User
from app.domain.pairs import content as pair_content, queries as pairs_queries
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.reviews import queue
from app.domain.reviews.queue import QueueParams
from app.domain.reviews.tables import GOLD, GoldAnswer, Review

Oldest = Callable[..., Select[Any]]
"""queue.oldest_locked or queue.oldest."""


def next_pair(session: Session, user: User, project: Project, tag: tuple[str, str] | None) -> Pair | None:
    """Lock and return the oldest pair that needs a review by this user; `tag` (name, value) narrows the choice.

    A pair that another transaction has locked is skipped and not waited for: an earlier decision in this transaction
    holds the lock of the audit log, and the other transaction may be waiting for that one.
    """
    params = {**QueueParams.of(user, project).values(), "passed": []}
    spellings = pairs_queries.spellings(session, project, tag[0], [tag[1]]) if tag else None
    while (pair := _lock_oldest(session, params, spellings)) is not None:
        # Under the lock again: the statement that selected the pair may have missed the newest lease.
        if pair.state == State.SUBMITTED or session.scalar(queue.STILL_NEEDED, {**params, "pair": pair.id}):
            return pair
        params["passed"].append(pair.id)
    return None


def _lock_oldest(session: Session, params: dict[str, Any], spellings: list[tuple[str, str]] | None) -> Pair | None:
    """`spellings`: only pairs with one of these spellings of a tag; None for all."""
    if spellings is not None:
        return _oldest_with_tag(session, queue.oldest_locked, params, spellings) if spellings else None
    pairs = (_pair(session, statement, params) for statement in queue.NEXT)
    return next((pair for pair in pairs if pair is not None), None)


def _oldest_with_tag(
    session: Session, oldest: Oldest, params: dict[str, Any], spellings: Sequence[tuple[str, str]]
) -> Pair | None:
    """The same as NEXT, among the pairs with one of these spellings of a tag; `oldest` adds the lock or not."""
    in_review = queue.with_tag(queue.in_review(queue.PARAMETERS), spellings)
    if (pair := _pair(session, oldest(in_review), params)) is not None:
        return pair
    near = queue.with_tag(queue.unreviewed(queue.PARAMETERS), spellings)
    submitted = select(Pair.id).where(Pair.project_id == params["project"], Pair.state == State.SUBMITTED)
    end = session.scalar(submitted.order_by(Pair.id).offset(queue.NEAR).limit(1))
    if end is None:
        return _pair(session, oldest(near), params)
    if (pair := _pair(session, oldest(near.where(Pair.id < end)), params)) is not None:
        return pair
    # One statement for each spelling: over two ranges at once the index gives no order. Only the oldest is locked.
    far = [queue.with_tag_from(end, tag, value) for tag, value in spellings]
    first = [
        (pair.id, at)
        for at, pairs in enumerate(far)
        if (pair := _pair(session, queue.oldest(pairs, PairTag.pair_id), params))
    ]
    pairs = (_pair(session, oldest(far[at], PairTag.pair_id), params) for _, at in sorted(first))
    return next((pair for pair in pairs if pair is not None), None)


def _pair(session: Session, statement: Select[Any], params: dict[str, Any]) -> Pair | None:
    pair: Pair | None = session.scalar(statement, params)
    return pair


def waits(session: Session, user: User, project: Project, tag: tuple[str, str]) -> bool:
    """Whether an item with this tag waits for the user."""
    if next_gold(session, user, project, tag):
        return True
    params = {**QueueParams.of(user, project).values(), "passed": []}
    spellings = pairs_queries.spellings(session, project, tag[0], [tag[1]])
    return bool(spellings) and _oldest_with_tag(session, queue.oldest, params, spellings) is not None


def queue_length(session: Session, project: Project, user: User) -> int:
    """How many items wait for this user, including a gold pair that is due.

    Submitted pairs are counted in the index; own and gold pairs are subtracted.
    """
    submitted = select(func.count()).where(Pair.project_id == project.id, Pair.state == State.SUBMITTED)
    own = submitted.where(Pair.author_id == user.id, Pair.is_gold.is_(False))
    parts = (submitted, own, submitted.where(Pair.is_gold))
    total, own_count, gold_count = (session.scalar(part) or 0 for part in parts)
    in_review = select(func.count()).select_from(queue.in_review(QueueParams.of(user, project)).subquery())
    due = 1 if next_gold(session, user, project) else 0
    return total - own_count - gold_count + (session.scalar(in_review) or 0) + due


# --- adjudication ---


def to_adjudicate(session: Session, project: Project, limit: int = 100) -> list[Pair]:
    """Pairs that wait for adjudication, oldest first."""
    return list(session.scalars(_to_adjudicate(project).order_by(Pair.id).limit(limit)))


def awaits_adjudication(session: Session, project: Project, pair: Pair) -> bool:
    return session.scalar(_to_adjudicate(project).where(Pair.id == pair.id)) is not None


def _to_adjudicate(project: Project) -> Select[Any]:
    return queue.to_adjudicate(QueueParams(None, project.id, project.overlap, now()))


# --- gold pairs ---


def next_gold(session: Session, user: User, project: Project, tag: tuple[str, str] | None = None) -> Pair | None:
    """The gold pair that this user gets next, when one is due and they have not answered all of them.

    With a `tag` the gold pair has that tag too; otherwise the missing tag would reveal it. The first gold pairs are
    served whatever their tags: every reviewer answers them, and choosing a tag does not avoid them.
    """
    settings = project_settings.of(project.settings)
    if not settings["gold"] and not settings["gold_first"]:
        return None
    answered = exists().where(Review.pair_id == Pair.id, Review.reviewer_id == user.id, Review.kind == GOLD)
    left = session.scalars(
        select(Pair.id)
        .join(GoldAnswer, GoldAnswer.pair_id == Pair.id)
        .where(Pair.project_id == project.id, Pair.is_gold, GoldAnswer.active, Pair.author_id != user.id, ~answered)
        .where(Pair.state.not_in((State.DISCARDED, State.WITHDRAWN)), GoldAnswer.created_by != user.id)
    ).all()
    reviewed = _review_count(session, user, project) if left else 0
    if not left or not queue.gold_is_due(user.id, reviewed, settings["gold_first"], settings["gold"]):
        return None
    if tag is not None and reviewed >= settings["gold_first"] and not (left := _with_tag(session, left, tag)):
        return None
    return session.get(Pair, queue.gold_order(user.id, left)[0])


def _with_tag(session: Session, pair_ids: Sequence[str], tag: tuple[str, str]) -> list[str]:
    """The gold pairs whose text has the tag. Read from the text, since the tag index leaves gold pairs out."""
    text = func.coalesce(Pair.submitted_revision_id, Pair.current_revision_id)
    statement = select(Pair.id, Revision.tags).join(Revision, Revision.id == text).where(Pair.id.in_(pair_ids))
    return [pair_id for pair_id, tags in session.execute(statement) if pair_content.has_tag(tags, tag)]


def _review_count(session: Session, user: User, project: Project) -> int:
    """The user's reviews in this project so far, including undone ones, so that the count never falls."""
    statement = select(func.count()).select_from(Review).join(Pair, Pair.id == Review.pair_id)
    of_user = statement.where(Review.reviewer_id == user.id, Review.bulk.is_(False), Pair.project_id == project.id)
    return session.scalar(of_user) or 0
