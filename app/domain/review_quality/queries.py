"""The agreement of independent reviews, gold answers with hit rates, and a reviewer's own numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.comments import queries as comments_queries
from app.domain.pairs.tables import Pair
from app.domain.progress import queries as progress_queries
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.review_quality import agreement
from app.domain.review_quality.agreement import Agreement
from app.domain.reviews import queue
from app.domain.reviews.queue import QueueParams
from app.domain.reviews.tables import GOLD, GoldAnswer, Review

KINDS = ("review", "old_review")
MIN_REVIEWS = 5
"""Reviews below which no median is shown."""
MAX_EVENTS = 200
SERVED = ("lease.taken", "lease.taken_over")
DECIDED = ("review.decided", "gold.answered")
LONGEST = timedelta(hours=1)
"""A longer time between lease and decision includes a break and is not counted."""


@dataclass(frozen=True)
class Report:
    """`questions`: the decision, then each criterion. `people`: {reviewers, decision} for each two reviewers who
    reviewed the same revisions. `minimum`: units below which no coefficient is shown."""

    minimum: int
    questions: list[Agreement]
    people: list[dict[str, Any]]


@dataclass(frozen=True)
class Rate:
    """`hits` of `n` with a 95% Wilson interval. `name` is a criterion or "decision"; `within` is in levels."""

    name: str
    within: int
    hits: int
    n: int
    low: float
    high: float


def units(session: Session, project: Project) -> list[list[Review]]:
    """Lists of two or more independent reviews of the same revision, only as many of each as were required.

    Left out are bulk approvals, adjudications, gold answers, reviews that were required because the first ones
    disagreed, and the reviews of a reviewer who undid a review when another one was visible.
    """
    of_project = (
        Pair.project_id == project.id,
        Pair.is_gold.is_(False),
        Review.bulk.is_(False),
        Review.kind.in_(KINDS),
    )
    several = (
        select(Review.reviewed_revision_id)
        .join(Pair, Pair.id == Review.pair_id)
        .where(*of_project)
        .group_by(Review.reviewed_revision_id)
        .having(func.count(Review.reviewer_id.distinct()) > 1)
    )
    rows = session.execute(
        select(Review, Pair.reviews_needed)
        .join(Pair, Pair.id == Review.pair_id)
        .where(*of_project, Review.reviewed_revision_id.in_(several))
        .order_by(Review.id)
    )
    by_revision: dict[str, list[Review]] = defaultdict(list)
    required: dict[str, int] = {}
    for review, needed in rows:
        by_revision[review.reviewed_revision_id].append(review)
        required[review.reviewed_revision_id] = max(needed or project.overlap, 2)
    independent = [_independent(reviews, required[revision]) for revision, reviews in by_revision.items()]
    return [unit for unit in independent if len(unit) > 1]


def _independent(reviews: Sequence[Review], required: int) -> list[Review]:
    influenced = {review.reviewer_id for review in reviews if review.undone_at and _saw_others(review, reviews)}
    first: dict[str, Review] = {}
    for review in reviews:
        if review.undone_at is None and review.reviewer_id not in influenced and review.decision != "escalate":
            first.setdefault(review.reviewer_id, review)
    return list(first.values())[:required]


def _saw_others(undone: Review, reviews: Sequence[Review]) -> bool:
    """Whether another reviewer's review was visible before this one was undone."""
    return any(
        review.reviewer_id != undone.reviewer_id
        and undone.undone_at is not None
        and review.created_at < undone.undone_at
        for review in reviews
    )


def report(session: Session, project: Project) -> Report:
    minimum = project_settings.of(project.settings)["least_for_agreement"]
    reviews = units(session, project)
    return Report(minimum, _questions(project, reviews, minimum), _people(reviews, minimum))


def _questions(project: Project, reviews: Sequence[Sequence[Review]], minimum: int) -> list[Agreement]:
    decisions = [[review.decision for review in unit] for unit in reviews]
    questions = [agreement.measure("decision", decisions, agreement.DECISIONS, ordinal=False, minimum=minimum)]
    for criterion in project.criteria:
        name = criterion["name"]
        ratings = [[value for review in unit if (value := review.ratings.get(name)) is not None] for unit in reviews]
        questions.append(agreement.measure(name, ratings, agreement.LEVELS, ordinal=True, minimum=minimum))
    return questions


def _people(reviews: Sequence[Sequence[Review]], minimum: int) -> list[dict[str, Any]]:
    """Agreement on the decision of each two reviewers of the same revisions; those with the most revisions first."""
    decisions: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for unit in reviews:
        for first, second in combinations(sorted(unit, key=lambda review: review.reviewer_id), 2):
            decisions[first.reviewer_id, second.reviewer_id].append([first.decision, second.decision])
    rows: list[dict[str, Any]] = [
        {
            "reviewers": list(two),
            "decision": agreement.measure("decision", both, agreement.DECISIONS, ordinal=False, minimum=minimum),
        }
        for two, both in decisions.items()
    ]
    return sorted(rows, key=lambda row: (-row["decision"].n, row["reviewers"]))[:100]


# --- gold pairs ---


def gold_answers(session: Session, project: Project) -> list[tuple[GoldAnswer, Pair]]:
    """Every gold answer of a project with its pair, retired ones last."""
    statement = select(GoldAnswer, Pair).join(Pair, Pair.id == GoldAnswer.pair_id)
    rows = session.execute(
        statement.where(Pair.project_id == project.id).order_by(GoldAnswer.active.desc(), GoldAnswer.created_at)
    )
    return [(answer, pair) for answer, pair in rows]


def gold_rates(session: Session, project: Project, user: User | None = None) -> dict[str, list[Rate]]:
    """Reviewer id -> hit rates on gold pairs; of one reviewer, or of all."""
    statement = (
        select(Review, GoldAnswer)
        .join(GoldAnswer, GoldAnswer.pair_id == Review.pair_id)
        .join(Pair, Pair.id == Review.pair_id)
        .where(Pair.project_id == project.id, Review.kind == GOLD)
        .order_by(Review.id)
    )
    if user:
        statement = statement.where(Review.reviewer_id == user.id)
    answers: dict[str, list[Any]] = {}
    for review, right in session.execute(statement):
        answers.setdefault(review.reviewer_id, []).append((_answer(review), _answer(right)))
    names = [criterion["name"] for criterion in project.criteria]
    return {reviewer: rates(both, names) for reviewer, both in answers.items()}


def _answer(row: Review | GoldAnswer) -> dict[str, Any]:
    return {"decision": row.decision, "ratings": row.ratings}


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """The 95% score interval of a share (E. B. Wilson, 1927, JASA 22: 209-212); (0, 1) when n is 0."""
    if not n:
        return 0.0, 1.0
    from scipy.stats import binomtest  # here, because importing scipy.stats takes longer than starting a command

    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def rates(answers: Sequence[tuple[dict[str, Any], dict[str, Any]]], criteria: Sequence[str]) -> list[Rate]:
    """Hit rates over (answer, right answer), each {decision, ratings}; a rating missing in either is skipped."""
    results = [_rate("decision", 0, [(answer["decision"], right["decision"]) for answer, right in answers])]
    for name in criteria:
        both = [(answer["ratings"].get(name), right["ratings"].get(name)) for answer, right in answers]
        rated = [(value, right) for value, right in both if value is not None and right is not None]
        results += [_rate(name, within, rated) for within in (0, 1)]
    return results


def _rate(name: str, within: int, values: Sequence[tuple[Any, Any]]) -> Rate:
    hits = sum(value == right or (within > 0 and abs(value - right) <= within) for value, right in values)
    return Rate(name, within, hits, len(values), *wilson_interval(hits, len(values)))


# --- a reviewer's own numbers ---


def oldest_waiting(session: Session, project: Project, user: User) -> datetime | None:
    """Since when the oldest pair waits for a review by this user."""
    waiting = queue.takeable(QueueParams.of(user, project)).subquery()
    oldest: datetime | None = session.scalar(select(func.min(waiting.c.updated_at)))
    return oldest


def with_open_comments(session: Session, project: Project, user: User) -> int:
    """How many pairs have an open comment that this user may see."""
    statement = select(func.count()).where(Pair.project_id == project.id, comments_queries.unresolved(user))
    return session.scalar(statement.where(Pair.discarded_at.is_(None), Pair.state != "withdrawn")) or 0


def reviewer_counts(session: Session, project: Project, user: User) -> dict[str, Any]:
    """{all, week, month, median_seconds}: this reviewer's reviews, without undone ones.

    The median is None below MIN_REVIEWS.
    """
    in_week, in_month = (func.count().filter(Review.created_at >= since) for since in progress_queries.week_and_month())
    statement = select(func.count().label("all"), in_week.label("week"), in_month.label("month"))
    own = (Review.reviewer_id == user.id, Review.undone_at.is_(None), Review.bulk.is_(False))
    statement = statement.join(Pair, Pair.id == Review.pair_id).where(Pair.project_id == project.id, *own)
    counts = dict(session.execute(statement).mappings().one())
    seconds = _seconds(session, project, user) if counts["all"] >= MIN_REVIEWS else []
    return {**counts, "median_seconds": median(seconds) if len(seconds) >= MIN_REVIEWS else None}


def _seconds(session: Session, project: Project, user: User) -> list[float]:
    """Seconds from lease to decision of the latest reviews, read from the audit log."""
    statement = (
        select(AuditEvent.action, AuditEvent.subject_id, AuditEvent.at)
        .where(AuditEvent.actor == user.id, AuditEvent.project_id == project.id)
        .where(AuditEvent.action.in_((*SERVED, *DECIDED)))
        .order_by(AuditEvent.id.desc())
        .limit(MAX_EVENTS)
    )
    return seconds_per_pair((row.action, row.subject_id, row.at) for row in reversed(session.execute(statement).all()))


def seconds_per_pair(events: Iterable[tuple[str, str, datetime]]) -> list[float]:
    """Seconds on each pair, from (action, pair, moment) in order; times with a long break are left out."""
    served: dict[str, datetime] = {}
    seconds = []
    for action, pair_id, at in events:
        if action in SERVED:
            served[pair_id] = at
        elif pair_id in served and (spent := at - served.pop(pair_id)) < LONGEST:
            seconds.append(spent.total_seconds())
    return seconds
